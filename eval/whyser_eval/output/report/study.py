"""Acceptance and preference in the human study: the paper's Fig. 1, and the figures behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from whyser_eval.explanations.study.material import Test
from whyser_eval.explanations.study.rows import Interval, RaterRow, StudyResults, StudyRow

#: Test -> (name, question, the metric that is drawn).
TESTS: Mapping[Test, tuple[str, str, str]] = {
    "accept": ("Test I", "label and explanation accepted", "acceptance_rate"),
    "prefer": ("Test II", "explanation preferred", "preference_rate"),
}

#: Kind of interval -> words; the first that a study has is drawn.
INTERVALS: Mapping[Interval, str] = {
    "t": "t over raters",
    "bootstrap": "bootstrap, raters and items",
    "binomial": "binomial, answers pooled",
}

#: The choices of Test II in the paper's words.
_OWN, _REFERENCE = "model-predicted", "gold-referenced"

#: Subsets that are drawn; emotions have tables of their own.
_SUBSETS = ("all", "match", "mismatch")
_EMOTION = "emotion:"

_CONCORD = ("fleiss_kappa", "krippendorff_alpha")


@dataclass(frozen=True)
class ShareEstimate:
    """A share with its 95 % interval, if there is one."""

    value: float | None
    low: float | None
    high: float | None

    @property
    def rest(self) -> ShareEstimate:
        """The share of the other choice.

        >>> ShareEstimate(0.25, 0.125, 0.5).rest
        ShareEstimate(value=0.75, low=0.5, high=0.875)
        """
        ends = (self.value, self.high, self.low)
        return ShareEstimate(*(None if one is None else 1 - one for one in ends))


@dataclass(frozen=True)
class ShareLine:
    """One bar: the same share with every kind of interval of the study."""

    name: str
    raters: int
    items: int
    n: int
    estimates: Mapping[Interval | None, ShareEstimate]

    @property
    def drawn(self) -> ShareEstimate:
        kinds = (*INTERVALS, None)
        return next(self.estimates[kind] for kind in kinds if kind in self.estimates)


class Concord(NamedTuple):
    """The agreement of raters on a subset, beyond chance."""

    subset: str
    kappa: float | None
    alpha: float | None
    n: int


class StudyTest(NamedTuple):
    """One test; `p` is the p-value of the share against one half."""

    name: str
    question: str
    lines: list[ShareLine]
    emotions: list[ShareLine]
    agreement: list[Concord]
    raters: list[RaterRow]
    p: float | None


def study_view(studied: StudyResults) -> list[StudyTest]:
    """One view per test with figures."""
    return [
        _view(test, rows, [one for one in studied.raters if one.test == test])
        for test in TESTS
        if (rows := [row for row in studied.rows if row.test == test])
    ]


def _view(test: Test, rows: Sequence[StudyRow], raters: list[RaterRow]) -> StudyTest:
    name, question, metric = TESTS[test]
    shares = [row for row in rows if row.metric == metric]
    lines = [_line(subset, found) for subset in _SUBSETS if (found := _of(shares, subset))]
    if test == "prefer":
        lines = [choice for line in lines for choice in _both(line)]
    emotions = [
        _line(subset.removeprefix(_EMOTION), _of(shares, subset))
        for subset in dict.fromkeys(row.subset for row in shares)
        if subset.startswith(_EMOTION)
    ]
    p = [row.value for row in _of(rows, "all") if row.metric == "p_two_sided"]
    return StudyTest(name, question, lines, emotions, _agreement(rows), raters, (*p, None)[0])


def _of(rows: Sequence[StudyRow], subset: str) -> list[StudyRow]:
    return [row for row in rows if row.subset == subset]


def _line(name: str, rows: Sequence[StudyRow]) -> ShareLine:
    first = rows[0]
    by_kind = {row.interval: ShareEstimate(row.value, row.low, row.high) for row in rows}
    return ShareLine(name, first.raters, first.items, first.n, by_kind)


def _both(own: ShareLine) -> list[ShareLine]:
    """The system's own rationales and, as the mirror image, the gold-referenced ones."""
    mirrored = {kind: estimate.rest for kind, estimate in own.estimates.items()}
    suffix = "" if own.name == "all" else f", {own.name}"
    return [
        replace(own, name=_OWN + suffix),
        replace(own, name=_REFERENCE + suffix, estimates=mirrored),
    ]


def _agreement(rows: Sequence[StudyRow]) -> list[Concord]:
    found = []
    for subset in dict.fromkeys(row.subset for row in rows):
        own = {row.metric: row for row in _of(rows, subset)}
        there = [own[metric] for metric in _CONCORD if metric in own]
        if there:
            kappa, alpha = (own[one].value if one in own else None for one in _CONCORD)
            found.append(Concord(subset, kappa, alpha, there[0].n))
    return found
