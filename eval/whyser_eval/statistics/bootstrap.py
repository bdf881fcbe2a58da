"""Bootstrap intervals from each utterance's statistics.

An utterance enters a score only through its row of statistics, so equal rows are collapsed to
cells. Drawing n utterances with replacement then means drawing the cells' counts from one
multinomial: exactly the bootstrap over utterances, at the cost of the cells. A draw is a vector of
cell counts, and its scores come from weighted sums, so all metrics and subsets share the draws.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from statistics import NormalDist
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from whyser_eval.metrics.data import (
    ClassMetric,
    FloatArray,
    IntArray,
    Items,
    ScoreEstimate,
    Statistics,
    Subset,
    ValueOf,
)
from whyser_eval.metrics.declaration import is_macro, needs_majority

#: The confidence of every interval.
CONFIDENCE = 0.95

#: Counts that a thread holds at once, so that memory does not grow with the number of draws.
_COUNTS_PER_BATCH = 4_000_000

#: What is drawn: utterances, or speakers with all of their utterances.
Unit: TypeAlias = Literal["utterance", "speaker"]

#: (subset, metric)
ScoreKey = tuple[str, str]

#: A function of the values of two scores, draw by draw, and these scores.
Contrast = tuple[Callable[[FloatArray, FloatArray], FloatArray], ScoreKey, ScoreKey]

#: Percentiles of the draws as they are, or bias-corrected and accelerated.
Interval: TypeAlias = Literal["percentile", "bca"]


@dataclass(frozen=True)
class Cells:
    """Items that are equal for every metric, counted together.

    Attributes:
        items: one item per cell, k of them
        members: int[k], how many items each cell stands for
        subsets: over the cells
    """

    items: Items
    members: IntArray
    subsets: Mapping[str, Subset]


def collapse(items: Items, subsets: Mapping[str, Subset]) -> Cells:
    """Equal rows (y, p, A, membership of every subset) as cells, in a fixed order.

    >>> items = Items.from_names(["sad", "sad", "happy"], ["sad"] * 3, classes=["happy", "sad"])
    >>> collapse(items, {"all": Subset(np.ones(3, dtype=bool))}).members
    array([1, 2])
    """
    (cells,), _ = collapse_together([items], subsets)
    return cells


def collapse_together(
    systems: Sequence[Items], subsets: Mapping[str, Subset]
) -> tuple[list[Cells], IntArray]:
    """The cells of several systems' answers to the same references.

    Returns: the cells of each system, and int[n], the cell of each item.
    """
    first, *_ = systems
    flags = np.column_stack([first.annotators, *(subset.mask for subset in subsets.values())])
    labels = np.column_stack([first.labels, *(items.predictions for items in systems)])
    # As bytes, which sort faster than columns; big-endian, so that a label sorts as its number.
    keys = np.hstack([labels.astype(">i2").view(np.uint8), np.packbits(flags, axis=1)])
    rows, cell_of, members = distinct(keys)
    shared = {name: subset.take(rows) for name, subset in subsets.items()}
    return [Cells(items.take(rows), members, shared) for items in systems], cell_of


#: Bytes of the largest whole number.
_NUMBER = 8


def distinct(rows: npt.NDArray[Any]) -> Sequence[IntArray]:
    """Where each distinct row is first, which distinct row each row is, how often each occurs."""
    size = rows.shape[1] * rows.itemsize
    keys = np.zeros((len(rows), max(size, _NUMBER)), dtype=np.uint8)
    keys[:, :size] = np.ascontiguousarray(rows).view(np.uint8)
    # Numbers sort in a tenth of the time of bytes, and in the same order if they are big-endian.
    as_one = (
        keys.view(">u8").astype(np.uint64) if size <= _NUMBER else keys.view(f"V{keys.shape[1]}")
    )
    return np.unique(as_one.ravel(), return_index=True, return_inverse=True, return_counts=True)[1:]


class ScoreColumns(NamedTuple):
    """How many columns of sums a score has, and its value from them."""

    numerator: int
    denominator: int
    value_of: ValueOf


@dataclass(frozen=True)
class SubsetBlock:
    """The scores on one subset, which are computed from the same rows.

    Attributes:
        rows: int[r], the places of the subset's rows
        table: float[r, m], what one of each row adds to each sum: numerators and denominators of
            each score, side by side
        scores: the columns of each score
    """

    rows: IntArray
    table: FloatArray
    scores: Sequence[ScoreColumns]


@dataclass(frozen=True)
class ResamplingPlan:
    """Scores of the same rows, which can be computed for any counts of these rows.

    Attributes:
        members: int[k], how many utterances a row stands for
        sizes: (subset, metric) -> utterances of the subset, for each score of the blocks
        blocks: the scores, in the order of `sizes`
        contrasts: (subset, metric) -> what is computed from the values of two of these scores; the
            S scores of the plan are those of the blocks, then these
    """

    members: IntArray
    sizes: Mapping[ScoreKey, int]
    blocks: Sequence[SubsetBlock]
    contrasts: Mapping[ScoreKey, Contrast] = field(default_factory=dict)

    @classmethod
    def of(cls, cells: Cells, metrics: Mapping[str, ClassMetric]) -> ResamplingPlan:
        """Every metric on every subset that has what the metric needs."""
        statistics = {name: metric(cells.items) for name, metric in metrics.items()}
        return cls.of_statistics(statistics, cells.members, cells.subsets)

    @classmethod
    def of_statistics(
        cls, statistics: Mapping[str, Statistics], members: IntArray, subsets: Mapping[str, Subset]
    ) -> ResamplingPlan:
        sizes: dict[ScoreKey, int] = {}
        blocks = []
        for name, subset in subsets.items():
            rows, sides = np.flatnonzero(subset.mask), list[FloatArray]()
            scores: list[ScoreColumns] = []
            for metric, one in statistics.items():
                if not subset.has_majority and needs_majority(metric):
                    continue
                own = subset.classes if is_macro(metric) else None
                kept = slice(None) if own is None else own
                above, below = one.numerator[rows][:, kept], one.denominator[rows][:, kept]
                sides += [above, below]
                scores.append(ScoreColumns(above.shape[1], below.shape[1], one.value_of))
                sizes[name, metric] = int(members[rows].sum())
            if sides:
                table = np.ascontiguousarray(np.hstack(sides))
                blocks.append(SubsetBlock(rows, table, scores))
        return cls(members, sizes, blocks)

    def values(self, counts: FloatArray) -> FloatArray:
        """float[S, b], the value of every score under each vector of counts, float[b, k].

        NaN where the counts hold no row of a subset: the score is undefined there, not 0.
        """
        found = []
        for block in self.blocks:
            # Half the time of counts[:, rows].
            drawn = counts.T[block.rows]
            scores = scores_of(drawn.T @ block.table, block.scores)
            found.append(np.where(drawn.sum(axis=0) > 0, scores, np.nan))
        return self.with_contrasts(np.concatenate(found))

    def with_contrasts(self, values: FloatArray) -> FloatArray:
        """float[S, b], the values of the blocks' scores, then those of the contrasts."""
        place = {key: row for row, key in enumerate(self.sizes)}
        more = [
            function(values[place[first]], values[place[second]])
            for function, first, second in self.contrasts.values()
        ]
        return np.vstack([values, *more]) if more else values

    @property
    def scores(self) -> dict[ScoreKey, int]:
        """The S scores in order, each with its utterances."""
        both = {
            key: self.sizes[first] + self.sizes[second]
            for key, (_, first, second) in self.contrasts.items()
        }
        return {**self.sizes, **both}

    @property
    def observed(self) -> FloatArray:
        """float[S], the values of the data."""
        return self.values(self.members[None, :].astype(np.float64))[:, 0]

    @property
    def table(self) -> FloatArray:
        """float[k, m], the tables of all blocks side by side, with 0 outside of their subsets."""
        tables = []
        for block in self.blocks:
            tables.append(np.zeros((len(self.members), block.table.shape[1])))
            tables[-1][block.rows] = block.table
        return np.hstack(tables)

    def by_cluster(self, cluster_of: IntArray) -> ResamplingPlan:
        """The plan with a row for each cluster (a speaker), which is drawn and left out as one.

        Args: `cluster_of`, int[k], of rows that stand for one utterance each.
        """
        blocks = []
        for block in self.blocks:
            clusters, place = np.unique(cluster_of[block.rows], return_inverse=True)
            blocks.append(SubsetBlock(clusters, summed(block.table, place), block.scores))
        members = np.ones(cluster_of.max() + 1, dtype=np.int64)
        return replace(self, members=members, blocks=blocks)

    def __or__(self, other: ResamplingPlan) -> ResamplingPlan:
        """The scores of both plans, which have the same rows."""
        return ResamplingPlan(
            self.members,
            {**self.sizes, **other.sizes},
            [*self.blocks, *other.blocks],
            {**self.contrasts, **other.contrasts},
        )


def clusters_of(speakers: Sequence[str | None]) -> IntArray:
    """int[n], the number of each utterance's speaker; None is a speaker of its own.

    >>> clusters_of(["b", None, "b", None])
    array([2, 0, 2, 1])
    """
    names = [one if one is not None else f"\0{place:09d}" for place, one in enumerate(speakers)]
    clusters: IntArray = np.unique(names, return_inverse=True)[1]
    return clusters


def summed(table: FloatArray, cluster_of: IntArray) -> FloatArray:
    """float[g, m], the rows of each cluster added up.

    >>> summed(np.array([[1.0], [2.0], [4.0]]), np.array([1, 0, 1]))
    array([[2.],
           [5.]])
    """
    order = np.argsort(cluster_of, kind="stable")
    starts = np.flatnonzero(np.diff(cluster_of[order], prepend=-1))
    sums: FloatArray = np.add.reduceat(table[order], starts, axis=0)
    return sums


def scores_of(sums: FloatArray, scores: Sequence[ScoreColumns]) -> FloatArray:
    """float[S, b], the scores from sums over such a table, float[b, m]."""
    widths = [width for one in scores for width in (one.numerator, one.denominator)]
    sides = np.split(sums, np.cumsum(widths)[:-1], axis=1)
    pairs = zip(sides[::2], sides[1::2], scores, strict=True)
    return np.stack([one.value_of(above, below) for above, below, one in pairs])


class MultinomialSampler:
    """Draws as many utterances as there are, with replacement, and counts them by row.

    The counts are multinomial. Independent Poisson counts with any total are multinomial too, given
    that total, and one of them costs half as much as numpy's multinomial needs for a row. So most
    utterances of the larger rows are counted this way, and the others are drawn one by one: those
    of the smaller rows, and those that the total still lacks, from all rows. A total that exceeds
    the number of utterances is drawn again.

    Source: Devroye, Non-Uniform Random Variate Generation (1986), XI.1.4.
    """

    #: Rows of fewer utterances are cheaper to draw one by one.
    _FEW = 8

    #: Standard deviations by which the expected total is below the number of utterances: more than
    #: that is drawn again in 1 of 2,000 draws.
    _SHORT = 3.3

    #: Utterances that are drawn one by one at a time: as many as fit the processor's cache.
    _AT_ONCE = 100_000

    def __init__(self, members: IntArray, dtype: npt.DTypeLike = np.float64) -> None:
        self._dtype = dtype
        few = members < self._FEW
        self._many = np.flatnonzero(~few)
        self._total = int(members.sum())
        # The utterances of the smaller rows come first.
        order = np.append(np.flatnonzero(few), self._many)
        self._row_of = np.repeat(order, members[order])
        self._in_few = int(members[few].sum())
        expected = max(0.0, self._total - self._SHORT * np.sqrt(self._total))
        self._rates = np.append(members[~few], self._in_few) * (expected / max(1, self._total))
        self._width = len(members)

    def draw(self, generator: np.random.Generator, size: int) -> FloatArray:
        """float[size, k], how often each row is drawn, in the sampler's type."""
        drawn = generator.poisson(self._rates, size=(size, len(self._rates)))
        while (over := np.flatnonzero(drawn.sum(axis=1) > self._total)).size:
            drawn[over] = generator.poisson(self._rates, size=(over.size, len(self._rates)))
        counts = np.empty((size, self._width), dtype=self._dtype)
        left = np.column_stack([drawn[:, -1], self._total - drawn.sum(axis=1)])
        step = max(1, self._AT_ONCE // max(1, int(left.sum(axis=1).max())))
        for start in range(0, size, step):
            counts[start : start + step] = self._one_by_one(generator, left[start : start + step])
        counts[:, self._many] += drawn[:, :-1]
        return counts

    def _one_by_one(self, generator: np.random.Generator, left: IntArray) -> IntArray:
        """int[b, k], utterances counted by row: so many of the smaller rows and of all rows."""
        place = np.concatenate(
            [
                self._row_of[generator.integers(max(1, among), size=count, dtype=np.int32)]
                for among, count in zip((self._in_few, self._total), left.sum(axis=0), strict=True)
            ]
        )
        place += np.repeat(np.tile(np.arange(len(left)) * self._width, 2), left.T.ravel())
        return np.bincount(place, minlength=len(left) * self._width).reshape(-1, self._width)


def in_batches(
    sample: Callable[[np.random.Generator, int], FloatArray],
    *,
    draws: int,
    width: int,
    seed: Sequence[int],
    at_once: int = _COUNTS_PER_BATCH,
) -> FloatArray:
    """float[S, draws] from a sampler that returns float[S, b] for b draws of `width` counts.

    Args: `at_once`, counts that a thread holds; fewer fit a cache, and share the work better.

    Batches run in threads, each with its own seed: NumPy releases the interpreter while it draws.
    """
    # Imported here, because a help text should appear at once.
    from threadpoolctl import threadpool_limits

    size = max(1, at_once // max(width, 1))

    def batch(start: int) -> FloatArray:
        generator = np.random.default_rng((*seed, start))
        return sample(generator, min(size, draws - start))

    # The threads share the cores already: with threads of BLAS in each, they wait for each other.
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(os.cpu_count()) as pool:
        found = list(pool.map(batch, range(0, draws, size)))
    return np.concatenate(found, axis=1)


def bootstrapped(plan: ResamplingPlan, *, draws: int, seed: int) -> FloatArray:
    """float[S, draws], every score when utterances are drawn with replacement."""
    sampler = MultinomialSampler(plan.members)

    def sample(generator: np.random.Generator, size: int) -> FloatArray:
        return plan.values(sampler.draw(generator, size))

    return in_batches(sample, draws=draws, width=len(plan.members), seed=(seed,))


def bootstrap(
    plan: ResamplingPlan, *, draws: int, seed: int, interval: Interval = "percentile"
) -> list[ScoreEstimate]:
    """Every score with its interval.

    Args: `draws` bootstrap samples; 0 gives values without intervals.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapters 13 and 14.

    >>> items = Items.from_names(["sad"] * 4, ["sad"] * 4, classes=["sad"])
    >>> cells = collapse(items, {"all": Subset(np.ones(4, dtype=bool))})
    >>> from whyser_eval.metrics.classification import hit_rate
    >>> bootstrap(ResamplingPlan.of(cells, {"hit_rate": hit_rate}), draws=10, seed=0)
    [ScoreEstimate(subset='all', metric='hit_rate', value=1.0, low=1.0, high=1.0, n=4)]
    """
    observed = plan.observed
    intervals: Iterable[tuple[float, float] | None] = [None] * len(observed)
    if draws:
        drawn = bootstrapped(plan, draws=draws, seed=seed)
        intervals = map(percentiles, drawn)
        if interval == "bca":
            rows = zip(observed, drawn, jackknife(plan), strict=True)
            intervals = [bca(*row, plan.members) for row in rows]
    return estimates(plan, observed, intervals)


def estimates(
    plan: ResamplingPlan, values: FloatArray, intervals: Iterable[tuple[float, float] | None]
) -> list[ScoreEstimate]:
    """Values with their intervals; a subset without utterances has neither."""
    rows = []
    for (key, n), value, bounds in zip(plan.scores.items(), values, intervals, strict=True):
        low, high = (bounds if n else None) or (None, None)
        rows.append(ScoreEstimate(*key, float(value) if n else None, low, high, n))
    return rows


# Intervals

_NORMAL = NormalDist()
_TAIL = (1 - CONFIDENCE) / 2


def percentiles(drawn: FloatArray) -> tuple[float, float] | None:
    """Equal-tailed percentile interval of the draws without NaN; None without such draws.

    >>> low, high = percentiles(np.arange(41.0))
    >>> round(low, 3), round(high, 3)
    (1.0, 39.0)
    """
    drawn = drawn[~np.isnan(drawn)]
    if not len(drawn):
        return None
    low, high = np.percentile(drawn, [100 * _TAIL, 100 - 100 * _TAIL])
    return float(low), float(high)


def bca(
    value: float, drawn: FloatArray, left_out: FloatArray, members: IntArray
) -> tuple[float, float] | None:
    """Bias-corrected and accelerated interval of the draws without NaN.

    The percentiles move with the share of draws below the value (bias) and with the skewness of
    the jackknife values (acceleration). Where all draws are on one side of the value, or all equal,
    the interval is that of the plain percentiles.

    Args:
        drawn: float[draws]
        left_out: float[k], the score without one utterance of each row
        members: int[k], the utterances of each row

    Source: Efron and Tibshirani (1993), 14.3.
    """
    drawn = drawn[~np.isnan(drawn)]
    below = (np.sum(drawn < value) + np.sum(drawn == value) / 2) / max(len(drawn), 1)
    if not 0 < below < 1:
        return percentiles(drawn)
    bias = _NORMAL.inv_cdf(below)
    deviations = np.average(left_out, weights=members) - left_out
    squares = float(members @ deviations**2)
    skewness = float(members @ deviations**3) / squares**1.5 / 6 if squares > 0 else 0.0
    shares = [
        _NORMAL.cdf(bias + (bias + one) / (1 - skewness * (bias + one)))
        for one in (_NORMAL.inv_cdf(_TAIL), _NORMAL.inv_cdf(1 - _TAIL))
    ]
    low, high = np.quantile(drawn, shares)
    return float(low), float(high)


def jackknife(plan: ResamplingPlan) -> FloatArray:
    """float[S, k], every score without one utterance of each row."""
    members, found = plan.members[None, :].astype(np.float64), []
    for block in plan.blocks:
        sums = np.repeat(members[:, block.rows] @ block.table, members.size, axis=0)
        sums[block.rows] -= block.table
        found.append(scores_of(sums, block.scores))
    return plan.with_contrasts(np.concatenate(found))
