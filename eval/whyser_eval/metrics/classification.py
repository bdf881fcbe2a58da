"""Metrics as per-item statistics, so that an interval costs no second pass over the data.

A metric maps `Items` to `Statistics`: one row of numerators and one of denominators per item.
Its value is the mean over columns of `|sum(numerator) / sum(denominator)|`, with 0/0 = 0. Any
weighting of the items (a subset, a bootstrap draw) is then a weighted sum of the same rows.

Names: y the majority label, A the set of the annotators' labels, p the prediction,
hit = (p in A). A prediction that is other, undeclared or unread is `MISS`: never a class of the
average, always a miss of the gold class. Where annotators did not agree, y is `MISS` too, and only
the metrics of `ANNOTATORS` have something to say.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]

#: Stands in `Items` for what is no declared class, or for no consensus.
MISS = -1


@dataclass(frozen=True)
class Items:
    """What every metric looks at, one row per utterance.

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
        if unknown := sorted(set(references) - position.keys()):
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
        return _one_hot(self.labels, self.annotators.shape[1])

    @property
    def predicted(self) -> BoolArray:
        """bool[n, C], one-hot p; a row of zeros for a miss."""
        return _one_hot(self.predictions, self.annotators.shape[1])

    @property
    def hit(self) -> BoolArray:
        """bool[n], whether some annotator chose what was predicted."""
        hit: BoolArray = np.any(self.predicted & self.annotators, axis=1)
        return hit


def _one_hot(positions: IntArray, width: int) -> BoolArray:
    one_hot: BoolArray = positions[:, None] == np.arange(width)
    return one_hot


@dataclass(frozen=True)
class Statistics:
    """Per-item shares of a metric.

    Attributes:
        numerator: float[n, K], K = the declared classes, or 1 for a plain rate
        denominator: float[n, K]
        by_class: whether the columns are the declared classes
    """

    numerator: FloatArray
    denominator: FloatArray
    by_class: bool = False

    @property
    def counts(self) -> tuple[FloatArray, FloatArray]:
        """Sums over the items, each float[K]: what the value is made of."""
        return self.numerator.sum(axis=0), self.denominator.sum(axis=0)

    @property
    def per_column(self) -> FloatArray:
        """float[K], the ratio of each class."""
        return ratios(*self.counts)

    @property
    def value(self) -> float:
        return float(np.abs(self.per_column).mean())

    def of_class(self, position: int) -> Statistics:
        """One class by itself, of shape [n, 1]."""
        column = slice(position, position + 1)
        return Statistics(self.numerator[:, column], self.denominator[:, column])

    def take(self, rows: IntArray, classes: BoolArray | None = None) -> Statistics:
        """Some of the rows.

        Args: `classes`, bool[C], those to average over; None for all.
        """
        kept = slice(None) if classes is None or not self.by_class else classes
        return Statistics(
            self.numerator[rows][:, kept], self.denominator[rows][:, kept], self.by_class
        )


#: A metric; `METRICS` lists them by the name that scores print.
Metric = Callable[[Items], Statistics]


def ratios(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    """Element by element numerator / denominator, with 0/0 = 0.

    A class that nobody named and nothing predicted thus scores 0, as `zero_division=0` does:
    the average is over the declared classes, whatever the data holds.

    >>> ratios(np.array([1.0, 0.0]), np.array([2.0, 0.0]))
    array([0.5, 0. ])
    """
    shape = np.broadcast_shapes(numerator.shape, denominator.shape)
    return np.divide(numerator, denominator, out=np.zeros(shape), where=denominator > 0)


def _f1(
    true_positives: BoolArray, false_positives: BoolArray, false_negatives: BoolArray
) -> Statistics:
    """F1 = 2 TP / (2 TP + FP + FN) as statistics, from bool[n, C] each."""
    doubled = 2 * true_positives.astype(np.float64)
    return Statistics(doubled, doubled + false_positives + false_negatives, by_class=True)


def f1_majority(items: Items) -> Statistics:
    """Macro-F1 on the majority labels (MV).

    Formula: mean over classes of 2 TP_c / (2 TP_c + FP_c + FN_c), of p against y.

    Args: items with n utterances and C declared classes.

    Returns: statistics of shape [n, C].

    Source: paper, 3.1; equals scikit-learn's `f1_score(y, p, labels=classes, average="macro",
    zero_division=0)`.

    >>> items = Items.from_names(
    ...     ["sad", "sad", "happy"], ["sad", "happy", None], classes=["happy", "sad"])
    >>> f1_majority(items).per_column  # happy: 0 / (0 + 1 + 1); sad: 2 / (2 + 0 + 1)
    array([0.        , 0.66666667])
    """
    gold, predicted = items.gold, items.predicted
    return _f1(gold & predicted, ~gold & predicted, gold & ~predicted)


def f1_all_labels(items: Items) -> Statistics:
    """Macro-F1 on All-labels, reading D1: a hit replaces the majority label.

    Formula: y' = p if p in A else y; Macro-F1 of p against y'. Never below `f1_majority`, and
    equal to it when every A = {y}. Where there is no y, a prediction outside A misses every label
    of A in equal part, one miss in all.

    Args: items with n utterances and C declared classes.

    Returns: statistics of shape [n, C].

    Source: paper, 3.1, in the reading that shows its pattern; docs/design.md, "The All-labels
    readings", D1.

    >>> items = Items.from_names(
    ...     ["sad", "sad"], ["sad", "happy"], [{"sad"}, {"sad", "happy"}], classes=["happy", "sad"])
    >>> f1_all_labels(items).value, f1_majority(items).value
    (1.0, 0.3333333333333333)
    """
    substituted = np.where(items.hit, items.predictions, items.labels)
    found = f1_majority(Items(substituted, items.predictions, items.annotators))
    parts = items.annotators * (substituted == MISS)[:, None]
    missed = ratios(parts * 1.0, parts.sum(axis=1, keepdims=True) * 1.0)
    return Statistics(found.numerator, found.denominator + missed, by_class=True)


def f1_multilabel(items: Items) -> Statistics:
    """Macro-F1 with every label of A as a reference, reading D2.

    Formula: TP_c = #[p = c in A], FP_c = #[p = c not in A], FN_c = #[c in A, p != c]. One
    prediction can name one label only, so even an oracle stays below 1 where raters differ.

    Args: items with n utterances and C declared classes.

    Returns: statistics of shape [n, C].

    Source: docs/design.md, "The All-labels readings", D2.

    >>> items = Items.from_names(["sad"], ["sad"], [{"sad", "happy"}], classes=["happy", "sad"])
    >>> f1_multilabel(items).per_column
    array([0., 1.])
    """
    predicted, chosen = items.predicted, items.annotators
    return _f1(predicted & chosen, predicted & ~chosen, chosen & ~predicted)


def f1_relaxed(items: Items) -> Statistics:
    """As `f1_multilabel`, but a hit misses nothing: reading D3.

    Formula: TP_c and FP_c as D2; FN_c = #[c in A, p != c, not hit].

    Args: items with n utterances and C declared classes.

    Returns: statistics of shape [n, C].

    Source: docs/design.md, "The All-labels readings", D3.

    >>> items = Items.from_names(["sad"], [None], [{"sad", "happy"}], classes=["happy", "sad"])
    >>> f1_relaxed(items).counts
    (array([0., 0.]), array([1., 1.]))
    """
    predicted, chosen = items.predicted, items.annotators
    missed = chosen & ~predicted & ~items.hit[:, None]
    return _f1(predicted & chosen, predicted & ~chosen, missed)


def hit_rate(items: Items) -> Statistics:
    """Share of predictions that some annotator chose, D4.

    Formula: mean of [p in A]. A constant "neutral" comes near 0.6: read it beside the others.

    Args: items with n utterances.

    Returns: statistics of shape [n, 1].

    Source: docs/design.md, "The All-labels readings", D4.

    >>> hit_rate(Items.from_names(["sad", "sad"], ["sad", None], classes=["sad"])).value
    0.5
    """
    return Statistics(items.hit[:, None].astype(np.float64), np.ones((len(items), 1)))


def hit_rate_macro(items: Items) -> Statistics:
    """Hit rate given the majority label, averaged over the declared classes, D5.

    Formula: mean over c of #[y = c, hit] / #[y = c].

    Args: items with n utterances and C declared classes.

    Returns: statistics of shape [n, C].

    Source: docs/design.md, "The All-labels readings", D5.

    >>> items = Items.from_names(["sad", "happy"], ["sad", None], classes=["happy", "sad"])
    >>> hit_rate_macro(items).value
    0.5
    """
    gold = items.gold
    hits = (gold & items.hit[:, None]).astype(np.float64)
    return Statistics(hits, gold.astype(np.float64), by_class=True)


def ua(items: Items) -> Statistics:
    """Unweighted accuracy: the recall of each class, averaged over the declared classes.

    Formula: mean over c of #[y = c, p = c] / #[y = c]. Equals scikit-learn's macro `recall_score`,
    and audmetric's `unweighted_average_recall` where nothing is a miss: that one drops utterances
    whose prediction is no declared class, and so scores them higher.

    Args: items with n utterances and C declared classes.

    Returns: statistics of shape [n, C].

    >>> ua(Items.from_names(["sad"] * 3 + ["happy"], ["sad"] * 4, classes=["happy", "sad"])).value
    0.5
    """
    gold = items.gold
    correct = (gold & items.predicted).astype(np.float64)
    return Statistics(correct, gold.astype(np.float64), by_class=True)


def wa(items: Items) -> Statistics:
    """Weighted accuracy: the share of predictions that are the majority label.

    Formula: mean of [p = y]. The recalls of `ua`, each weighted by the frequency of its class.

    Args: items with n utterances.

    Returns: statistics of shape [n, 1].

    >>> wa(Items.from_names(["sad"] * 3 + ["happy"], ["sad"] * 4, classes=["happy", "sad"])).value
    0.75
    """
    correct = (items.gold & items.predicted).sum(axis=1, keepdims=True, dtype=np.float64)
    return Statistics(correct, np.ones((len(items), 1)))


METRICS: dict[str, Metric] = {
    "f1_majority": f1_majority,
    "f1_all_labels": f1_all_labels,
    "ua": ua,
    "wa": wa,
    "f1_multilabel": f1_multilabel,
    "f1_relaxed": f1_relaxed,
    "hit_rate": hit_rate,
    "hit_rate_macro": hit_rate_macro,
}


#: What needs no consensus: defined by the annotators' labels alone.
ANNOTATORS = frozenset({"f1_all_labels", "f1_multilabel", "f1_relaxed", "hit_rate"})


def by_class(classes: Sequence[str]) -> dict[str, Metric]:
    """F1 on the majority labels and recall of each class, as `f1:sad` and `recall:sad`.

    >>> items = Items.from_names(["sad"], ["sad"], classes=["happy", "sad"])
    >>> by_class(["happy", "sad"])["recall:sad"](items).value
    1.0
    """

    def of_class(metric: Metric, position: int) -> Metric:
        return lambda items: metric(items).of_class(position)

    return {
        f"{name}:{label}": of_class(metric, position)
        for name, metric in (("f1", f1_majority), ("recall", ua))
        for position, label in enumerate(classes)
    }


def confusion(items: Items) -> IntArray:
    """Counts int[C, C + 1] of gold (rows) against predicted (columns); the last column is misses.

    >>> confusion(Items.from_names(["sad", "sad"], ["sad", None], classes=["happy", "sad"]))
    array([[0, 0, 0],
           [0, 1, 1]])
    """
    width = items.annotators.shape[1]
    table = np.zeros((width, width + 1), dtype=np.int64)
    # Position -1 is the last column, which is where misses belong.
    np.add.at(table, (items.labels, items.predictions), 1)
    return table
