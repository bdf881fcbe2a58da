"""Where annotators disagree: answers that match only a minority label, and scores by agreement."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from whyser_eval.output.report.results import Results, Verdict, link
from whyser_eval.scoring.score import ScoreRow
from whyser_eval.scoring.systems import SystemName

#: Verdict -> (mark, words): distinguished by shape and word, not only by colour.
VERDICTS: Mapping[Verdict, tuple[str, str]] = {
    "right": ("✓", "right"),
    "minority": ("◐", "right by a minority label"),
    "wrong": ("✗", "wrong"),
    "unread": ("?", "unread"),
}

#: Number of pairs of majority and minority label that are shown.
_NAMED = 6

_BAND = "agreement:"


@dataclass(frozen=True)
class VerdictShare:
    """The answers to one class with one verdict."""

    verdict: Verdict
    count: int
    share: float
    link: str


@dataclass(frozen=True)
class MinorityChoice:
    """Answers with a minority label instead of the majority label."""

    label: str
    predicted: str
    count: int
    link: str


@dataclass(frozen=True)
class Band:
    """Scores on utterances with this degree of agreement; either may be missing."""

    name: str
    n: int
    majority: ScoreRow | None
    all_labels: ScoreRow | None


@dataclass(frozen=True)
class DisagreementView:
    """The view of one system; the first of `lines` covers all classes."""

    name: SystemName
    lines: list[tuple[str, int, list[VerdictShare]]]
    pairs: list[MinorityChoice]
    bands: list[Band]


def disagreement_view(results: Results, name: SystemName) -> DisagreementView:
    lines = [_line(results, name, None), *(_line(results, name, one) for one in results.classes)]
    return DisagreementView(name, lines, _pairs(results, name), _bands(results, name))


def _line(
    results: Results, name: SystemName, label: str | None
) -> tuple[str, int, list[VerdictShare]]:
    counts = results.tallies[name].verdicts()
    of_label = {
        found: sum(
            count
            for (own, one), count in counts.items()
            if one == found and (label is None or own == label)
        )
        for found in VERDICTS
    }
    n = sum(of_label.values())
    chosen = {"gold": label} if label else {}
    return (
        label or "all classes",
        n,
        [
            VerdictShare(found, count, count / n if n else 0.0, link(name, verdict=found, **chosen))
            for found, count in of_label.items()
        ],
    )


def _pairs(results: Results, name: SystemName) -> list[MinorityChoice]:
    found = [
        MinorityChoice(
            label or "none",
            predicted or "",
            count,
            link(name, verdict="minority", gold=label or "", predicted=predicted or ""),
        )
        for (label, predicted, verdict), count in results.tallies[name].answers.items()
        if verdict == "minority"
    ]
    return sorted(found, key=lambda pair: (-pair.count, pair.label, pair.predicted))[:_NAMED]


def _bands(results: Results, name: SystemName) -> list[Band]:
    scores = results.scores.get(name, {})
    names = dict.fromkeys(subset for subset, _ in scores if subset.startswith(_BAND))
    return [
        Band(
            subset.removeprefix(_BAND),
            next(row.n for (one, _), row in scores.items() if one == subset),
            scores.get((subset, "f1_majority")),
            scores.get((subset, "f1_all_labels")),
        )
        for subset in names
    ]
