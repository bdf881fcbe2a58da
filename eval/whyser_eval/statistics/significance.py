"""Tests of whether one system is better than another on the same utterances.

Both systems' rows of statistics are put side by side, and a draw gives the count of each row for
the first system and for the second. Resampling utterances (paired bootstrap) and swapping the
systems' answers (approximate randomisation) are two ways to draw such counts; both can also draw
all utterances of a speaker at once.

Sources: Efron and Tibshirani (1993), chapters 13 and 16; Noreen, Computer-Intensive Methods (1989);
Holm (1979). The paper stars differences at p <= 0.05 without naming its test (docs/design.md,
"Where the paper is silent", 22).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from whyser_eval.metrics.data import ClassMetric, FloatArray, IntArray, Items, Subset
from whyser_eval.statistics.bootstrap import (
    MultinomialSampler,
    ResamplingPlan,
    ScoreColumns,
    ScoreKey,
    clusters_of,
    collapse_together,
    distinct,
    in_batches,
    percentiles,
    scores_of,
    summed,
)

#: Counts that a thread holds at once.
_AT_ONCE = 500_000

#: Normal quantiles of 0.975 and 0.8, for the minimum detectable difference at 5 % and 80 % power.
_TWO_SIDED_5_PERCENT, _POWER_80_PERCENT = 1.959964, 0.841621


@dataclass(frozen=True)
class PairedDifference:
    """First system less second, of one metric on one subset of `n` utterances.

    `low` and `high` bound the percentile interval of the paired bootstrap. `p` (approximate
    randomisation) and `p_bootstrap` are two-sided; `smallest` is the minimum detectable difference
    at 0.05 with a power of 0.8. All are None on a subset without utterances.
    """

    subset: str
    metric: str
    value: float | None
    low: float | None
    high: float | None
    p: float | None
    p_bootstrap: float | None
    smallest: float | None
    n: int


@dataclass(frozen=True)
class Pairing:
    """The rows that are drawn: utterances with the same statistics for both systems, or speakers.

    Attributes:
        members: int[k], how many utterances a row stands for; 1 where it is a speaker
        first, second: float[k, m], what one of the row adds to every sum of a system: numerators
            and denominators of each metric on each subset, side by side
        sizes: (subset, metric), in the order of the sums -> utterances
        scores: the columns of each score
        sign: -1 where the systems have changed places, so that the draws do not depend on which of
            them was named first
    """

    members: IntArray
    first: FloatArray
    second: FloatArray
    sizes: Mapping[ScoreKey, int]
    scores: Sequence[ScoreColumns]
    sign: int = 1

    def difference(self, first: FloatArray, second: FloatArray) -> FloatArray:
        """float[S, b], first system less second, from the sums of each, float[b, m]."""
        return self.sign * (scores_of(first, self.scores) - scores_of(second, self.scores))


def pair(
    first: Items,
    second: Items,
    subsets: Mapping[str, Subset],
    metrics: Mapping[str, ClassMetric],
    speakers: Sequence[str | None] | None = None,
) -> Pairing:
    """Two systems' answers to the same utterances.

    Args: `speakers`, n of them, to draw whole speakers; None is a speaker of its own.

    Raises: `ValueError` for systems whose references differ.
    """
    same = np.array_equal(first.labels, second.labels)
    if not same or not np.array_equal(first.annotators, second.annotators):
        raise ValueError("the systems were not asked about the same references")
    if first.predictions.tobytes() > second.predictions.tobytes():
        turned = pair(second, first, subsets, metrics, speakers)
        return replace(turned, sign=-1)
    both, cell_of = collapse_together([first, second], subsets)
    one, other = (ResamplingPlan.of(cells, metrics) for cells in both)
    return _paired(one, other, cell_of, speakers)


def pair_plans(
    first: ResamplingPlan, second: ResamplingPlan, speakers: Sequence[str | None] | None = None
) -> Pairing:
    """Two systems' statistics of the same scores, with one row for each utterance."""
    rows = np.arange(len(first.members))
    if first.table.tobytes() > second.table.tobytes():
        return replace(_paired(second, first, rows, speakers), sign=-1)
    return _paired(first, second, rows, speakers)


def _paired(
    first: ResamplingPlan,
    second: ResamplingPlan,
    row_of: IntArray,
    speakers: Sequence[str | None] | None,
) -> Pairing:
    """Args: `row_of`, int[n], the row of each utterance."""
    table = np.hstack([first.table, second.table])
    if speakers is None:
        # Rows that differ may still have the same statistics.
        rows, merged, _ = distinct(table)
        table, members = table[rows], np.bincount(merged[row_of])
    else:
        table = summed(table[row_of], clusters_of(speakers))
        members = np.ones(len(table), dtype=np.int64)
    scores = [score for block in first.blocks for score in block.scores]
    first_table, second_table = np.hsplit(table, 2)
    return Pairing(members, first_table, second_table, first.sizes, scores)


def differences(pairing: Pairing, *, draws: int = 10_000, seed: int = 0) -> list[PairedDifference]:
    """Every metric on every subset, tested in both ways with the same number of draws.

    >>> references, classes = ["sad", "happy"] * 50, ["happy", "sad"]
    >>> good = Items.from_names(references, references, classes=classes)
    >>> poor = Items.from_names(references, ["sad"] * 100, classes=classes)
    >>> from whyser_eval.metrics.classification import f1_majority
    >>> everything = {"all": Subset(np.ones(100, dtype=bool))}
    >>> (found,) = differences(pair(good, poor, everything, {"f1": f1_majority}), draws=999)
    >>> round(found.value, 3), found.p
    (0.667, 0.001)
    """
    members = pairing.members[None, :]
    observed = pairing.difference(members @ pairing.first, members @ pairing.second)[:, 0]
    resampled = bootstrapped(pairing, draws=draws, seed=seed)
    swapped = randomised(pairing, draws=draws, seed=seed)
    rows = zip(pairing.sizes.items(), observed, resampled, swapped, strict=True)
    return [_difference(*key, n, float(value), *draws) for (key, n), value, *draws in rows]


def bootstrapped(pairing: Pairing, *, draws: int, seed: int = 0) -> FloatArray:
    """float[S, draws], first system less second when utterances are drawn with replacement."""
    table = _narrow(np.hstack([pairing.first, pairing.second]), pairing.members)
    sampler = MultinomialSampler(pairing.members, table.dtype)

    def sample(generator: np.random.Generator, size: int) -> FloatArray:
        sums = (sampler.draw(generator, size) @ table).astype(np.float64)
        return pairing.difference(*np.hsplit(sums, 2))

    return in_batches(
        sample, draws=draws, width=len(pairing.members), seed=(seed, 0), at_once=_AT_ONCE
    )


def _narrow(table: npt.NDArray[Any], members: IntArray) -> npt.NDArray[Any]:
    """The table in 32 bits where every sum over as many utterances is a whole number that 32 bits
    hold: then it is exact, in half the time."""
    largest = float(np.abs(table).max(initial=0)) * int(members.sum())
    is_exact = largest < 2**24 and not (table % 1).any()
    return table.astype(np.float32) if is_exact else table


def randomised(pairing: Pairing, *, draws: int, seed: int = 0) -> FloatArray:
    """float[S, draws], first system less second when their answers are swapped at random."""
    # A swap moves a row's statistics from one system to the other; where both have the same,
    # nothing moves, so nothing is drawn.
    moved = pairing.second - pairing.first
    differ = moved.any(axis=1)
    coins, moved = pairing.members[differ], _narrow(moved[differ], pairing.members)
    first, second = pairing.members @ pairing.first, pairing.members @ pairing.second

    def sample(generator: np.random.Generator, size: int) -> FloatArray:
        heads = generator.binomial(coins, 0.5, size=(size, len(coins))).astype(moved.dtype)
        shift = (heads @ moved).astype(np.float64)
        return pairing.difference(first + shift, second - shift)

    return in_batches(
        sample, draws=draws, width=len(pairing.members), seed=(seed, 1), at_once=_AT_ONCE
    )


def _difference(
    subset: str, metric: str, n: int, value: float, resampled: FloatArray, swapped: FloatArray
) -> PairedDifference:
    if not n:
        return PairedDifference(subset, metric, None, None, None, None, None, None, n)
    low, high = percentiles(resampled) or (None, None)
    # Under the null hypothesis differences spread around 0 as the draws do around the value.
    p_bootstrap = _share(np.abs(resampled - value), abs(value))
    p = _share(np.abs(swapped), abs(value))
    smallest = float(resampled.std()) * (_TWO_SIDED_5_PERCENT + _POWER_80_PERCENT)
    return PairedDifference(subset, metric, value, low, high, p, p_bootstrap, smallest, n)


def _share(drawn: FloatArray, value: float) -> float:
    """p of a Monte Carlo test, which counts the data as one draw and so is never 0."""
    # Sums of the same counts in another order differ in their last digit.
    as_far = int((drawn >= value - 1e-12).sum())
    return (1 + as_far) / (1 + len(drawn))


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values adjusted for testing all of them, in their order. Source: Holm (1979).

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(p_values)
    order = np.argsort(p, kind="stable")
    multiplied = np.minimum(1.0, np.arange(len(p), 0, -1) * p[order])
    adjusted = np.empty(len(p))
    adjusted[order] = np.maximum.accumulate(multiplied)
    found: list[float] = adjusted.tolist()
    return found
