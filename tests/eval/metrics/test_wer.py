"""Word error rate: equals jiwer's on normalised text, and counts missing transcripts."""

import time

import jiwer
import pytest
from whisper_normalizer.english import EnglishTextNormalizer

from whyser.prompting.answer import render_answer
from whyser_eval.metrics.wer import wer

SPOKEN = ["I can't believe it!", "Mr. Smith paid twenty dollars.", "So, what colour was it?"]
WRITTEN = ["i cannot believe that", "mister smith paid $20", "what color was it then"]


def test_it_is_that_of_jiwer_over_the_whole_set():
    normalised = EnglishTextNormalizer()
    theirs = jiwer.wer([normalised(one) for one in SPOKEN], [normalised(one) for one in WRITTEN])
    assert wer(SPOKEN, WRITTEN).value == pytest.approx(theirs)


def test_errors_are_counted_by_hand():
    # "i can not believe it" against "i cannot believe that": "can" missing, "not" -> "cannot",
    # "it" -> "that". Row two is the same after normalising. Row three: "so" missing, "then" added.
    found = wer(SPOKEN, WRITTEN)
    assert found.numerator[:, 0].tolist() == [3, 0, 2]
    assert found.denominator[:, 0].tolist() == [5, 4, 5]


def test_what_is_missing_or_made_up_is_an_error():
    found = wer(["three little words", ""], [None, "two words"])
    assert found.counts[0].tolist() == [3 + 2]
    assert found.counts[1].tolist() == [3]


def test_a_system_that_transcribes_is_scored_by_it(world, whyser_eval):
    for number, row in enumerate(world.predictions):
        words = world.utterances[number]["transcript"] if number else "Something else"
        row["text"] = render_answer("sad", transcript=words)
    whyser_eval(*world.score_arguments("--wer"))
    row = world.scores()["tiny", "none", "all", "wer"]
    # Seven words each; all seven of the first are wrong: two replaced, five missing.
    assert row["value"] == pytest.approx(7 / (16 * 7))
    assert row["n"] == 16


def test_a_system_that_never_transcribes_is_not(world, whyser_eval):
    whyser_eval(*world.score_arguments("--wer"))
    assert "wer" not in {key[3] for key in world.scores()}


@pytest.mark.parametrize("mark", ["<", "[", "(", "\n", "([)]", "()"])
def test_a_transcript_that_never_ends_takes_no_square_of_its_length(mark):
    """200,000 marks took minutes."""
    begun = time.process_time()
    found = wer(["alpha beta"], ["alpha " + mark * 200_000])
    assert time.process_time() - begun < 5
    assert found.counts == ([1.0], [2.0])
