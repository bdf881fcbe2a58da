"""Intervals from per-item statistics.

Items enter a score only through their row of statistics, so equal rows are collapsed to cells.
Drawing n items with replacement is then drawing the cells' counts from one multinomial: exactly
the item bootstrap, at the cost of the cells. A draw is a vector of cell counts, and a score
under it a weighted sum, so all metrics and all subsets come from the same draws.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from whyser_eval.metrics import FloatArray, IntArray, Items, Metric, Statistics, ratios
from whyser_eval.subsets import Subset

#: Of every interval.
CONFIDENCE = 0.95

#: Counts held at once, so that memory does not grow with the number of draws.
_COUNTS_PER_BATCH = 4_000_000

Row = TypeVar("Row", bound=np.generic)

#: (subset, metric)
ScoreKey = tuple[str, str]

#: Percentiles of the draws as they are, or bias-corrected and accelerated.
Interval: TypeAlias = Literal["percentile", "bca"]


@dataclass(frozen=True)
class Estimate:
    """A score on one subset of `n` items: None where there is nothing to say.

    `low` and `high` bound the interval and are None without draws; `value` too is None on a
    subset without items.
    """

    subset: str
    metric: str
    value: float | None
    low: float | None
    high: float | None
    n: int


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
    flags = np.column_stack([items.annotators, *(subset.mask for subset in subsets.values())])
    labels = np.column_stack([items.labels, items.predictions]).astype(np.int16)
    # As bytes, which sort faster than columns; big-endian, so that a label sorts as its number.
    keys = np.hstack([labels.astype(">i2").view(np.uint8), np.packbits(flags, axis=1)])
    _, first, _, members = distinct(keys)
    return Cells(
        items.take(first), members, {name: subset.take(first) for name, subset in subsets.items()}
    )


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
class Part:
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
class Plan:
    """Scores to tell of the same rows; `members`, int[k], says what each of them stands for."""

    members: IntArray
    parts: tuple[Part, ...]

    @classmethod
    def of(cls, cells: Cells, metrics: Mapping[str, Metric]) -> Plan:
        """Every metric on every subset that it can be told of."""
        statistics = {name: metric(cells.items) for name, metric in metrics.items()}
        return cls.of_statistics(statistics, cells.members, cells.subsets)

    @classmethod
    def of_statistics(
        cls,
        statistics: Mapping[str, Statistics],
        members: IntArray,
        subsets: Mapping[str, Subset],
    ) -> Plan:
        parts = []
        for name, subset in subsets.items():
            rows = np.flatnonzero(subset.mask)
            scores = {
                metric: one.take(rows, subset.classes)
                for metric, one in statistics.items()
                if subset.takes(metric)
            }
            if scores:
                parts.append(Part(name, rows, scores, int(members[rows].sum())))
        return cls(members, tuple(parts))

    def __or__(self, other: Plan) -> Plan:
        """The scores of both, of the same rows."""
        return Plan(self.members, (*self.parts, *other.parts))


def scores_of(sums: FloatArray, edges: IntArray) -> list[FloatArray]:
    """float[b] of each score, from sums over such a table, float[b, m]."""
    parts = np.split(sums, edges, axis=1)
    return [
        np.abs(ratios(numerator, denominator)).mean(axis=1)
        for numerator, denominator in zip(parts[::2], parts[1::2], strict=True)
    ]


def evaluate(plan: Plan, batches: Iterable[IntArray]) -> dict[ScoreKey, FloatArray]:
    """The value of every score under each vector of counts.

    Args: `batches` of counts, int[b, k] each.

    Returns: key -> float[total of b].
    """
    tables = [part.table() for part in plan.parts]
    values: dict[ScoreKey, list[FloatArray]] = {key: [] for part in plan.parts for key in part.keys}
    for batch in batches:
        counts = batch.astype(np.float64)
        for part, (table, edges) in zip(plan.parts, tables, strict=True):
            # One matrix product a subset.
            found = scores_of(counts[:, part.rows] @ table, edges)
            for key, one in zip(part.keys, found, strict=True):
                values[key].append(one)
    return {key: np.concatenate(found) if found else np.empty(0) for key, found in values.items()}


def bootstrap_draws(members: IntArray, draws: int, *, seed: int) -> Iterator[IntArray]:
    """Counts of `draws` bootstrap samples, in batches int[b, k].

    The sequence depends on the seed alone, not on the batch size.
    """
    generator = np.random.default_rng(seed)
    total = int(members.sum())
    for size in batch_sizes(draws, len(members)):
        yield generator.multinomial(total, members / total, size=size)


def batch_sizes(draws: int, width: int) -> Iterator[int]:
    size = max(1, _COUNTS_PER_BATCH // max(width, 1))
    for start in range(0, draws, size):
        yield min(size, draws - start)


def bootstrap(
    plan: Plan, *, draws: int, seed: int, interval: Interval = "percentile"
) -> list[Estimate]:
    """Every score with its interval.

    Args: `draws` bootstrap samples; 0 gives values without intervals.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapters 13 and 14.

    >>> items = Items.from_names(["sad"] * 4, ["sad"] * 4, classes=["sad"])
    >>> cells = collapse(items, {"all": Subset(np.ones(4, dtype=bool))})
    >>> from whyser_eval.metrics import hit_rate
    >>> bootstrap(Plan.of(cells, {"hit_rate": hit_rate}), draws=10, seed=0)
    [Estimate(subset='all', metric='hit_rate', value=1.0, low=1.0, high=1.0, n=4)]
    """
    observed = evaluate(plan, [plan.members[None, :]])
    values = {key: float(value[0]) for key, value in observed.items()}
    drawn = evaluate(plan, bootstrap_draws(plan.members, draws, seed=seed))
    if not draws or interval == "percentile":
        return estimates(plan, values, {key: percentiles(found) for key, found in drawn.items()})
    left_out = jackknife(plan)
    return estimates(
        plan,
        values,
        {key: bca(values[key], found, left_out[key], plan.members) for key, found in drawn.items()},
    )


def estimates(
    plan: Plan,
    values: Mapping[ScoreKey, float],
    intervals: Mapping[ScoreKey, tuple[float, float] | None],
) -> list[Estimate]:
    """Values and intervals put together; a subset without items has neither."""
    rows = []
    for part in plan.parts:
        for key in part.keys:
            low, high = (intervals.get(key) if part.n else None) or (None, None)
            rows.append(Estimate(*key, values[key] if part.n else None, low, high, part.n))
    return rows


# Intervals

_NORMAL = NormalDist()


def percentiles(drawn: FloatArray, confidence: float = CONFIDENCE) -> tuple[float, float] | None:
    """Equal-tailed percentile interval of the draws; None without draws.

    >>> percentiles(np.arange(101.0), confidence=0.5)
    (25.0, 75.0)
    """
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
    """Bias-corrected and accelerated interval of the draws; None without draws.

    The percentiles move with the share of draws below the value (bias) and with the skewness of
    the jackknife values (acceleration). Draws that are all on one side, or all alike, leave
    nothing to correct by: these are the plain percentiles.

    Args:
        drawn: float[draws]
        left_out: float[k], the score without one utterance of each row
        members: int[k], the utterances of each row

    Source: Efron and Tibshirani (1993), 14.3.
    """
    if not len(drawn):
        return None
    below = float((drawn < value).mean() + (drawn == value).mean() / 2)
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


def jackknife(plan: Plan) -> dict[ScoreKey, FloatArray]:
    """float[k] of each score: its value without one utterance of each row."""
    left_out: dict[ScoreKey, FloatArray] = {}
    for part in plan.parts:
        table, edges = part.table()
        sums = plan.members[part.rows] @ table
        # Without one of another subset, the score is what it was.
        whole = scores_of(sums[None, :], edges)
        for key, value, found in zip(part.keys, whole, scores_of(sums - table, edges), strict=True):
            left_out[key] = np.full(len(plan.members), value[0])
            left_out[key][part.rows] = found
    return left_out
