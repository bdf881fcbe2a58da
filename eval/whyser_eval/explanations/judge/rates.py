"""The figures of one comparison: rates with intervals, per emotion and in all (docs/judge.md)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from whyser.labels.classes import CLASSES
from whyser_eval.explanations.judge.draws import quotients, within_strata
from whyser_eval.explanations.judge.length import rate_at_equal_length
from whyser_eval.explanations.judge.outcomes import Weighed
from whyser_eval.explanations.judge.rows import Interval
from whyser_eval.metrics.data import FloatArray, IntArray
from whyser_eval.statistics.bootstrap import percentiles
from whyser_eval.statistics.proportions import against_half, wilson

#: Within a quarter more or less, explanations are of similar length.
SIMILAR = math.log(1.25)

#: Shares of verdicts, of which a pair has two: Wilson's interval takes them for independent.
_OF_VERDICTS = "first_position_rate"

LENGTH_CONTROLLED = "win_rate_length_controlled"


@dataclass(frozen=True)
class Figure:
    """As a row of judge.json has it."""

    emotion: str
    metric: str
    value: float | None
    low: float | None
    high: float | None
    interval: Interval | None
    n: int


@dataclass(frozen=True)
class Table:
    """Pairs as columns, float[n] each: what is counted, and out of what.

    The wins of unreadable pairs are 0 and count nowhere.
    """

    pairs: Sequence[Weighed]

    def _is(self, *outcomes: str) -> FloatArray:
        return np.array([float(one.outcome in outcomes) for one in self.pairs])

    @cached_property
    def readable(self) -> FloatArray:
        return 1 - self._is("unreadable")

    @cached_property
    def wins(self) -> FloatArray:
        """A tie is half of one."""
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
        first = np.array([float(one.first) for one in self.pairs])
        decided = np.array([float(one.decided) for one in self.pairs])
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
        """Name -> places of the pairs that lie in it."""
        own = np.array([one.emotion for one in self.pairs])
        names: list[str] = [name for name in CLASSES if name in own]
        emotions = {name: np.flatnonzero(own == name) for name in names}
        return {"all": np.arange(len(own)), **emotions}

    @property
    def keys(self) -> list[tuple[str, str]]:
        metrics = [*self.shares, LENGTH_CONTROLLED]
        return [(subset, metric) for subset in self.subsets for metric in metrics]

    def values(self, counts: FloatArray) -> FloatArray:
        """float[keys, b], every figure when each pair counts so often, float[b, n]."""
        found: list[FloatArray] = []
        numerators = np.column_stack([one for one, _ in self.shares.values()])
        denominators = np.column_stack([one for _, one in self.shares.values()])
        for places in self.subsets.values():
            own = counts[:, places]
            found += list(quotients(own @ numerators[places], own @ denominators[places]).T)
            ratios, wins = self.log_ratios[places], self.wins[places]
            found.append(rate_at_equal_length(ratios, wins, own * self.readable[places]))
        return np.stack(found)

    def sizes(self) -> list[tuple[float, int]]:
        """Of every figure what was counted, and out of how many."""
        found = []
        for places in self.subsets.values():
            for one, of in (*self.shares.values(), (self.wins, self.readable)):
                found.append((float(one[places].sum()), int(of[places].sum())))
        return found


def figures(pairs: Sequence[Weighed], *, draws: int, seed: int) -> list[Figure]:
    """Every figure with its bootstrap interval, and beside it, where it is a share of pairs,
    with Wilson's; last the p of wins against losses.

    Args: `draws`, 0 for no bootstrap.
    """
    return list(_figures(Table(pairs), draws, seed))


def _figures(table: Table, draws: int, seed: int) -> Iterator[Figure]:
    values = table.values(np.ones((1, len(table.pairs))))[:, 0]
    strata = [one.emotion for one in table.pairs]
    drawn = within_strata(strata, table.values, draws=draws, seed=seed) if draws else None
    for place, ((emotion, metric), (count, n)) in enumerate(
        zip(table.keys, table.sizes(), strict=True)
    ):
        value = float(values[place]) if n else None
        bounds = percentiles(drawn[place]) if drawn is not None and n else None
        yield _figure(emotion, metric, value, bounds, "bootstrap", n)
        if n and metric not in (_OF_VERDICTS, LENGTH_CONTROLLED):
            yield _figure(emotion, metric, value, wilson(count, n), "wilson", n)
    for emotion, places in table.subsets.items():
        won, decided = (int(one[places].sum()) for one in table.shares["win_rate_decided"])
        yield Figure(emotion, "p_two_sided", against_half(won, decided), None, None, None, decided)


def _figure(
    emotion: str,
    metric: str,
    value: float | None,
    bounds: tuple[float, float] | None,
    interval: Interval,
    n: int,
) -> Figure:
    low, high = bounds or (None, None)
    return Figure(emotion, metric, value, low, high, interval if bounds else None, n)
