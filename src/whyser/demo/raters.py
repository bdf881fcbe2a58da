"""Simulated raters: they hear a prosody point, vote, and disagree where emotions overlap.

Every label is the plurality of these votes; none is assigned.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from whyser.demo.emotions import (
    LOUDNESS,
    PITCH,
    RATE,
    VALENCE,
    Generator,
    Item,
    Point,
    pick,
    posterior,
)

HEARING = 0.5
"""Standard deviation of one rater's hearing around the true point, in the units of `Point`."""
SECOND = 0.35
"""Chance that a rater names another plausible emotion too."""


@dataclass(frozen=True)
class DemoVote:
    """One rater's first choice, all choices (the first one first), and three attributes.

    Activation, valence and dominance run from -3 to 3 around the middle of the corpus' own scale.
    """

    primary: str
    chosen: tuple[str, ...]
    activation: float
    valence: float
    dominance: float


def vote(point: Point, emotions: Sequence[str], rng: Generator) -> DemoVote:
    """Let one rater listen to the true prosody, and choose among the corpus' emotions."""
    heard = point + rng.normal(0.0, HEARING, 4)
    chances = posterior(heard, emotions)
    first = int(rng.choice(len(emotions), p=chances))
    chosen = [emotions[first]]
    chances[first] = 0.0
    if chances.sum() > 0.02 and rng.random() < SECOND:
        chosen.append(emotions[int(rng.choice(len(emotions), p=chances / chances.sum()))])
    activation = 0.7 * heard[RATE] + 0.4 * heard[PITCH] + 0.9 * heard[LOUDNESS]
    dominance = 1.1 * heard[LOUDNESS] - 0.4 * heard[PITCH]
    feelings = np.array([activation, VALENCE[chosen[0]], dominance]) + rng.normal(0.0, 0.6, 3)
    return DemoVote(chosen[0], tuple(chosen), *np.clip(feelings, -3, 3).tolist())


def listen(point: Point, emotions: Sequence[str], rng: Generator, raters: int) -> list[DemoVote]:
    """Let several raters listen independently."""
    return [vote(point, emotions, rng) for _ in range(raters)]


def plurality(labels: Sequence[str]) -> str | None:
    """Return the most frequent label, or None where the top is shared.

    >>> plurality(["sad", "sad", "angry"]), plurality(["sad", "angry"])
    ('sad', None)
    """
    ranked = Counter(labels).most_common(2)
    if not ranked or (len(ranked) == 2 and ranked[0][1] == ranked[1][1]):
        return None
    return ranked[0][0]


def fill(
    quotas: dict[str | None, int],
    attempt: Callable[[str], tuple[str | None, Item]],
    rng: Generator,
) -> list[Item]:
    """Record turns until every label has its number, and return them in random order.

    Turns of a label that is complete are dropped, as in a corpus that balances its classes; no
    label is changed.

    Args:
        quotas: Turns wanted per label; None is "no agreement".
        attempt: Takes the emotion to act, returns the label by vote and the turn.
    """
    missing = {label: count for label, count in quotas.items() if count > 0}
    emotions = sorted(label for label in quotas if label is not None)
    kept: list[Item] = []
    while missing:
        wanted = sorted(label for label in missing if label is not None) or emotions
        label, item = attempt(pick(wanted, rng))
        if label not in missing:
            continue
        kept.append(item)
        missing[label] -= 1
        if not missing[label]:
            del missing[label]
    return [kept[index] for index in rng.permutation(len(kept))]


def at_least(count: float, scale: float, minimum: int = 1) -> int:
    """Scale a number of turns, but keep enough for every quirk of the corpus."""
    return max(minimum, round(count * scale))
