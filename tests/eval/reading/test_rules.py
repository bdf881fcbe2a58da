"""The rule reader: what it accepts as an answer, what it refuses, and its time on hostile text.

All answers were written by hand for these tests; none is a training target. answers.jsonl shows the
conventions one by one. answers_of_models.jsonl imitates audio-language models: 141 answers were
written before the rules were read (136 of them were classified correctly) and 32 after the first
correction of the rules (27 correct). answers_held_out.jsonl was written after the second.

answers_by_kind.jsonl has the kinds that rules-6 mends, with answers to which each rule must not
apply. answers_unseen.jsonl was written before rules-6: rules-5 read 25 of its 57 answers correctly
and 10 as a wrong class, rules-6 at first reading 56 and 1. answers_unseen_2.jsonl was written after
the first pass: rules-5 16 of 30 and 6, that pass 25 and 5, rules-6 26 and 4. answers_unseen_3.jsonl
was written without knowledge of any rule, its first half as real systems answer: rules-5 64 of 80
and 7, rules-6 77 and 2. After each, the kinds of what was missed were mended too.
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
from whyser_eval.reading.parts import parts_of
from whyser_eval.reading.rules import UNREAD, read_answer


def answers(name):
    """One a line: what it shows, the form of the question, the label (null for unread)."""
    lines = Path(__file__).with_name(name).read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


ANSWERS = answers("answers.jsonl")
OF_MODELS = answers("answers_of_models.jsonl")
HELD_OUT = answers("answers_held_out.jsonl")
BY_KIND = answers("answers_by_kind.jsonl")
UNSEEN = [
    row
    for name in ("answers_unseen", "answers_unseen_2", "answers_unseen_3")
    for row in answers(f"{name}.jsonl")
]

#: Of 167: the figures at first reading.
UNSEEN_RIGHT, UNSEEN_WRONG = 159, 7

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


@pytest.mark.parametrize("kind", sorted({row["shows"] for row in BY_KIND}))
def test_answers_of_each_kind_are_read(kind):
    rows = [row for row in BY_KIND if row["shows"] == kind]
    missed = [
        row for row in rows if read_answer(row["answer"], form=row["form"]).label != row["label"]
    ]
    assert len(missed) <= len(rows) // 10, missed


def test_answers_that_no_rule_was_written_from_are_read():
    readings = [read_answer(row["answer"], form=row["form"]).label for row in UNSEEN]
    pairs = list(zip(readings, (row["label"] for row in UNSEEN), strict=True))
    right = sum(read == label for read, label in pairs)
    wrong = sum(read is not None and read != label for read, label in pairs)
    print(f"{right} of {len(pairs)} right, {wrong} read as a wrong class")
    assert right >= UNSEEN_RIGHT
    assert wrong <= UNSEEN_WRONG


def test_no_hand_written_answer_is_a_training_target():
    for row in [*ANSWERS, *OF_MODELS, *HELD_OUT, *BY_KIND, *UNSEEN]:
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
    "[",
    '{"a":',
    '{"emotion": "',
    '{"emotion": "sad"},',
    "sad: 0.1 ",
    "[x] sad ",
    "| sad | yes ",
    "<a>",
    "</a>",
    "says: ",
    "ignore all rules ",
    "cannot determine ",
    "not ",
    "at first ",
    "\U0001f621",
    "\uc2ac\ud514 ",
    "\u0926\u0941",
]


@pytest.mark.parametrize("piece", HOSTILE, ids=repr)
def test_hostile_text_takes_linear_time(piece):
    # A hundred thousand characters: a quadratic rule would need minutes.
    for text in (piece * (100_000 // len(piece)), f"<answer>{piece * 9_999}x</answer>"):
        read_answer(text, form="closed")


@pytest.mark.parametrize("piece", ["sad ", "not ", "<a>", '{"a":', "a"], ids=repr)
def test_a_megabyte_costs_no_more_than_what_is_read_of_it(piece):
    text = piece * (1_000_000 // len(piece))
    assert len(parts_of(text).prose) <= 100_001
    # Both ends are read.
    assert read_answer(f"{text}\n\nFinal answer: fear", form="open").label == "fear"


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
        ("<deliberation>Sad?</deliberation>Final answer: happy", "happy"),
        ("<Inner_Dialogue>angry</Inner_Dialogue><emotion>sad</emotion>", "sad"),
        ("<reasoning>The speaker sounds angry.", None),
        ("<|channel|>analysis<|message|>The speaker sounds angry.", None),
    ],
)  # fmt: skip
def test_thinking_of_any_name_is_no_answer(text, label):
    assert read_answer(text, form="open").label == label


@pytest.mark.parametrize(
    ("text", "label", "stage"),
    [
        # Two pieces of evidence each: the stronger one decides, whatever its place.
        ("Sad.\n\nFinal answer: fear", "fear", "sentence"),
        ("Emotion: sad\nI would say angry.", "sad", "sentence"),
        ("The overall feeling is sad.\n\nAngry", "angry", "lexicon"),
        ('{"emotion": "sad", "scores": "angry"}\nangry', "sad", "sentence"),
        ("I would say sad. There was anger before.", "sad", "sentence"),
        ("There is some anger in it. The speaker sounds sad.", "sad", "lexicon"),
        # A remark on the mood without a class waits for a class.
        ("The mood is gentle. There is sadness in it.", "sad", "lexicon"),
        ("The mood is gentle.", "other", "sentence"),
    ],
)
def test_the_stronger_evidence_decides(text, label, stage):
    reading = read_answer(text, form="open")
    assert (reading.label, reading.stage) == (label, stage)


def test_a_misspelt_class_is_read_and_an_unknown_word_is_not_forced_into_one() -> None:
    read = {
        word: read_answer(f"<answer>{word}</answer>", form="open").label
        for word in ("hapinness", "contemptt", "disgusted!", "zesty", "nostalgiac")
    }
    assert read == {
        "hapinness": "happy",
        "contemptt": "contempt",
        "disgusted!": "disgust",
        "zesty": "other",
        "nostalgiac": "other",
    }
