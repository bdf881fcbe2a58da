"""An answer for a person at a terminal: short, and coloured only there."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from whyser.io.errors import WhyserError
from whyser.io.visible import visible
from whyser_eval.asking import wording
from whyser_eval.asking.answers import ClipAnswer
from whyser_eval.asking.clips import length
from whyser_eval.asking.references import Compared, ComparedVoice
from whyser_eval.explanations.highlights import Piece
from whyser_eval.output.report.grounding import OUTCOMES

#: Marks of the outcomes, which need no colour to be told apart.
MARKS: Mapping[str | None, str] = {name: mark for name, (mark, _) in OUTCOMES.items()} | {None: ""}
NOT_MEASURED = MARKS["not_measurable"]
_STYLES: Mapping[str | None, str] = {
    "supported": "bold green", "contradicted": "bold red", "not_measurable": "cyan", None: "cyan",
}  # fmt: skip
_KINDS: Mapping[str | None, str] = {
    "content": "yellow", "misheard": "yellow", "prediction": "bold", "acoustic": "cyan",
}  # fmt: skip

#: Columns of the names of rows.
_NAMES = 11

#: Columns of text, whatever the terminal's width: longer lines are hard to read.
_WIDTH = 88
#: Labels that are shown, and the share from which they are.
_LABELS, _LEAST = 4, 0.01
_BAR = 24
#: Robust standard deviations at the ends of a gauge, and its steps on either side.
_REACH, _STEPS = 3.0, 6


def print_answer(answer: ClipAnswer) -> None:
    """Prints label, shares, transcript, rationale and voice."""
    parts: list[RenderableType] = [_shares(answer), "", _texts(answer)]
    if answer.voice is not None:
        voice = answer.voice
        parts += ["", _voice(answer, voice), *_unmeasured(answer, voice)]
        parts += [Text(visible(line), "dim") for line in answer.compared]
    parts += [Text(f"! {note}", "magenta") for note in answer.notes]
    _print("", _title(answer), "", Padding(Group(*parts), (0, 0, 0, 2)))


def print_legend() -> None:
    """What the marks mean, once after all answers."""
    line = Text("\n  ")
    for outcome, (mark, words) in OUTCOMES.items():
        if outcome in _STYLES:
            line.append(mark, _STYLES[outcome]).append(f" {words}   ", "dim")
    _print(line)


def print_problem(error: WhyserError) -> None:
    """Prints why a clip has no answer."""
    console = Console(stderr=True, width=None if sys.stderr.isatty() else _WIDTH)
    console.print(Text(f"error: {visible(str(error))}", "red"), soft_wrap=True)


def _print(*parts: RenderableType) -> None:
    console = Console(highlight=False)
    console.width = min(console.width, _WIDTH) if console.is_terminal else _WIDTH
    with console.capture() as captured:
        console.print(*parts, sep="\n")
    # rich fills every line of a table with spaces.
    lines = (line.rstrip(" ") for line in captured.get().splitlines())
    sys.stdout.write("\n".join(lines) + "\n")


def _title(answer: ClipAnswer) -> Text:
    clip = answer.clip
    name = Text(visible(clip.path.name).replace("\n", "␊"), "bold underline")
    return Text.assemble(
        name, ("  ", ""), (f"{length(clip.duration)}, {visible(answer.system)}", "dim")
    )


def _shares(answer: ClipAnswer) -> Table | Text:
    shown = [one for one in answer.shares.items() if one[1] >= _LEAST][:_LABELS]
    if answer.label is None or not shown:
        return Text(answer.label or "no emotion that could be read", "bold")
    table = Table.grid(padding=(0, 1))
    table.add_column()
    table.add_column()
    table.add_column(justify="right")
    for name, share in shown:
        style = "bold" if name == answer.label else "dim"
        bar = "━" * max(1, round(share * _BAR))
        table.add_row(Text(name, style), Text(bar, style), Text(f"{share:.0%}", style))
    return table


def _texts(answer: ClipAnswer) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True, min_width=_NAMES)
    table.add_column()
    if answer.said is not None:
        table.add_row("said", Text(visible(answer.said)))
    if answer.transcript is not None:
        table.add_row("heard", Text(visible(answer.transcript)))
    if answer.rationale:
        table.add_row("because", Text.assemble(*(_shown(piece, answer) for piece in answer.pieces)))
    elif answer.label is None:
        table.add_row("answer", Text(visible(answer.raw.text.strip()) or "(empty)"))
    for line in _contradictions(answer):
        table.add_row("", line)
    return table


def _shown(piece: Piece, answer: ClipAnswer) -> tuple[str, str]:
    text = visible(piece.text)
    if piece.claim is None:
        return text, _KINDS.get(piece.kind, "")
    claim = answer.claims[piece.claim]
    # A quotation inside a claim cuts it: its mark stands at its end.
    is_end = answer.rationale[: claim.end].endswith(piece.text)
    return text + (MARKS[claim.outcome] if is_end else ""), _STYLES[claim.outcome]


def _contradictions(answer: ClipAnswer) -> Iterator[Text]:
    for claim, verdict in zip(answer.claims, answer.verdicts, strict=False):
        if verdict.outcome == "contradicted" and verdict.strength is not None:
            words = visible(answer.rationale[claim.start : claim.end])
            measured = _measured(answer, claim.family)
            yield Text.assemble(
                (f"{MARKS[claim.outcome]} ", "bold red"), (f"“{words}”: {measured}", "")
            )


def _measured(answer: ClipAnswer, family: str) -> str:
    cues = {str(name): one for name, one in answer.voice.cues.items()} if answer.voice else {}
    if family not in cues:
        return "the measures of the voice show the opposite"
    return f"{wording.title(family)} measured as {cues[family].cue.level}"


# ---- the voice ----------------------------------------------------------------------------


def _voice(answer: ClipAnswer, voice: ComparedVoice) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True, min_width=_NAMES)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(style="dim")
    for name in answer.shown:
        if (one := voice.cues.get(name)) is not None:
            level = Text(one.cue.level, "bold" if one.cue.level != "normal" else "")
            cells = (wording.value(one), _gauge(one), level, wording.deviation(one))
            table.add_row(wording.title(name), *cells)
    return table


def _unmeasured(answer: ClipAnswer, voice: ComparedVoice) -> Iterator[Text]:
    """A line for each reason."""
    names: dict[str, list[str]] = {}
    for name in answer.shown:
        if (why := voice.unmeasured.get(name)) is not None:
            names.setdefault(wording.reason(name, why), []).append(wording.title(name))
    for why, own in names.items():
        yield Text(f"{NOT_MEASURED} {', '.join(own)}: {why}", "dim")


def _gauge(one: Compared) -> Text:
    """Where the cue is between low and high; the line is the usual value."""
    place = round(max(-1.0, min(1.0, one.cue.strength / _REACH)) * _STEPS)
    cells = ["·"] * (2 * _STEPS + 1)
    cells[_STEPS] = "│"
    cells[_STEPS + place] = "●"
    line = Text("".join(cells), "dim")
    line.stylize("not dim bold", _STEPS + place, _STEPS + place + 1)
    return line
