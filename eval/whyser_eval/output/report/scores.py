"""The headline table, and all other scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from whyser.prompting.prompts import Form
from whyser.records.predictions import REPEATED
from whyser_eval.output.report.results import Results
from whyser_eval.scoring.score import ScoreRow
from whyser_eval.scoring.systems import SystemName

#: Columns of the headline table: subset, metric.
_HEADLINE = (
    ("all", "f1_majority"),
    ("all", "f1_all_labels"),
    ("strict", "f1_majority"),
    ("strict", "f1_all_labels"),
    ("all", "hit_rate"),
)

#: The chance baseline that is drawn: guesses by the labels' shares.
_CHANCE = "prior"


@dataclass(frozen=True)
class ScoredSystem:
    """A row of the headline table; `n` and `unread` are None for a baseline."""

    name: SystemName
    kind: Literal["system", "control", "baseline"]
    cells: list[ScoreRow | None]
    signatures: list[str]
    n: int | None
    unread: int | None

    @property
    def is_range(self) -> bool:
        """Whether low and high are the lowest and the highest score of the question's variants."""
        return self.name.control in REPEATED


@dataclass(frozen=True)
class HeadlineColumn:
    """A column of the headline table; `chance` is the score of guessing by the labels' shares."""

    subset: str
    metric: str
    n: int
    chance: float | None


@dataclass(frozen=True)
class SubsetTable:
    """Every score of a subset: one line per metric, one cell per system."""

    subset: str
    n: int
    lines: list[tuple[str, list[ScoreRow | None]]]


@dataclass(frozen=True)
class Scores:
    columns: list[HeadlineColumn]
    systems: list[ScoredSystem]
    subsets: list[SubsetTable]


def scores_view(results: Results) -> Scores:
    headline = [
        place for place in _HEADLINE if any(place in table for table in results.scores.values())
    ]
    names = sorted(results.scores, key=_is_baseline)
    return Scores(
        [_column(results, subset, metric) for subset, metric in headline],
        [_system(results, name, headline) for name in names],
        [
            _subset(results, names, subset)
            for subset in dict.fromkeys(row.subset for row in results.rows)
        ],
    )


def _is_baseline(name: SystemName) -> bool:
    """Whether the row is a chance baseline: these have no question form."""
    return name.form not in get_args(Form)


def _column(results: Results, subset: str, metric: str) -> HeadlineColumn:
    found = [
        table[subset, metric] for table in results.scores.values() if (subset, metric) in table
    ]
    chance = next((row.value for row in found if row.system == _CHANCE), None)
    return HeadlineColumn(subset, metric, found[0].n, chance)


def _system(results: Results, name: SystemName, headline: list[tuple[str, str]]) -> ScoredSystem:
    scores, tally = results.scores[name], results.tallies.get(name)
    return ScoredSystem(
        name,
        "baseline" if _is_baseline(name) else "system" if name.control == "none" else "control",
        [scores.get(place) for place in headline],
        [row.signature for row in scores.values()],
        tally.n if tally else None,
        sum(tally.unread().values()) if tally else None,
    )


def _subset(results: Results, names: list[SystemName], subset: str) -> SubsetTable:
    rows = [row for row in results.rows if row.subset == subset]
    return SubsetTable(
        subset,
        max(row.n for row in rows),
        [
            (metric, [results.scores[name].get((subset, metric)) for name in names])
            for metric in dict.fromkeys(row.metric for row in rows)
        ],
    )
