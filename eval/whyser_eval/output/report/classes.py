"""Answers by majority label: F1, the confusion matrix, and where annotators disagree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

from whyser_eval.output.report.results import AnswerTally, Results, Verdict, link
from whyser_eval.scoring.scores import ScoreRow
from whyser_eval.scoring.systems import SystemName


class ConfusionCell(NamedTuple):
    """A cell of the confusion matrix; `share` is its share of the row."""

    predicted: str
    number: int
    share: float
    is_right: bool
    link: str


class ClassView(NamedTuple):
    """One class of one system; `interval` is None if scores.json has none for the class."""

    label: str
    n: int
    f1: float
    interval: ScoreRow | None
    cells: list[ConfusionCell]


def class_views(results: Results, name: SystemName) -> list[ClassView]:
    """One view per class; its last two cells are other and unread."""
    tally, scores = results.tallies[name], results.scores.get(name, {})
    rows = {label: tally.count("prediction", label=label) for label in results.classes}
    views = []
    for label, row in rows.items():
        n = row.total()
        both = n + sum(other[label] for other in rows.values())
        cells = [
            ConfusionCell(
                predicted or "unread",
                row[predicted],
                row[predicted] / n if n else 0.0,
                predicted == label,
                link(name, gold=label, predicted=predicted or "unread"),
            )
            for predicted in results.columns
        ]
        f1 = 2 * row[label] / both if both else 0.0
        views.append(ClassView(label, n, f1, scores.get(("all", f"f1:{label}")), cells))
    return views


# ---- disagreement of annotators -----------------------------------------------------------------

#: Verdict -> (mark, words): distinguished by shape and word, not only by colour.
VERDICTS: Mapping[Verdict, tuple[str, str]] = {
    "right": ("✓", "right"),
    "minority": ("◐", "right by a minority label"),
    "wrong": ("✗", "wrong"),
    "unread": ("?", "unread"),
}

#: Number of pairs of majority and minority label that are shown.
_NAMED = 6

#: The subsets that are bands, and the heading of each kind.
_BANDS = {"agreement": "agreement of the annotators", "entropy": "entropy of the votes"}


class VerdictShare(NamedTuple):
    """The answers to one class with one verdict."""

    verdict: Verdict
    number: int
    share: float
    link: str


class MinorityChoice(NamedTuple):
    """Answers with a minority label instead of the majority label."""

    label: str
    predicted: str
    number: int
    link: str


class Band(NamedTuple):
    """Scores on utterances with this degree of agreement; each may be missing."""

    name: str
    n: int
    scores: list[ScoreRow | None]


class BandTable(NamedTuple):
    """Scores by the bands of one kind."""

    kind: str
    heading: str
    metrics: list[str]
    bands: list[Band]


class DisagreementView(NamedTuple):
    """The view of one system; the first of `lines` covers all classes."""

    name: SystemName
    lines: list[tuple[str, int, list[VerdictShare]]]
    pairs: list[MinorityChoice]
    tables: list[BandTable]


def disagreement_view(results: Results, name: SystemName) -> DisagreementView:
    tally = results.tallies[name]
    lines = [_line(name, None, tally.count("verdict"))]
    lines += [_line(name, one, tally.count("verdict", label=one)) for one in results.classes]
    return DisagreementView(name, lines, _pairs(tally, name), _tables(results, name))


def _line(
    name: SystemName, label: str | None, counts: Counter[Any]
) -> tuple[str, int, list[VerdictShare]]:
    n, chosen = counts.total(), {"gold": label} if label else {}
    shares = [
        VerdictShare(
            found,
            counts[found],
            counts[found] / n if n else 0.0,
            link(name, verdict=found, **chosen),
        )
        for found in VERDICTS
    ]
    return label or "all classes", n, shares


def _pairs(tally: AnswerTally, name: SystemName) -> list[MinorityChoice]:
    counts = tally.count("label", "prediction", verdict="minority")
    found = [
        MinorityChoice(
            label or "none",
            predicted,
            number,
            link(name, verdict="minority", gold=label or "", predicted=predicted),
        )
        for (label, predicted), number in counts.items()
    ]
    return sorted(found, key=lambda pair: (-pair.number, pair.label, pair.predicted))[:_NAMED]


#: The metrics of the bands; the last one only where the system has probabilities.
_BAND_METRICS = ("f1_majority", "f1_all_labels", "js")


def _tables(results: Results, name: SystemName) -> list[BandTable]:
    """A table for each kind of bands that was scored."""
    scores = results.scores.get(name, {})
    sizes = {subset: row.n for (subset, _), row in reversed(scores.items())}
    metrics = [one for one in _BAND_METRICS if any(metric == one for _, metric in scores)]
    tables = []
    for kind, heading in _BANDS.items():
        bands = [
            Band(
                subset.removeprefix(f"{kind}:"),
                sizes[subset],
                [scores.get((subset, metric)) for metric in metrics],
            )
            for subset in dict.fromkeys(subset for subset, _ in scores)
            if subset.startswith(f"{kind}:")
        ]
        if bands:
            tables.append(BandTable(kind, heading, metrics, bands))
    return tables
