"""How the answers were read: by which stage, and how many could not be parsed."""

from __future__ import annotations

from dataclasses import dataclass

from whyser.labels.classes import OTHER
from whyser_eval.output.report.results import Results
from whyser_eval.scoring.systems import SystemName


@dataclass(frozen=True)
class ReadClass:
    """The answers to utterances of one majority label."""

    label: str
    n: int
    unread: int
    two_emotions: int


@dataclass(frozen=True)
class ReadingView:
    """The view of one system; `words` are words, labels and counts from the audit, if any."""

    name: SystemName
    n: int
    stages: list[int]
    unread: int
    other: int
    two_emotions: int
    classes: list[ReadClass]
    words: list[tuple[str, str | None, int]]


def stage_names(results: Results) -> list[str]:
    """Every stage that read an answer, sorted by count; unread is not a stage."""
    counts = {
        stage: sum(tally.stages[stage] for tally in results.tallies.values())
        for tally in results.tallies.values()
        for stage in tally.stages
        if stage != "unread"
    }
    return sorted(counts, key=lambda stage: (-counts[stage], stage))


def reading_views(results: Results) -> list[ReadingView]:
    stages = stage_names(results)
    return [_view(results, name, stages) for name in results.tallies]


def _view(results: Results, name: SystemName, stages: list[str]) -> ReadingView:
    tally = results.tallies[name]
    confusion, unread = tally.confusion(), tally.unread()
    return ReadingView(
        name,
        tally.n,
        [tally.stages[stage] for stage in stages],
        unread.total(),
        sum(count for (_, predicted), count in confusion.items() if predicted == OTHER),
        tally.two_emotions.total(),
        [
            ReadClass(
                label,
                sum(count for (own, _), count in confusion.items() if own == label),
                unread[label],
                tally.two_emotions[label],
            )
            for label in results.classes
        ],
        _words(results, name),
    )


def _words(results: Results, name: SystemName) -> list[tuple[str, str | None, int]]:
    if results.audit is None:
        return []
    for found in results.audit.systems:
        if SystemName(found.model, found.form, found.control) == name:
            return found.words
    return []
