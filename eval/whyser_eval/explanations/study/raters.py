"""Each rater compared with the others; remarks point out the unusual, and drop nobody."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median

import numpy as np

from whyser_eval.explanations.study.files import GivenAnswer, SavedFile
from whyser_eval.explanations.study.material import CHOICES, KeyEntry, StudyKey, Test
from whyser_eval.explanations.study.rows import RaterRow
from whyser_eval.explanations.study.statistics import Votes
from whyser_eval.metrics.data import FloatArray

#: With fewer raters, quartiles mean little.
FEWEST = 5

#: By chance, this many equal answers occur in less than 1 % of cases.
MANY_ALIKE = 8


def rater_rows(files: Sequence[SavedFile], chosen: Votes, key: StudyKey) -> list[RaterRow]:
    """Share, agreement and remarks of every rater with an answer in the test."""
    agreements = agreements_with_others(chosen.chosen)
    shares = np.array([_mean(row) for row in chosen.chosen])
    asked = {item.item for item in chosen.items}
    rows = []
    for place, saved in enumerate(files):
        given = [one for one in saved.file.answers if one.test == chosen.test]
        own = [one for one in given if one.item in asked]
        if not own:
            continue
        share, agreement = float(shares[place]), float(agreements[place])
        remarks = [
            *_failed_checks(given, key),
            *_outlying(share, agreement, shares, agreements),
            *_alike(own, chosen.test),
            *_hasty(own, chosen.items),
        ]
        rows.append(
            RaterRow(
                rater=saved.rater,
                test=chosen.test,
                share=share,
                agreement=None if np.isnan(agreement) else agreement,
                n=len(own),
                seconds=median(one.milliseconds for one in own) / 1000,
                remarks=tuple(remarks),
            )
        )
    return rows


def agreements_with_others(chosen: FloatArray) -> FloatArray:
    """float[r], each rater's share of agreement with the majority of the others; NaN without items.

    Items on which the others are tied, or which no other rater answered, are left out.

    Args: `chosen`, float[r, k], 1, 0 or NaN.

    >>> agreements_with_others(np.array([[1, 1, 0], [1, 0, 0], [1, 1, 1.0]])).round(2).tolist()
    [1.0, 0.5, 0.5]
    """
    answered = ~np.isnan(chosen)
    ones = np.where(answered, chosen, 0)
    # Twice the others' ones minus their number: the sign is their majority.
    lead = 2 * (ones.sum(axis=0) - ones) - (answered.sum(axis=0) - answered)
    told = answered & (lead != 0)
    return np.array(
        [_mean((own == (by > 0))[of]) for own, by, of in zip(chosen, lead, told, strict=True)]
    )


def _mean(values: FloatArray) -> float:
    known = values[~np.isnan(values.astype(float))]
    return float(known.mean()) if len(known) else float("nan")


# Remarks


def _failed_checks(given: Sequence[GivenAnswer], key: StudyKey) -> Iterator[str]:
    expected = {one.item: one.expected for one in key.answers if one.expected is not None}
    checks = [one for one in given if one.item in expected]
    if failed := sum(one.choice != expected[one.item] for one in checks):
        yield f"failed {failed} of {len(checks)} attention checks"


def _outlying(
    share: float, agreement: float, shares: FloatArray, agreements: FloatArray
) -> Iterator[str]:
    """Remarks by Tukey's fences; only low agreement is an outlier."""
    low, high = fences(shares)
    if not low <= share <= high:
        yield f"outlier: share {share:.0%}, the fences are {low:.0%} and {high:.0%}"
    low, _ = fences(agreements)
    if agreement < low:
        yield f"outlier: agrees with the others on {agreement:.0%}, the fence is {low:.0%}"


def fences(values: FloatArray) -> tuple[float, float]:
    """Tukey's fences: the quartiles, extended by 1.5 times the interquartile range.

    Infinite for fewer than `FEWEST` values.

    Source: Tukey, Exploratory Data Analysis (1977).

    >>> fences(np.array([1.0, 2, 3, 4, 5]))
    (-1.0, 7.0)
    """
    known = values[~np.isnan(values)]
    if len(known) < FEWEST:
        return -np.inf, np.inf
    lower, upper = np.percentile(known, [25, 75])
    reach = 1.5 * (upper - lower)
    return float(lower - reach), float(upper + reach)


def _alike(own: Sequence[GivenAnswer], test: Test) -> Iterator[str]:
    if len(own) < MANY_ALIKE:
        return
    first, second = CHOICES[test]
    if test == "accept":
        for choice in (first, second):
            if all(one.choice == choice for one in own):
                yield f"always the same choice: {choice}"
        return
    # By position on the screen.
    upper = sum((one.choice == first) != one.swapped for one in own)
    if upper in (0, len(own)):
        yield f"always the rationale shown {'first' if upper else 'second'}"


def _hasty(own: Sequence[GivenAnswer], items: Sequence[KeyEntry]) -> Iterator[str]:
    n = len(own)
    if unheard := sum(not one.plays for one in own):
        yield f"{unheard} of {n} answered without playing the audio"
    durations = {one.item: one.duration or 0.0 for one in items}
    if early := sum(one.plays > 0 and one.milliseconds < 1000 * durations[one.item] for one in own):
        yield f"{early} of {n} answered in less time than the audio takes"
