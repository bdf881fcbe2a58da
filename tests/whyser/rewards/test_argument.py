"""Which reasons argue against the label of their answer."""

from __future__ import annotations

import time

import pytest

from whyser.labels.classes import CLASSES, EmotionClass
from whyser.rewards.argument import argues_against

from .conftest import HONEST


@pytest.mark.parametrize(
    ("rationale", "label"),
    [
        ("The voice is full of anger.", "sad"),
        ("It is nothing less than anger.", "sad"),
        ("There is no doubt that it is sadness.", "angry"),
        ("Not only sad.", "angry"),
        ("It isn't angry but sad.", "angry"),
        ("More than anything this is sad.", "angry"),
        ("Is this sadness?", "angry"),
        ("The speaker is sa\u200bd.", "angry"),
        # In another word than the eight.
        ("He is depressed.", "angry"),
        ("The person is full of grief and sorrow.", "angry"),
        ("She sounds light-hearted.", "sad"),
        ("This is not anger: she feels over the moon.", "sad"),
        # A quotation that is no quotation.
        ('The speaker is "sad".', "angry"),
        ("The speaker is 'furious'.", "sad"),
        # The label itself is denied.
        ("No anger at all.", "angry"),
        ("The speaker is not angry.", "angry"),
    ],
)
def test_these_argue_against_the_label(rationale: str, label: EmotionClass) -> None:
    assert argues_against(rationale, label)
    assert argues_against(f"{HONEST} {rationale} {HONEST}", label)


@pytest.mark.parametrize(
    ("rationale", "label"),
    [
        ("", "sad"),
        ("There is no emotion.", "neutral"),
        ("The voice is not angry, sad, or fearful; it is flat.", "neutral"),
        ("It shows no anger, fear, or sadness.", "neutral"),
        ("Neither angry nor afraid.", "neutral"),
        ("It isn't happy but sad.", "sad"),
        ("I'm not angry, but I'm sad.", "sad"),
        ("It is rather sad than angry.", "sad"),
        ("The voice is louder than an angry one.", "sad"),
        ("The speaker is anything but happy.", "sad"),
        ("Without any hint of happiness, the voice stays low.", "sad"),
        ("The voice does not sound afraid.", "angry"),
        # It argues for its own class too.
        ("She sounds annoyed and a bit nervous.", "angry"),
        ("Never angry, always sad.", "sad"),
        # These words say nothing of what the speaker feels.
        ("The pitch is surprisingly high.", "sad"),
        ("The voice is breathy, as in panic.", "sad"),
        ("The low voice, the dread of the words.", "sad"),
        ("The word 'sad' is stressed.", "angry"),
        ('The words "I am sad" are loud.', "angry"),
        ('The last words are "I am so sad".', "angry"),
    ],
)
def test_these_do_not(rationale: str, label: EmotionClass) -> None:
    assert not argues_against(rationale, label)


@pytest.mark.parametrize("label", CLASSES)
def test_an_honest_reason_argues_against_no_label(label: EmotionClass) -> None:
    assert not argues_against(HONEST, label)


@pytest.mark.parametrize("text", ["not sad, ", "a 'sad ", '"', "sad than ", "is "])
def test_the_time_is_linear_in_the_text(text: str) -> None:
    def taken(count: int) -> float:
        begin = time.process_time()
        argues_against(text * count, "angry")
        return time.process_time() - begin

    argues_against("sad", "angry")  # the lexicon is read once
    short, long = min(taken(2_000), taken(2_000)), taken(16_000)
    assert long < 24 * max(short, 0.005)
