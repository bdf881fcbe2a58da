"""Mean ratings of each system's explanations, per emotion and in all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from whyser.labels.classes import CLASSES
from whyser_eval.explanations.judge.answers import Rated
from whyser_eval.explanations.judge.draws import quotients, within_strata
from whyser_eval.explanations.judge.replies import CRITERIA
from whyser_eval.metrics.data import FloatArray
from whyser_eval.statistics.bootstrap import percentiles

#: The judge's criteria, and the first of them measured without a judge.
TOLD = (*CRITERIA, "quotation_measured")


@dataclass(frozen=True)
class Mean:
    """As a row of judge.json has it."""

    system: str
    emotion: str
    criterion: str
    value: float | None
    low: float | None
    high: float | None
    n: int
    unreadable: int


def means(rated: Sequence[Rated], *, draws: int, seed: int) -> list[Mean]:
    """Means with bootstrap intervals, in the order in which the systems come.

    Args: `draws`, 0 for no intervals.
    """
    systems = dict.fromkeys(one.system for one in rated)
    return [
        mean
        for system in systems
        for mean in _means([one for one in rated if one.system == system], draws, seed)
    ]


def _means(rated: Sequence[Rated], draws: int, seed: int) -> Iterator[Mean]:
    strata = [one.emotion for one in rated]
    subsets = {"all": np.ones(len(rated))} | {
        name: np.array([float(one == name) for one in strata]) for name in CLASSES if name in strata
    }
    given = [[getattr(one, name) for name in TOLD] for one in rated]
    readable = np.array([[value is not None for value in row] for row in given], dtype=np.float64)
    ratings = np.array([[value or 0 for value in row] for row in given], dtype=np.float64)

    def values(counts: FloatArray) -> FloatArray:
        found = [
            quotients((counts * inside) @ ratings, (counts * inside) @ readable)
            for inside in subsets.values()
        ]
        return np.hstack(found).T

    observed = values(np.ones((1, len(rated))))[:, 0]
    drawn = within_strata(strata, values, draws=draws, seed=seed) if draws else None
    keys = [(name, criterion) for name in subsets for criterion in TOLD]
    for place, (emotion, criterion) in enumerate(keys):
        n = int(subsets[emotion] @ readable[:, TOLD.index(criterion)])
        low, high = (percentiles(drawn[place]) if drawn is not None and n else None) or (None, None)
        yield Mean(
            rated[0].system,
            emotion,
            criterion,
            float(observed[place]) if n else None,
            low,
            high,
            n,
            int(subsets[emotion].sum()) - n,
        )
