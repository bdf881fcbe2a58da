"""`judge.json`: tidy lists of preferences, ratings and agreement; and their terminal tables."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import Literal, TypeAlias

from pydantic import TypeAdapter

from whyser.io.console import print_table
from whyser.io.files import read_record, write_json
from whyser_eval.scoring.signature import signed
from whyser_eval.statistics.formatting import format_estimate

#: The method of an interval; None for a figure without one.
Interval: TypeAlias = Literal["bootstrap", "wilson"]


@dataclass(frozen=True)
class JudgeRow:
    """One figure of a comparison: how `judge` compares `system` with `against`.

    `emotion` is a class, or `all`. `hears` says whether the judge received the audio. The rates
    belong to `system`: `win_rate`, `loss_rate`, `tie_rate` and `unreadable_rate` sum to 1 over all
    n pairs; docs/judge.md defines the others. `n` is the denominator: pairs, readable pairs,
    decided pairs, or single verdicts. A share of pairs has one row per kind of interval.
    """

    judge: str
    hears: bool
    system: str
    against: str
    emotion: str
    metric: str
    value: float | None
    low: float | None
    high: float | None
    interval: Interval | None
    n: int
    signature: str


@dataclass(frozen=True)
class RubricRow:
    """A system's mean rating on one criterion; `n` ratings were readable."""

    judge: str
    hears: bool
    system: str
    emotion: str
    criterion: str
    value: float | None
    low: float | None
    high: float | None
    n: int
    unreadable: int
    signature: str


@dataclass(frozen=True)
class AgreementRow:
    """The agreement of two judges, or of a judge and people, on the same pairs.

    `second` is another judge, or `humans`: the majority of a study's raters on each pair. `kappa`
    is Cohen's kappa over win, tie and loss; None where chance agreement is 1.
    """

    first: str
    second: str
    agreement: float
    kappa: float | None
    n: int
    signature: str


@dataclass(frozen=True)
class JudgeResults:
    """The content of `judge.json`; the report shows `warnings` too."""

    rows: tuple[JudgeRow, ...]
    rubric: tuple[RubricRow, ...] = ()
    agreement: tuple[AgreementRow, ...] = ()
    warnings: tuple[str, ...] = ()


_JUDGED = TypeAdapter(JudgeResults)


def write_judged(path: Path, judged: JudgeResults) -> None:
    write_json(path, asdict(judged))


def read_judged(path: Path) -> JudgeResults:
    """Raises: `InputError` for a missing or a broken file."""
    return read_record(path, _JUDGED, cure="Give what whyser-eval judge wrote.")


def judge_signature(metric: str, **told: object) -> str:
    """The signature of a judge's figure: name and value of every setting, in the given order.

    Separators of a signature are replaced where they occur in a value.

    >>> judge_signature("win_rate", judge="a|b", n=400)
    'win_rate|judge:a_b|n:400|whyser:0.1.0'
    """
    pairs = {name: re.sub(r"[|\s]+", "_", str(value)) for name, value in told.items()}
    return signed(metric, pairs)


# ---- terminal ---------------------------------------------------------------------------------

#: Metric -> its name in the table.
_NAMES = {
    "win_rate": "win",
    "loss_rate": "loss",
    "tie_rate": "tie",
    "unreadable_rate": "unreadable",
    "win_tie_rate": "win + tie/2",
    "win_rate_decided": "win of decided",
    "win_rate_length_controlled": "at equal length",
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
        own = [row for row in rated if row.emotion == "all"]
        columns = ["system", "criterion", "mean", "n", "unreadable"]
        print_table(f"Ratings, {_judge(own[0])}", columns, map(_rating, own))
    if judged.agreement:
        columns = ["one", "other", "agree", "kappa", "n"]
        rows = [
            [one.first, one.second, f"{one.agreement:.3f}", _three(one.kappa), f"{one.n:,}"]
            for one in judged.agreement
        ]
        print_table("Agreement over win, tie and loss", columns, rows)


def _print_comparison(rows: Sequence[JudgeRow]) -> None:
    first = rows[0]
    title = f"{first.system} against {first.against}, {_judge(first)}"
    whole = [row for row in rows if row.emotion == "all"]
    print_table(title, ["", "rate", "bootstrap", "Wilson", "n"], _rates(whole))
    parts = [row for row in rows if row.emotion != "all" and row.interval != "wilson"]
    columns = ["emotion", *(_NAMES[metric] for metric in _PER_EMOTION), "n"]
    print_table(f"{title}, per emotion", columns, _per_emotion(parts))


def _per_emotion(rows: Sequence[JudgeRow]) -> Iterator[list[str]]:
    for emotion in dict.fromkeys(row.emotion for row in rows):
        own = {row.metric: row for row in rows if row.emotion == emotion}
        first, *others = (own[metric] for metric in _PER_EMOTION)
        value = format_estimate(first.value, first.low, first.high)
        yield [emotion, value, *(_three(row.value) for row in others), f"{own['win_rate'].n:,}"]


def _rates(rows: Sequence[JudgeRow]) -> Iterator[list[str]]:
    for metric, name in _NAMES.items():
        own = {row.interval: row for row in rows if row.metric == metric}
        if own:
            row = next(iter(own.values()))
            bounds = [_bounds(own.get("bootstrap")), _bounds(own.get("wilson"))]
            yield [name, _three(row.value), *bounds, f"{row.n:,}"]


def _rating(row: RubricRow) -> list[str]:
    mean = format_estimate(row.value, row.low, row.high)
    return [row.system, row.criterion.replace("_", " "), mean, f"{row.n:,}", f"{row.unreadable:,}"]


def _judge(row: JudgeRow | RubricRow) -> str:
    return f"judged by {row.judge} ({'hears' if row.hears else 'text only'})"


def _bounds(row: JudgeRow | None) -> str:
    return "-" if row is None or row.low is None else f"[{row.low:.3f}, {row.high:.3f}]"


def _three(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}" if not 0 < value < 0.001 else "<0.001"
