"""`whyser-eval study`: make a page for raters, read what they answered."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from whyser.console import new_app, say
from whyser.prompts import Form

app = new_app("The human study: make writes a page for raters, read tells what they answered.")


def _is_even(count: int) -> int:
    if count % 2:
        raise typer.BadParameter(f"{count} is odd; half of the items are matches.")
    return count


@app.command("make")
def make_command(
    results: Annotated[list[Path], typer.Argument(help="Folders that `score` wrote.")],
    system: Annotated[str, typer.Option(help="The system whose explanations are judged.")],
    output: Annotated[
        Path, typer.Option(help="Folder for the page; its key is written beside it, never inside.")
    ],
    form: Annotated[Form, typer.Option(help="The form that the system was asked in.")] = "open",
    references: Annotated[
        list[Path] | None,
        typer.Option(
            help="A rationales.jsonl with gold-referenced rationales for Test II; without, those "
            "wanted are listed beside OUTPUT."
        ),
    ] = None,
    accept: Annotated[
        int,
        typer.Option(
            min=0,
            callback=_is_even,
            help="Items of Test I, accept or reject, half of them matches; 0 leaves it out.",
        ),
    ] = 32,
    prefer: Annotated[
        int,
        typer.Option(
            min=0,
            help="Items of Test II, the system's explanation or the gold-referenced one; 0 leaves "
            "it out.",
        ),
    ] = 32,
    attention_checks: Annotated[
        int, typer.Option(min=0, help="Items in each test that ask for a certain choice.")
    ] = 0,
    seed: Annotated[int, typer.Option(help="Seed of all that is drawn, recorded.")] = 0,
    title: Annotated[
        str | None,
        typer.Option(help="Of the page.  [default: Does this explanation fit the voice?]"),
    ] = None,
    consent: Annotated[
        Path | None,
        typer.Option(
            help="Text that raters agree to, blank lines between paragraphs; {items} is "
            "their number.  [default: a text of ours]"
        ),
    ] = None,
    instructions_accept: Annotated[
        Path | None, typer.Option(help="Text before Test I.  [default: a text of ours]")
    ] = None,
    instructions_prefer: Annotated[
        Path | None, typer.Option(help="Text before Test II.  [default: a text of ours]")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Write over another study that lies in OUTPUT.")
    ] = False,
) -> None:
    """Write the paper's two human tests as one folder with a page that needs no server.

    Raters see no system, no truth and no utterance's name. OUTPUT.key.json has them: keep it from
    the raters.

    Example: whyser-eval study make results/mine --system mine --references references.jsonl
    --output studies/mine
    """
    from whyser_eval.study import wording
    from whyser_eval.study.make import Plan, make_study

    plan = Plan(
        system=system,
        form=form,
        accept=accept,
        prefer=prefer,
        checks=attention_checks,
        seed=seed,
        title=title or wording.TITLE,
        consent=_text(consent, wording.CONSENT),
        instructions={
            "accept": _text(instructions_accept, wording.INSTRUCTIONS["accept"]),
            "prefer": _text(instructions_prefer, wording.INSTRUCTIONS["prefer"]),
        },
    )
    made = make_study(results, plan, output, references=references or (), force=force)
    for note in made.notes:
        say(f"note: {note}")
    asked = " and ".join(f"{count:,} items to {test}" for test, count in made.items.items())
    say(f"study {made.study}, {asked} -> {made.folder.path / 'index.html'}")
    say(f"key, not for raters -> {made.folder.key}")
    if made.folder.pairs.is_file():
        say(f"pairs of Test II, for a judge -> {made.folder.pairs}")


def _text(own: Path | None, default: str) -> str:
    from whyser.files import read_text

    return read_text(own) if own else default
