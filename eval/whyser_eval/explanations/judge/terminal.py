"""The judges' preferences in the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from whyser.io.console import print_table
from whyser_eval.explanations.judge.rates import LENGTH_CONTROLLED
from whyser_eval.explanations.judge.rows import JudgeResults, JudgeRow, RubricRow
from whyser_eval.statistics.formatting import format_estimate

#: Metric -> its name in the table.
_NAMES = {
    "win_rate": "win",
    "loss_rate": "loss",
    "tie_rate": "tie",
    "unreadable_rate": "unreadable",
    "win_tie_rate": "win + tie/2",
    "win_rate_decided": "win of decided",
    LENGTH_CONTROLLED: "at equal length",
    "win_tie_rate_shorter": "  where shorter",
    "win_tie_rate_similar": "  where similar",
    "win_tie_rate_longer": "  where longer",
    "flip_rate": "flip",
    "first_position_rate": "first position",
    "p_two_sided": "p, win = loss",
}

_PER_EMOTION = ("win_tie_rate", "win_rate", "loss_rate", "tie_rate", "unreadable_rate")


def print_judged(judged: JudgeResults) -> None:
    """Prints one table per judge and comparison, then the emotions, ratings and agreement."""
    for _, group in groupby(judged.rows, lambda row: (row.judge, row.system, row.against)):
        _print_comparison(list(group))
    for _, rated in groupby(judged.rubric, lambda row: row.judge):
        _print_rubric(list(rated))
    if judged.agreement:
        rows = [
            [one.first, one.second, f"{one.agreement:.3f}", _three(one.kappa), f"{one.n:,}"]
            for one in judged.agreement
        ]
        print_table(
            "Agreement over win, tie and loss", ["one", "other", "agree", "kappa", "n"], rows
        )


def _print_comparison(rows: Sequence[JudgeRow]) -> None:
    first = rows[0]
    title = f"{first.system} against {first.against}, {_judge(first)}"
    whole = [row for row in rows if row.emotion == "all"]
    print_table(title, ["", "rate", "bootstrap", "Wilson", "n"], _rates(whole))
    print_table(
        f"{title}, per emotion",
        ["emotion", *(_NAMES[metric] for metric in _PER_EMOTION), "n"],
        _per_emotion([row for row in rows if row.emotion != "all" and row.interval != "wilson"]),
    )


def _per_emotion(rows: Sequence[JudgeRow]) -> Iterator[list[str]]:
    for emotion in dict.fromkeys(row.emotion for row in rows):
        own = {row.metric: row for row in rows if row.emotion == emotion}
        first, *others = (own[metric] for metric in _PER_EMOTION)
        yield [
            emotion,
            format_estimate(first.value, first.low, first.high),
            *(_three(row.value) for row in others),
            f"{own['win_rate'].n:,}",
        ]


def _rates(rows: Sequence[JudgeRow]) -> Iterator[list[str]]:
    for metric, name in _NAMES.items():
        own = {row.interval: row for row in rows if row.metric == metric}
        if own:
            row = next(iter(own.values()))
            bounds = [_bounds(own.get("bootstrap")), _bounds(own.get("wilson"))]
            yield [name, _three(row.value), *bounds, f"{row.n:,}"]


def _print_rubric(rows: Sequence[RubricRow]) -> None:
    own = [row for row in rows if row.emotion == "all"]
    print_table(
        f"Ratings, {_judge(rows[0])}",
        ["system", "criterion", "mean", "n", "unreadable"],
        (
            [
                row.system,
                row.criterion.replace("_", " "),
                format_estimate(row.value, row.low, row.high),
                f"{row.n:,}",
                f"{row.unreadable:,}",
            ]
            for row in own
        ),
    )


def _judge(row: JudgeRow | RubricRow) -> str:
    return f"judged by {row.judge} ({'hears' if row.hears else 'text only'})"


def _bounds(row: JudgeRow | None) -> str:
    return "-" if row is None or row.low is None else f"[{row.low:.3f}, {row.high:.3f}]"


def _three(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}" if not 0 < value < 0.001 else "<0.001"
