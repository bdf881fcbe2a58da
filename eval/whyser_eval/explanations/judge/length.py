"""What is left of a preference where both explanations are of one length."""

from __future__ import annotations

import numpy as np

from whyser_eval.metrics.data import FloatArray

#: Of both coefficients' squares, a half: data that a line parts would have no fit at all. Against
#: the hundreds of pairs of a comparison it is nothing.
RIDGE = 0.01

#: A longer step of Newton's may overshoot; so many are enough for any data.
_LONGEST_STEP, _STEPS, _SMALLEST_STEP = 2.0, 100, 1e-7


def rate_at_equal_length(
    log_ratios: FloatArray, wins: FloatArray, weights: FloatArray
) -> FloatArray:
    """float[b], the expected win rate at a log length ratio of 0, under each vector of weights.

    Formula: logit P(win) = a + b * log(words / other's words); the rate is 1 / (1 + exp(-a)).

    Args:
        log_ratios: float[n]
        wins: float[n], 1 for a win, 0 for a loss, 0.5 for a tie
        weights: float[b, n], how often each pair counts

    Returns: NaN where nothing counts.

    Source: Dubois et al., Length-Controlled AlpacaEval (2024), without its terms for the item.

    >>> ratios, wins = np.zeros(4), np.array([1.0, 1.0, 1.0, 0.0])
    >>> rate_at_equal_length(ratios, wins, np.ones((1, 4))).round(2)
    array([0.75])
    """
    a, _ = fit(log_ratios, wins, weights)
    return np.where(weights.any(axis=1), _logistic(a), np.nan)


def fit(
    log_ratios: FloatArray, wins: FloatArray, weights: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """float[b] each, intercept and slope: Newton's method for all vectors of weights at once."""
    a, b = np.zeros(len(weights)), np.zeros(len(weights))
    for _ in range(_STEPS):
        chance = _logistic(a[:, None] + b[:, None] * log_ratios)
        missed = weights * (wins - chance)
        spread = weights * chance * (1 - chance)
        slope_a = missed.sum(axis=1) - RIDGE * a
        slope_b = missed @ log_ratios - RIDGE * b
        aa = spread.sum(axis=1) + RIDGE
        ab = spread @ log_ratios
        bb = spread @ log_ratios**2 + RIDGE
        determinant = aa * bb - ab**2
        step_a = (bb * slope_a - ab * slope_b) / determinant
        step_b = (aa * slope_b - ab * slope_a) / determinant
        longest = np.maximum(np.abs(step_a), np.abs(step_b))
        shrunk = _LONGEST_STEP / np.maximum(longest, _LONGEST_STEP)
        a, b = a + shrunk * step_a, b + shrunk * step_b
        if longest.max(initial=0.0) < _SMALLEST_STEP:
            break
    return a, b


def _logistic(value: FloatArray) -> FloatArray:
    # By the tangent, which no exponent overflows.
    found: FloatArray = 0.5 + 0.5 * np.tanh(value / 2)
    return found
