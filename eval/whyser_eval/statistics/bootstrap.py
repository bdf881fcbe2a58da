"""Bootstrap intervals from each utterance's statistics.

An utterance enters a score only through its row of statistics, so equal rows are collapsed to
cells. Drawing n utterances with replacement is then drawing the cells' counts from one multinomial:
exactly the bootstrap over utterances, at the cost of the cells. A draw is a vector of cell counts,
and a score under it comes from weighted sums, so all metrics and subsets use the same draws.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from statistics import NormalDist
from typing import Literal, TypeAlias, TypeVar

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
    ratios,
)
from whyser_eval.metrics.declaration import is_macro, needs_majority

#: The confidence of every interval.
CONFIDENCE = 0.95

#: Counts that a thread holds at once, so that memory does not grow with the number of draws.
_COUNTS_PER_BATCH = 4_000_000

#: What is drawn: utterances, or speakers with all of their utterances.
Unit: TypeAlias = Literal["utterance", "speaker"]

Row = TypeVar("Row", bound=np.generic)

#: (subset, metric)
ScoreKey = tuple[str, str]

#: Percentiles of the draws as they are, or bias-corrected and accelerated.
Interval: TypeAlias = Literal["percentile", "bca"]


@dataclass(frozen=True)
class Cells:
    """Items that no metric can tell apart, counted once.

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
    """Cells that several systems' answers to the same references share.

    Returns: the cells of each system, and int[n], the cell of each item.
    """
    first, *_ = systems
    flags = np.column_stack([first.annotators, *(subset.mask for subset in subsets.values())])
    labels = np.column_stack([first.labels, *(items.predictions for items in systems)])
    # As bytes, which sort faster than columns; big-endian, so that a label sorts as its number.
    keys = np.hstack([labels.astype(">i2").view(np.uint8), np.packbits(flags, axis=1)])
    _, rows, cell_of, members = distinct(keys)
    shared = {name: subset.take(rows) for name, subset in subsets.items()}
    return [Cells(items.take(rows), members, shared) for items in systems], cell_of


def distinct(
    rows: npt.NDArray[Row],
) -> tuple[npt.NDArray[Row], IntArray, IntArray, IntArray]:
    """The distinct rows; int arrays of where each comes first, which one each row is, how often."""
    rows = np.ascontiguousarray(rows)
    as_bytes = rows.view(f"V{rows.shape[1] * rows.itemsize}").ravel()
    _, first, which, members = np.unique(
        as_bytes, return_index=True, return_inverse=True, return_counts=True
    )
    return rows[first], first, which, members


@dataclass(frozen=True)
class ResamplingPlan:
    """Scores of the same rows, which can be computed for any counts of these rows.

    Attributes:
        members: int[k], how many utterances a row stands for
        sizes: (subset, metric) -> utterances of the subset, for each of S scores
        table: float[k, m], what one of the row adds to each sum: numerators and denominators of
            each score, side by side; 0 for a row outside of the score's subset
        edges: int[2 * S - 1], where to split the sums again
        inside: float[k, S], more than 0 where the row lies in the score's subset
        blocks: the scores of each subset, which are added up together
    """

    members: IntArray
    sizes: Mapping[ScoreKey, int]
    table: FloatArray
    edges: IntArray
    inside: FloatArray
    blocks: tuple[range, ...]

    @classmethod
    def of(cls, cells: Cells, metrics: Mapping[str, ClassMetric]) -> ResamplingPlan:
        """Every metric on every subset that has what the metric needs."""
        statistics = {name: metric(cells.items) for name, metric in metrics.items()}
        return cls.of_statistics(statistics, cells.members, cells.subsets)

    @classmethod
    def of_statistics(
        cls,
        statistics: Mapping[str, Statistics],
        members: IntArray,
        subsets: Mapping[str, Subset],
    ) -> ResamplingPlan:
        sizes: dict[ScoreKey, int] = {}
        sides, inside, blocks = [], [], []
        for name, subset in subsets.items():
            start = len(sizes)
            for metric, one in statistics.items():
                if not subset.has_majority and needs_majority(metric):
                    continue
                averaged = subset.classes if is_macro(metric) else None
                kept = slice(None) if averaged is None else averaged
                mask = subset.mask[:, None]
                sides += [one.numerator[:, kept] * mask, one.denominator[:, kept] * mask]
                inside.append(subset.mask)
                sizes[name, metric] = int(members[subset.mask].sum())
            if len(sizes) > start:
                blocks.append(range(start, len(sizes)))
        edges = np.cumsum([side.shape[1] for side in sides])[:-1]
        table, within = np.hstack(sides), np.column_stack(inside).astype(np.float64)
        return cls(members, sizes, table, edges, within, tuple(blocks))

    def values(self, counts: FloatArray) -> FloatArray:
        """float[S, b], the value of every score under each vector of counts, float[b, k].

        NaN where the counts hold nothing of a subset: it has no value there, not even 0.
        """
        scores = scores_of(self.sums(counts), self.edges)
        return np.where((counts @ self.inside).T > 0, scores, np.nan)

    def sums(self, counts: FloatArray) -> FloatArray:
        """float[b, m], the sums of the table under each vector of counts, float[b, k].

        Each subset's rows are added up apart from the others: zeros in between would change the
        order of the additions, and with it the last digit of statistics that are no whole numbers.
        """
        edges = self._all_edges
        found = []
        for block, rows in self._rows:
            columns = slice(edges[2 * block.start], edges[2 * block.stop])
            # Half the time of counts[:, rows].
            found.append(counts.T[rows].T @ np.ascontiguousarray(self.table[rows, columns]))
        return np.hstack(found)

    @property
    def _all_edges(self) -> list[int]:
        return [0, *self.edges, self.table.shape[1]]

    @property
    def _rows(self) -> Iterator[tuple[range, IntArray]]:
        """Each block, and the rows of its subset."""
        return ((one, np.flatnonzero(self.inside[:, one.start])) for one in self.blocks)

    @property
    def observed(self) -> FloatArray:
        """float[S], the values of the data."""
        return self.values(self.members[None, :].astype(np.float64))[:, 0]

    def by_cluster(self, cluster_of: IntArray) -> ResamplingPlan:
        """A row a cluster (a speaker), drawn and left out as one.

        Args: `cluster_of`, int[k], of rows that stand for one utterance each.
        """
        inside = summed(self.inside, cluster_of)
        table, edges = np.zeros((len(inside), self.table.shape[1])), self._all_edges
        for block, rows in self._rows:
            clusters, place = np.unique(cluster_of[rows], return_inverse=True)
            for start, end in pairwise(edges[2 * block.start : 2 * block.stop + 1]):
                side = np.ascontiguousarray(self.table[rows, start:end])
                table[clusters, start:end] = summed(side, place)
        ones = np.ones(len(table), dtype=np.int64)
        return ResamplingPlan(ones, self.sizes, table, self.edges, inside, self.blocks)

    def __or__(self, other: ResamplingPlan) -> ResamplingPlan:
        """The scores of both, of the same rows."""
        width, count = self.table.shape[1], len(self.sizes)
        moved = (range(count + one.start, count + one.stop) for one in other.blocks)
        return ResamplingPlan(
            self.members,
            {**self.sizes, **other.sizes},
            np.hstack([self.table, other.table]),
            np.concatenate([self.edges, [width], width + other.edges]),
            np.hstack([self.inside, other.inside]),
            (*self.blocks, *moved),
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


def scores_of(sums: FloatArray, edges: IntArray) -> FloatArray:
    """float[S, b], the scores from sums over such a table, float[b, m]."""
    sides = np.split(sums, edges, axis=1)
    return np.stack(
        [
            np.abs(ratios(numerator, denominator)).mean(axis=1)
            for numerator, denominator in zip(sides[::2], sides[1::2], strict=True)
        ]
    )


class MultinomialSampler:
    """Draws as many utterances as there are, with replacement, and counts them by row.

    The counts are multinomial, which costs as much as there are rows. Rows of few utterances are
    therefore drawn together, as one, and their utterances then one by one: the same distribution in
    half the time.
    """

    #: Rows of fewer utterances are cheaper to draw one by one.
    _FEW = 16

    #: Counts that are drawn one by one at a time: as many as fit the processor's cache.
    _COUNTS = 100_000

    def __init__(self, members: IntArray) -> None:
        few = members < self._FEW
        self._rows = len(members)
        self._few, self._many = np.flatnonzero(few), np.flatnonzero(~few)
        self._utterances = np.repeat(np.arange(len(self._few)), members[few])
        self._total = int(members.sum())
        self._shares = np.append(members[~few], len(self._utterances)) / self._total

    def draw(self, generator: np.random.Generator, size: int) -> FloatArray:
        """float[size, k], how often each row is drawn."""
        drawn = generator.multinomial(self._total, self._shares, size=size)
        counts = np.empty((size, self._rows))
        counts[:, self._many] = drawn[:, :-1]
        step = max(1, self._COUNTS // max(1, len(self._few)))
        for start in range(0, size if len(self._few) else 0, step):
            chosen = slice(start, start + step)
            counts[chosen, self._few] = self._draw_few(generator, drawn[chosen, -1])
        return counts

    def _draw_few(self, generator: np.random.Generator, left: IntArray) -> IntArray:
        """int[b, few], the counts when `left`, int[b], utterances of these rows are drawn."""
        shape = len(left), len(self._few)
        place = self._utterances[
            generator.integers(len(self._utterances), size=left.sum(), dtype=np.int32)
        ]
        place += np.repeat(np.arange(shape[0]) * shape[1], left)
        return np.bincount(place, minlength=shape[0] * shape[1]).reshape(shape)


def in_batches(
    sample: Callable[[np.random.Generator, int], FloatArray],
    *,
    draws: int,
    width: int,
    seed: Sequence[int],
) -> FloatArray:
    """float[S, draws] from a sampler that returns float[S, b] for b draws of `width` counts.

    Batches run in threads, each with its own seed: NumPy releases the interpreter while it draws.
    """
    size = max(1, _COUNTS_PER_BATCH // max(width, 1))

    def batch(start: int) -> FloatArray:
        generator = np.random.default_rng((*seed, start))
        return sample(generator, min(size, draws - start))

    with ThreadPoolExecutor(os.cpu_count()) as pool:
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
    if not draws:
        return estimates(plan, observed, [None] * len(observed))
    drawn = bootstrapped(plan, draws=draws, seed=seed)
    if interval == "percentile":
        return estimates(plan, observed, map(percentiles, drawn))
    return estimates(
        plan,
        observed,
        [
            bca(value, found, left_out, plan.members)
            for value, found, left_out in zip(observed, drawn, jackknife(plan), strict=True)
        ],
    )


def estimates(
    plan: ResamplingPlan, values: FloatArray, intervals: Iterable[tuple[float, float] | None]
) -> list[ScoreEstimate]:
    """Values with their intervals; a subset without utterances has neither."""
    rows = []
    for (key, n), value, bounds in zip(plan.sizes.items(), values, intervals, strict=True):
        low, high = (bounds if n else None) or (None, None)
        rows.append(ScoreEstimate(*key, float(value) if n else None, low, high, n))
    return rows


# Intervals

_NORMAL = NormalDist()


def percentiles(drawn: FloatArray, confidence: float = CONFIDENCE) -> tuple[float, float] | None:
    """Equal-tailed percentile interval of the draws without NaN; None without such draws.

    >>> percentiles(np.arange(101.0), confidence=0.5)
    (25.0, 75.0)
    """
    drawn = drawn[~np.isnan(drawn)]
    if not len(drawn):
        return None
    tail = 50 * (1 - confidence)
    low, high = np.percentile(drawn, [tail, 100 - tail])
    return float(low), float(high)


def bca(
    value: float,
    drawn: FloatArray,
    left_out: FloatArray,
    members: IntArray,
    confidence: float = CONFIDENCE,
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
        return percentiles(drawn, confidence)
    bias = _NORMAL.inv_cdf(below)
    deviations = np.average(left_out, weights=members) - left_out
    squares = float(members @ deviations**2)
    skewness = float(members @ deviations**3) / squares**1.5 / 6 if squares > 0 else 0.0
    tail = (1 - confidence) / 2
    shares = [
        _NORMAL.cdf(bias + (bias + one) / (1 - skewness * (bias + one)))
        for one in (_NORMAL.inv_cdf(tail), _NORMAL.inv_cdf(1 - tail))
    ]
    low, high = np.quantile(drawn, shares)
    return float(low), float(high)


def jackknife(plan: ResamplingPlan) -> FloatArray:
    """float[S, k], every score without one utterance of each row."""
    return scores_of(plan.sums(plan.members[None, :].astype(np.float64)) - plan.table, plan.edges)
