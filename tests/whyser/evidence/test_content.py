"""The words that a rationale takes from the transcript, and where they are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whyser.evidence.content import content_cues, quotes

SPOKEN = "I didn't know that she has pink hair. How did I miss that?"


def cues(text, transcript=SPOKEN):
    return [text[begin:end] for begin, end in content_cues(text, transcript)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('Says "pink hair" lightly.', ['"pink hair"']),
        ("Says “she has ... pink hair”.", ["“she has ... pink hair”"]),
        ("Wonders how did I miss that of all things.", ["how did I miss that"]),
        (
            "Didn\u2019t know that she knew; how did I miss it.",
            ["Didn\u2019t know that she", "how did I miss"],
        ),
        ('Says "hair".', []),
        ("Talks of hair and things missed.", []),
        ('Says "purple hair".', []),
    ],
)
def test_quotations_and_echoes(text, expected):
    assert cues(text) == expected


def test_one_word_may_be_quoted_of_a_transcript_of_one_word():
    assert cues('He only says "No".', "No.") == ['"No"']
    assert cues('He only says "No".', "") == []


def test_an_echo_does_not_reach_across_a_quotation():
    assert cues('she has "well" pink hair') == []


def test_quotes_of_both_kinds_of_marks():
    assert quotes('"one" and “two”') == ["one", "two"]


@given(st.text(max_size=200), st.text(max_size=200))
def test_cues_lie_in_the_text_in_order_and_apart(text, transcript):
    position = 0
    for begin, end in content_cues(text, transcript):
        assert position <= begin < end <= len(text)
        position = end


@pytest.mark.parametrize("piece", [" ", "a ", '"', "“", "how did I ", "“a"])
def test_long_hostile_text_takes_no_time(piece):
    content_cues(piece * 20_000, SPOKEN)
