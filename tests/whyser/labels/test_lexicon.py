"""The lexicon: scripts, stems, and what a table may hold."""

import pytest

from whyser.io.errors import BadInput
from whyser.labels.lexicon import check_table, fold, lexicon, words, words_of

HEAD = "word,class,use,language,reason\n"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("dukhi \u0926\u0941\u0916\u0940 hai", ["dukhi", "\u0926\u0941\u0916\u0940", "hai"]),
        ("\uc2ac\ud508 \ubaa9\uc18c\ub9ac", ["\uc2ac\ud508", "\ubaa9\uc18c\ub9ac"]),
        ("sad\U0001f622\U0001f622", ["sad", "\U0001f622\U0001f622"]),
        ("isn't", ["isn't"]),
    ],
)
def test_words_of_all_scripts_are_whole(text, parts):
    assert words(text) == parts


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("\u063a\u064e\u0627\u0636\u0650\u0628", "\u063a\u0627\u0636\u0628"),  # Arabic vowel marks
        ("\u0623\u0633\u0649", "\u0627\u0633\u0649"),  # hamza
        ("\u0916\u093c\u0941\u0936", "\u0916\u0941\u0936"),  # the dot of Hindi
        ("\u263a\ufe0f", "\u263a"),  # an emoji's variant
    ],
)
def test_variants_of_spelling_are_one(one, other):
    assert words_of(one) == words_of(other)


@pytest.mark.parametrize(
    ("word", "label"),
    [
        ("\u0433\u0440\u0443\u0441\u0442\u043d\u0430\u044f", "sad"),
        ("w\u00fctender", "angry"),
        ("\u063a\u0627\u0636\u0628\u0629", "angry"),
        ("tristeza", "sad"),
        ("wonderful", None),
        ("w\u00fc", None),
    ],
)
def test_a_stem_stands_for_the_words_that_begin_with_it(word, label):
    entry = lexicon().find(fold(word))
    assert (entry.label if entry else None) == label


@pytest.mark.parametrize("word", ["two words*", "ab*", "in*side", "*start", "a" * 21 + "*"])
def test_a_bad_stem_is_refused_with_its_line(word):
    with pytest.raises(BadInput, match=r"t\.csv:2: .* is not a stem"):
        check_table(f"{HEAD}{word},sad,prose,en,why\n", "t.csv")


def test_a_stem_and_the_word_as_long_may_both_be_there():
    rows = check_table(f"{HEAD}zesty,happy,prose,en,why\nzesty*,angry,prose,en,why\n", "t.csv")
    assert len(rows) == 2
    with pytest.raises(BadInput, match="duplicate"):
        check_table(f"{HEAD}zesty*,happy,prose,en,why\nZesty*,angry,prose,en,why\n", "t.csv")
