"""Finds the class that a stranger's label names, with the reason."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from shlex import quote
from types import MappingProxyType

from whyser.io.errors import InputError
from whyser.io.visible import visible
from whyser.labels.classes import ALIASES, CLASSES, OTHER, Label, find
from whyser.labels.lexicon import Lexicon, fold, lexicon
from whyser_converters.tables.source import UNKNOWN

#: What corpora write where annotators did not agree, or where nobody was asked.
_NO_LABEL = UNKNOWN | {"xxx", "no agreement", "no-agreement", "unlabeled", "unlabelled"}
#: MSP-Podcast's annotators wrote their own words behind it: Other-resigned.
_OTHER_WORDS = re.compile(r"other\W")
#: What --merge says of labels that are none, and of all labels without a class.
_NONE, _REST = "none", "*"
_OF_REST = "yours (--merge '*')"
_SHORTEST_CODE, _LONGEST_CODE = 3, 4


@dataclass(frozen=True)
class MeantLabel:
    """A label of the table: its class, None for no agreement, and why."""

    label: Label | None
    reason: str


def class_of(name: str, words: Lexicon) -> MeantLabel | None:
    """The class of a label; None if it is not known. Only a decision of the user can map that.

    >>> class_of("Happiness", lexicon())
    MeantLabel(label='happy', reason='a name of the class')
    >>> class_of("ang", lexicon()).label, class_of("boredom", lexicon()).label
    ('angry', 'other')
    >>> class_of("W", lexicon()) is None
    True
    """
    text = " ".join(fold(name).replace("_", " ").split())
    if text in _NO_LABEL:
        return MeantLabel(None, "no agreement, or not labelled")
    if (label := find(text)) is not None:
        return MeantLabel(label, "a name of the class")
    if entry := words.find(text):
        return MeantLabel(entry.label, f"the lexicon has {entry.word!r}")
    if _OTHER_WORDS.match(text):
        return MeantLabel(OTHER, "its first word is 'other'")
    if label := _of_code(text):
        return MeantLabel(label, f"the first letters of {label!r}")
    return None


def _of_code(text: str) -> Label | None:
    """The class that alone begins with these three or four letters.

    One or two letters can be many words: S is sad, surprise and the German for neither.
    """
    if not (_SHORTEST_CODE <= len(text) <= _LONGEST_CODE and text.isalpha()):
        return None
    names: dict[str, Label] = {name: name for name in CLASSES}
    found = {
        label for name, label in (names | dict(ALIASES) | {OTHER: OTHER}).items()
        if name.startswith(text)
    }  # fmt: skip
    return found.pop() if len(found) == 1 else None


def meant_labels(
    counts: Mapping[str, int],
    merge: Mapping[str, str] = MappingProxyType({}),
    names: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, MeantLabel]:
    """Every label of a table with its class; those of `merge` get theirs later, and `other` here.

    A label that `merge` maps to `none` is no label, and `*` stands for all without a class. `names`
    is what the corpus says of its codes.

    Raises: `InputError` that lists all other labels without a class, with their counts.

    >>> found = meant_labels({"sad": 2, "X": 1, "fan": 1}, {"X": "none", "*": "other"})
    >>> [(name, meant.label) for name, meant in found.items()]
    [('sad', 'sad'), ('X', None), ('fan', 'other')]
    """
    known = lexicon()
    yours = {
        name: MeantLabel(None if label == _NONE else OTHER, "yours (--merge)")
        for name, label in merge.items()
    }
    rest = yours.pop(_REST, None)
    rest = rest and MeantLabel(rest.label, _OF_REST)
    found = {
        name: yours.get(name) or class_of(name, known) or _of_word(names.get(name)) or rest
        for name in counts
    }
    unknown = [name for name, meant in found.items() if meant is None]
    if unknown:
        unknown.sort(key=lambda name: (-counts[name], name))
        listed = ", ".join(f"{visible(name)!r} ({counts[name]:,})" for name in unknown[:30])
        words = " ".join(f"--merge {quote(f'{visible(name)}=CLASS')}" for name in unknown[:30])
        more = f" and {len(unknown) - 30:,} more" if len(unknown) > 30 else ""
        noun = "label has" if len(unknown) == 1 else "labels have"
        raise InputError(
            f"{len(unknown):,} {noun} no class: {listed}{more}",
            cure=f"Give the class of each, one of [{', '.join(CLASSES)}], 'other' for none of "
            f"them, or 'none' for no agreement: {words}. --merge '*=other' is for all the rest.",
        )
    return {name: meant for name, meant in found.items() if meant}


def _of_word(word: str | None) -> MeantLabel | None:
    meant = class_of(word, lexicon()) if word else None
    return meant and MeantLabel(meant.label, f"the corpus says that it is {word!r}")


def class_merges(merge: Mapping[str, str], labels: Mapping[str, MeantLabel]) -> dict[str, str]:
    """The merges that give a label a class, with one for each label that `*` stands for.

    One of a label that is not there stays, so that whoever merges refuses it.
    """
    own = {name: label for name, label in merge.items() if name != _REST}
    rest = {
        name: merge[_REST] for name, meant in labels.items()
        if meant.reason == _OF_REST and name not in own
    }  # fmt: skip
    return {
        name: label for name, label in (rest | own).items()
        if label != _NONE or name not in labels
    }  # fmt: skip
