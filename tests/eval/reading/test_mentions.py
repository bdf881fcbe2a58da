"""Emotion words and their standing, in English and in the other languages of the table."""

import csv
from importlib import resources

import pytest

from whyser.labels.lexicon import fold
from whyser_eval.reading.mentions import find_mentions


def standings(text):
    return [(one.label, one.standing.value) for one in find_mentions(fold(text))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("She sounds sad.", [("sad", "ascribed")]),
        ("There is sadness.", [("sad", "claimed")]),
        ("She sounds sad to begin with.", [("sad", "weighed")]),
        ("At first, she sounds sad.", [("sad", "weighed")]),
        ("At first sad, then angry.", [("sad", "weighed"), ("angry", "claimed")]),
        ("It might be joy, but it is fear.", [("happy", "weighed"), ("fear", "ascribed")]),
        ("She cannot hide her fear.", [("fear", "claimed")]),
        ("It is hard not to hear the grief.", [("sad", "ascribed")]),
        ("She is not sad.", [("sad", "rejected")]),
        ("I'm so happy.", [("happy", "rejected")]),
        ("I'm confident that it is fear.", [("fear", "ascribed")]),
        ("Her name is Joy.", [("happy", "rejected")]),
        ("There is joy.", [("happy", "claimed")]),
        ("He is mad about jazz.", [("angry", "rejected")]),
        ("He is mad about the delay.", [("angry", "ascribed")]),
        ("He tells how scared his kids were.", [("fear", "rejected")]),
        ("A sad song plays.", [("sad", "weighed")]),
        ("Joy, anger, fear, sadness: which?", [
            ("happy", "rejected"), ("angry", "rejected"), ("fear", "rejected"), ("sad", "rejected"),
        ]),
        ("There is no emotion.", [("neutral", "claimed")]),
        ("He shows no strong emotion.", [("neutral", "claimed")]),
        ("I cannot detect any particular emotion.", []),
        ("The emotion is strong.", []),
    ],
)  # fmt: skip
def test_what_the_text_does_with_a_word(text, expected):
    assert standings(text) == expected


@pytest.mark.parametrize(
    ("text", "claimed"),
    [
        ("nicht traurig, sondern w\u00fctend", "angry"),
        ("pas triste mais en col\u00e8re", "angry"),
        ("no triste sino enfadada", "angry"),
        ("n\u00e3o triste, mas zangado", "angry"),
        ("non triste ma arrabbiato", "angry"),
        ("\u043d\u0435 \u0433\u0440\u0443\u0441\u0442\u043d\u044b\u0439, "
         "\u043d\u043e \u0437\u043b\u043e\u0439", "angry"),
        ("\u0644\u064a\u0633 \u062d\u0632\u064a\u0646\u0627 "
         "\u0628\u0644 \u063a\u0627\u0636\u0628", "angry"),
        ("\u0926\u0941\u0916\u0940 \u0928\u0939\u0940\u0902 "
         "\u092c\u0932\u094d\u0915\u093f \u0915\u094d\u0930\u094b\u0927\u093f\u0924", "angry"),
        ("\u4e0d\u662f\u60b2\u4f24\uff0c\u800c\u662f\u6124\u6012", "angry"),
        ("\u60b2\u3057\u307f\u3067\u306f\u306a\u304f\u6012\u308a", "angry"),
        ("\uc2ac\ud514\uc774 \uc544\ub2c8\ub77c \ubd84\ub178", "angry"),
    ],
)  # fmt: skip
def test_eleven_languages_deny_and_turn(text, claimed):
    found = find_mentions(fold(text))
    assert len(found) == 2
    assert [one.label for one in found if one.is_claimed] == [claimed]


def test_connectives_are_one_word_each_and_stand_for_english_cues():
    table = resources.files("whyser_eval.reading").joinpath("connectives.csv")
    rows = list(csv.DictReader(table.read_text(encoding="utf-8").splitlines()))
    folded = [fold(row["word"]) for row in rows]
    assert len(set(folded)) == len(folded)
    assert not [word for word in folded if " " in word]
    cues = {"", "not", "nor", "without", "but", "if", "although", "only", "then", "or", "isn't but"}
    assert {row["english"] for row in rows} <= cues
