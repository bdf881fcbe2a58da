"""Figures for a paper: results of study and judge, as in its Fig. 1 and Fig. 2.

They have no title, because the caption has one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, TypeAlias

from whyser.io.errors import InputError
from whyser_eval.explanations.judge.rows import read_judged
from whyser_eval.explanations.study.rows import read_studied
from whyser_eval.output.figure_canvas import (
    EDGE,
    FORMATS,
    INK,
    WIDTH,
    BarStyle,
    FigureCanvas,
    drawing,
)
from whyser_eval.output.report.judge import HEADLINE, SHARES, Contest, contests_by_judge
from whyser_eval.output.report.results import JUDGED, STUDIED
from whyser_eval.output.report.study import ShareEstimate, StudyTest, study_view

Which: TypeAlias = Literal["study", "judge"]

#: Metric -> the style of its part, from dark to white.
_LOOKS: Mapping[str, BarStyle] = {
    "win_rate": BarStyle("#25577f", ink="white"),
    "tie_rate": BarStyle("#f3e3bd", "/////", INK),
    "loss_rate": BarStyle("#d3e0ea", ink=INK),
    "unreadable_rate": BarStyle("white", "-----", INK),
}
_SHARE = BarStyle("#a9c1d4")

#: Maximum characters of a system's name.
_NAME = 25

#: Heights in inches of a heading, a share of the study, and an opponent of the judge.
_HEADING, _LINE, _CONTEST = 0.25, 0.2, 0.5


def write_figure(results: Path, output: Path, which: Which) -> None:
    """Draws the results that `judge` or `study read` wrote in the folder of a run.

    Args: `output` ends in .svg, .pdf or .png.

    Raises: `InputError` for an unknown suffix, for a missing or a broken file, and for one without
    anything to draw; `WhyserError` if matplotlib is not installed.
    """
    if output.suffix not in FORMATS:
        cure = f"Use one of {', '.join(FORMATS)}."
        raise InputError(f"unknown suffix {output.suffix!r}", file=output, cure=cure)
    with drawing():
        canvas = _study(results / STUDIED) if which == "study" else _judge(results / JUDGED)
        canvas.write(output)


def _study(path: Path) -> FigureCanvas:
    tests = [test for test in study_view(read_studied(_there(path))) if test.lines]
    if not tests:
        raise InputError("contains no share to draw", file=path)
    return draw_study(tests)


def _judge(path: Path) -> FigureCanvas:
    judges = contests_by_judge(read_judged(_there(path)))
    if not judges:
        raise InputError("contains no verdict to draw", file=path)
    return draw_judge(judges)


def _there(path: Path) -> Path:
    if path.is_file():
        return path
    command = "study read" if path.name == STUDIED.name else "judge"
    cure = f"Write it with whyser-eval {command} ... --output {path.parent}."
    raise InputError("no such file", file=path, cure=cure)


def draw_study(tests: Sequence[StudyTest]) -> FigureCanvas:
    """One heading per test, then one bar per share, between its name and its digits."""
    bottom = _HEADING * len(tests) + _LINE * sum(len(test.lines) for test in tests)
    canvas = FigureCanvas(left=0.98, right=2.42, height=bottom + 0.34)
    y = 0.0
    for test in tests:
        first = test.lines[0]
        canvas.text(EDGE, y + 0.14, f"{test.name}: {test.question}", weight="bold")
        raters = "rater" if first.raters == 1 else "raters"
        canvas.note(y + 0.14, f"{first.raters} {raters}, {first.items} items")
        y += _HEADING
        for line in test.lines:
            middle = y + _LINE / 2
            canvas.text(canvas.left - 0.07, middle, line.name, ha="right", room=0.9)
            canvas.bar(middle, [(line.drawn.value or 0.0, _SHARE)])
            canvas.whisker(middle, line.drawn)
            canvas.text(WIDTH - EDGE, middle, _digits(line.drawn), ha="right")
            y += _LINE
    canvas.scale(_HEADING, bottom + 0.02, "share of answers (%)")
    return canvas


def draw_judge(judges: Sequence[Sequence[Contest]]) -> FigureCanvas:
    """One heading per judge, then one bar per opponent, above the interval of win + tie/2."""
    bottom = _HEADING * len(judges) + _CONTEST * sum(map(len, judges))
    canvas = FigureCanvas(left=EDGE + 0.03, right=WIDTH - EDGE - 0.08, height=bottom + 0.5)
    y = 0.0
    for contests in judges:
        heard = "heard the audio" if contests[0].hears else "read only the text"
        canvas.text(EDGE, y + 0.14, f"Judge: {contests[0].judge}", room=2.3, weight="bold")
        canvas.note(y + 0.14, heard)
        y += _HEADING
        for contest in contests:
            _draw_contest(canvas, y, contest)
            y += _CONTEST
    canvas.scale(_HEADING, bottom + 0.02, "share of pairs (%)")
    canvas.legend([(word, _LOOKS[metric]) for metric, (_, word) in SHARES.items()], "win + tie/2")
    return canvas


def _draw_contest(canvas: FigureCanvas, top: float, contest: Contest) -> None:
    """Names, the bar, and its whisker with the digits on the side with more room."""
    names = f"{_short(contest.system)} vs. {_short(contest.against)}"
    canvas.text(EDGE, top + 0.06, names, room=2.7)
    canvas.note(top + 0.06, f"{contest.n:,} pairs")
    canvas.bar(top + 0.21, [(share, _LOOKS[metric]) for metric, share in contest.shares()])
    row = contest.find(HEADLINE)
    if row is None or row.value is None:
        return
    estimate = ShareEstimate(row.value, row.low, row.high)
    canvas.whisker(top + 0.36, estimate)
    if row.value >= 0.5:
        end, side = row.value if row.low is None else row.low, -1
    else:
        end, side = row.value if row.high is None else row.high, 1
    where = "right" if side < 0 else "left"
    canvas.text(canvas.x(end) + 0.07 * side, top + 0.36, _digits(estimate), ha=where)


def _short(name: str) -> str:
    """The name, shortened so that two names fit on a line."""
    return name if len(name) <= _NAME else f"{name[: _NAME - 1]}…"


def _digits(estimate: ShareEstimate) -> str:
    """The estimate in percent, as the paper prints it.

    >>> _digits(ShareEstimate(0.690625, 0.589, 0.792))
    '69.1 [58.9, 79.2]'
    """
    if estimate.value is None:
        return "\u2013"
    value = f"{100 * estimate.value:.1f}"
    if estimate.low is None or estimate.high is None:
        return value
    return f"{value} [{100 * estimate.low:.1f}, {100 * estimate.high:.1f}]"
