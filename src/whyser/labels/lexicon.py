"""The words that name an emotion, and the class of each.

The eight names and their grammatical forms come from `whyser.labels.classes`; every other word is a
decision, which `grouping.csv` lists with its reason. The table is frozen: its hash is part of every
score's signature. `read_lexicon` reads a user's own table instead.

`use` in the table is `prose` for a word that names an emotion in any context, `statement` for a
word that does so only in the statement of the answer ("flat" is a neutral answer, but in "the pitch
is flat" it describes the voice), and `absence` for one whose denial names the class ("no emotion").
A word that ends in * stands for all words that begin so: languages that inflect need few rows.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import resources
from pathlib import Path
from typing import Literal, TypeAlias, cast, get_args

from whyser.io.errors import InputError, Problems
from whyser.io.files import read_text, short_hash
from whyser.io.text import read_cells
from whyser.labels.classes import ALIASES, CLASSES, OTHER, Label, canonical

#: Writing in which a word is found inside a run: Chinese and Japanese have no spaces, Korean adds
#: endings to its stems, and emoji follow each other.
UNSPACED = (
    "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\u3005\uac00-\ud7a3"
    "\u2600-\u26ff\U0001f300-\U0001f6ff\U0001f900-\U0001f9ff"
)

#: A word with spaces around it, as a pattern; the vowel signs of Hindi are no letters to `re`.
SPACED_WORD = (
    rf"[^\W\d_{UNSPACED}]+(?:[\u0900-\u0903\u093a-\u094f]+[^\W\d_{UNSPACED}]*)*"
    rf"(?:'[^\W\d_{UNSPACED}]+)*"
)

_WORD = re.compile(rf"{SPACED_WORD}|[{UNSPACED}]+")
_IS_UNSPACED = re.compile(f"[{UNSPACED}]")
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff"
    "\ufe0e\ufe0f]"
)
#: Accents of Latin, Greek and Cyrillic, the vowel and hamza marks of Arabic, the dot of Hindi.
_ACCENTS = re.compile("[\u0300-\u036f\u0640\u064b-\u0655\u0670\u093c]")
_APOSTROPHES = re.compile("[\u2018\u2019\u02bc\u00b4]")


def fold(text: str) -> str:
    """Converts to lower case and removes accents, invisible marks and typographic variants.

    >>> fold("W\u00dcTEND\u200f, isn\u2019t it")
    "wutend, isn't it"
    """
    if not text.isascii():
        # Japanese voicing marks stay: they make another letter.
        plain = _ACCENTS.sub("", unicodedata.normalize("NFKD", _APOSTROPHES.sub("'", text)))
        text = unicodedata.normalize("NFC", plain)
    return _INVISIBLE.sub("", text.replace("\r", "\n")).casefold()


def words(text: str) -> list[str]:
    """Words of folded text; a run of Chinese or Japanese is one word.

    >>> words("matter-of-fact, isn't it")
    ['matter', 'of', 'fact', "isn't", 'it']
    """
    return _WORD.findall(text)


Use: TypeAlias = Literal["prose", "statement", "absence"]
USES: tuple[Use, ...] = get_args(Use)

#: A shorter stem would match too much, and no emotion word needs a longer one.
_SHORTEST_STEM, _LONGEST_STEM = 3, 20


@dataclass(frozen=True)
class LexiconEntry:
    """A word or phrase of the table; `parts` are its folded words."""

    word: str
    label: Label
    use: Use

    @property
    def in_prose(self) -> bool:
        return self.use == "prose"

    @property
    def is_stem(self) -> bool:
        return self.word.endswith("*")

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
        rows = sorted(f"{entry.word},{entry.label},{entry.use}" for entry in self.entries)
        return short_hash("\n".join(rows))

    @cached_property
    def spaced(self) -> dict[str, tuple[LexiconEntry, ...]]:
        """First part -> entries, the longest first; without stems."""
        table: dict[str, list[LexiconEntry]] = {}
        for entry in self.entries:
            if not (entry.is_stem or _IS_UNSPACED.match(entry.parts[0])):
                table.setdefault(entry.parts[0], []).append(entry)
        return {
            first: tuple(sorted(found, key=lambda entry: -len(entry.parts)))
            for first, found in table.items()
        }

    @cached_property
    def _stems(self) -> dict[str, LexiconEntry]:
        return {entry.parts[0]: entry for entry in self.entries if entry.is_stem}

    @cached_property
    def _beginnings(self) -> frozenset[str]:
        return frozenset(stem[:_SHORTEST_STEM] for stem in self._stems)

    def may_name(self, parts: Sequence[str]) -> bool:
        """Whether an entry begins with one of these folded words; for most sentences none does."""
        if not self.spaced.keys().isdisjoint(parts):
            return True
        beginnings = self._beginnings
        return any(
            (part[:_SHORTEST_STEM] in beginnings and self.stem(part) is not None)
            or (not part.isascii() and _IS_UNSPACED.match(part) is not None)
            for part in parts
        )

    def stem(self, word: str) -> LexiconEntry | None:
        """The longest stem with which the folded word begins.

        >>> lexicon().stem("wutender").word, lexicon().stem("wonder")
        ('w\xfct*', None)
        """
        if word[:_SHORTEST_STEM] not in self._beginnings:
            return None
        ends = range(min(len(word), _LONGEST_STEM), _SHORTEST_STEM - 1, -1)
        return next((self._stems[word[:end]] for end in ends if word[:end] in self._stems), None)

    @cached_property
    def unspaced(self) -> dict[str, LexiconEntry]:
        """Words of writing without spaces, each as a whole."""
        return {
            entry.parts[0]: entry for entry in self.entries if _IS_UNSPACED.match(entry.parts[0])
        }

    def find(self, text: str) -> LexiconEntry | None:
        """The entry that equals the folded text, if any."""
        parts = tuple(words(text))
        if len(parts) == 1 and parts[0] in self.unspaced:
            return self.unspaced[parts[0]]
        alike = self.spaced.get(parts[0], ()) if parts else ()
        exact = next((entry for entry in alike if entry.parts == parts), None)
        return exact or (self.stem(parts[0]) if len(parts) == 1 else None)

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
            # A stem, and the word that is as long, are two.
            key = words_of(row["word"]) + ("*",) * row["word"].endswith("*")
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
    if "*" in word:
        _check_stem(word)
    canonical(row.get("class") or "")
    if row.get("use") not in USES:
        raise InputError(f"bad use {row.get('use')!r}", cure=f"Expected one of {list(USES)}.")
    if not (row.get("reason") or "").strip():
        raise InputError(f"{word!r} has no reason", cure="Explain its class.")


def _check_stem(word: str) -> None:
    is_stem = word.count("*") == 1 and word.endswith("*") and len(words_of(word)) == 1
    if not is_stem or not _SHORTEST_STEM <= len(words_of(word)[0]) <= _LONGEST_STEM:
        raise InputError(
            f"{word!r} is not a stem",
            cure=f"Write one word of {_SHORTEST_STEM} to {_LONGEST_STEM} letters before the *.",
        )


def words_of(word: str) -> tuple[str, ...]:
    """The folded words of a word or phrase, for comparisons."""
    return tuple(words(fold(word)))


_NAMES = (*CLASSES, *ALIASES)


def _lexicon(rows: Iterable[Mapping[str, str]]) -> Lexicon:
    named = [LexiconEntry(name, canonical(name), "prose") for name in _NAMES]
    # In prose, "other" is an ordinary word: "the other speaker".
    other = LexiconEntry(OTHER, OTHER, "statement")
    table = (
        LexiconEntry(row["word"], canonical(row["class"]), cast(Use, row["use"])) for row in rows
    )
    return Lexicon((*named, other, *table))
