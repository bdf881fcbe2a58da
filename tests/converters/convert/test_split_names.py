"""Every reader of splits takes the same names."""

from __future__ import annotations

import pytest

from whyser_converters.convert.split_names import part_of, split_named
from whyser_converters.llamafactory.own_rows.read import GivenDataset, split_of

NAMES = [
    *((name, "train") for name in ("train", "Training", "trn", " TRAIN ")),
    *((name, "dev") for name in ("dev", "devel", "Development", "val", "valid", "validation")),
    *((name, "test") for name in ("test", "testing", "tst", "eval", "Evaluation")),
    *(("Test 2", "test2"), ("test_1", "test1"), ("test-03", "test03"), ("test3", "test3")),
    *(("test-clean", "test_clean"), ("test_noisy_2", "test_noisy_2"), ("test_A", "test_a")),
]
NO_NAMES = ["", "fold3", "tests", "testimony", "test_", "test-", "test clean", "traindev", "all"]


@pytest.mark.parametrize(("name", "split"), NAMES)
def test_names_of_splits(name: str, split: str) -> None:
    assert split_named(name) == split_of(name) == split
    assert GivenDataset.parse(f"mine={name}").split == split
    # What comes out is a name that is taken again.
    assert split_named(split) == split
    assert part_of(split) in {"train", "dev", "test"}


@pytest.mark.parametrize("name", NO_NAMES)
def test_other_words_name_none(name: str) -> None:
    assert split_named(name) is None
