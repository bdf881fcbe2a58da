"""Metrics of the predicted classes.

Names: y is the majority label, A the set of the annotators' labels, p the prediction, and
hit = (p in A). TP, FP and FN count one class c. A prediction that is other, undeclared or unread is
`MISS`: it belongs to no class of a mean, and is wrong for the class of y. Where annotators did not
agree, y is `MISS` too, and only metrics declared with `needs_majority=False` are computed.

Every metric takes items of n utterances and C declared classes. It returns statistics of shape
[n, C] if it is a mean over classes (`macro`), else [n, 1].
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from whyser_eval.metrics.data import (
    MISS,
    BoolArray,
    ClassMetric,
    IntArray,
    Items,
    Statistics,
    ratios,
)
from whyser_eval.metrics.declaration import METRICS, metric


def _f1(
    true_positives: BoolArray, false_positives: BoolArray, false_negatives: BoolArray
) -> Statistics:
    """F1 = 2 TP / (2 TP + FP + FN) as statistics, from bool[n, C] each."""
    doubled = 2 * true_positives.astype(np.float64)
    return Statistics(doubled, doubled + false_positives + false_negatives)


def _recall(gold: BoolArray, found: BoolArray) -> Statistics:
    return Statistics((gold & found).astype(np.float64), gold.astype(np.float64))


@metric("classes", macro=True, heading="MV", of_column="f1")
def f1_majority(items: Items) -> Statistics:
    """Macro-F1 on the majority labels (MV).

    Formula: mean over classes of 2 TP / (2 TP + FP + FN), of p against y.

    Source: the paper, 3.1; scikit-learn's `f1_score(y, p, labels=classes, average="macro",
    zero_division=0)`.

    >>> items = Items.from_names(
    ...     ["sad", "sad", "happy"], ["sad", "happy", None], classes=["happy", "sad"])
    >>> f1_majority(items).per_column  # happy: 0 / (0 + 1 + 1); sad: 2 / (2 + 0 + 1)
    array([0.        , 0.66666667])
    """
    gold, predicted = items.gold, items.predicted
    return _f1(gold & predicted, ~gold & predicted, gold & ~predicted)


@metric("classes", macro=True, needs_majority=False, heading="All (D1)")
def f1_all_labels(items: Items) -> Statistics:
    """Macro-F1 on All-labels (D1): at a hit, the prediction replaces the majority label.

    Formula: `f1_majority` of p against y', where y' = p if p in A, else y; never below
    `f1_majority`, and equal to it when every A = {y}. Where there is no y, a prediction outside A
    misses every label of A in equal part, one miss in all.

    Source: the paper, 3.1, in the one reading whose pattern is the paper's.

    >>> items = Items.from_names(
    ...     ["sad", "sad"], ["sad", "happy"], [{"sad"}, {"sad", "happy"}], classes=["happy", "sad"])
    >>> f1_all_labels(items).value, f1_majority(items).value
    (1.0, 0.3333333333333333)
    """
    substituted = np.where(items.hit, items.predictions, items.labels)
    found = f1_majority(Items(substituted, items.predictions, items.annotators))
    parts = items.annotators * (substituted == MISS)[:, None]
    missed = ratios(parts * 1.0, parts.sum(axis=1, keepdims=True) * 1.0)
    return Statistics(found.numerator, found.denominator + missed)


@metric("classes", macro=True, of_column="recall")
def ua(items: Items) -> Statistics:
    """Unweighted accuracy (UAR): the mean recall of the classes.

    Formula: mean over classes c of #[y = c, p = c] / #[y = c].

    audmetric's `unweighted_average_recall` is higher: it drops the utterances whose prediction is
    no declared class.

    Source: scikit-learn's `recall_score(y, p, labels=classes, average="macro", zero_division=0)`.

    >>> ua(Items.from_names(["sad"] * 3 + ["happy"], ["sad"] * 4, classes=["happy", "sad"])).value
    0.5
    """
    return _recall(items.gold, items.predicted)


@metric("classes")
def wa(items: Items) -> Statistics:
    """Weighted accuracy: the share of predictions that are the majority label.

    Formula: mean of [p = y]: the recalls of `ua`, each weighted by the frequency of its class.

    Source: scikit-learn's `accuracy_score(y, p)`.

    >>> wa(Items.from_names(["sad"] * 3 + ["happy"], ["sad"] * 4, classes=["happy", "sad"])).value
    0.75
    """
    correct = (items.gold & items.predicted).sum(axis=1, keepdims=True, dtype=np.float64)
    return Statistics(correct, np.ones((len(items), 1)))


@metric("classes", macro=True, needs_majority=False, heading="D2")
def f1_multilabel(items: Items) -> Statistics:
    """Macro-F1 with every label of A as a reference (D2).

    Formula: TP = #[p = c, c in A], FP = #[p = c, c not in A], FN = #[c in A, p != c].

    One prediction names one label, so even an oracle stays below 1 where annotators differ.

    Source: scikit-learn's `f1_score` of indicators.

    >>> items = Items.from_names(["sad"], ["sad"], [{"sad", "happy"}], classes=["happy", "sad"])
    >>> f1_multilabel(items).per_column
    array([0., 1.])
    """
    predicted, chosen = items.predicted, items.annotators
    return _f1(predicted & chosen, predicted & ~chosen, chosen & ~predicted)


@metric("classes", macro=True, needs_majority=False, heading="D3")
def f1_relaxed(items: Items) -> Statistics:
    """As `f1_multilabel`, but a hit misses nothing (D3).

    Formula: TP and FP as D2; FN = #[c in A, p != c, not hit].

    Source: ours.

    >>> items = Items.from_names(["sad"], [None], [{"sad", "happy"}], classes=["happy", "sad"])
    >>> f1_relaxed(items).counts
    (array([0., 0.]), array([1., 1.]))
    """
    predicted, chosen = items.predicted, items.annotators
    missed = chosen & ~predicted & ~items.hit[:, None]
    return _f1(predicted & chosen, predicted & ~chosen, missed)


@metric("classes", needs_majority=False, heading="D4")
def hit_rate(items: Items) -> Statistics:
    """Share of predictions that some annotator chose (D4).

    Formula: mean of [p in A].

    A constant "neutral" comes near 0.6, so compare it with the baselines.

    Source: ours.

    >>> hit_rate(Items.from_names(["sad", "sad"], ["sad", None], classes=["sad"])).value
    0.5
    """
    return Statistics(items.hit[:, None].astype(np.float64), np.ones((len(items), 1)))


@metric("classes", macro=True, heading="D5")
def hit_rate_macro(items: Items) -> Statistics:
    """Hit rate of each majority label, averaged over the declared classes (D5).

    Formula: mean over classes c of #[y = c, hit] / #[y = c].

    Source: ours.

    >>> items = Items.from_names(["sad", "happy"], ["sad", None], classes=["happy", "sad"])
    >>> hit_rate_macro(items).value
    0.5
    """
    return _recall(items.gold, items.hit[:, None])


def by_class(classes: Sequence[str]) -> dict[str, ClassMetric]:
    """The metrics that are computed class by class too, such as `f1:sad` and `recall:sad`.

    >>> items = Items.from_names(["sad"], ["sad"], classes=["happy", "sad"])
    >>> by_class(["happy", "sad"])["recall:sad"](items).value
    1.0
    """

    def of_class(function: ClassMetric, position: int) -> ClassMetric:
        return lambda items: function(items).of_class(position)

    return {
        f"{one.of_column}:{label}": of_class(one.function, position)
        for one in METRICS.values()
        if one.of_column and one.material == "classes"
        for position, label in enumerate(classes)
    }


def confusion(items: Items) -> IntArray:
    """Counts int[C, C + 1] of y (rows) against p (columns); the last column is misses.

    >>> confusion(Items.from_names(["sad", "sad"], ["sad", None], classes=["happy", "sad"]))
    array([[0, 0, 0],
           [0, 1, 1]])
    """
    width = items.annotators.shape[1]
    table = np.zeros((width, width + 1), dtype=np.int64)
    # Position -1 is the last column, which is where misses belong.
    np.add.at(table, (items.labels, items.predictions), 1)
    return table
