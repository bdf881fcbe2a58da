"""Intervals from per-item statistics.

Items enter a score only through their row of statistics, so equal rows are collapsed to cells.
Drawing n items with replacement is then drawing the cells' counts from one multinomial: exactly
the item bootstrap, at the cost of the cells. A draw is a vector of cell counts, and a score
under it a weighted sum, so all metrics and all subsets come from the same draws.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from whyser_eval.metrics import BoolArray, FloatArray, IntArray, Items, Metric, Statistics, ratios

#: Of the equal-tailed percentile interval.
CONFIDENCE = 0.95

#: Counts held at once, so that memory does not grow with the number of draws.
_COUNTS_PER_BATCH = 4_000_000

#: (subset, metric)
ScoreKey = tuple[str, str]


@dataclass(frozen=True)
class Estimate:
    """A score on one subset of `n` items: None where there is nothing to say.

    `low` and `high` bound the percentile interval and are None without draws; `value` too is
    None on a subset without items.
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
        subsets: name -> bool[k], the cells that belong to a subset
    """

    items: Items
    members: IntArray
    subsets: Mapping[str, BoolArray]

    def size(self, subset: str) -> int:
        return int(self.members[self.subsets[subset]].sum())


def collapse(items: Items, subsets: Mapping[str, BoolArray]) -> Cells:
    """Equal rows (y, p, A, membership of every subset) as cells, in a fixed order.

    >>> items = Items.from_names(["sad", "sad", "happy"], ["sad"] * 3, classes=["happy", "sad"])
    >>> collapse(items, {"all": np.ones(3, dtype=bool)}).members
    array([1, 2])
    """
    keys = np.column_stack(
        [items.labels, items.predictions, items.annotators, *subsets.values()]
    ).astype(np.int64)
    _, first, members = np.unique(keys, axis=0, return_index=True, return_counts=True)
    return Cells(items.take(first), members, {name: mask[first] for name, mask in subsets.items()})


def bootstrap_draws(members: IntArray, draws: int, *, seed: int) -> Iterator[IntArray]:
    """Cell counts of `draws` bootstrap samples, in batches int[b, k].

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


def evaluate(
    cells: Cells, metrics: Mapping[str, Metric], batches: Iterable[IntArray]
) -> dict[ScoreKey, FloatArray]:
    """The value of every metric on every subset under each vector of cell counts.

    Args: `batches` of cell counts, int[b, k] each.

    Returns: (subset, metric) -> float[total of b].
    """
    statistics = {name: metric(cells.items) for name, metric in metrics.items()}
    plan = {
        (subset, name): masked(rows, mask)
        for subset, mask in cells.subsets.items()
        for name, rows in statistics.items()
    }
    # One matrix product a batch.
    stacked, edges = side_by_side(plan.values())
    values: dict[ScoreKey, list[FloatArray]] = {key: [] for key in plan}
    for counts in batches:
        scored = scores_of(counts.astype(np.float64) @ stacked, edges)
        for key, found in zip(plan, scored, strict=True):
            values[key].append(found)
    return {key: np.concatenate(found) if found else np.empty(0) for key, found in values.items()}


def side_by_side(rows: Collection[Statistics]) -> tuple[FloatArray, IntArray]:
    """Numerators and denominators of all in one table, and where to split it again."""
    stacked = np.hstack([part for one in rows for part in (one.numerator, one.denominator)])
    edges = np.cumsum([one.numerator.shape[1] for one in rows for _ in range(2)])[:-1]
    return stacked, edges


def scores_of(sums: FloatArray, edges: IntArray) -> list[FloatArray]:
    """float[b] of each score, from sums over such a table, float[b, m]."""
    parts = np.split(sums, edges, axis=1)
    return [
        ratios(numerator, denominator).mean(axis=1)
        for numerator, denominator in zip(parts[::2], parts[1::2], strict=True)
    ]


def masked(rows: Statistics, mask: BoolArray) -> Statistics:
    """The statistics of a subset: what is outside adds nothing."""
    weights = mask[:, None] * 1.0
    return Statistics(rows.numerator * weights, rows.denominator * weights)


def interval(values: FloatArray, confidence: float = CONFIDENCE) -> tuple[float, float] | None:
    """Equal-tailed percentile interval of the draws; None without draws.

    >>> interval(np.arange(101.0), confidence=0.5)
    (25.0, 75.0)
    """
    if not len(values):
        return None
    tail = 50 * (1 - confidence)
    low, high = np.percentile(values, [tail, 100 - tail])
    return float(low), float(high)


def bootstrap(
    items: Items,
    subsets: Mapping[str, BoolArray],
    metrics: Mapping[str, Metric],
    *,
    draws: int,
    seed: int,
) -> list[Estimate]:
    """Every metric on every subset with its percentile interval.

    Args:
        subsets: name -> bool[n]
        draws: bootstrap samples; 0 gives values without intervals

    Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 13.

    >>> items = Items.from_names(["sad"] * 4, ["sad"] * 4, classes=["sad"])
    >>> everything = {"all": np.ones(4, dtype=bool)}
    >>> from whyser_eval.metrics import hit_rate
    >>> bootstrap(items, everything, {"hit_rate": hit_rate}, draws=10, seed=0)
    [Estimate(subset='all', metric='hit_rate', value=1.0, low=1.0, high=1.0, n=4)]
    """
    cells = collapse(items, subsets)
    observed = evaluate(cells, metrics, [cells.members[None, :]])
    drawn = evaluate(cells, metrics, bootstrap_draws(cells.members, draws, seed=seed))
    values = {key: float(value[0]) for key, value in observed.items()}
    return estimates(cells, values, drawn)


def estimates(
    cells: Cells, values: Mapping[ScoreKey, float], drawn: Mapping[ScoreKey, FloatArray]
) -> list[Estimate]:
    """Values and draws put together; a subset without items has neither."""
    rows = []
    for (subset, metric), value in values.items():
        n = cells.size(subset)
        bounds = interval(drawn.get((subset, metric), np.empty(0))) if n else None
        low, high = bounds or (None, None)
        rows.append(Estimate(subset, metric, value if n else None, low, high, n))
    return rows
