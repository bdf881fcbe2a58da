"""Refusals: what takes an answer back, and what only sounds so."""

import pytest

from whyser_eval.reading.refusals import answerable


@pytest.mark.parametrize(
    "text",
    [
        "as an ai i have no ears, but it may be sad",
        "no audio was attached, so joy or anger",
        "i would need the audio to tell joy from anger",
        "i cannot determine whether this is joy or anger",
        "it is not possible to infer the emotion; the words mention joy",
        "sorry, i did not receive any recording. happy to help",
    ],
)
def test_a_refusal_leaves_nothing(text):
    assert answerable(text).strip() == ""


@pytest.mark.parametrize(
    "text",
    [
        "the voice does not provide any indication of joy",
        "i can't hear the audio perfectly, she is sad",
        "she cannot hide her fear",
        "i can't understand the words. he is furious",
    ],
)
def test_what_only_sounds_like_one_leaves_all(text):
    assert answerable(text) == text


def test_what_comes_before_it_and_after_a_turn_is_left():
    assert answerable("i cannot say for sure, but she is sad") == " she is sad"
    assert answerable("she is sad. i cannot determine why.") == "she is sad."
