from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whyser.io.errors import InputError
from whyser.labels.classes import ALIASES, CLASSES, OTHER, canonical, find
from whyser.labels.votes import (
    distribution,
    is_strict_majority,
    label_set,
    majority,
    percentages,
    top_share,
)

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


@given(st.lists(LABELS, max_size=60))
def test_percentages_are_the_shares_rounded_to_a_sum_of_100(primaries: list[str]) -> None:
    shares, rounded = distribution(primaries), percentages(primaries)
    assert sum(rounded.values()) == (100 if shares else 0)
    assert list(rounded) == [name for name in CLASSES if name in rounded]
    for name in CLASSES:
        assert abs(rounded.get(name, 0) - 100 * shares.get(name, 0)) < 1
    # More votes never give less, and of up to 100 votes always more.
    ranked = sorted(shares, key=lambda name: shares[name])
    for less, more in pairwise(ranked):
        assert rounded[less] < rounded[more] or primaries.count(less) == primaries.count(more)


@given(st.lists(LABELS, max_size=60))
def test_the_order_of_the_votes_does_not_count(primaries: list[str]) -> None:
    assert percentages(primaries[::-1]) == percentages(primaries)


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        # 33.3 each: the percent that is left goes to the first of the eight.
        ({"neutral": 1, "sad": 1, "happy": 1}, {"sad": 34, "happy": 33, "neutral": 33}),
        # 57.14, 28.57, 14.29: the one that is left goes to the remainder 0.57.
        ({"angry": 4, "sad": 2, "fear": 1}, {"angry": 57, "sad": 29, "fear": 14}),
        # 14.29 each, 98 without remainders: the first two get one more.
        (
            dict.fromkeys(CLASSES[:7], 1),
            {name: 15 if name in CLASSES[:2] else 14 for name in CLASSES[:7]},
        ),
        # 99.67 and 0.33: a class of 0 % is not named.
        ({"sad": 299, "fear": 1}, {"sad": 100}),
        ({"sad": 3, OTHER: 5}, {"sad": 100}),
        ({OTHER: 5}, {}),
    ],
)
def test_percentages_by_hand(counts: dict[str, int], expected: dict[str, int]) -> None:
    assert percentages([name for name, count in counts.items() for _ in range(count)]) == expected
