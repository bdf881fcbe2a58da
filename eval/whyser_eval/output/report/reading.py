"""How the answers were read: by which stage, and how many could not be parsed."""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

from whyser.labels.classes import OTHER
from whyser_eval.output.report.results import Results
from whyser_eval.scoring.systems import SystemName


class ReadClass(NamedTuple):
    """The answers to utterances of one majority label."""

    label: str
    n: int
    unread: int
    two_emotions: int


class ReadingView(NamedTuple):
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
    counts = sum((tally.count("stage") for tally in results.tallies.values()), Counter[Any]())
    del counts["unread"]
    return sorted(counts, key=lambda stage: (-counts[stage], stage))


def reading_views(results: Results) -> list[ReadingView]:
    return [_view(results, name, stage_names(results)) for name in results.tallies]


def _view(results: Results, name: SystemName, stages: list[str]) -> ReadingView:
    tally = results.tallies[name]
    n, stage = tally.count("label"), tally.count("stage")
    unread = tally.count("label", verdict="unread")
    two = tally.count("label", two_emotions=True)
    audited = results.audit.systems if results.audit else []
    words = (one.words for one in audited if SystemName(one.model, one.form, one.control) == name)
    return ReadingView(
        name,
        n.total(),
        [stage[one] for one in stages],
        unread.total(),
        tally.count("label", prediction=OTHER).total(),
        two.total(),
        [ReadClass(one, n[one], unread[one], two[one]) for one in results.classes],
        next(words, []),
    )
