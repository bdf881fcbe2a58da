"""What metrics take and return: utterances, their statistics, subsets of them, and estimates.

A metric maps utterances to `Statistics`: one row of numerators and one of denominators per
utterance. Its value is the mean over columns of `|sum(numerator) / sum(denominator)|`, with
0/0 = 0, or another function of these sums. Any weighting of the utterances (a subset, a bootstrap
draw) is then a weighted sum of the same rows, so an interval needs no second pass over the data.

Names: y is the majority label, A the set of the annotators' labels, p the prediction, and
hit = (p in A).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]

#: The position of an undeclared class, or of a missing majority label.
MISS = -1


@dataclass(frozen=True)
class Items:
    """The input of every metric of classes, one row per utterance.

    Attributes:
        labels: int[n], position of y among the declared classes, or `MISS`
        predictions: int[n], position of p, or `MISS`
        annotators: bool[n, C], whether class c is in A
    """

    labels: IntArray
    predictions: IntArray
    annotators: BoolArray

    @classmethod
    def from_names(
        cls,
        references: Sequence[str],
        predictions: Sequence[str | None],
        annotators: Sequence[Collection[str]] | None = None,
        *,
        classes: Sequence[str],
    ) -> Items:
        """Items from class names; a prediction outside `classes` becomes a miss.

        Without `annotators` every A is {y}.

        Raises: `ValueError` for a reference outside `classes` or lengths that differ.

        >>> Items.from_names(["sad"], ["bored"], classes=["happy", "sad"]).predictions
        array([-1])
        """
        sets = annotators if annotators is not None else [{name} for name in references]
        if not len(references) == len(predictions) == len(sets):
            raise ValueError("references, predictions and annotators differ in length")
        position = {name: index for index, name in enumerate(classes)}
        if unknown := sorted(set(references) - position.keys(), key=str):
            raise ValueError(f"references outside the declared classes: {unknown}")
        return cls(
            np.array([position[name] for name in references], dtype=np.int64),
            np.array([position.get(name or "", MISS) for name in predictions], dtype=np.int64),
            np.array(
                [[name in chosen for name in classes] for chosen in sets], dtype=np.bool_
            ).reshape(len(sets), len(classes)),
        )

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: IntArray) -> Items:
        return Items(self.labels[rows], self.predictions[rows], self.annotators[rows])

    @property
    def gold(self) -> BoolArray:
        """bool[n, C], one-hot y."""
        return self._one_hot(self.labels)

    @property
    def predicted(self) -> BoolArray:
        """bool[n, C], one-hot p; a row of zeros for a miss."""
        return self._one_hot(self.predictions)

    def _one_hot(self, positions: IntArray) -> BoolArray:
        one_hot: BoolArray = positions[:, None] == np.arange(self.annotators.shape[1])
        return one_hot

    @property
    def hit(self) -> BoolArray:
        """bool[n], whether some annotator chose what was predicted."""
        hit: BoolArray = np.any(self.predicted & self.annotators, axis=1)
        return hit


def ratios(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    """Element by element numerator / denominator, with 0/0 = 0.

    So a class without references or predictions scores 0, as with `zero_division=0`: the average
    is over the declared classes, whatever the data holds.

    >>> ratios(np.array([1.0, 0.0]), np.array([2.0, 0.0]))
    array([0.5, 0. ])
    """
    shape = np.broadcast_shapes(numerator.shape, denominator.shape)
    return np.divide(numerator, denominator, out=np.zeros(shape), where=denominator > 0)


def mean_ratio(above: FloatArray, below: FloatArray) -> FloatArray:
    """float[...], the mean over the last axis of the absolute ratios of sums, float[..., K]."""
    mean: FloatArray = np.abs(ratios(above, below)).mean(axis=-1)
    return mean


#: A metric's value from the sums of its numerators, float[..., J], and denominators, float[..., K].
ValueOf: TypeAlias = Callable[[FloatArray, FloatArray], FloatArray]


@dataclass(frozen=True)
class Statistics:
    """What each utterance adds to a metric.

    Attributes:
        numerator: float[n, K], K = C where the metric is a mean over classes, 1 for a plain rate
        denominator: float[n, K]; an utterance with zeros only does not count
        value_of: the value from the sums; with another than `mean_ratio` a numerator may have
            several columns for one of the denominator
    """

    numerator: FloatArray
    denominator: FloatArray
    value_of: ValueOf = mean_ratio

    @property
    def counts(self) -> tuple[FloatArray, FloatArray]:
        """The sums over the items, float[K] each, that the value is computed from."""
        return self.numerator.sum(axis=0), self.denominator.sum(axis=0)

    @property
    def per_column(self) -> FloatArray:
        """float[K], the ratio of each column."""
        return ratios(*self.counts)

    @property
    def value(self) -> float:
        return float(self.value_of(*self.counts))

    def take(self, rows: IntArray | BoolArray) -> Statistics:
        return replace(self, numerator=self.numerator[rows], denominator=self.denominator[rows])

    def of_class(self, position: int) -> Statistics:
        """One class by itself, of shape [n, 1]."""
        column = slice(position, position + 1)
        return Statistics(self.numerator[:, column], self.denominator[:, column])


#: A metric of the predicted classes.
ClassMetric: TypeAlias = Callable[[Items], Statistics]


@dataclass(frozen=True)
class Subset:
    """Some of the references, which are scored separately.

    Attributes:
        mask: bool[n]
        classes: bool[C], the declared classes that averages are over; None for all
        has_majority: whether every utterance of it has a majority label
    """

    mask: BoolArray
    classes: BoolArray | None = None
    has_majority: bool = True

    def take(self, rows: IntArray) -> Subset:
        return replace(self, mask=self.mask[rows])


@dataclass(frozen=True)
class ScoreEstimate:
    """A score on one subset of `n` utterances.

    `low` and `high` bound the interval and are None without draws; `value` too is None on a
    subset without utterances.
    """

    subset: str
    metric: str
    value: float | None
    low: float | None
    high: float | None
    n: int
