"""From utterances drawn to what is shown of them, and the truth about it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from whyser.io.visible import visible
from whyser_eval.explanations.pairs import Candidate, Pair, drawn
from whyser_eval.explanations.scored import Explanation
from whyser_eval.explanations.study.material import CHOICES, Answer, Item, Shown, Test
from whyser_eval.explanations.study.wording import ACCEPT_CHECK, PREFER_CHECK
from whyser_eval.page.onefile.text import cut

#: Who "wrote" an attention check.
CHECK = "attention check"

_LETTER: dict[Test, str] = {"accept": "a", "prefer": "b"}


@dataclass(frozen=True)
class Clip:
    """An utterance's sound: `path` as seen from the page, `duration` in seconds."""

    path: str
    duration: float


@dataclass(frozen=True)
class Asked:
    """One question before it has a name: candidates in the order of the material."""

    about: Explanation
    candidates: tuple[Candidate, ...]
    expected: str | None = None


def accepting(chosen: Iterable[Explanation]) -> Iterator[Asked]:
    for one in chosen:
        yield Asked(one, (Candidate(system=one.system, label=one.label, text=one.text),))


def preferring(pairs: Iterable[tuple[Explanation, Pair]], seed: int) -> Iterator[Asked]:
    """Which of a pair's candidates stands first in the material is drawn by the seed."""
    for one, pair in pairs:
        sides = [(f"{one.id}/first", pair.first), (f"{one.id}/second", pair.second)]
        order = drawn(sides, seed, None, key=lambda side: side[0])
        yield Asked(one, tuple(candidate for _, candidate in order))


def checks(test: Test, about: Sequence[Explanation]) -> Iterator[Asked]:
    """Items whose text asks for a choice, each choice in turn."""
    for number, one in enumerate(about):
        expected = CHOICES[test][number % 2]
        texts = (
            [ACCEPT_CHECK.format(choice=expected)]
            if test == "accept"
            else [PREFER_CHECK[choice == expected] for choice in CHOICES[test]]
        )
        candidates = (Candidate(system=CHECK, label=one.label, text=text) for text in texts)
        yield Asked(one, tuple(candidates), expected)


def named(
    test: Test, asked: Iterable[Asked], clip_of: Callable[[Explanation], Clip], seed: int
) -> Iterator[tuple[Item, Answer]]:
    """Items and answers under names that count a drawn order, and so tell nothing."""
    mixed = drawn(list(asked), seed, None, key=lambda one: f"{test}/{one.about.id}/{one.expected}")
    for number, one in enumerate(mixed, start=1):
        name, clip = f"{_LETTER[test]}{number:02}", clip_of(one.about)
        shown = (
            Shown(label=candidate.label, text=visible(cut(candidate.text)))
            for candidate in one.candidates
        )
        yield (
            Item(item=name, test=test, audio=clip.path, candidates=tuple(shown)),
            Answer(
                item=name,
                test=test,
                id=one.about.id,
                gold=one.about.gold,
                prediction=one.about.label,
                condition="match" if one.about.is_match else "mismatch",
                systems=tuple(candidate.system for candidate in one.candidates),
                expected=one.expected,
                duration=clip.duration,
            ),
        )
