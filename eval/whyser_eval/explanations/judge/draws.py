"""The item bootstrap within strata: as many of each emotion are drawn as there are."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from whyser_eval.metrics.data import FloatArray
from whyser_eval.statistics.bootstrap import MultinomialSampler, in_batches


def within_strata(
    strata: Sequence[str],
    values: Callable[[FloatArray], FloatArray],
    *,
    draws: int,
    seed: int,
) -> FloatArray:
    """float[keys, draws] of figures, when the items of each stratum are drawn with replacement.

    Args:
        strata: n names, the stratum of each item
        values: takes float[b, n], how often each item counts, and gives float[keys, b]
    """
    names = np.asarray(strata)
    urns = [
        (place, MultinomialSampler(np.ones(len(place), dtype=np.int64)))
        for place in (np.flatnonzero(names == name) for name in sorted(set(strata)))
    ]

    def sample(generator: np.random.Generator, size: int) -> FloatArray:
        counts = np.empty((size, len(names)))
        for place, urn in urns:
            counts[:, place] = urn.draw(generator, size)
        return values(counts)

    return in_batches(sample, draws=draws, width=len(names), seed=(seed,))


def quotients(numerators: FloatArray, denominators: FloatArray) -> FloatArray:
    """Element by element; NaN where there is nothing to divide by.

    >>> quotients(np.array([1.0, 0.0]), np.array([2.0, 0.0]))
    array([0.5, nan])
    """
    out = np.full(np.broadcast_shapes(numerators.shape, denominators.shape), np.nan)
    found: FloatArray = np.divide(numerators, denominators, out=out, where=denominators > 0)
    return found
