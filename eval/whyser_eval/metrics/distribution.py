"""How close a system's probabilities are to the shares of the annotators' votes.

The votes of an utterance are a distribution over the declared classes, without Other; without votes
all of it is on the label. A system's distribution is its probabilities, or the shares of several
sampled answers, over the same classes and normalised to sum to 1; it is uniform if no class has any
probability. On the utterances of one corpus both are over the classes that this corpus can name,
and C is their number. Averages are over the whole set: the implementation that these metrics come
from averages over batches, which gives another number.

Statistics have the shape [n, C] for a mean over classes (`macro`), else [n, 1] unless stated.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from whyser_eval.metrics.data import MISS, BoolArray, FloatArray, IntArray, Statistics, ratios
from whyser_eval.metrics.declaration import metric

#: The least probability of a class, so that a divergence stays finite.
FLOOR = 1e-6

#: Bins of the expected calibration error.
BINS = 15

#: What the last digit of a quotient may be wrong by.
_LAST_DIGIT = 1e-9


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

    def over(self, classes: BoolArray) -> Distributions:
        """The same over some of the classes: both sides are normalised again.

        Args: `classes`, bool[C]. A label outside of them becomes `MISS`.

        >>> votes, given = np.array([[0.5, 0.5, 0.0]]), np.array([[0.2, 0.3, 0.5]])
        >>> found = Distributions(votes, given, votes > 0, np.array([1]))
        >>> found.over(np.array([True, True, False])).predictions
        array([[0.4, 0.6]])
        """
        place = np.where(classes, np.cumsum(classes) - 1, MISS)
        return Distributions(
            normalised(self.references[:, classes]),
            normalised(self.predictions[:, classes]),
            self.annotators[:, classes],
            # The last place is that of a miss, which is -1.
            np.append(place, MISS)[self.labels],
        )


def normalised(shares: FloatArray) -> FloatArray:
    """float[n, C], rows that sum to 1; a row without any mass becomes uniform."""
    totals = shares.sum(axis=1, keepdims=True)
    return np.where(totals > 0, ratios(shares, totals), 1 / shares.shape[1])


def _named(shares: FloatArray) -> BoolArray:
    """bool[n, C], which shares exceed 1/C by more than the last digit of a quotient."""
    named: BoolArray = shares > 1 / shares.shape[1] + _LAST_DIGIT
    return named


@metric("probabilities", macro=True)
def f1_distribution(found: Distributions) -> Statistics:
    """Macro-F1 of the classes with more than 1/C, of the votes and of the probabilities.

    Formula: mean over classes of F1, where an utterance names c if r_c > 1/C, and its prediction if
    q_c > 1/C.

    Source: emotion as a distribution; over the whole set, not batch by batch.

    >>> shares = np.array([[0.6, 0.4, 0.0]])
    >>> found = Distributions(shares, np.array([[0.9, 0.1, 0.0]]), shares > 0, np.array([0]))
    >>> f1_distribution(found).per_column  # R = {0, 1}, Q = {0}
    array([1., 0., 0.])
    """
    chosen, predicted = _named(found.references), _named(found.predictions)
    doubled = 2 * (chosen & predicted).astype(np.float64)
    return Statistics(doubled, doubled + (chosen ^ predicted))


@metric("probabilities")
def kl(found: Distributions) -> Statistics:
    """Kullback-Leibler divergence of the probabilities from the votes, in nats; lower is better.

    Formula: mean of sum_c r_c ln(r_c / q_c), r the shares of the votes, q the probabilities, q_c at
    least 1e-6.

    Source: Kullback and Leibler, On Information and Sufficiency (1951).
    """
    return _mean(_divergence(found.references, np.maximum(found.predictions, FLOOR)))


@metric("probabilities")
def js(found: Distributions) -> Statistics:
    """Jensen-Shannon divergence of votes and probabilities, in bits: 0 to 1, lower is better.

    Formula: mean of (KL(r, m) + KL(q, m)) / 2 with m = (r + q) / 2, in base 2.

    Source: Lin, Divergence Measures Based on the Shannon Entropy (1991).

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


@metric("probabilities")
def ece(found: Distributions) -> Statistics:
    """Expected calibration error of the likeliest class; lower is better.

    Formula: sum over the 15 bins ((m - 1) / 15, m / 15] of |#right - sum of confidence| / n, the
    confidence being the highest probability of an utterance. Of equally likely classes the first
    declared one counts.

    Returns: statistics of shape [n, 15]; a column is a bin.

    Source: Guo et al., On Calibration of Modern Neural Networks (2017).

    >>> sure = Distributions(np.eye(2), np.eye(2)[::-1], np.eye(2) > 0, np.array([0, 1]))
    >>> ece(sure).value  # always wrong and always certain
    1.0
    """
    confidence = found.predictions.max(axis=1)
    right = found.predictions.argmax(axis=1) == found.labels
    place = np.ceil((confidence - _LAST_DIGIT) * BINS).astype(np.int64) - 1
    # The value of statistics is a mean over columns, and this a sum of them.
    excess = BINS * (confidence - right)
    inside = place[:, None] == np.arange(BINS)
    return Statistics(np.where(inside, excess[:, None], 0.0), np.ones(inside.shape))


@metric("probabilities")
def set_recall(found: Distributions) -> Statistics:
    """Share of the annotators' labels that get a probability above 1/C.

    Formula: mean of |{c in A: q_c > 1/C}| / |A|.

    Source: ours.

    >>> chosen = np.array([[True, True]])
    >>> set_recall(Distributions(chosen / 2, np.array([[0.9, 0.1]]), chosen, np.array([0]))).value
    0.5
    """
    named = _named(found.predictions)
    share = ratios((named & found.annotators).sum(axis=1) * 1.0, found.annotators.sum(axis=1) * 1.0)
    return _mean(share)
