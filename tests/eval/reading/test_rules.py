"""The rule reader: what it accepts as an answer, what it refuses, and its time on hostile text.

All answers were written by hand for these tests; none is a training target. answers.jsonl shows the
conventions one by one. answers_of_models.jsonl imitates audio-language models: 141 answers were
written before the rules were read (136 of them were classified correctly) and 32 after the first
correction of the rules (27 correct). answers_held_out.jsonl was written after the second, and no
rule was fitted to it.
"""

import csv
import json
from collections import Counter
from importlib import resources
from pathlib import Path

import pytest

from whyser.labels.classes import ALIASES, CLASSES, OTHER, canonical
from whyser.labels.lexicon import fold, lexicon
from whyser.prompting.answer import TARGETS, parse_answer, render_answer
from whyser_eval.reading.rules import UNREAD, read_answer


def answers(name):
    """One a line: what it shows, the form of the question, the label (null for unread)."""
    lines = Path(__file__).with_name(name).read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


ANSWERS = answers("answers.jsonl")
OF_MODELS = answers("answers_of_models.jsonl")
HELD_OUT = answers("answers_held_out.jsonl")

KINDS = {
    "answer block": "tags",
    "letter": "letters",
    "words and negation": "negation",
    "question denied": "negation",
    "hypothetical, quoted, another's": "negation",
    "refusal, echo, cut off": "refusals",
    "other language": "other languages",
    "as models put it": "prose",
    "explicit statement": "prose",
    "hostile marks": "prose",
    "question answered": "prose",
    "two emotions": "prose",
}


@pytest.mark.parametrize(
    "row", ANSWERS, ids=[f"{number}: {row['shows']}" for number, row in enumerate(ANSWERS, 1)]
)
def test_an_answer_is_read_by_the_conventions(row):
    assert read_answer(row["answer"], form=row["form"]).label == row["label"]


@pytest.mark.parametrize(
    ("rows", "least"),
    [([*ANSWERS, *OF_MODELS], 0.97), (HELD_OUT, 0.9)],
    ids=["all that the rules were made by", "held out"],
)
def test_hand_written_answers_are_read_rightly(rows, least):
    asked, right = Counter(), Counter()
    for row in rows:
        kind = KINDS.get(row["shows"], row["shows"])
        asked[kind] += 1
        right[kind] += read_answer(row["answer"], form=row["form"]).label == row["label"]
    for kind, count in asked.items():
        print(f"{kind:16} {right[kind]:4} of {count:4}")
    accuracy = right.total() / asked.total()
    print(f"{'all':16} {right.total():4} of {asked.total():4}: {accuracy:.3f}")
    assert accuracy >= least
    assert set(asked) == {"tags", "letters", "prose", "negation", "refusals", "other languages"}


def test_no_hand_written_answer_is_a_training_target():
    for row in [*ANSWERS, *OF_MODELS, *HELD_OUT]:
        blocks = parse_answer(row["answer"])
        for target in TARGETS:
            for label in CLASSES if target != "asr" else (None,):
                try:
                    rendered = render_answer(
                        label,
                        transcript=blocks.transcript,
                        rationale=blocks.rationale,
                        descriptors=blocks.descriptors,
                        target=target,
                    )
                except ValueError:
                    continue
                assert row["answer"] != rendered


@pytest.mark.parametrize("form", ["open", "closed"])
@pytest.mark.parametrize("label", CLASSES)
def test_what_is_rendered_for_training_is_read_back(label, form):
    for transcript in (None, "I am angry, happy and sad."):
        for rationale in (None, "This is fear, not surprise. I think the emotion is disgust."):
            text = render_answer(label, transcript=transcript, rationale=rationale)
            reading = read_answer(text, form=form)
            assert (reading.label, reading.stage) == (label, "tag")
            assert not reading.two_emotions


@pytest.mark.parametrize(
    ("form", "answer", "stage"),
    [
        ("open", "<answer>sad</answer>", "tag"),
        ("open", "I think the emotion is sad", "sentence"),
        ("closed", "B", "letter"),
        ("closed", "<answer>B</answer>", "letter"),
        ("closed", "The answer is B.", "letter"),
        ("open", "A gloomy voice", "lexicon"),
        ("open", "no idea", "unread"),
    ],
)
def test_a_reading_names_its_stage(form, answer, stage):
    assert read_answer(answer, form=form).stage == stage


@pytest.mark.parametrize(
    ("answer", "two"),
    [
        ("Sad and angry.", True),
        ("Furious and angry.", False),
        ("Angry, not sad.", False),
        ("<answer>I think the emotion is happy and surprised</answer>", True),
    ],
)
def test_two_emotions_are_flagged(answer, two):
    assert read_answer(answer, form="open").two_emotions is two


HOSTILE = [
    "a",
    "sad ",
    "not angry, ",
    "<answer>",
    "the emotion is ",
    "i think the emotion is not ",
    '"',
    "' a",
    "\u201c",
    "A. Angry B. Sad C. Happy ",
    "overall ",
    "< ",
    "\n",
    " ",
    "\u4e0d",
    "\u202e\x00",
    "words: a. b: ",
    "words: angry. ",
    "less angry than ",
    "e is the best ",
    "\u9009a",
    "first guess ",
    "makes me believe ",
]


@pytest.mark.parametrize("piece", HOSTILE, ids=repr)
def test_hostile_text_takes_linear_time(piece):
    # A hundred thousand characters: a quadratic rule would need minutes.
    for text in (piece * (100_000 // len(piece)), f"<answer>{piece * 9_999}x</answer>"):
        read_answer(text, form="closed")


def test_a_megabyte_of_prose_is_read():
    text = "The speaker goes on about the weather, not angry at all. " * 18_000 + "She is afraid."
    assert len(text) > 1_000_000
    assert read_answer(text, form="open").label == "fear"


def test_markup_is_only_text():
    assert read_answer("<script>alert('sad')</script>", form="open").label in {"sad", None}
    assert read_answer("<svg/onload=x>", form="open") == UNREAD


def test_every_word_of_the_table_has_one_class_and_a_reason():
    table = resources.files("whyser.labels").joinpath("grouping.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(table.splitlines()))
    folded = [fold(row["word"]) for row in rows]
    assert len(set(folded)) == len(folded)
    assert not {fold(name) for name in (*CLASSES, *ALIASES)} & set(folded)
    for row in rows:
        assert canonical(row["class"]) in {*CLASSES, OTHER}
        assert row["use"] in {"prose", "statement", "absence"}
        assert row["reason"].strip()


def test_every_word_of_the_table_is_read_as_its_class():
    for entry in lexicon().entries:
        said = f"there is no {entry.word}" if entry.use == "absence" else entry.word
        reading = read_answer(f"<answer>I think the emotion is {said}</answer>", form="open")
        assert reading.label == entry.label, entry.word


@pytest.mark.parametrize(
    ("text", "word"),
    [('{"emotion": "zesty"}', "zesty"), ('Emotion: "zesty"', "zesty"), ("She said 'zesty'.", None)],
)
def test_a_quoted_word_is_an_answer_where_it_is_stated(text, word):
    reading = read_answer(text, form="open")
    assert (reading.word, reading.label) == (word, "other" if word else None)


def test_a_letter_is_that_of_the_options_that_were_asked() -> None:
    options = ("sad", "other", "angry")
    assert read_answer("C", form="closed", options=options).label == "angry"
    assert read_answer("C", form="closed").label == "happy"
    # No option has that letter.
    assert read_answer("D", form="closed", options=options).label is None


def test_an_echo_of_options_in_another_order_is_no_answer() -> None:
    options = ("sad", "other", "angry", "happy")
    echo = "A. Sad B. Other C. Angry D. Happy"
    assert read_answer(echo, form="closed", options=options) == UNREAD


def test_what_a_descriptor_block_says_is_no_answer() -> None:
    text = "<descriptors>a sad, low pitch</descriptors>I think the emotion is happy."
    assert read_answer(text, form="open").label == "happy"
    assert read_answer("<descriptors>angry, loud</descriptors>", form="open") == UNREAD


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("<thinking>Angry, or happy?</thinking>The speaker sounds sad.", "sad"),
        ("Angry, or happy?\n</think>\nThe speaker sounds sad.", "sad"),
        ("[THINK]Final answer: angry[/THINK]Final answer: sad", "sad"),
        ("\u25c1think\u25b7<answer>angry</answer>\u25c1/think\u25b7<answer>sad</answer>", "sad"),
        ("<|channel|>analysis<|message|>Angry?<|end|><|start|>assistant<|channel|>final<|message|>"
         "Sad.", "sad"),
        ("<reasoning>The speaker sounds angry.", None),
        ("<|channel|>analysis<|message|>The speaker sounds angry.", None),
    ],
)  # fmt: skip
def test_thinking_of_any_name_is_no_answer(text, label):
    assert read_answer(text, form="open").label == label
