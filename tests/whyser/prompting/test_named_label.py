"""The label that a training row's answer names, and what is left to a person."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whyser.labels.classes import CLASSES, EmotionClass, Label
from whyser.labels.lexicon import fold, lexicon
from whyser.prompting.answer import Target, render_answer
from whyser.prompting.named_label import named_label
from whyser.prompting.option_lists import OptionList
from whyser.records.predictions import Prediction
from whyser_eval.reading.readers import RuleReader
from whyser_eval.reading.rules import read_answer

ORDER = OptionList(("sad", "happy", "angry"))
NUMBERED = OptionList(ORDER.labels, numbered=True)

READ: list[tuple[str, Label]] = [
    ("sad", "sad"),
    ("**Sad.**", "sad"),
    ("The emotion is happiness.", "happy"),
    ('{"emotion": "fear"}', "fear"),
    ("The speaker sounds furious. There is no pause.", "angry"),
    ("悲伤", "sad"),
    ("我觉得很悲伤", "sad"),
    ("bored", "other"),
    ("<asr>I am so happy</asr><answer>sad</answer>", "sad"),
    ("<reason>She laughs happily.</reason><answer>neutral</answer><reason>No anger.</reason>",
     "neutral"),
    ("<think>angry? no</think>disgust", "disgust"),
    ("<answer>flat</answer>", "neutral"),
    ("She sounds rather sad.", "sad"),
]  # fmt: skip


@pytest.mark.parametrize(("answer", "label"), READ)
def test_what_is_certain_is_read(answer: str, label: Label) -> None:
    assert named_label(answer).label == label


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("", "names no emotion"),
        ("The words are: call me later", "names no emotion"),
        ("<asr>I am sad.</asr>", "names no emotion"),
        ("<reason>A sad voice.</reason>", "names no emotion"),
        # In a statement "flat" is an answer, in prose it describes the voice.
        ("The pitch is flat.", "names no emotion"),
        ("C", "names no emotion"),
        ("sad or angry", "names several emotions (sad, angry)"),
        ("It is not sad.", "may deny an emotion"),
        ("He isn't angry", "may deny an emotion"),
        ("If she were sad, her voice would shake.", "may deny an emotion"),
    ],
)
def test_what_could_mean_two_things_is_left_to_a_person(answer: str, why: str) -> None:
    found = named_label(answer)
    assert (found.label, found.why) == (None, why)


@pytest.mark.parametrize(
    ("answer", "label"),
    [("A", "sad"), ("(b)", "happy"), ("C. Angry", "angry"), ("C) anger", "angry"), ("sad", "sad"),
     ("<answer>B</answer>", "happy"), ("Answer: B", "happy"),
     ("The correct answer is (B).", "happy"),
     ("Option c", "angry"), ("[B]", "happy"), ("B: happy", "happy"), ("**B**", "happy"),
     ("The answer is C) angry", "angry")],
)  # fmt: skip
def test_a_letter_is_that_of_the_options(answer: str, label: Label) -> None:
    assert named_label(answer, ORDER).label == label


@pytest.mark.parametrize("form", ["{}", "({})", "{}.", "[{}]", "Answer: {}", "option {}",
                                  "<answer>{}</answer>", "{}. happy", "{}, happy"])  # fmt: skip
def test_a_number_counts_where_the_options_have_numbers(form: str) -> None:
    assert named_label(form.format(2), NUMBERED).label == "happy"
    # Of the other kind, and of no option.
    if "happy" not in form:
        for mark, options in (("2", ORDER), ("B", NUMBERED), ("4", NUMBERED), ("0", NUMBERED)):
            assert named_label(form.format(mark), options).label is None, (form, mark)


def test_letter_and_word_must_agree() -> None:
    assert named_label("B. Sad", ORDER).why == "has letter B (happy) and says 'sad'"
    assert named_label("B. She is angry.", ORDER).why == "has letter B (happy) and says 'angry'"
    assert named_label("2) Sad", NUMBERED).why == "has number 2 (happy) and says 'sad'"
    assert named_label("B. She smiles happily.", ORDER).label == "happy"
    # Two letters, a denied one, and one that says nothing about the emotion.
    for answer in ("A or B", "A, B", "not B", "B is wrong", "B. The voice trembles."):
        assert named_label(answer, ORDER).label is None
    # No option has the letter, or it begins a word or a sentence.
    assert named_label("D", ORDER).label is None
    assert named_label("a sad voice", ORDER).label == "sad"


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(CLASSES),
    st.sampled_from(["label", "reason", "reason_first", "interleaved"]),
    st.text(st.characters(exclude_characters="<>"), max_size=40),
)
def test_what_is_rendered_is_read_back(label: EmotionClass, target: Target, text: str) -> None:
    rationale = None if target == "label" else f"{text}. The voice."
    answer = render_answer(label, transcript=text, rationale=rationale, target=target)
    assert named_label(answer).label == label


WORDS = sorted({entry.word for entry in lexicon().entries if entry.in_prose and not entry.is_stem})
SENTENCES = st.builds(
    "{} {} {}{}{}".format,
    st.sampled_from(["The speaker", "She", "This person", "The voice"]),
    st.sampled_from(["is", "sounds", "seems", "feels", "may be"]),
    st.sampled_from(["", "very ", "not ", "never ", "a bit "]),
    st.sampled_from(WORDS),
    st.sampled_from(
        ["", ".", " and loud.", ", but not angry.", " because of the pauses.", " or sad."]
    ),
)


@settings(max_examples=1000, deadline=None)
@given(SENTENCES)
def test_the_reader_of_answers_reads_it_alike(answer: str) -> None:
    """A label of the references is never one that the same words would not score as a hit."""
    found = named_label(answer).label
    theirs = read_answer(answer, form="open").label
    assert found is None or theirs in {None, found}


MARKED = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["", "Answer: ", "The answer is ", "Option ", "I think it is ", "not "]),
    st.sampled_from([*(f"{a}{mark}{b}" for mark in "ABCDabcd123" for a, b in ("  ", "()", " .")),
                     "<answer>B</answer>", "A or B"]),
    st.sampled_from(["", " ", ", "]),
    st.sampled_from(["", "sad", "Happy.", "She is angry.", "because of her voice", "or C"]),
)  # fmt: skip


@settings(max_examples=1000, deadline=None)
@given(MARKED, st.sampled_from([ORDER, NUMBERED]))
def test_the_reader_of_answers_reads_options_alike(answer: str, options: OptionList) -> None:
    found = named_label(answer, options).label
    given = Prediction(
        id="c/1", form="closed", prompt="p", model="m", text=answer, options=options.labels,
        numbered=options.numbered,
    )  # fmt: skip
    (theirs,) = RuleReader().read([given])
    assert found is None or theirs.label in {None, found}


@pytest.mark.parametrize("word", WORDS[::17])
def test_a_word_of_the_lexicon_alone_is_read(word: str) -> None:
    entry = lexicon().find(fold(word))
    assert entry and named_label(word.title()).label == entry.label


@pytest.mark.parametrize(("answer", "label"), READ)
def test_the_reader_of_answers_reads_these_too(answer: str, label: Label) -> None:
    assert read_answer(answer, form="open").label == label


@pytest.mark.parametrize(
    "answer",
    ["这个人不生气", "他没有生气。", "无愤怒", "怒っていない", "悲しくない", "Er ist nicht wütend",
     "Il n'est pas en colère", "non è arrabbiato", "far from happy", "anything but happy",
     "не злой"],
)  # fmt: skip
def test_a_denial_in_any_language_is_no_label(answer: str) -> None:
    assert named_label(answer).label is None


@pytest.mark.parametrize(
    ("answer", "label"),
    [("非常生气", "angry"), ("他特别生气", "angry"), ("Er ist wütend", "angry"),
     ("<answer>angry 40%, sad 60%</answer>", "sad")],
)  # fmt: skip
def test_strong_words_are_no_denial_and_shares_have_a_largest(answer: str, label: str) -> None:
    assert named_label(answer).label == label
