"""From two verdicts to the outcome of a pair, seen from one of its systems."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from whyser.io.errors import InputError
from whyser.labels.classes import EmotionClass
from whyser_eval.explanations.judge.answers import JudgedPair, Preference
from whyser_eval.explanations.pairs import Pair

#: A flip is a tie too: the judge prefers the place and not the explanation.
Outcome: TypeAlias = Literal["win", "loss", "tie", "flip", "unreadable"]


def outcome_of(straight: Preference | None, swapped: Preference | None) -> Outcome:
    """Of the preferences in both orders, each for the pair's first or second candidate.

    >>> outcome_of("first", "first"), outcome_of("first", "second"), outcome_of("first", "tie")
    ('win', 'flip', 'tie')
    >>> outcome_of("first", None)
    'unreadable'
    """
    if straight is None or swapped is None:
        return "unreadable"
    if "tie" in (straight, swapped):
        return "tie"
    if straight != swapped:
        return "flip"
    return "win" if straight == "first" else "loss"


@dataclass(frozen=True)
class Weighed:
    """A pair and what came of it for `system`.

    `first` of its `decided` single verdicts fell to whoever stood first. `log_ratio` is that of
    the explanations' lengths in words, positive where the system's is the longer one.
    """

    emotion: EmotionClass
    outcome: Outcome
    first: int
    decided: int
    log_ratio: float


@dataclass(frozen=True)
class Comparison:
    """Pairs of the same two systems, with `system` where the figures look from."""

    system: str
    against: str
    pairs: tuple[Pair, ...]

    def weighed(self, verdicts: Mapping[str, Sequence[JudgedPair]]) -> list[Weighed]:
        """Args: `verdicts`, both of each pair by its key."""
        return [weigh(pair, verdicts[pair.key], self.system) for pair in self.pairs]


def comparisons(pairs: Iterable[Pair], system: str | None = None) -> list[Comparison]:
    """The pairs by systems, in the order in which they come.

    Args: `system`, whom to look from; None for the first of each pair.

    Raises: `InputError` for a pair of one system with itself.
    """
    found: dict[frozenset[str], list[Pair]] = {}
    for pair in pairs:
        if len(names := frozenset(pair.systems)) < 2:
            raise InputError(
                f"{pair.id}: both explanations are by {pair.first.system}",
                cure="Give the two systems names of their own.",
            )
        found.setdefault(names, []).append(pair)
    made = []
    for own in found.values():
        one, two = own[0].systems
        made.append(
            Comparison(two, one, tuple(own)) if two == system else Comparison(one, two, tuple(own))
        )
    return made


def weigh(pair: Pair, verdicts: Sequence[JudgedPair], system: str) -> Weighed:
    straight, swapped = sorted(verdicts, key=lambda one: one.shown_first != pair.first.system)
    outcome = outcome_of(straight.preference, swapped.preference)
    ratio = math.log(length(pair.first.text) / length(pair.second.text))
    if system != pair.first.system:
        outcome, ratio = seen_from_the_other(outcome), -ratio
    single = [one.verdict for one in verdicts]
    return Weighed(
        pair.emotion, outcome, single.count("A"), single.count("A") + single.count("B"), ratio
    )


def seen_from_the_other(outcome: Outcome) -> Outcome:
    """
    >>> seen_from_the_other("win"), seen_from_the_other("flip")
    ('loss', 'flip')
    """
    turned: dict[Outcome, Outcome] = {"win": "loss", "loss": "win"}
    return turned.get(outcome, outcome)


def length(text: str) -> int:
    """In words, and never nothing.

    >>> length("The voice is low."), length("")
    (4, 1)
    """
    return max(1, len(text.split()))
