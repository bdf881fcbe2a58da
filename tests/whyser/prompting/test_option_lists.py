"""The options that a question lists, in the notations of strangers; what could mean two lists."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whyser.labels.classes import Label
from whyser.prompting.option_lists import OptionList, question_options
from whyser.prompting.prompts import CLOSED, CLOSED_COT, OPEN, OPTIONS, Question, emotion_question

THREE: tuple[Label, ...] = ("angry", "sad", "happy")
WORDS = ("Angry", "sadness", "happy")
NOTATIONS = [
    *("{}.", "{})", "({})", "[{}]", "{}:", "{} =", "{}=", "**{}.**", "{}\u3001", "({}).", "- {})"),
]
JOINS = [
    *("\n", "\n\n", " ", ", ", "; ", "; or ", ", and ", " | ", " / ", ".\n", "<br>"),
    "</opt><opt>",
]
MARKS = {"A": "ABCDEFGHI", "a": "abcdefghi", "1": "123456789"}


def listed(notation: str, join: str, marks: str, words: tuple[str, ...] = WORDS) -> str:
    return join.join(
        f"{notation.format(mark)} {word}" for mark, word in zip(marks, words, strict=False)
    )


@pytest.mark.parametrize("kind", MARKS)
@pytest.mark.parametrize("join", JOINS)
@pytest.mark.parametrize("notation", NOTATIONS)
def test_every_notation_is_found(notation: str, join: str, kind: str) -> None:
    options = listed(notation, join, MARKS[kind])
    expected = OptionList(THREE, numbered=kind == "1")
    for question in (
        f"Which emotion?\n{options}",
        f"Which emotion is it: {options}?",
        f"{options}\nAnswer with the letter or number.",
        f"Listen. The options are {options}. Give one, without a reason.",
    ):
        assert question_options(question) == expected, question


@pytest.mark.parametrize(
    "question",
    [
        "Answer with (A), (B) or (C): (A) angry (B) sad (C) happy",
        "(A) angry (B) sad (C) happy. Say (A), (B) or (C).",
        "<audio>1. Listen. 2. Choose: A) angry, B) sad, C) happy",
        "A.angry B.sad C.happy",
        "\u8bf7\u9009\u62e9\uff1aA\u3001\u6124\u6012 B\u3001\u60b2\u4f24 C\u3001\u5feb\u4e50",
        "\u8bf7\u9009\u62e9A.\u6124\u6012\uff0cB.\u60b2\u4f24\uff0cC.\u5feb\u4e50",
        "<opt>A. angry</opt>\n<opt>B. sad</opt>\n<opt>C. happy</opt>",
        "Is the speaker a) angry, b) sad, or c) happy? Think of the pitch, e.g. high.",
        "Which? At 1.5 s she says: A: angry; B: sad; C: happy",
    ],
)  # fmt: skip
def test_what_else_a_question_says_does_not_matter(question: str) -> None:
    assert question_options(question).labels == THREE


@pytest.mark.parametrize(
    "question",
    [
        OPEN.text,
        "",
        "A. Sad",
        "B. Sad\nC. Happy",
        "A. Sad\nC. Happy",
        "B. Sad\nA. Happy",
        # Counting from 0 gives another option for 1.
        "0. Neutral 1. Sad 2. Happy",
        # A letter without its class could not be read.
        "A. Sad\nB. Purple",
        "A. Sad\nB. Purple\nC. Happy",
        "Is she angry? A. Yes B. No",
        # Two lists, in one notation and in two.
        "A. sad B. happy\nA. fear B. angry",
        "A. sad B. happy\n1) fear 2) angry",
        "A. sad B. happy\n1) sad 2) happy",
        # An option that says more, and one that may go on.
        "(A) sad or angry (B) happy",
        "(A) not sad (B) happy",
        "(A) sad (B) happy, angry",
        "(A) sad (B) happy\nangry",
        "(A) sad (B) happy Give the letter",
        # Two notations in one list.
        "A. sad\n(B) happy",
        "A. sad\nb. happy",
        "A. sad 2. happy",
        # No option has a mark.
        "Options: sad, happy, angry",
        "<opt>sad</opt><opt>happy</opt>",
        # What a person says.
        "A: I'm sad. B: I'm happy!",
    ],
)
def test_what_could_mean_something_else_is_no_list(question: str) -> None:
    assert question_options(question) == OptionList()


@pytest.mark.parametrize("question", [CLOSED, CLOSED_COT])
def test_the_options_of_our_closed_form_are_found(question: Question) -> None:
    assert question_options(question.text) == OptionList(OPTIONS)


@given(st.permutations(OPTIONS), st.integers(2, 9))
def test_any_order_of_options_is_found(options: list[Label], count: int) -> None:
    question = emotion_question("closed", options=options[:count])
    assert question_options(question.text) == OptionList(tuple(options[:count]))


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.sampled_from(OPTIONS), min_size=2, max_size=9, unique=True),
    st.sampled_from(NOTATIONS),
    st.sampled_from(JOINS),
    st.sampled_from(sorted(MARKS)),
)
def test_a_list_is_read_back(options: list[Label], notation: str, join: str, kind: str) -> None:
    text = listed(notation, join, MARKS[kind], tuple(options))
    found = question_options(f"Choose one.\n{text}\n")
    assert found == OptionList(tuple(options), numbered=kind == "1")


@settings(max_examples=300, deadline=None)
@given(st.text(st.sampled_from("ABCab12().[]:=, \nsad happy"), max_size=80))
def test_any_text_gives_options_in_order_or_none(text: str) -> None:
    found = question_options(text)
    assert found == OptionList() or len(found.labels) >= 2


def test_a_long_question_takes_no_time() -> None:
    assert question_options("A. sad " * 50_000) == OptionList()
    assert question_options("(" * 100_000 + "A)" * 50_000) == OptionList()
