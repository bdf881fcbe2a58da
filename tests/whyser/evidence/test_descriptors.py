from __future__ import annotations

from whyser.evidence.cues import FAMILIES, Cue, Cues, Level
from whyser.evidence.descriptors import describe


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


def test_what_is_unknown_is_left_out() -> None:
    assert (
        describe("female", cues(rate="high", loudness="low")) == "female, fast speed, soft volume"
    )
    assert describe(None, cues(pitch="high", rate="low")) == "high pitch, slow speed"


def test_only_the_chosen_traits_are_written() -> None:
    measured = cues(loudness="high", pitch="low", rate="normal")
    assert describe("male", measured, ["volume", "pitch"]) == "low pitch, loud volume"
    assert describe("male", measured, ["gender"]) == "male"
    assert describe("male", cues(pitch="low"), ["speed"]) is None


def test_nothing_known_is_nothing_written() -> None:
    assert describe(None, None) is None
    assert describe(None, cues()) is None
