"""Intervals from per-item statistics.

Items enter a score only through their row of statistics, so equal rows are collapsed to cells.
Drawing n items with replacement is then drawing the cells' counts from one multinomial: exactly
the item bootstrap, at the cost of the cells. A draw is a vector of cell counts, and a score
under it a weighted sum, so all metrics and all subsets come from the same draws.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
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

#: Of every interval.
CONFIDENCE = 0.95

#: Counts held at once by a thread, so that memory does not grow with the number of draws.
_COUNTS_PER_BATCH = 4_000_000

#: What a draw takes as one: speakers with all of theirs, where their utterances are alike.
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
    """The same for several systems' answers to the same references: cells that all of them share.

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
    """Rows of any type that differ: they, where each stands first, which one each is, how often."""
    rows = np.ascontiguousarray(rows)
    as_bytes = rows.view(f"V{rows.shape[1] * rows.itemsize}").ravel()
    _, first, which, members = np.unique(
        as_bytes, return_index=True, return_inverse=True, return_counts=True
    )
    return rows[first], first, which, members


@dataclass(frozen=True)
class SubsetScores:
    """The scores of one subset.

    Attributes:
        subset: its name
        rows: int[r], the rows of the plan that lie in it
        scores: metric -> statistics of these rows
        n: utterances
    """

    subset: str
    rows: IntArray
    scores: Mapping[str, Statistics]
    n: int

    @property
    def keys(self) -> list[ScoreKey]:
        return [(self.subset, metric) for metric in self.scores]

    def table(self) -> tuple[FloatArray, IntArray]:
        """Numerators and denominators side by side, float[r, m], and where to split them again."""
        parts = [side for one in self.scores.values() for side in (one.numerator, one.denominator)]
        return np.hstack(parts), np.cumsum([side.shape[1] for side in parts])[:-1]


@dataclass(frozen=True)
class ResamplingPlan:
    """Scores to tell of the same rows; `members`, int[k], says what each of them stands for."""

    members: IntArray
    parts: tuple[SubsetScores, ...]

    @cached_property
    def keys(self) -> list[ScoreKey]:
        return [key for part in self.parts for key in part.keys]

    @cached_property
    def _tables(self) -> list[tuple[FloatArray, IntArray]]:
        return [part.table() for part in self.parts]

    def values(self, counts: FloatArray) -> FloatArray:
        """float[keys, b], the value of every score under each vector of counts, float[b, k].

        NaN where the counts hold nothing of a subset: that is no value, and no 0 either.
        """
        found: list[FloatArray] = []
        for part, (table, edges) in zip(self.parts, self._tables, strict=True):
            # One matrix product a subset.
            own = counts[:, part.rows]
            empty = ~own.any(axis=1)
            found += (np.where(empty, np.nan, one) for one in scores_of(own @ table, edges))
        return np.stack(found) if found else np.empty((0, len(counts)))

    @property
    def observed(self) -> FloatArray:
        """float[keys], the values of the data."""
        return self.values(self.members[None, :].astype(np.float64))[:, 0]

    @classmethod
    def of(cls, cells: Cells, metrics: Mapping[str, ClassMetric]) -> ResamplingPlan:
        """Every metric on every subset that it can be told of."""
        statistics = {name: metric(cells.items) for name, metric in metrics.items()}
        return cls.of_statistics(statistics, cells.members, cells.subsets)

    @classmethod
    def of_statistics(
        cls,
        statistics: Mapping[str, Statistics],
        members: IntArray,
        subsets: Mapping[str, Subset],
    ) -> ResamplingPlan:
        parts = []
        for name, subset in subsets.items():
            rows = np.flatnonzero(subset.mask)
            scores = {
                metric: one.take(rows, subset.classes if is_macro(metric) else None)
                for metric, one in statistics.items()
                if subset.has_majority or not needs_majority(metric)
            }
            if scores:
                parts.append(SubsetScores(name, rows, scores, int(members[rows].sum())))
        return cls(members, tuple(parts))

    def by_cluster(self, cluster_of: IntArray) -> ResamplingPlan:
        """A row a cluster (a speaker), drawn and left out as one.

        Args: `cluster_of`, int[k], of rows that stand for one utterance each.
        """
        parts = []
        for part in self.parts:
            clusters, place = np.unique(cluster_of[part.rows], return_inverse=True)
            scores = {
                metric: Statistics(summed(one.numerator, place), summed(one.denominator, place))
                for metric, one in part.scores.items()
            }
            parts.append(SubsetScores(part.subset, clusters, scores, part.n))
        ones = np.ones(cluster_of.max(initial=-1) + 1, dtype=np.int64)
        return ResamplingPlan(ones, tuple(parts))

    def __or__(self, other: ResamplingPlan) -> ResamplingPlan:
        """The scores of both, of the same rows."""
        return ResamplingPlan(self.members, (*self.parts, *other.parts))


def clusters_of(speakers: Sequence[str | None]) -> IntArray:
    """int[n], whose each utterance is; one without a speaker is by itself.

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


def scores_of(sums: FloatArray, edges: IntArray) -> list[FloatArray]:
    """float[b] of each score, from sums over such a table, float[b, m]."""
    parts = np.split(sums, edges, axis=1)
    return [
        np.abs(ratios(numerator, denominator)).mean(axis=1)
        for numerator, denominator in zip(parts[::2], parts[1::2], strict=True)
    ]


class MultinomialSampler:
    """Draws as many utterances as there are, with replacement.

    Counts of the rows follow a multinomial, whose cost is the number of rows. Rows that stand for
    few utterances are drawn together, as one, and then one utterance after the other, which is the
    same distribution for half the time.
    """

    #: Rows of fewer utterances than this are cheaper one by one, ...
    _FEW = 16

    #: ... so many counts at a time, which stay near the processor.
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
        """int[b, few], of so many utterances in each draw."""
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
    """float[keys, draws] of a sampler that gives float[keys, b] for b draws of so many counts.

    Batches run in threads, each from a seed of its own: NumPy lets go of the interpreter while it
    draws.
    """
    size = max(1, _COUNTS_PER_BATCH // max(width, 1))

    def batch(start: int) -> FloatArray:
        generator = np.random.default_rng((*seed, start))
        return sample(generator, min(size, draws - start))

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = list(pool.map(batch, range(0, draws, size)))
    return np.concatenate(found, axis=1)


def bootstrapped(plan: ResamplingPlan, *, draws: int, seed: int) -> FloatArray:
    """float[keys, draws], every score when utterances are drawn with replacement."""
    urn = MultinomialSampler(plan.members)

    def sample(generator: np.random.Generator, size: int) -> FloatArray:
        return plan.values(urn.draw(generator, size))

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
    """Values and intervals put together; a subset without items has neither."""
    sizes = [part.n for part in plan.parts for _ in part.keys]
    rows = []
    for key, value, bounds, n in zip(plan.keys, values, intervals, sizes, strict=True):
        low, high = (bounds if n else None) or (None, None)
        rows.append(ScoreEstimate(*key, float(value) if n else None, low, high, n))
    return rows


# Intervals

_NORMAL = NormalDist()


def percentiles(drawn: FloatArray, confidence: float = CONFIDENCE) -> tuple[float, float] | None:
    """Equal-tailed percentile interval of the draws that hold a value; None where none does.

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
    """Bias-corrected and accelerated interval of the draws that hold a value.

    The percentiles move with the share of draws below the value (bias) and with the skewness of
    the jackknife values (acceleration). Draws that are all on one side, or all alike, leave
    nothing to correct by: these are the plain percentiles.

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
    """float[keys, k], every score without one utterance of each row."""
    left_out = []
    for part in plan.parts:
        table, edges = part.table()
        sums = plan.members[part.rows] @ table
        whole = scores_of(sums[None, :], edges)
        for value, found in zip(whole, scores_of(sums - table, edges), strict=True):
            # Without one of another subset, the score is what it was.
            row = np.full(len(plan.members), value[0])
            row[part.rows] = found
            left_out.append(row)
    return np.stack(left_out) if left_out else np.empty((0, len(plan.members)))
