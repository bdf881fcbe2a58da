from __future__ import annotations

import itertools

import pytest

from whyser.evidence.cues import FAMILIES, Cue, Cues, Level
from whyser.evidence.descriptors import describe, read_descriptors


def cues(**levels: Level | None) -> Cues:
    found = {
        family: Cue(value=1.0, deviation=0.0, strength=0.0, level=level)
        for family, level in levels.items()
        if level is not None
    }
    given = {family: found.get(family) for family in FAMILIES}
    return Cues(id="c/1", reference="speaker", **given)  # type: ignore[arg-type]


def test_traits_stand_in_the_order_of_the_seeds() -> None:
    measured = cues(loudness="high", pitch="low", rate="normal", pauses="high")
    assert describe("male", measured) == "male, low pitch, normal speed, loud volume"


@pytest.mark.parametrize("gender", ["female", "male", None])
def test_what_is_described_is_read_back(gender: str | None) -> None:
    levels: tuple[Level | None, ...] = ("low", "normal", "high", None)
    for pitch, rate, loudness in itertools.product(levels, repeat=3):
        given = {"gender": gender, "pitch": pitch, "rate": rate, "loudness": loudness}
        text = describe(gender, cues(pitch=pitch, rate=rate, loudness=loudness))
        assert read_descriptors(text or "") == {k: v for k, v in given.items() if v}


def test_nothing_known_is_nothing_written() -> None:
    assert describe(None, None) is None
    assert describe(None, cues()) is None


def test_a_models_own_words_are_passed_over() -> None:
    assert read_descriptors("Female, shrill, high pitch, low pitch.") == {
        "gender": "female",
        "pitch": "high",
    }
