from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whyser.labels.attributes import ATTRIBUTES, at_position, decimals, described, position

#: Whole numbers, as every published scale has, and their place on it.
SCALES = st.tuples(st.integers(-100, 200), st.integers(1, 200)).map(lambda it: (it[0], sum(it)))
PLACES = st.floats(0, 1)


def test_all_attributes_to_the_letter() -> None:
    scales = {name: (1.0, 7.0) for name in ATTRIBUTES} | {"intensity": (0.0, 100.0)}
    means = {"intensity": 62.5, "dominance": 3.96, "valence": 3.1, "arousal": 4.25}
    assert described(means, scales) == (
        "arousal 4.2 of 7, valence 3.1 of 7, dominance 4.0 of 7, intensity 62 of 100"
    )
    with pytest.raises(KeyError):
        described({"arousal": 1.0}, {})


@given(SCALES, PLACES)
def test_a_rounded_value_stays_on_its_scale(scale: tuple[int, int], place: float) -> None:
    low, high = scale
    printed = float(f"{at_position(place, scale):.{decimals(scale)}f}")
    assert low <= printed <= high
    # A hundredth of the scale is the most that rounding may change, but for the shortest scales.
    assert abs(position(printed, scale) - place) <= 0.026


def test_ends_with_decimals_can_be_printed() -> None:
    assert decimals((0.5, 100.5)) == 1


@given(SCALES, PLACES)
def test_a_place_is_that_of_its_value(scale: tuple[int, int], place: float) -> None:
    assert position(at_position(place, scale), scale) == pytest.approx(place, abs=1e-9)
