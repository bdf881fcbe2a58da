"""Test of whether a metric differs between two groups of utterances that nothing pairs.

The groups are permuted over the utterances, or over the speakers with all of theirs. A difference
of means would be found too often where the groups differ in size and spread, or in the shares of
their classes. So each difference is divided by its standard error, which is linearised as in
`clustering`: then the test is exact where the groups are alike in everything, and right in large
samples where only the metric is the same.

Source: Chung and Romano, Exact and Asymptotically Robust Permutation Tests (2013); Janssen,
Studentized Permutation Tests for Non-i.i.d. Hypotheses (1997).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from whyser_eval.metrics.data import BoolArray, FloatArray, IntArray, Statistics, ratios
from whyser_eval.statistics.bootstrap import distinct, in_batches, summed

#: Counts that a thread holds at once.
_AT_ONCE = 500_000


@dataclass(frozen=True)
class TwoGroups:
    """What is permuted: rows, and how many of each the two groups have.

    Attributes:
        numerator, denominator: float[r, C], what one of each row adds to the metric
        first, second: int[r], utterances of the row in each group; 0 or 1 where it is a speaker
    """

    numerator: FloatArray
    denominator: FloatArray
    first: IntArray
    second: IntArray

    @classmethod
    def of(
        cls,
        statistics: Statistics,
        members: IntArray,
        first: BoolArray,
        second: BoolArray,
        speakers: IntArray | None = None,
    ) -> TwoGroups:
        """Two groups of rows of statistics.

        Args:
            members: int[k], utterances that each row stands for
            first, second: bool[k], the rows of each group; a row of neither is left out
            speakers: int[k], to permute speakers; a speaker in both groups is two
        """
        known = first | second
        table = np.hstack([statistics.numerator, statistics.denominator])[known]
        own, members = first[known], members[known]
        if speakers is None:
            # Rows that differ in other things may have the same statistics.
            rows, row_of, _ = distinct(table)
            table = table[rows]
            counts = [
                np.bincount(row_of, weights=members * mask, minlength=len(rows))
                for mask in (own, ~own)
            ]
        else:
            cluster_of = 2 * speakers[known] + own
            names, place = np.unique(cluster_of, return_inverse=True)
            table = summed(table * members[:, None], place)
            counts = [names % 2 == 1, names % 2 == 0]
        numerator, denominator = np.hsplit(table, 2)
        one, other = (np.asarray(count).astype(np.int64) for count in counts)
        return cls(numerator, denominator, one, other)

    def studentised(self, first: IntArray, second: IntArray) -> FloatArray:
        """float[b], the difference over its standard error, where the groups have these rows.

        Args: `first` and `second`, int[b, r], counts of the rows.
        """
        value, variance = self._estimated(first.astype(np.float64))
        other, more = self._estimated(second.astype(np.float64))
        error = np.sqrt(variance + more)
        # Without any spread, a difference is beyond chance, and none is none.
        with np.errstate(divide="ignore", invalid="ignore"):
            found: FloatArray = np.where(value == other, 0.0, (value - other) / error)
        return found

    def _estimated(self, counts: FloatArray) -> tuple[FloatArray, FloatArray]:
        """float[b] each: the value of the metric, and its variance by the influence of each row."""
        below = counts @ self.denominator
        ratio = ratios(counts @ self.numerator, below)
        weight = ratios(np.ones_like(below), below) / below.shape[1]
        influence = weight @ self.numerator.T - (weight * ratio) @ self.denominator.T
        n = counts.sum(axis=1)
        squares = (counts * influence**2).sum(axis=1)
        return ratio.mean(axis=1), squares * n / np.maximum(1, n - 1)


def permuted(groups: TwoGroups, *, draws: int, seed: int) -> tuple[float, FloatArray]:
    """The studentised difference of first less second, and float[draws] of permuted groups.

    >>> right = np.repeat([[1.0], [0.0], [1.0], [0.0]], [9, 1, 2, 8], axis=0)
    >>> women = np.repeat([True, False], 10)
    >>> ones = np.ones(20, dtype=np.int64)
    >>> groups = TwoGroups.of(Statistics(right, np.ones((20, 1))), ones, women, ~women)
    >>> observed, drawn = permuted(groups, draws=999, seed=0)
    >>> round(observed, 2)  # 0.7 / sqrt(0.9 * 0.1 / 9 + 0.2 * 0.8 / 9)
    4.2
    >>> round(float((abs(drawn) >= observed).mean()), 2)  # Fisher's exact test gives 0.005
    0.01
    """
    pool, size = groups.first + groups.second, int(groups.first.sum())
    # The one shuffles everybody, which is cheap for few; the other draws row by row.
    method: Literal["count", "marginals"] = "count" if pool.sum() <= 20 * len(pool) else "marginals"

    def sample(generator: np.random.Generator, many: int) -> FloatArray:
        drawn = generator.multivariate_hypergeometric(pool, size, size=many, method=method)
        return groups.studentised(drawn, pool - drawn)[None, :]

    (found,) = in_batches(sample, draws=draws, width=len(pool), seed=(seed, 2), at_once=_AT_ONCE)
    (observed,) = groups.studentised(groups.first[None, :], groups.second[None, :])
    return float(observed), found
