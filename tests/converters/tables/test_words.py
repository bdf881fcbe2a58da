from __future__ import annotations

import pytest

from whyser.io.errors import InputError
from whyser.labels.lexicon import lexicon
from whyser_converters.tables.words import class_of, meant_labels


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("Anger", "angry"), ("ANG", "angry"), ("neu", "neutral"), ("neut", "neutral"),
        ("Fearful", "fear"), ("excited", "happy"), ("calm", "other"), ("oth", "other"),
        ("no_agreement", None), ("xxx", None), ("", None),
    ],
)  # fmt: skip
def test_what_a_label_names(name: str, label: str | None) -> None:
    meant = class_of(name, lexicon())
    assert meant is not None
    assert meant.label == label
    assert meant.reason


@pytest.mark.parametrize("name", ["W", "S", "fru2", "angsad", "0", "co"])
def test_what_nobody_can_know_is_not_guessed(name: str) -> None:
    assert class_of(name, lexicon()) is None


def test_labels_without_a_class_are_listed_with_their_counts() -> None:
    with pytest.raises(InputError) as caught:
        meant_labels({"angry": 7, "W": 3, "L": 12})
    assert "2 labels have no class: 'L' (12), 'W' (3)" in str(caught.value)
    assert "--merge L=CLASS" in str(caught.value)
    found = meant_labels({"angry": 7, "W": 3, "L": 12}, {"W": "angry", "L": "other"})
    assert found.keys() == {"angry", "W", "L"}
