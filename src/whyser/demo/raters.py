"""Annotators: they hear a prosody point, vote, and disagree where emotions overlap.

No label is assigned anywhere: every label is a count of these votes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from whyser.demo.emotions import LOUDNESS, PITCH, RATE, VALENCE, Generator, Point, posterior

HEARING = 0.5
"""Standard deviation of what one rater hears around the true point, in the units of `Point`."""

Item = TypeVar("Item")


@dataclass(frozen=True)
class DemoVote:
    """One rater: the first choice, everything chosen (first choice first), and three attributes.

    Activation, valence and dominance run from -3 to 3 around the middle of the corpus' own scale.
    """

    primary: str
    chosen: tuple[str, ...]
    activation: float
    valence: float
    dominance: float


def vote(
    point: Point, emotions: Sequence[str], rng: Generator, *, second: float = 0.35
) -> DemoVote:
    """Let one rater listen.

    Args:
        point: The true prosody, shape (4,).
        emotions: What the corpus lets a rater choose from.
        rng: Source of randomness.
        second: Chance of naming another emotion too, where another is plausible.
    """
    heard = point + rng.normal(0.0, HEARING, 4)
    chances = posterior(heard, emotions)
    first = int(rng.choice(len(emotions), p=chances))
    chosen = [emotions[first]]
    chances[first] = 0.0
    if chances.sum() > 0.02 and rng.random() < second:
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
    """Record turns until every label that came out of the votes has its number.

    A turn whose label is complete is thrown away, as a corpus builder who balances classes does;
    the label itself is never touched.

    Args:
        quotas: Turns wanted per label; None is "no agreement".
        attempt: Takes the emotion to act, returns the label by vote and the turn.
        rng: Source of randomness.

    Returns:
        The turns, in random order.
    """
    missing = {label: count for label, count in quotas.items() if count > 0}
    emotions = sorted(label for label in quotas if label is not None)
    kept: list[Item] = []
    while missing:
        wanted = sorted(label for label in missing if label is not None) or emotions
        label, item = attempt(wanted[int(rng.integers(len(wanted)))])
        if label not in missing:
            continue
        kept.append(item)
        missing[label] -= 1
        if not missing[label]:
            del missing[label]
    return [kept[index] for index in rng.permutation(len(kept))]


def at_least(count: float, scale: float, minimum: int = 1) -> int:
    """Scale a number of turns, never below what keeps every quirk present."""
    return max(minimum, round(count * scale))
