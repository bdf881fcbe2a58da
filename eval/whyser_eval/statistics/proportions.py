"""Intervals and tests for proportions of pooled trials, and for means over raters."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist, fmean, stdev

from whyser_eval.statistics.bootstrap import CONFIDENCE


def wilson(successes: float, n: int) -> tuple[float, float] | None:
    """Wilson's interval of a proportion; None without trials.

    In closed form, since a tie counts as half a success and SciPy accepts whole numbers only.

    Source: Wilson (1927).

    >>> low, high = wilson(360, 400)
    >>> round(low, 3), round(high, 3)
    (0.867, 0.926)
    """
    if not n:
        return None
    z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
    share = successes / n
    middle = share + z**2 / (2 * n)
    reach = z * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    scale = 1 + z**2 / n
    return max(0.0, (middle - reach) / scale), min(1.0, (middle + reach) / scale)


def against_half(successes: int, n: int) -> float | None:
    """Two-sided p of the exact binomial test of a proportion against 0.5; None without trials.

    >>> round(against_half(9, 10), 4)
    0.0215
    """
    if not n:
        return None
    from scipy.stats import binomtest

    return float(binomtest(successes, n, 0.5).pvalue)


def t_interval(
    values: Sequence[float], confidence: float = CONFIDENCE
) -> tuple[float, float] | None:
    """Student's interval of the mean of independent values, such as a proportion for each rater.

    Returns: None for fewer than two values. With few raters an end may be below 0 or above 1.

    >>> low, high = t_interval([0.5, 0.7, 0.9])
    >>> round(low, 3), round(high, 3)
    (0.203, 1.197)
    """
    if len(values) < 2:
        return None
    from scipy.stats import t

    # t.interval would give NaN for equal values.
    reach = float(t.ppf((1 + confidence) / 2, len(values) - 1))
    reach *= stdev(values) / math.sqrt(len(values))
    return fmean(values) - reach, fmean(values) + reach


def t_against_half(values: Sequence[float]) -> float | None:
    """Two-sided p of Student's t-test of the values' mean against 0.5.

    Returns: None for fewer than two values, and for equal values, which have no variance.

    >>> round(t_against_half([0.5, 0.7, 0.9]), 4)
    0.2254
    """
    if len(set(values)) < 2:
        return None
    from scipy.stats import ttest_1samp

    return float(ttest_1samp(values, 0.5).pvalue)
