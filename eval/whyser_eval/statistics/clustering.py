"""Whether a speaker's answers are alike, so that tests that draw utterances find too much.

The standard error of a difference is computed twice: as if all utterances were independent, and as
if only the speakers were. Both are linearised: a score is replaced by its first-order sum over the
utterances, in which each has its influence. No draws are needed.

Source: Binder, On the Variances of Asymptotically Normal Estimators from Complex Surveys (1983);
Kish, Survey Sampling (1965), chapter 5, for the design effect.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from whyser_eval.metrics.data import FloatArray, IntArray, Statistics, ratios
from whyser_eval.statistics.bootstrap import summed

#: A smaller ratio of the standard errors finds a difference in under 8 of 100 cases without one.
_NOTEWORTHY = 1.1

_NORMAL = NormalDist()


@dataclass(frozen=True)
class Clustering:
    """Two standard errors of one difference: by utterance, and by speaker."""

    by_utterance: float
    by_speaker: float
    speakers: int

    @property
    def ratio(self) -> float:
        """How many times as large it is by speaker; 1 where nothing varies."""
        return self.by_speaker / self.by_utterance if self.by_utterance else 1.0

    @property
    def is_noteworthy(self) -> bool:
        """Whether the ratio is large, and larger than chance makes it with so few speakers.

        A variance of k independent speakers has a relative standard deviation of
        sqrt(2 / (k - 1)).
        """
        chance = 1 + _NORMAL.inv_cdf(0.95) * math.sqrt(2 / max(1, self.speakers - 1))
        return self.ratio >= _NOTEWORTHY and self.ratio**2 >= chance

    @property
    def false_positives(self) -> float:
        """How often a test by utterance at 0.05 finds a difference where there is none.

        >>> round(Clustering(0.01, 0.01, 50).false_positives, 3)
        0.05
        """
        return 2 * _NORMAL.cdf(_NORMAL.inv_cdf(0.025) / self.ratio)


def influence(statistics: Statistics) -> FloatArray:
    """float[n], what each utterance adds to the score, to first order; the sum is 0.

    Formula: mean over columns of (numerator - ratio * denominator) / sum of denominators.

    >>> rate = Statistics(np.array([[1.0], [0.0]]), np.ones((2, 1)))
    >>> influence(rate)  # (1 - 0.5) / 2 and (0 - 0.5) / 2
    array([ 0.25, -0.25])
    """
    ratio = statistics.per_column
    residuals = statistics.numerator - ratio * statistics.denominator
    parts = ratios(residuals, statistics.denominator.sum(axis=0, keepdims=True))
    # The value of a column is its absolute ratio.
    added: FloatArray = (parts * np.where(ratio < 0, -1, 1)).mean(axis=1)
    return added


def clustering(first: Statistics, second: Statistics, speakers: IntArray) -> Clustering:
    """The standard errors of first system less second.

    Args: `speakers`, int[n], the number of each utterance's speaker.
    """
    added = influence(first) - influence(second)
    by_speaker = summed(added[:, None], speakers)[:, 0]
    return Clustering(_error(added), _error(by_speaker), len(by_speaker))


def _error(added: FloatArray) -> float:
    """The standard error of a sum of independent terms whose sum is 0."""
    return math.sqrt(float(added @ added) * len(added) / max(1, len(added) - 1))
