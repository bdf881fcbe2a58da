from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from typing import get_args

import pytest

from whyser.io.errors import InputError
from whyser.labels.classes import CLASSES
from whyser.prompting.answer import Target
from whyser.prompting.prompts import (
    CHOOSE,
    CLOSED,
    OPEN,
    OPTIONS,
    POOLS,
    QUESTIONS,
    THINK,
    Question,
)
from whyser_converters.datasets.questions import Asked, QuestionSpec


def drawn(seed: int) -> Callable[[str], bytes]:
    return lambda what: hashlib.sha256(f"{seed}:{what}".encode()).digest()


def asked(asking: QuestionSpec, target: Target = "reason", count: int = 400) -> list[Question]:
    return [asking.question(target, drawn(seed)) for seed in range(count)]


def test_by_default_all_ask_the_papers_question() -> None:
    assert set(asked(QuestionSpec())) == {OPEN}
    assert set(asked(QuestionSpec("closed"))) == {CLOSED}
    assert set(asked(QuestionSpec("mix"))) == {OPEN, CLOSED}


def test_a_transcript_alone_answers_no_question_about_the_emotion() -> None:
    assert set(asked(QuestionSpec(), "asr")) == {QUESTIONS["asr"]}
    assert {one.text for one in asked(QuestionSpec(paraphrase=True), "asr")} == set(POOLS["asr"])


def test_a_chain_of_thought_asks_for_the_words_first_and_the_sentence_last() -> None:
    (open_, closed) = sorted(
        set(asked(QuestionSpec("mix", thinks=True))), key=lambda one: len(one.text)
    )
    assert (open_.name, open_.form) == ("open_cot", "open")
    assert (closed.name, closed.form) == ("closed_cot", "closed")
    assert all(one.text.endswith(THINK) for one in (open_, closed))
    assert closed.text.startswith(CLOSED.text)


@pytest.mark.parametrize("form", ["open", "closed"])
def test_every_wording_of_the_pool_is_asked_about_as_often(form: Asked) -> None:
    found = Counter(
        one.text.split(f" {CHOOSE}")[0] for one in asked(QuestionSpec(form, paraphrase=True))
    )
    assert set(found) == set(POOLS["stem"])
    assert min(found.values()) > 400 / len(POOLS["stem"]) / 2


def test_no_wording_holds_another_or_names_an_emotion() -> None:
    texts = [text for pool in POOLS.values() for text in pool]
    assert len(set(texts)) == len(texts)
    for text in texts:
        assert not any(text in other for other in texts if other != text)
        assert not any(label in text.lower() for label in CLASSES)


def test_options_keep_their_letters_and_change_their_order() -> None:
    questions = asked(QuestionSpec("closed", shuffle_options=True))
    assert {frozenset(one.options) for one in questions} == {frozenset(OPTIONS)}
    assert len({one.options for one in questions}) > 300
    for one in questions[:20]:
        lines = one.text.splitlines()[1:]
        assert lines == [
            f"{letter}. {label.capitalize()}"
            for letter, label in zip("ABCDEFGHI", one.options, strict=True)
        ]
    # Each class stands about as often under each letter.
    first = Counter(one.options[0] for one in questions)
    assert min(first.values()) > 400 / 9 / 2


@pytest.mark.parametrize("target", get_args(Target))
def test_a_tasks_question_tells_the_task(target: Target) -> None:
    (question,) = set(asked(QuestionSpec("task"), target))
    own = {"reason_first": "reason", "interleaved": "reason"}.get(target, target)
    assert question == QUESTIONS[own]
    reworded = asked(QuestionSpec("task", paraphrase=True), target)
    assert {one.text for one in reworded} == set(POOLS[own])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"form": "task", "thinks": True}, "chain of thought"),
        ({"form": "open", "shuffle_options": True}, "have none"),
    ],
)
def test_what_contradicts_itself_is_refused(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        QuestionSpec(**arguments)  # type: ignore[arg-type]
