"""The headline table, and all other scores."""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

from whyser.prompting.prompts import Form
from whyser.records.predictions import REPEATED
from whyser_eval.output.report.results import Results
from whyser_eval.scoring.scores import ScoreRow
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


class ScoredSystem(NamedTuple):
    """A row of the headline table; `unread` is None for a baseline.

    `is_range`: low and high are the lowest and the highest score of the question's variants.
    """

    name: SystemName
    kind: Literal["system", "control", "baseline"]
    cells: list[ScoreRow | None]
    signatures: list[str]
    unread: int | None
    is_range: bool


class HeadlineColumn(NamedTuple):
    """A column of the headline table; `chance` is the score of guessing by the labels' shares."""

    subset: str
    metric: str
    n: int
    chance: float | None


class SubsetTable(NamedTuple):
    """Every score of a subset: one line per metric, one cell per system."""

    subset: str
    n: int
    lines: list[tuple[str, list[ScoreRow | None]]]


class Scores(NamedTuple):
    columns: list[HeadlineColumn]
    systems: list[ScoredSystem]
    subsets: list[SubsetTable]


def scores_view(results: Results) -> Scores:
    names = sorted(results.scores, key=_is_baseline)
    columns = []
    for place in _HEADLINE:
        if found := [table[place] for table in results.scores.values() if place in table]:
            chance = next((row.value for row in found if row.system == _CHANCE), None)
            columns.append(HeadlineColumn(*place, found[0].n, chance))
    subsets = dict.fromkeys(row.subset for row in results.rows)
    return Scores(
        columns,
        [_system(results, name, columns) for name in names],
        [_subset(results, names, subset) for subset in subsets],
    )


def _is_baseline(name: SystemName) -> bool:
    """Whether the row is a chance baseline: these have no question form."""
    return name.form not in get_args(Form)


def _system(results: Results, name: SystemName, columns: list[HeadlineColumn]) -> ScoredSystem:
    scores, tally = results.scores[name], results.tallies.get(name)
    return ScoredSystem(
        name,
        "baseline" if _is_baseline(name) else "system" if name.control == "none" else "control",
        [scores.get((column.subset, column.metric)) for column in columns],
        [row.signature for row in scores.values()],
        tally.count("verdict")["unread"] if tally else None,
        name.control in REPEATED,
    )


def _subset(results: Results, names: list[SystemName], subset: str) -> SubsetTable:
    rows = [row for row in results.rows if row.subset == subset]
    lines = [
        (metric, [results.scores[name].get((subset, metric)) for name in names])
        for metric in dict.fromkeys(row.metric for row in rows)
    ]
    return SubsetTable(subset, max(row.n for row in rows), lines)
