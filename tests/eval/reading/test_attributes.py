"""Attributes in an answer: what is written is read back, and what models write besides."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whyser.labels.attributes import ATTRIBUTES, at_position, decimals, described
from whyser.prompting.answer import parse_answer, render_answer
from whyser_eval.reading.attributes import read_attributes

MANIKINS = dict.fromkeys(("arousal", "valence", "dominance"), (1, 7))


def read(text, scales=MANIKINS):
    return read_attributes(text, parse_answer(text), scales)


#: Whole numbers, as every published scale has.
SCALES = st.tuples(st.integers(-100, 200), st.integers(1, 200)).map(lambda it: (it[0], sum(it)))


@given(st.dictionaries(st.sampled_from(ATTRIBUTES), st.tuples(SCALES, st.floats(0, 1)), min_size=1))
def test_what_is_written_is_read_back_rounded(given_):
    scales = {name: scale for name, (scale, _) in given_.items()}
    means = {name: at_position(place, scale) for name, (scale, place) in given_.items()}
    text = render_answer(
        "sad", transcript="a", attributes=described(means, scales), target="attributes"
    )
    assert read(text, scales) == {
        name: float(f"{value:.{decimals(scales[name])}f}") for name, value in means.items()
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("arousal: 4.2/7", {"arousal": 4.2}),
        ("Arousal 4,2 of 7; Valence 3", {"arousal": 4.2, "valence": 3}),
        ("dominance 5, arousal 2, valence 3", {"arousal": 2, "valence": 3, "dominance": 5}),
        ("**Arousal**: 5/7\n**Valence:** 2/7\n- Dominance - 3.5",
         {"arousal": 5, "valence": 2, "dominance": 3.5}),
        ('{"arousal": 4.2, "valence": 1}', {"arousal": 4.2, "valence": 1}),
        ("| arousal | 4.2 |\n| valence | 3 |", {"arousal": 4.2, "valence": 3}),
        ("The arousal is about 4, with a valence of 3.", {"arousal": 4, "valence": 3}),
        ("Activation: 3.0. EmoVal = 2.", {"arousal": 3, "valence": 2}),
        ("arousal level: 4.5/7.0", {"arousal": 4.5}),
        ("Arousal (1-7): 4", {"arousal": 4}),
        ("arousal \u2192 4", {"arousal": 4}),
    ],
)  # fmt: skip
def test_other_ways_to_write_a_value(text, expected):
    assert read(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("arousal 0.6 of 1", 4.6),
        ("arousal 60 %", 4.6),
        ("arousal 55/100", 4.3),
        ("arousal 3 out of 5", 4),  # manikins begin with 1
        ("arousal 5 of 9", 4),
        ("arousal 5/10", 4),
        ("arousal 0 (from -1 to 1)", 4),
        ("arousal \u22120.5 (\u22121 to 1)", 2.5),
        ("arousal 3 on a scale from 1 to 5", 4),
        ("arousal (0-1): 0.5", 4),
        ("arousal 4 of 7", 4),
        ("arousal 4 of 0", 4),  # no scale
    ],
)
def test_a_value_on_another_scale_is_moved(text, expected):
    assert read(text) == {"arousal": pytest.approx(expected)}


def test_the_top_of_the_corpus_own_scale_is_that_scale():
    assert read("intensity 0 of 100", {"intensity": (0, 100)}) == {"intensity": 0}
    assert read("valence -0.5 of 1", {"valence": (-1, 1)}) == {"valence": -0.5}
    # Other corpora have seven manikins.
    assert read("arousal 4 of 7", {"arousal": (1, 5)}) == {"arousal": 3}


@pytest.mark.parametrize(
    "text",
    [
        "", "high arousal", "arousal: high", "arousal 9 of 7", "arousal 0", "arousal -3 of 7",
        "arousal 4-5", "arousal 4 to 5 of 7", "arousal 42 of 7", "arousal 1.2 of 1",
        "arousal 4th", "arousal 4.2.1", "arousals 4", "the words arousal and 4", "intensity 4",
        "arousal (1-7)",
    ],
)  # fmt: skip
def test_what_is_no_value_is_unread(text):
    assert read(text) == {}


def test_the_first_value_counts_also_if_it_is_off_its_scale():
    assert read("arousal 3 of 7, arousal 5 of 7") == {"arousal": 3}
    assert read("arousal 8 of 7, arousal 5 of 7, valence 2") == {"valence": 2}


def test_a_block_is_read_alone_and_neither_words_nor_thoughts_count():
    assert read("Arousal 1.<attributes>valence 2 of 7</attributes>dominance 3") == {"valence": 2}
    assert read("<asr>arousal 3</asr>valence 2") == {"valence": 2}
    assert read("<think>arousal 2</think>arousal 3") == {"arousal": 3}
    # Half a value may be another one.
    assert read("<attributes>arousal 4.2 of 7, valence 1") == {}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("arousal " * 60_000, {}),
        ("arousal (1-" * 40_000, {"arousal": 1}),
        ("arousal: 1" + "1" * 500_000, {}),
        ("<asr>" * 100_000, {}),
        ("arousal" + " " * 500_000 + "4", {}),
    ],
    ids=["names", "scales", "digits", "tags", "blanks"],
)
def test_a_hostile_answer_of_any_length_is_read(text, found):
    assert read(text) == found
