"""The judges' preferences: the bars of the paper's Fig. 2, and the figures behind them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from whyser_eval.explanations.judge.rows import (
    AgreementRow,
    Interval,
    JudgeResults,
    JudgeRow,
    RubricRow,
)

#: Shares that sum to 1 over all pairs -> (pattern, word), in the order of a bar.
SHARES: Mapping[str, tuple[str, str]] = {
    "win_rate": ("right", "win"),
    "tie_rate": ("minority", "tie"),
    "loss_rate": ("wrong", "loss"),
    "unreadable_rate": ("unread", "unread"),
}

#: The share whose interval is drawn.
HEADLINE = "win_tie_rate"

#: Metric -> words, in the order of the table; others are shown by name.
METRICS: Mapping[str, str] = {
    HEADLINE: "win + tie/2, of readable pairs",
    "win_rate_decided": "wins of decided pairs",
    "p_two_sided": "p, wins against losses",
    **{metric: f"{word}, of all pairs" for metric, (_, word) in SHARES.items()},
    "flip_rate": "the verdict flips with the order",
    "first_position_rate": "the first position is preferred",
    "win_rate_length_controlled": "win + tie/2 at equal length",
    f"{HEADLINE}_shorter": "win + tie/2 where it is the shorter",
    f"{HEADLINE}_similar": "win + tie/2 where it is of similar length",
    f"{HEADLINE}_longer": "win + tie/2 where it is the longer",
}

#: Kinds of intervals, in order of preference for drawing.
_KINDS: tuple[Interval | None, ...] = ("bootstrap", None, "wilson")


@dataclass(frozen=True)
class Contest:
    """All figures of one judge on two systems."""

    judge: str
    hears: bool
    system: str
    against: str
    rows: tuple[JudgeRow, ...]

    @cached_property
    def _figures(self) -> dict[tuple[str, str, Interval | None], JudgeRow]:
        return {(row.emotion, row.metric, row.interval): row for row in self.rows}

    def find(self, metric: str, emotion: str = "all") -> JudgeRow | None:
        """The figure, with the bootstrap interval if there are several."""
        found = (self._figures.get((emotion, metric, kind)) for kind in _KINDS)
        return next(filter(None, found), None)

    def wilson(self, metric: str) -> JudgeRow | None:
        return self._figures.get(("all", metric, "wilson"))

    def shares(self, emotion: str = "all") -> list[tuple[str, float]]:
        """Shares of all pairs, in the order of `SHARES`; 0 if nothing was judged."""
        rows = {metric: self.find(metric, emotion) for metric in SHARES}
        return [(metric, (row.value if row else None) or 0.0) for metric, row in rows.items()]

    @property
    def n(self) -> int:
        """The number of pairs, including unreadable ones; other figures have other denominators."""
        return max((row.n for row in self.rows if row.metric in SHARES), default=0)

    @property
    def emotions(self) -> list[str]:
        return [one for one in dict.fromkeys(row.emotion for row in self.rows) if one != "all"]


class Ratings(NamedTuple):
    """Mean ratings of one system's rationales, one cell per criterion."""

    system: str
    emotion: str
    cells: list[RubricRow | None]

    @property
    def unread(self) -> int:
        """The number of unreadable ratings; a criterion without a judge has none."""
        return max(row.unreadable for row in self.cells if row)


class RubricTable(NamedTuple):
    """All ratings by one judge, over all classes and by class."""

    judge: str
    hears: bool
    criteria: list[str]
    overall: list[Ratings]
    by_emotion: list[Ratings]


@dataclass(frozen=True)
class JudgeView:
    """`judges` has the contests of each judge; `lines` has one line per metric.

    A line has one cell per contest: the figure, and the same with Wilson's interval.
    """

    judges: list[list[Contest]]
    lines: list[tuple[str, list[tuple[JudgeRow | None, JudgeRow | None]]]]
    rubric: list[RubricTable]
    agreement: tuple[AgreementRow, ...]
    warnings: tuple[str, ...]
    signatures: list[str]

    @property
    def contests(self) -> list[Contest]:
        return [contest for one in self.judges for contest in one]


def judge_view(judged: JudgeResults) -> JudgeView:
    judges = contests_by_judge(judged)
    contests = [contest for one in judges for contest in one]
    return JudgeView(
        judges,
        [
            (metric, [(one.find(metric), one.wilson(metric)) for one in contests])
            for metric in _metrics(judged.rows)
        ],
        _rubric(judged.rubric),
        judged.agreement,
        judged.warnings,
        [
            *dict.fromkeys(row.signature for row in judged.rows),
            *dict.fromkeys(row.signature for row in judged.rubric),
            *dict.fromkeys(row.signature for row in judged.agreement),
        ],
    )


def contests_by_judge(judged: JudgeResults) -> list[list[Contest]]:
    """The contests of every judge; with and without audio, a judge counts as two."""
    contests: dict[tuple[str, bool, str, str], list[JudgeRow]] = {}
    for row in judged.rows:
        contests.setdefault((row.judge, row.hears, row.system, row.against), []).append(row)
    by_judge: dict[tuple[str, bool], list[Contest]] = {}
    for names, rows in contests.items():
        by_judge.setdefault(names[:2], []).append(Contest(*names, tuple(rows)))
    return list(by_judge.values())


def _metrics(rows: Sequence[JudgeRow]) -> list[str]:
    order = {name: place for place, name in enumerate(METRICS)}
    there = dict.fromkeys(row.metric for row in rows if row.emotion == "all")
    return sorted(there, key=lambda name: order.get(name, len(order)))


def _rubric(rows: Sequence[RubricRow]) -> list[RubricTable]:
    tables = []
    for judge, hears in dict.fromkeys((row.judge, row.hears) for row in rows):
        own = [row for row in rows if (row.judge, row.hears) == (judge, hears)]
        criteria = list(dict.fromkeys(row.criterion for row in own))
        cells = {(row.system, row.emotion, row.criterion): row for row in own}
        places = dict.fromkeys((row.system, row.emotion) for row in own)
        lines = [
            Ratings(*place, [cells.get((*place, one)) for one in criteria]) for place in places
        ]
        overall = [line for line in lines if line.emotion == "all"]
        by_emotion = [line for line in lines if line.emotion != "all"]
        tables.append(RubricTable(judge, hears, criteria, overall, by_emotion))
    return tables
