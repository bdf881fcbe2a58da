"""The words that name an emotion, and the class of each.

The eight names and their grammatical forms come from `whyser.labels.classes`; every other word is a
decision, which `grouping.csv` lists with its reason. The table is frozen: its hash is part of every
score's signature. `read_lexicon` reads a user's own table instead.

`use` in the table is `prose` for a word that names an emotion in any context, and `statement` for a
word that does so only in the statement of the answer ("flat" is a neutral answer, but in "the pitch
is flat" it describes the voice).
"""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import resources
from pathlib import Path

from whyser.io.errors import InputError, Problems
from whyser.io.files import read_text, short_hash
from whyser.io.text import read_cells
from whyser.labels.classes import ALIASES, CLASSES, OTHER, Label, canonical

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
    """Converts to lower case and removes accents, invisible marks and typographic variants.

    >>> fold("W\u00dcTEND\u200f, isn\u2019t it")
    "wutend, isn't it"
    """
    if not text.isascii():
        # Only Latin, Greek and Cyrillic accents are removed; Japanese voicing marks are letters.
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
class LexiconEntry:
    """A word or phrase of the table; `parts` are its folded words."""

    word: str
    label: Label
    in_prose: bool

    @cached_property
    def parts(self) -> tuple[str, ...]:
        return words_of(self.word)


@dataclass(frozen=True, eq=False)
class Lexicon:
    """All known words, indexed by their first part. A table is one object, because readers cache
    their results by it."""

    entries: tuple[LexiconEntry, ...]

    @cached_property
    def hash(self) -> str:
        """Hash of the words, classes and uses, which decide a reading."""
        rows = sorted(f"{entry.word},{entry.label},{entry.in_prose}" for entry in self.entries)
        return short_hash("\n".join(rows))

    @cached_property
    def spaced(self) -> dict[str, tuple[LexiconEntry, ...]]:
        """First part -> entries, the longest first."""
        table: dict[str, list[LexiconEntry]] = {}
        for entry in self.entries:
            if not _IS_UNSPACED.match(entry.parts[0]):
                table.setdefault(entry.parts[0], []).append(entry)
        return {
            first: tuple(sorted(found, key=lambda entry: -len(entry.parts)))
            for first, found in table.items()
        }

    @cached_property
    def unspaced(self) -> dict[str, LexiconEntry]:
        """Chinese and Japanese words, each as a whole."""
        return {
            entry.parts[0]: entry for entry in self.entries if _IS_UNSPACED.match(entry.parts[0])
        }

    def find(self, text: str) -> LexiconEntry | None:
        """The entry that equals the folded text, if any."""
        parts = tuple(words(text))
        if len(parts) == 1 and parts[0] in self.unspaced:
            return self.unspaced[parts[0]]
        alike = self.spaced.get(parts[0], ()) if parts else ()
        return next((entry for entry in alike if entry.parts == parts), None)

    def knows(self, text: str) -> bool:
        """Whether the folded text is exactly one word or phrase of the table."""
        return self.find(text) is not None


@cache
def lexicon() -> Lexicon:
    """The package's frozen table, read once."""
    return _lexicon(csv.DictReader(shipped_table().splitlines()))


def shipped_table() -> str:
    return resources.files(__package__).joinpath("grouping.csv").read_text(encoding="utf-8")


#: Columns of a table; the last two are for human readers.
COLUMNS = ("word", "class", "use", "language", "reason")
USES = ("prose", "statement")


def read_lexicon(path: Path) -> Lexicon:
    """Reads a user's own table; every table also has the eight names and their forms.

    Raises: `InputError` or `BadInput` for missing columns, and for rows without a word or reason,
    with an unknown class or use, or with a duplicate word.
    """
    return _lexicon(check_table(read_text(path), path))


def check_table(text: str, file: str | Path) -> list[dict[str, str]]:
    """The checked rows of a table's text; raises as `read_lexicon` does."""
    header, table = read_cells(text, file)
    if missing := set(COLUMNS) - set(header):
        raise InputError(
            f"no column {', '.join(sorted(missing))}",
            file=file,
            line=1,
            cure=f"A lexicon has {','.join(COLUMNS)}; whyser-eval group writes one.",
        )
    problems = Problems(str(file))
    seen = {words_of(name): f"{name!r} is a name of the classes" for name in (*_NAMES, OTHER)}
    rows = []
    for line, row in table:
        try:
            check_row(row)
            key = words_of(row["word"])
            if key in seen:
                raise InputError(
                    f"duplicate word {row['word']!r}: {seen[key]}", cure="Keep one row per word."
                )
            seen[key] = f"first in line {line}"
        except InputError as problem:
            problems.add(problem.at(file, line))
        rows.append(row)
    problems.raise_any()
    return rows


def check_row(row: Mapping[str, str | None]) -> None:
    """Raises: `InputError` for a missing or unknown value in a row."""
    word = row.get("word") or ""
    if not words_of(word):
        raise InputError(f"{word!r} is not a word", cure="Write the word, or delete the row.")
    canonical(row.get("class") or "")
    if row.get("use") not in USES:
        raise InputError(f"bad use {row.get('use')!r}", cure=f"Expected one of {list(USES)}.")
    if not (row.get("reason") or "").strip():
        raise InputError(f"{word!r} has no reason", cure="Explain its class.")


def words_of(word: str) -> tuple[str, ...]:
    """The folded words of a word or phrase, for comparisons."""
    return tuple(words(fold(word)))


_NAMES = (*CLASSES, *ALIASES)


def _lexicon(rows: Iterable[Mapping[str, str]]) -> Lexicon:
    named = [LexiconEntry(name, canonical(name), in_prose=True) for name in _NAMES]
    # In prose, "other" is an ordinary word: "the other speaker".
    other = LexiconEntry(OTHER, OTHER, in_prose=False)
    table = (
        LexiconEntry(row["word"], canonical(row["class"]), row["use"] == "prose") for row in rows
    )
    return Lexicon((*named, other, *table))
