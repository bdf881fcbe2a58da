"""How near a system's probabilities come to the shares of the annotators' votes.

The votes of an utterance are a distribution over the declared classes, Other left out; without
votes all of it is on the label. A system's own is what it said of its labels (probabilities, or the
shares of several sampled answers), over the same classes and made to sum to 1; one that put nothing
on any class is as good as uniform. Averages are over the whole set at once: an average of batches,
as in the implementation that these come from, is another number (docs/design.md, "The All-labels
readings").
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from whyser.labels.classes import Label
from whyser_eval.metrics.classification import BoolArray, FloatArray, IntArray, Statistics, ratios
from whyser_eval.scoring.references import References

#: What a system gave no probability has at least this much, so that a divergence stays finite.
FLOOR = 1e-6

#: Of the expected calibration error.
BINS = 15


@dataclass(frozen=True)
class Distributions:
    """Reference and predicted distributions of n utterances over C classes.

    Attributes:
        references: float[n, C], rows sum to 1
        predictions: float[n, C], rows sum to 1
        annotators: bool[n, C], A
        labels: int[n], y
    """

    references: FloatArray
    predictions: FloatArray
    annotators: BoolArray
    labels: IntArray

    @classmethod
    def of(
        cls, references: References, predicted: Sequence[Mapping[Label, float]]
    ) -> Distributions:
        """Args: `predicted`, label -> probability of every utterance."""
        given = np.array(
            [[shares.get(name, 0.0) for name in references.classes] for shares in predicted]
        ).reshape(len(references), len(references.classes))
        predictions = _summing_to_one(given)
        return cls(references.distributions, predictions, references.annotators, references.labels)


def _summing_to_one(shares: FloatArray) -> FloatArray:
    totals = shares.sum(axis=1, keepdims=True)
    return np.where(totals > 0, ratios(shares, totals), 1 / shares.shape[1])


def _named(shares: FloatArray) -> BoolArray:
    """bool[n, C], what has more than 1/C; the last digit of a quotient is no more."""
    named: BoolArray = shares > 1 / shares.shape[1] + 1e-9
    return named


def f1_distribution(found: Distributions) -> Statistics:
    """Macro-F1 of the classes above 1/C on both sides, strictly.

    Formula: with R = {c: r_c > 1/C} and Q = {c: q_c > 1/C}, F1 of each class over all utterances.

    Returns: statistics of shape [n, C].

    Source: docs/design.md, "The All-labels readings" (multi-label Macro-F1, threshold 1/C).

    >>> shares = np.array([[0.6, 0.4, 0.0]])
    >>> found = Distributions(shares, np.array([[0.9, 0.1, 0.0]]), shares > 0, np.array([0]))
    >>> f1_distribution(found).per_column  # R = {0, 1}, Q = {0}
    array([1., 0., 0.])
    """
    chosen, predicted = _named(found.references), _named(found.predictions)
    doubled = 2 * (chosen & predicted).astype(np.float64)
    return Statistics(doubled, doubled + (chosen ^ predicted), by_class=True)


def kl(found: Distributions) -> Statistics:
    """Kullback-Leibler divergence of the prediction from the votes, in nats; lower is better.

    Formula: mean of sum_c r_c ln(r_c / q_c), q_c at least 1e-6.

    Returns: statistics of shape [n, 1].
    """
    return _mean(_divergence(found.references, np.maximum(found.predictions, FLOOR)))


def js(found: Distributions) -> Statistics:
    """Jensen-Shannon divergence of votes and prediction, in bits: 0 to 1, lower is better.

    Formula: mean of (KL(r, m) + KL(q, m)) / 2 with m = (r + q) / 2, in base 2.

    Returns: statistics of shape [n, 1].

    >>> apart = Distributions(np.eye(2), np.eye(2)[::-1], np.eye(2) > 0, np.array([0, 1]))
    >>> js(apart).value
    1.0
    """
    middle = (found.references + found.predictions) / 2
    both = _divergence(found.references, middle) + _divergence(found.predictions, middle)
    return _mean(both / 2 / np.log(2))


def _divergence(first: FloatArray, second: FloatArray) -> FloatArray:
    """float[n], in nats."""
    inside = first > 0
    logs = np.log(first, where=inside, out=np.zeros_like(first))
    logs -= np.log(second, where=inside, out=np.zeros_like(first))
    divergence: FloatArray = (first * logs).sum(axis=1)
    return divergence


def _mean(values: FloatArray) -> Statistics:
    return Statistics(values[:, None], np.ones((len(values), 1)))


def ece(found: Distributions) -> Statistics:
    """Expected calibration error of the likeliest class against the label; lower is better.

    Formula: sum over 15 equal bins of confidence of |#right - sum of confidence| / n.

    Returns: statistics of shape [n, 15]; a column is a bin.

    Source: Guo et al., On Calibration of Modern Neural Networks (2017).

    >>> sure = Distributions(np.eye(2), np.eye(2)[::-1], np.eye(2) > 0, np.array([0, 1]))
    >>> ece(sure).value  # always wrong and always certain
    1.0
    """
    confidence = found.predictions.max(axis=1)
    right = found.predictions.argmax(axis=1) == found.labels
    place = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
    # The value of statistics is a mean over columns, and this a sum of them.
    excess = BINS * (confidence - right)
    inside = place[:, None] == np.arange(BINS)
    return Statistics(np.where(inside, excess[:, None], 0.0), np.ones(inside.shape))


def set_recall(found: Distributions) -> Statistics:
    """Share of the annotators' labels that the prediction gives more than 1/C.

    Formula: mean of |{c in A: q_c > 1/C}| / |A|.

    Returns: statistics of shape [n, 1].

    >>> chosen = np.array([[True, True]])
    >>> set_recall(Distributions(chosen / 2, np.array([[0.9, 0.1]]), chosen, np.array([0]))).value
    0.5
    """
    named = _named(found.predictions)
    share = ratios((named & found.annotators).sum(axis=1) * 1.0, found.annotators.sum(axis=1) * 1.0)
    return _mean(share)


DISTRIBUTION_METRICS = {one.__name__: one for one in (f1_distribution, kl, js, ece, set_recall)}
