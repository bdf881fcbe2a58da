"""Finds the options that a question lists with letters or numbers, in a stranger's notation.

`A. angry`, `A) angry`, `(A) angry`, `[A] angry`, `A: angry`, `A = angry`, also with small letters
and numbers, one a line or in a sentence. A list counts only if it can mean one thing: its marks are
the first letters or numbers, in order and in one notation, every option is a word of the lexicon,
and there is no second such list.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from whyser.labels.classes import Label
from whyser.labels.lexicon import fold, lexicon
from whyser.prompting.prompts import lettered_options


@dataclass(frozen=True)
class OptionList:
    """The labels of the options in their order; `numbered` if the marks are 1, 2, ... not A, B."""

    labels: tuple[Label, ...] = ()
    numbered: bool = False

    @property
    def by_mark(self) -> dict[str, Label]:
        """Mark -> label.

        >>> OptionList(("sad", "happy"), numbered=True).by_mark
        {'1': 'sad', '2': 'happy'}
        """
        return lettered_options(self.labels, numbered=self.numbered)


class _Mark(NamedTuple):
    """A letter or number with the text that follows it, up to the next mark of its notation."""

    name: str
    text: str


_NAME = r"[A-Za-z]|\d{1,2}"
_MARK = re.compile(
    # Not within a word or a number of ours; a Chinese word may touch a mark.
    r"(?<![0-9A-Za-z\u00c0-\u052f_'&])"
    rf"(?:(?P<round>\()(?P<in_round>{_NAME})\)|(?P<square>\[)(?P<in_square>{_NAME})\]"
    # "e.g.", "1.5" and "3:30" are no marks.
    rf"|(?P<bare>{_NAME})(?P<sign>[)\u3001]|\.(?=\s|[*_`]|[^\W\d_]{{2}}|[^\x00-\x7f])"
    r"|\s?=(?!=)|:(?=\s|[*_`]|[^\W\d_])))"
)
#: Tags of markup, such as <opt>, stand between options.
_TAG = re.compile(r"</?(?:opt|option|options|choice|choices|li|ul|ol|p|br)\s?/?>", re.IGNORECASE)
_END = re.compile(r"[\n,;.?!|\u3002\u3001]")
_EDGES = " \t\r\n.,;:!?*_\"'`()[]{}|/-\u2013\u2014\u3001\u3002"
_JOINED = re.compile(r"(?:^|\s)(?:and|or)$|^(?:and|or)(?:\s|$)", re.IGNORECASE)
#: Characters of an option.
_LONGEST = 60


@lru_cache(maxsize=4096)
def question_options(question: str) -> OptionList:
    r"""The options that a question lists; none where it lists none, or could mean several lists.

    >>> question_options("Which emotion?\nA. Anger\nB. Sadness").labels
    ('angry', 'sad')
    >>> question_options("Is it 1) angry, 2) sad or 3) happy?")
    OptionList(labels=('angry', 'sad', 'happy'), numbered=True)
    >>> question_options("A. Anger\nC. Sadness").labels
    ()
    """
    text = _TAG.sub("\n", unicodedata.normalize("NFKC", question))
    found = [labels for marks in _notations(text) if (labels := _labels(marks)).labels]
    return found[0] if len(found) == 1 else OptionList()


def _notations(text: str) -> list[list[_Mark]]:
    """The marks of each notation, in their order."""
    places: dict[tuple[str, str], list[re.Match[str]]] = defaultdict(list)
    for found in _MARK.finditer(text):
        name = found["in_round"] or found["in_square"] or found["bare"]
        sign = (found["round"] or found["square"] or found["sign"]).strip()
        kind = "1" if name.isdigit() else "A" if name.isupper() else "a"
        places[sign, kind].append(found)
    notations = []
    for matches in places.values():
        ends = [*(one.start() for one in matches[1:]), len(text)]
        notations.append(
            [
                _Mark(
                    one["in_round"] or one["in_square"] or one["bare"],
                    text[one.end() : end],
                )
                for one, end in zip(matches, ends, strict=True)
            ]
        )
    return notations


def _labels(marks: Sequence[_Mark]) -> OptionList:
    """The options of one notation; none where another reading is possible."""
    firsts = [_label(_first(mark.text)) for mark in marks]
    run = [place for place, label in enumerate(firsts) if label]
    if len(run) < 2 or run != list(range(run[0], run[-1] + 1)):
        return OptionList()
    options, others = marks[run[0] : run[-1] + 1], [*marks[: run[0]], *marks[run[-1] + 1 :]]
    labels = tuple(label for label in firsts if label)
    found = OptionList(labels, options[0].name.isdigit())
    names = [mark.name.upper() for mark in options]
    is_listed = (
        len(names) <= 26
        and names == [*found.by_mark]
        and all(_label(_trimmed(mark.text)) for mark in options[:-1])
        and not _label(_second(options[-1].text))
        # "Answer with (A) or (B)" lists nothing.
        and not any(_first(mark.text) for mark in others)
    )
    return found if is_listed else OptionList()


def _label(text: str) -> Label | None:
    entry = lexicon().find(fold(text)) if 0 < len(text) <= _LONGEST else None
    return entry.label if entry else None


def _first(text: str) -> str:
    """What stands between a mark and the end of its phrase."""
    return _trimmed(_END.split(text.lstrip(_EDGES.replace("\n", "")), maxsplit=1)[0])


def _second(text: str) -> str:
    """The phrase after the first: "sad, happy" says more than one thing."""
    _, *rest = _END.split(text.strip(_EDGES), maxsplit=1)
    return _first(rest[0].lstrip(_EDGES)) if rest else ""


def _trimmed(text: str) -> str:
    """The text without marks of punctuation, and without "and" or "or" at an end.

    >>> _trimmed(" *angry*; or "), _trimmed("or")
    ('angry', '')
    """
    bare = text.strip(_EDGES)
    return _JOINED.sub("", bare).strip(_EDGES)
