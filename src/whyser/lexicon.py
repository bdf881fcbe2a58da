"""The words that name an emotion, and the class that each is grouped under.

The eight names and their grammatical forms come from `whyser.labels`; every other word is a
decision and stands in `grouping.csv` with its reason. The table is frozen: its hash is part of
every score's signature.

`use` in the table is `prose` for a word that names an emotion wherever it stands, and
`statement` for one that does so only where the answer is stated ("flat" is a neutral answer,
but in "the pitch is flat" it is a remark on the voice).
"""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import resources

from whyser.files import short_hash
from whyser.labels import ALIASES, CLASSES, OTHER, Label, canonical

#: Chinese and Japanese, written without spaces.
UNSPACED = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\u3005"

_WORD = re.compile(rf"[^\W\d_{UNSPACED}]+(?:'[^\W\d_{UNSPACED}]+)*|[{UNSPACED}]+")
_IS_UNSPACED = re.compile(f"[{UNSPACED}]")
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]"
)
_ACCENTS = re.compile("[\u0300-\u036f]")
_APOSTROPHES = re.compile("[\u2018\u2019\u02bc\u00b4]")


def fold(text: str) -> str:
    """Lower case, without accents, invisible marks and typographic variants.

    >>> fold("W\u00dcTEND\u200f, isn\u2019t it")
    "wutend, isn't it"
    """
    if not text.isascii():
        # Only Latin, Greek and Cyrillic accents are dropped; Japanese voicing marks are letters.
        plain = _ACCENTS.sub("", unicodedata.normalize("NFKD", _APOSTROPHES.sub("'", text)))
        text = unicodedata.normalize("NFC", plain)
    return _INVISIBLE.sub("", text.replace("\r", "\n")).casefold()


def words(text: str) -> list[str]:
    """Words of folded text; a run of Chinese or Japanese is one word.

    >>> words("matter-of-fact, isn't it")
    ['matter', 'of', 'fact', "isn't", 'it']
    """
    return _WORD.findall(text)


@dataclass(frozen=True)
class Entry:
    """A word or phrase of the table; `parts` are its folded words."""

    word: str
    label: Label
    in_prose: bool

    @cached_property
    def parts(self) -> tuple[str, ...]:
        return tuple(words(fold(self.word)))


@dataclass(frozen=True)
class Lexicon:
    """Every known word, found by its first part."""

    entries: tuple[Entry, ...]

    @cached_property
    def hash(self) -> str:
        """Of what decides a reading: word, class and use of every entry."""
        rows = sorted(f"{entry.word},{entry.label},{entry.in_prose}" for entry in self.entries)
        return short_hash("\n".join(rows))

    @cached_property
    def spaced(self) -> dict[str, tuple[Entry, ...]]:
        """First part -> entries, the longest first."""
        table: dict[str, list[Entry]] = {}
        for entry in self.entries:
            if not _IS_UNSPACED.match(entry.parts[0]):
                table.setdefault(entry.parts[0], []).append(entry)
        return {
            first: tuple(sorted(found, key=lambda entry: -len(entry.parts)))
            for first, found in table.items()
        }

    @cached_property
    def unspaced(self) -> dict[str, Entry]:
        """Chinese and Japanese words, each by its whole."""
        return {
            entry.parts[0]: entry for entry in self.entries if _IS_UNSPACED.match(entry.parts[0])
        }

    def knows(self, text: str) -> bool:
        """Whether folded text is nothing but one word or phrase of the table."""
        parts = tuple(words(text))
        if not parts:
            return False
        if parts[0] in self.unspaced:
            return len(parts) == 1
        return any(entry.parts == parts for entry in self.spaced.get(parts[0], ()))


@cache
def lexicon() -> Lexicon:
    """The frozen table, read once from the package."""
    return Lexicon(tuple(_entries()))


def _entries() -> Iterator[Entry]:
    for name in (*CLASSES, *ALIASES):
        yield Entry(name, canonical(name), in_prose=True)
    # "the other speaker": only a statement can mean the class.
    yield Entry(OTHER, OTHER, in_prose=False)
    table = resources.files(__package__).joinpath("grouping.csv").read_text(encoding="utf-8")
    for row in csv.DictReader(table.splitlines()):
        yield Entry(row["word"], canonical(row["class"]), in_prose=row["use"] == "prose")
