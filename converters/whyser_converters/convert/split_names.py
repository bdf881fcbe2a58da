"""The names that strangers give to splits, in cells, in names of files, and in options."""

from __future__ import annotations

import re
from pathlib import Path

_SPLIT_WORDS = {
    **dict.fromkeys(("train", "training", "trn"), "train"),
    **dict.fromkeys(("dev", "development", "devel", "valid", "validation", "val"), "dev"),
    # In corpora of speech, "eval" is the counterpart of "dev": what systems are scored on.
    **dict.fromkeys(("test", "testing", "tst", "eval", "evaluation"), "test"),
}
_NUMBERED_TEST = re.compile(r"test[ _-]?(\d+)")
#: With a sign between, because `tests` and `testimony` are no splits.
_NAMED_TEST = re.compile(r"test[_-]([a-z0-9][a-z0-9_-]*)")
_WORDS = re.compile(r"[a-z]+\d*")

#: What an error says where a split was expected.
EXPECTED = "Expected train, dev, test, or one of several tests, such as test1 or test_noisy."


def split_named(value: str) -> str | None:
    """The split that a cell or a word names; None for any other.

    >>> split_named("Validation"), split_named("Test 2"), split_named("fold3")
    ('dev', 'test2', None)
    >>> split_named("test-clean"), split_named("tests")
    ('test_clean', None)
    """
    text = value.strip().lower()
    if numbered := _NUMBERED_TEST.fullmatch(text):
        return f"test{numbered[1]}"
    if named := _NAMED_TEST.fullmatch(text):
        return f"test_{named[1].replace('-', '_')}"
    return _SPLIT_WORDS.get(text)


def split_of_name(path: Path) -> str | None:
    """The split in the name of a file, or else of its folder; None if there is none or several.

    >>> split_of_name(Path("fold_1/emodb_train_fold_1.jsonl"))
    'train'
    >>> split_of_name(Path("dev/metadata.csv")), split_of_name(Path("train_and_test.csv"))
    ('dev', None)
    """
    for name in (path.stem, path.parent.name):
        found = {split for word in _WORDS.findall(name.lower()) if (split := split_named(word))}
        if found:
            return found.pop() if len(found) == 1 else None
    return None


def part_of(split: str) -> str:
    """The split, with all test sets as one.

    >>> part_of("test2"), part_of("train")
    ('test', 'train')
    """
    return "test" if split.startswith("test") else split
