from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whyser.io.errors import InputError
from whyser.labels.classes import ALIASES, CLASSES, OTHER, canonical, find
from whyser.labels.votes import distribution, is_strict_majority, label_set, majority, top_share

LABELS = st.sampled_from([*CLASSES, OTHER])


def test_every_alias_names_one_of_the_eight() -> None:
    assert len(CLASSES) == 8
    assert set(ALIASES.values()) <= set(CLASSES)
    assert all(canonical(name.upper()) == name for name in [*CLASSES, OTHER])


def test_a_near_word_is_no_alias() -> None:
    # Mapping "furious" or "calm" is a decision of a converter or reader, not of spelling.
    assert find("furious") is None
    assert find("calm") is None


def test_unknown_label_says_what_was_expected() -> None:
    with pytest.raises(InputError, match=r"bad label 'surprize'.*Did you mean 'surprise'"):
        canonical("surprize")


def test_plurality_is_enough_and_a_tie_is_not() -> None:
    assert majority(["sad", "sad", "angry", "happy", "fear"]) == "sad"
    assert majority(["sad", "sad", "angry", "angry", "fear"]) is None
    assert majority([]) is None


def test_other_votes_count_as_one_class() -> None:
    assert majority(["other", "other", "sad"]) == "other"


def test_exactly_half_is_no_strict_majority() -> None:
    assert not is_strict_majority(["sad", "sad", "other", "neutral"])
    assert is_strict_majority(["sad", "sad", "sad", "other", "neutral"])


def test_a_single_released_label_agrees_with_itself() -> None:
    assert is_strict_majority([])


@given(st.lists(LABELS, min_size=1, max_size=12))
def test_strict_majority_implies_majority(primaries: list[str]) -> None:
    if is_strict_majority(primaries):
        assert majority(primaries) is not None
    assert top_share(primaries) >= Fraction(1, len(set(primaries)))


@given(st.lists(LABELS, max_size=12))
def test_label_set_and_distribution_leave_other_out(primaries: list[str]) -> None:
    shares = distribution(primaries)
    assert set(shares) == label_set(primaries) == set(primaries) - {OTHER}
    if shares:
        assert sum(shares.values()) == pytest.approx(1)


def test_secondaries_join_the_set_only_when_given() -> None:
    assert label_set(["sad"]) == {"sad"}
    assert label_set(["sad"], ["fear", "concerned"]) == {"sad", "fear"}
