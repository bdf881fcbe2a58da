"""F1 per class on the majority labels, and the confusion matrix."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from whyser_eval.metrics.classification import f1_majority
from whyser_eval.metrics.data import Items
from whyser_eval.output.report.results import AnswerTally, Results, link
from whyser_eval.scoring.score import ScoreRow
from whyser_eval.scoring.systems import SystemName


@dataclass(frozen=True)
class ConfusionCell:
    """A cell of the confusion matrix; `share` is its share of the row."""

    predicted: str
    count: int
    share: float
    is_right: bool
    link: str


@dataclass(frozen=True)
class ClassView:
    """One class of one system; `interval` is None if scores.json has none for the class."""

    label: str
    n: int
    f1: float
    interval: ScoreRow | None
    cells: list[ConfusionCell]


def class_views(results: Results, name: SystemName) -> list[ClassView]:
    """One view per class; its last two cells are other and unread."""
    tally = results.tallies[name]
    counts, scores = tally.confusion(), results.scores.get(name, {})
    return [
        ClassView(
            label,
            sum(counts[label, predicted] for predicted in results.columns),
            f1,
            scores.get(("all", f"f1:{label}")),
            _cells(results, name, counts, label),
        )
        for label, f1 in zip(results.classes, _f1(tally, results.classes), strict=True)
    ]


def _f1(tally: AnswerTally, classes: list[str]) -> list[float]:
    rows = [
        pair
        for pair, count in tally.confusion().items()
        if pair[0] in classes
        for _ in range(count)
    ]
    items = Items.from_names(
        [label for label, _ in rows if label],
        [predicted for _, predicted in rows],
        classes=classes,
    )
    return [float(value) for value in f1_majority(items).per_column]


def _cells(
    results: Results,
    name: SystemName,
    counts: Counter[tuple[str | None, str | None]],
    label: str,
) -> list[ConfusionCell]:
    n = sum(counts[label, predicted] for predicted in results.columns)
    return [
        ConfusionCell(
            predicted or "unread",
            counts[label, predicted],
            counts[label, predicted] / n if n else 0.0,
            predicted == label,
            link(name, gold=label, predicted=predicted or "unread"),
        )
        for predicted in results.columns
    ]
