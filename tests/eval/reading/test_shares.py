"""The shares of the votes that an answer states, in the target's form and in free words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whyser.labels.classes import CLASSES
from whyser.labels.votes import percentages
from whyser.prompting.answer import render_answer
from whyser_eval.reading.rules import read_answer
from whyser_eval.reading.shares import stated_shares

VOTES = st.lists(st.sampled_from([*CLASSES, "other"]), max_size=40).filter(percentages)


@given(VOTES, st.none() | st.just("I am 100% fine."))
def test_what_the_target_states_is_read_as_it_was_rounded(votes, transcript):
    shares = percentages(votes)
    text = render_answer(shares, transcript=transcript, target="distribution")
    assert stated_shares(text) == {name: share / 100 for name, share in shares.items()}


@given(VOTES)
@pytest.mark.parametrize("form", ["open", "closed"])
def test_the_ordinary_reader_reads_the_largest_share(form, votes):
    """A tie goes to the first of the eight; four or more equal shares name no emotion."""
    shares = percentages(votes)
    best = [name for name, share in shares.items() if share == max(shares.values())]
    reading = read_answer(render_answer(shares, target="distribution"), form=form)
    assert reading.label == (best[0] if len(best) < 4 else None)
    assert reading.two_emotions == (1 < len(best) < 4)


@pytest.mark.parametrize(
    ("text", "shares"),
    [
        ("The speaker is 60% angry and 40% sad.", {"angry": 0.6, "sad": 0.4}),
        ("Anger: 60 %, sadness: 30 %, other: 10 %", {"angry": 0.6, "sad": 0.3, "other": 0.1}),
        # Words of one class are added.
        ("joy 30%, happiness 30%, fear 40%", {"happy": 0.6, "fear": 0.4}),
        # Rounded to 99.
        ("angry: 33%, sad: 33%, fear: 33%", {"angry": 1 / 3, "sad": 1 / 3, "fear": 1 / 3}),
        ("<answer>about 70% sad and 30% neutral</answer>", {"sad": 0.7, "neutral": 0.3}),
        # A model may err in its sum where the form leaves no doubt.
        ("<answer>angry 60%, sad 60%</answer>", {"angry": 0.5, "sad": 0.5}),
        ("<answer>sad 100%</answer>", {"sad": 1.0}),
        # Each rated by itself, a single one, certainty, and other percentages.
        ("Anger 80%, sadness 70%.", {}),
        ("Anger 20%, sadness 10%.", {}),
        ("I am 90% sure that she is sad.", {}),
        ("The pitch is 60% higher and 40% louder: sad.", {}),
        ("<asr>60% angry and 40% sad</asr><answer>I think the emotion is sad</answer>", {}),
        ("<think>60% angry, 40% sad</think><answer>sad</answer>", {}),
        ("<think>60% angry, 40% sad", {}),
        ("<answer>angry 60%, sad 4", {}),
        ("<answer></answer> %", {}),
        ("sad 0.6, angry 0.4", {}),
        ("sad", {}),
        ("", {}),
    ],
)
def test_shares_in_free_words(text, shares):
    assert stated_shares(text) == pytest.approx(shares)


@given(st.text(alphabet="sad angry<>/nswe 60%,.:&", max_size=120))
def test_no_text_breaks_the_reader_and_shares_sum_to_one(text):
    shares = stated_shares(text + "%")
    assert not shares or sum(shares.values()) == pytest.approx(1)
