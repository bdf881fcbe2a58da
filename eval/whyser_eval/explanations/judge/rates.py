"""The figures of judge.json: rates of each comparison and mean ratings, with intervals.

docs/judge.md defines them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import NamedTuple

import numpy as np

from whyser.labels.classes import CLASSES
from whyser_eval.explanations.judge.files import RatedExplanation
from whyser_eval.explanations.judge.outcomes import PairOutcome
from whyser_eval.explanations.judge.questions import CRITERIA
from whyser_eval.explanations.judge.rows import Interval
from whyser_eval.metrics.data import FloatArray, IntArray
from whyser_eval.statistics.bootstrap import MultinomialSampler, in_batches, percentiles
from whyser_eval.statistics.proportions import against_half, wilson

# ---- rates -------------------------------------------------------------------------------------


#: Rationales are of similar length if the longer has at most a quarter more words.
SIMILAR = math.log(1.25)

#: A share of single verdicts; a pair has two, which Wilson's interval would treat as independent.
_OF_VERDICTS = "first_position_rate"

LENGTH_CONTROLLED = "win_rate_length_controlled"


class JudgeFigure(NamedTuple):
    """The figure of one row of judge.json."""

    emotion: str
    metric: str
    value: float | None
    low: float | None
    high: float | None
    interval: Interval | None
    n: int


@dataclass(frozen=True)
class PairColumns:
    """Pairs as columns, float[n] each: numerators and denominators of the rates.

    An unreadable pair has 0 wins and is in no denominator of readable pairs.
    """

    pairs: Sequence[PairOutcome]

    def _is(self, *outcomes: str) -> FloatArray:
        return np.array([float(one.outcome in outcomes) for one in self.pairs])

    @cached_property
    def readable(self) -> FloatArray:
        return 1 - self._is("unreadable")

    @cached_property
    def wins(self) -> FloatArray:
        """A tie is half a win."""
        return self._is("win") + self._is("tie", "flip") / 2

    @cached_property
    def log_ratios(self) -> FloatArray:
        return np.array([one.log_ratio for one in self.pairs])

    @cached_property
    def shares(self) -> dict[str, tuple[FloatArray, FloatArray]]:
        """Metric -> numerators and denominators."""
        every = np.ones(len(self.pairs))
        shorter, longer = self.log_ratios < -SIMILAR, self.log_ratios > SIMILAR
        bins = {"shorter": shorter, "similar": ~(shorter | longer), "longer": longer}
        first, decided = np.array([(float(one.first), one.decided) for one in self.pairs]).T
        return {
            "win_rate": (self._is("win"), every),
            "loss_rate": (self._is("loss"), every),
            "tie_rate": (self._is("tie", "flip"), every),
            "unreadable_rate": (self._is("unreadable"), every),
            "win_tie_rate": (self.wins, self.readable),
            "win_rate_decided": (self._is("win"), self._is("win", "loss")),
            "flip_rate": (self._is("flip"), self.readable),
            _OF_VERDICTS: (first, decided),
            **{
                f"win_tie_rate_{name}": (self.wins * inside, self.readable * inside)
                for name, inside in bins.items()
            },
        }

    @cached_property
    def subsets(self) -> dict[str, IntArray]:
        """Name -> indices of its pairs."""
        own = np.array([one.emotion for one in self.pairs])
        names: list[str] = [name for name in CLASSES if name in own]
        emotions = {name: np.flatnonzero(own == name) for name in names}
        return {"all": np.arange(len(own)), **emotions}

    def values(self, counts: FloatArray) -> FloatArray:
        """float[keys, b], every figure under the weights `counts`, float[b, n]."""
        found: list[FloatArray] = []
        numerators = np.column_stack([one for one, _ in self.shares.values()])
        denominators = np.column_stack([one for _, one in self.shares.values()])
        for places in self.subsets.values():
            own = counts[:, places]
            found += list(quotients(own @ numerators[places], own @ denominators[places]).T)
            ratios, wins = self.log_ratios[places], self.wins[places]
            found.append(rate_at_equal_length(ratios, wins, own * self.readable[places]))
        return np.stack(found)

    def sizes(self) -> dict[tuple[str, str], tuple[float, int]]:
        """Subset and metric -> numerator and denominator, in the order of `values`."""
        shares = self.shares | {LENGTH_CONTROLLED: (self.wins, self.readable)}
        return {
            (subset, metric): (float(one[places].sum()), int(of[places].sum()))
            for subset, places in self.subsets.items()
            for metric, (one, of) in shares.items()
        }


def figures(pairs: Sequence[PairOutcome], *, draws: int, seed: int) -> Iterator[JudgeFigure]:
    """Every figure with its bootstrap interval and, if it is a share of pairs, with Wilson's
    interval; last the p-value of wins against losses.

    Args: `draws`, 0 for no bootstrap.
    """
    table = PairColumns(pairs)
    found = estimates([one.emotion for one in pairs], table.values, draws=draws, seed=seed)
    for ((emotion, metric), (count, n)), (value, low, high) in zip(
        table.sizes().items(), found, strict=True
    ):
        interval: Interval | None = None if low is None else "bootstrap"
        yield JudgeFigure(emotion, metric, value, low, high, interval, n)
        if n and metric not in (_OF_VERDICTS, LENGTH_CONTROLLED):
            low, high = wilson(count, n) or (None, None)
            yield JudgeFigure(emotion, metric, value, low, high, "wilson", n)
    for emotion, places in table.subsets.items():
        won, decided = (int(one[places].sum()) for one in table.shares["win_rate_decided"])
        p = against_half(won, decided)
        yield JudgeFigure(emotion, "p_two_sided", p, None, None, None, decided)


# ---- mean ratings ------------------------------------------------------------------------------


#: The judge's criteria, and the first one measured without a judge.
TOLD = (*CRITERIA, "quotation_measured")


class MeanRating(NamedTuple):
    """The mean of one row of judge.json."""

    system: str
    emotion: str
    criterion: str
    value: float | None
    low: float | None
    high: float | None
    n: int
    unreadable: int


def means(rated: Sequence[RatedExplanation], *, draws: int, seed: int) -> Iterator[MeanRating]:
    """Means with bootstrap intervals, in the order of the systems.

    Args: `draws`, 0 for no intervals.
    """
    for system in dict.fromkeys(one.system for one in rated):
        yield from _means([one for one in rated if one.system == system], draws, seed)


def _means(rated: Sequence[RatedExplanation], draws: int, seed: int) -> Iterator[MeanRating]:
    strata = [one.emotion for one in rated]
    subsets = {"all": np.ones(len(rated))} | {
        name: np.array([float(one == name) for one in strata]) for name in CLASSES if name in strata
    }
    given = np.array([[getattr(one, name) for name in TOLD] for one in rated], dtype=np.float64)
    readable, ratings = 1.0 - np.isnan(given), np.nan_to_num(given)

    def values(counts: FloatArray) -> FloatArray:
        found = [
            quotients((counts * inside) @ ratings, (counts * inside) @ readable)
            for inside in subsets.values()
        ]
        return np.hstack(found).T

    keys = product(subsets.items(), enumerate(TOLD))
    found = estimates(strata, values, draws=draws, seed=seed)
    for ((emotion, inside), (column, criterion)), estimate in zip(keys, found, strict=True):
        n = int(inside @ readable[:, column])
        unreadable = int(inside.sum()) - n
        yield MeanRating(rated[0].system, emotion, criterion, *estimate, n, unreadable)


# ---- length control ----------------------------------------------------------------------------


#: L2 penalty on both coefficients: without it, separable data would have no finite fit. For the
#: hundreds of pairs of a comparison it is negligible.
RIDGE = 0.01

#: Longer Newton steps may overshoot; the number of steps suffices for any data.
_LONGEST_STEP, _STEPS, _SMALLEST_STEP = 2.0, 100, 1e-7


def rate_at_equal_length(
    log_ratios: FloatArray, wins: FloatArray, weights: FloatArray
) -> FloatArray:
    """float[b], the expected win rate at a log length ratio of 0 for each vector of weights.

    Formula: logit P(win) = a + b * log(words / other's words); the rate is 1 / (1 + exp(-a)).

    Args:
        log_ratios: float[n]
        wins: float[n], 1 for a win, 0 for a loss, 0.5 for a tie
        weights: float[b, n], how often each pair counts

    Returns: NaN where all weights are 0.

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
    # tanh does not overflow, unlike exp.
    found: FloatArray = 0.5 + 0.5 * np.tanh(value / 2)
    return found


# ---- bootstrap within strata -------------------------------------------------------------------


def estimates(
    strata: Sequence[str],
    values: Callable[[FloatArray], FloatArray],
    *,
    draws: int,
    seed: int,
) -> Iterator[tuple[float | None, float | None, float | None]]:
    """Each value of `within_strata` with its interval; None where nothing counts.

    Args: `draws`, 0 for no intervals.
    """
    observed = values(np.ones((1, len(strata))))[:, 0]
    drawn: FloatArray = np.empty((len(observed), 0))
    if draws:
        drawn = within_strata(strata, values, draws=draws, seed=seed)
    for value, found in zip(observed, drawn, strict=True):
        low, high = percentiles(found) or (None, None)
        yield None if np.isnan(value) else float(value), low, high


def within_strata(
    strata: Sequence[str],
    values: Callable[[FloatArray], FloatArray],
    *,
    draws: int,
    seed: int,
) -> FloatArray:
    """float[keys, draws], the figures when the items of each stratum are drawn with replacement.

    Args:
        strata: n names, the stratum of each item
        values: maps float[b, n], the weight of each item, to float[keys, b]
    """
    names = np.asarray(strata)
    places = [np.flatnonzero(names == name) for name in sorted(set(strata))]
    samplers = [MultinomialSampler(np.ones(len(place), dtype=np.int64)) for place in places]

    def sample(generator: np.random.Generator, size: int) -> FloatArray:
        counts = np.empty((size, len(names)))
        for place, sampler in zip(places, samplers, strict=True):
            counts[:, place] = sampler.draw(generator, size)
        return values(counts)

    return in_batches(sample, draws=draws, width=len(names), seed=(seed,))


def quotients(numerators: FloatArray, denominators: FloatArray) -> FloatArray:
    """The quotients, element by element; NaN where the denominator is 0.

    >>> quotients(np.array([1.0, 0.0]), np.array([2.0, 0.0]))
    array([0.5, nan])
    """
    out = np.full(np.broadcast_shapes(numerators.shape, denominators.shape), np.nan)
    found: FloatArray = np.divide(numerators, denominators, out=out, where=denominators > 0)
    return found
