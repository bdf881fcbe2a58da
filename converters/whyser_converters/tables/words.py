"""Finds the class that a stranger's label names, with the reason."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from shlex import quote

from whyser.io.errors import InputError
from whyser.io.visible import visible
from whyser.labels.classes import ALIASES, CLASSES, OTHER, Label, find
from whyser.labels.lexicon import Lexicon, fold, lexicon
from whyser_converters.tables.source import UNKNOWN

#: What corpora write where annotators did not agree, or where nobody was asked.
_NO_LABEL = UNKNOWN | {"xxx", "no agreement", "no-agreement", "unlabeled", "unlabelled"}
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


def meant_labels(counts: Mapping[str, int], merge: Iterable[str] = ()) -> dict[str, MeantLabel]:
    """Every label of a table with its class; those of `merge` get theirs later, and `other` here.

    Raises: `InputError` that lists all other labels without a class, with their counts.
    """
    known = lexicon()
    yours = dict.fromkeys(merge, MeantLabel(OTHER, "yours (--merge)"))
    found = {name: yours.get(name) or class_of(name, known) for name in counts}
    unknown = [name for name, meant in found.items() if meant is None]
    if unknown:
        unknown.sort(key=lambda name: (-counts[name], name))
        listed = ", ".join(f"{visible(name)!r} ({counts[name]:,})" for name in unknown[:30])
        words = " ".join(f"--merge {quote(f'{visible(name)}=CLASS')}" for name in unknown[:30])
        more = f" and {len(unknown) - 30:,} more" if len(unknown) > 30 else ""
        noun = "label has" if len(unknown) == 1 else "labels have"
        raise InputError(
            f"{len(unknown):,} {noun} no class: {listed}{more}",
            cure=f"Give the class of each, one of [{', '.join(CLASSES)}], or 'other' for none of "
            f"them: {words}",
        )
    return {name: meant for name, meant in found.items() if meant}
