from __future__ import annotations

import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whyser.io.errors import InputError
from whyser_converters.tables.votes import counted, votes_in

LABELS = st.lists(st.sampled_from(["sad", "neutral", "very happy"]), min_size=1, max_size=9)


@given(LABELS)
def test_every_form_of_the_same_votes(labels: list[str]) -> None:
    counts = Counter(labels)
    forms = (
        labels,
        json.dumps(labels),
        str(labels),
        ";".join(labels),
        dict(counts),
        json.dumps(counts),
        ", ".join(f"{label}: {count}" for label, count in counts.items()),
        [{"annotator": "r", "emotion": label} for label in labels],
    )
    for form in forms:
        assert Counter(vote.label for vote in votes_in(form)) == counts, form


def test_no_votes() -> None:
    assert votes_in("") == votes_in(None) == votes_in([]) == votes_in({"sad": None}) == []
    assert counted("sad", None) == counted("sad", "0") == []


@pytest.mark.parametrize("cell", ["0.4", -1, "many", 1e9])
def test_what_is_no_number_of_votes(cell: object) -> None:
    with pytest.raises(InputError, match="bad number of votes"):
        counted("sad", cell)


@pytest.mark.parametrize("cell", ["[1", "{a}", [{"rater": "x"}]])
def test_what_is_no_list_of_votes(cell: object) -> None:
    with pytest.raises(InputError, match="bad vote"):
        votes_in(cell)
