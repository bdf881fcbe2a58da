"""The page: its items, and the file that shows them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from whyser.io.visible import visible
from whyser_eval.explanations.pairs import Candidate, ExplanationPair, candidate, drawn
from whyser_eval.explanations.scored import Explanation
from whyser_eval.explanations.study.material import (
    ACCEPT_CHECK,
    CHOICES,
    FORMAT,
    PREFER_CHECK,
    KeyEntry,
    ShownExplanation,
    StudyItem,
    StudyMaterial,
    Test,
)
from whyser_eval.page.onefile import cut, render_page, script_json

#: In the order in which they are joined.
_STYLES = ("palette.css", "study.css")
_SCRIPTS = ("data.js", "element.js", "order.js", "progress.js", "answers.js", "player.js",
            "item.js", "steps.js", "keyboard.js")  # fmt: skip


def render(material: StudyMaterial) -> str:
    """The whole file as text; it plays the audio in the folder `audio` next to it."""
    data = {
        "format": FORMAT,
        "study": material.study,
        "choices": CHOICES,
        "items": [item.model_dump() for item in material.items],
    }
    return render_page(
        "whyser_eval.explanations.study",
        "page.html.jinja",
        styles=_STYLES,
        scripts=_SCRIPTS,
        media="'self' file:",
        title=material.title,
        consent=_paragraphs(material.consent),
        instructions={test: _paragraphs(text) for test, text in material.instructions.items()},
        data=script_json(data),
    )


def _paragraphs(text: str) -> list[str]:
    return [one.strip() for one in text.replace("\r\n", "\n").split("\n\n") if one.strip()]


# ---- items -------------------------------------------------------------------------------------


#: The author of an attention check.
CHECK = "attention check"

_LETTER: dict[Test, str] = {"accept": "a", "prefer": "b"}


@dataclass(frozen=True)
class StudyClip:
    """An utterance's audio: `path` relative to the page, `duration` in seconds."""

    path: str
    duration: float


@dataclass(frozen=True)
class StudyQuestion:
    """One question without a name yet; the candidates are in the order of the material."""

    about: Explanation
    candidates: tuple[Candidate, ...]
    expected: str | None = None


def accepting(chosen: Iterable[Explanation]) -> Iterator[StudyQuestion]:
    for one in chosen:
        yield StudyQuestion(one, (candidate(one),))


def preferring(
    pairs: Iterable[tuple[Explanation, ExplanationPair]], seed: int
) -> Iterator[StudyQuestion]:
    """The seed decides which candidate of a pair is first in the material."""
    for one, pair in pairs:
        sides = [(f"{one.id}/first", pair.first), (f"{one.id}/second", pair.second)]
        order = drawn(sides, seed, None, key=lambda side: side[0])
        yield StudyQuestion(one, tuple(side for _, side in order))


def checks(test: Test, about: Sequence[Explanation]) -> Iterator[StudyQuestion]:
    """Items whose text asks for a certain choice, alternating between the two."""
    for number, one in enumerate(about):
        expected = CHOICES[test][number % 2]
        texts = [ACCEPT_CHECK.format(choice=expected)]
        if test == "prefer":
            texts = [PREFER_CHECK[choice == expected] for choice in CHOICES[test]]
        candidates = (Candidate(system=CHECK, label=one.label, text=text) for text in texts)
        yield StudyQuestion(one, tuple(candidates), expected)


def named(
    test: Test,
    asked: Iterable[StudyQuestion],
    clip_of: Callable[[Explanation], StudyClip],
    seed: int,
) -> Iterator[tuple[StudyItem, KeyEntry]]:
    """Items and key entries in random order; the names count that order, so they are anonymous."""
    mixed = drawn(list(asked), seed, None, key=lambda one: f"{test}/{one.about.id}/{one.expected}")
    for number, one in enumerate(mixed, start=1):
        name, clip = f"{_LETTER[test]}{number:02}", clip_of(one.about)
        shown = (
            ShownExplanation(label=side.label, text=visible(cut(side.text)))
            for side in one.candidates
        )
        yield (
            StudyItem(item=name, test=test, audio=clip.path, candidates=tuple(shown)),
            KeyEntry(
                item=name,
                test=test,
                id=one.about.id,
                gold=one.about.gold,
                prediction=one.about.label,
                condition="match" if one.about.is_match else "mismatch",
                systems=tuple(side.system for side in one.candidates),
                expected=one.expected,
                duration=clip.duration,
            ),
        )
