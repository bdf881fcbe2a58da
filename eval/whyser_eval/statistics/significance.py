"""Tests of whether one system is better than another on the same utterances.

Both systems' rows of statistics are put side by side, and a draw says how often each row counts for
the first system and how often for the second. Resampling utterances (paired bootstrap) and swapping
the systems' answers (approximate randomisation) are two ways to draw such counts; both can also
draw all utterances of a speaker at once.

Sources: Efron and Tibshirani (1993), chapters 13 and 16; Noreen, Computer-Intensive Methods (1989);
Holm (1979). The paper stars differences at p <= 0.05 without naming its test (docs/design.md,
"Where the paper is silent", 22).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np

from whyser_eval.metrics.data import ClassMetric, FloatArray, IntArray, Items, Subset
from whyser_eval.statistics.bootstrap import (
    MultinomialSampler,
    ResamplingPlan,
    ScoreKey,
    clusters_of,
    collapse_together,
    distinct,
    in_batches,
    percentiles,
    scores_of,
    summed,
)

#: Normal quantiles of 0.975 and 0.8, for the minimum detectable difference at 5 % and 80 % power.
_TWO_SIDED_5_PERCENT, _POWER_80_PERCENT = 1.959964, 0.841621


@dataclass(frozen=True)
class PairedDifference:
    """First system less second, of one metric on one subset of `n` utterances.

    `low` and `high` bound the percentile interval of the paired bootstrap. `p_bootstrap` and
    `p_randomisation` are two-sided; `smallest` is the minimum detectable difference at 0.05 with a
    power of 0.8. All are None on a subset without utterances.
    """

    subset: str
    metric: str
    value: float | None
    low: float | None
    high: float | None
    p_bootstrap: float | None
    p_randomisation: float | None
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
        edges: int[2 * len(sizes) - 1], where to split the sums
    """

    members: IntArray
    first: FloatArray
    second: FloatArray
    sizes: Mapping[ScoreKey, int]
    edges: IntArray

    @cached_property
    def sampler(self) -> MultinomialSampler:
        return MultinomialSampler(self.members)


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
    both, cell_of = collapse_together([first, second], subsets)
    plans = [ResamplingPlan.of(cells, metrics) for cells in both]
    table = np.hstack([plan.table for plan in plans])
    if speakers is None:
        # Cells that differ may still have the same statistics.
        table, _, merged, _ = distinct(table)
        members = np.bincount(merged[cell_of], minlength=len(table))
    else:
        table = summed(table[cell_of], clusters_of(speakers))
        members = np.ones(len(table), dtype=np.int64)
    width = plans[0].table.shape[1]
    return Pairing(
        members,
        table[:, :width],
        table[:, width:],
        plans[0].sizes,
        plans[0].edges,
    )


def differences(pairing: Pairing, *, draws: int = 10_000, seed: int = 0) -> list[PairedDifference]:
    """Every metric on every subset, tested in both ways with the same number of draws.

    >>> references, classes = ["sad", "happy"] * 50, ["happy", "sad"]
    >>> good = Items.from_names(references, references, classes=classes)
    >>> poor = Items.from_names(references, ["sad"] * 100, classes=classes)
    >>> from whyser_eval.metrics.classification import f1_majority
    >>> everything = {"all": Subset(np.ones(100, dtype=bool))}
    >>> (found,) = differences(pair(good, poor, everything, {"f1": f1_majority}), draws=999)
    >>> round(found.value, 3), found.p_randomisation
    (0.667, 0.001)
    """
    members = pairing.members[None, :]
    observed = _values(pairing, members @ pairing.first, members @ pairing.second)[:, 0]
    resampled = bootstrapped(pairing, draws=draws, seed=seed)
    swapped = randomised(pairing, draws=draws, seed=seed)
    return [
        _difference(key, float(value), of_resampled, of_swapped, n)
        for (key, n), value, of_resampled, of_swapped in zip(
            pairing.sizes.items(), observed, resampled, swapped, strict=True
        )
    ]


def bootstrapped(pairing: Pairing, *, draws: int, seed: int = 0) -> FloatArray:
    """float[S, draws], first system less second when utterances are drawn with replacement."""
    return _drawn(pairing, _resampled, draws, (seed, 0))


def randomised(pairing: Pairing, *, draws: int, seed: int = 0) -> FloatArray:
    """float[S, draws], first system less second when their answers are swapped at random."""
    return _drawn(pairing, _swapped, draws, (seed, 1))


def _values(pairing: Pairing, first: FloatArray, second: FloatArray) -> FloatArray:
    """float[S, b], first system less second, from the sums of each, float[b, m]."""
    return scores_of(first, pairing.edges) - scores_of(second, pairing.edges)


#: The sums of both systems under so many draws.
_Sampler: TypeAlias = Callable[[Pairing, np.random.Generator, int], tuple[FloatArray, FloatArray]]


def _drawn(pairing: Pairing, sampler: _Sampler, draws: int, seed: tuple[int, int]) -> FloatArray:
    """float[S, draws], first system less second."""

    def sample(generator: np.random.Generator, size: int) -> FloatArray:
        return _values(pairing, *sampler(pairing, generator, size))

    return in_batches(sample, draws=draws, width=len(pairing.members), seed=seed)


def _resampled(
    pairing: Pairing, generator: np.random.Generator, size: int
) -> tuple[FloatArray, FloatArray]:
    """Utterances, or speakers with all of theirs, drawn with replacement."""
    counts = pairing.sampler.draw(generator, size)
    return counts @ pairing.first, counts @ pairing.second


def _swapped(
    pairing: Pairing, generator: np.random.Generator, size: int
) -> tuple[FloatArray, FloatArray]:
    """Each utterance's two answers, or those of a speaker's utterances, swapped or not."""
    # What is swapped moves a row's statistics from one system to the other; where both have the
    # same, nothing moves, so nothing need be drawn.
    moved = pairing.second - pairing.first
    differ = moved.any(axis=1)
    shift = _heads(generator, pairing.members[differ], size) @ moved[differ]
    return pairing.members @ pairing.first + shift, pairing.members @ pairing.second - shift


def _heads(generator: np.random.Generator, coins: IntArray, size: int) -> FloatArray:
    """float[size, k], how many of so many coins fall heads."""
    return generator.binomial(coins, 0.5, size=(size, len(coins))).astype(np.float64)


def _difference(
    key: ScoreKey, value: float, resampled: FloatArray, swapped: FloatArray, n: int
) -> PairedDifference:
    subset, metric = key
    if not n:
        return PairedDifference(subset, metric, None, None, None, None, None, None, n)
    low, high = percentiles(resampled) or (None, None)
    return PairedDifference(
        subset,
        metric,
        value,
        low,
        high,
        # Under the null hypothesis differences spread around 0 as the draws do around the value.
        p_bootstrap=_share(np.abs(resampled - value), abs(value)),
        p_randomisation=_share(np.abs(swapped), abs(value)),
        smallest=float(resampled.std()) * (_TWO_SIDED_5_PERCENT + _POWER_80_PERCENT),
        n=n,
    )


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
    order = sorted(range(len(p_values)), key=lambda place: p_values[place])
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for rank, place in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = highest
    return adjusted
