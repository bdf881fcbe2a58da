"""How an emotion sounds in the demo: one mapping for all five corpora.

An emotion is a normal distribution over four prosody features; a turn draws one point from it.
Centres follow the usual acoustic profiles (Banse and Scherer 1996; Juslin and Laukka 2003): anger
loud and fast, fear fast, high and flat, sadness slow, low and quiet, joy high and varied, disgust
and contempt slow, surprise highest and widest. The distributions overlap on purpose.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Generator = np.random.Generator
Item = TypeVar("Item")

Point = NDArray[np.float64]
"""Prosody, shape (4,): rate, pitch, pitch range, loudness; 0 is usual for the speaker, 1 clearly
more, -1 clearly less."""

RATE, PITCH, RANGE, LOUDNESS = range(4)

EIGHT = ("angry", "sad", "happy", "surprise", "fear", "disgust", "contempt", "neutral")
OTHER = "other"

_PROFILES = {
    "angry": ((0.9, -0.1, 0.3, 1.6), -2.0),
    "sad": ((-1.4, -1.0, -1.0, -1.5), -1.8),
    "happy": ((1.4, 1.2, 1.2, 0.4), 2.0),
    "surprise": ((0.0, 1.9, 1.7, 0.9), 0.6),
    "fear": ((1.5, 1.0, -0.8, -1.0), -1.5),
    "disgust": ((-1.5, -1.1, 0.3, 1.1), -1.6),
    "contempt": ((-1.6, 0.7, 0.4, -0.1), -1.2),
    "neutral": ((0.0, -0.5, -0.8, -0.3), 0.0),
    # Categories that only some corpora have. They lie between the eight, as in the real ones.
    "excited": ((1.4, 1.6, 1.4, 1.3), 2.2),
    "frustrated": ((-0.3, -0.6, 0.2, 1.3), -1.5),
    "calm": ((-0.8, -0.7, -1.0, -0.9), 0.6),
    OTHER: ((0.0, 0.0, 0.0, 0.0), 0.0),
}
CENTRES = {emotion: centre for emotion, (centre, _) in _PROFILES.items()}
VALENCE = {emotion: valence for emotion, (_, valence) in _PROFILES.items()}
"""From -3, unpleasant, to 3, pleasant."""
SPREAD = 0.5
"""Standard deviation of every feature within an emotion."""

OTHER_SPREAD, OTHER_PRIOR = 1.5, 0.05
"""Speech without an emotion of the list is rare and may have any prosody."""


def draw(emotion: str, rng: Generator, *, strength: float = 1.0) -> Point:
    """Draw one prosody point of an emotion, a key of `CENTRES`.

    `strength` scales the centre: 0 is the speaker's usual voice, 1 the usual expression.
    """
    spread = OTHER_SPREAD if emotion == OTHER else SPREAD
    centre = np.asarray(CENTRES[emotion]) * strength
    return np.clip(rng.normal(centre, spread), -2.2, 2.2)


@cache
def _model(emotions: tuple[str, ...]) -> tuple[NDArray[np.float64], ...]:
    centres = np.array([CENTRES[emotion] for emotion in emotions])
    other = np.array([emotion == OTHER for emotion in emotions])
    spreads = np.where(other, OTHER_SPREAD, SPREAD)
    priors = np.where(other, OTHER_PRIOR, (1 - OTHER_PRIOR) / max(1, (~other).sum()))
    return centres, spreads, np.log(priors) - 4 * np.log(spreads)


def posterior(point: Point, emotions: Sequence[str]) -> NDArray[np.float64]:
    """Return the probability of each emotion at a point, shape (len(emotions),).

    All emotions but `other` have the same prior.
    """
    centres, spreads, offsets = _model(tuple(emotions))
    distances = (((point - centres) / spreads[:, None]) ** 2).sum(axis=1)
    scores = offsets - 0.5 * distances
    weights = np.exp(scores - scores.max())
    return np.asarray(weights / weights.sum())


def pick(options: Sequence[Item], rng: Generator) -> Item:
    """Choose one of some equally likely options."""
    return options[int(rng.integers(len(options)))]
