"""A sentence as tokens: words, pauses, and the emotion words of the lexicon.

Words of other languages that deny or turn become the English cue of `connectives.csv`, so that
one set of scopes reads all languages.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from importlib import resources
from typing import NamedTuple, TypeAlias

from whyser.labels.lexicon import SPACED_WORD, UNSPACED, Lexicon, LexiconEntry, fold

#: What ends a sentence, in any of the languages of the table.
STOPS = ".!?;\n\u3002\u0964\u061f\u06d4"


class SentenceToken(NamedTuple):
    """A word or pause; `start` is its offset in the sentence, `entry` its row of the lexicon."""

    start: int
    text: str
    entry: LexiconEntry | None = None


#: Whether an entry of the lexicon counts.
_Filter: TypeAlias = Callable[[LexiconEntry], bool]

_TOKEN = re.compile(
    rf"(?P<word>{SPACED_WORD})"
    rf"|(?P<run>[{UNSPACED}]+)"
    r"|(?P<pause>[,:()\[\]/|\u2013\u2014\u2192\u3001\u060c]|(?<=\s)[-=]+>?(?=\s))"
)
COMMAS = frozenset(",\u3001\u060c")
PAUSES = frozenset(":()[]/|\u2013\u2014\u2192") | {"-", "--", "---", "->", "=>"} | COMMAS


def tokens_of(said: str, is_open: _Filter, table: Lexicon) -> list[SentenceToken]:
    """Words, punctuation and emotion words of a sentence; a phrase of the table is one token."""
    plain: list[SentenceToken] = []
    connectives = _connectives()
    for match in _TOKEN.finditer(said):
        start, piece = match.start(), match.group()
        if match.lastgroup == "run":
            plain += _split_run(start, piece, is_open, table)
        elif piece in connectives:
            plain += (SentenceToken(start, cue) for cue in connectives[piece])
        else:
            plain.append(SentenceToken(start, piece))
    joined: list[SentenceToken] = []
    position = 0
    while position < len(plain):
        token = plain[position]
        entry = token.entry or _entry_at(plain, position, is_open, table)
        joined.append(token._replace(entry=entry) if entry else token)
        position += len(entry.parts) if entry else 1
    return joined


def _entry_at(
    tokens: Sequence[SentenceToken], position: int, is_open: _Filter, table: Lexicon
) -> LexiconEntry | None:
    first = tokens[position].text
    for entry in table.spaced.get(first, ()):
        parts = entry.parts
        there = [token.text for token in tokens[position : position + len(parts)]]
        if there == list(parts) and is_open(entry):
            return entry
    stem = table.stem(first)
    return stem if stem and is_open(stem) else None


@cache
def _connectives() -> dict[str, tuple[str, ...]]:
    """Folded word of another language -> the English cues that stand for it.

    "isn't but" denies what precedes and ends there: Hindi, Japanese and Korean deny after the word.
    No cue at all is for what only begins as a denial does, such as "very" in Chinese.
    """
    table = resources.files(__package__).joinpath("connectives.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(table.splitlines())
    return {fold(row["word"]): tuple(row["english"].split()) for row in rows}


@cache
def _run_pattern(table: Lexicon) -> re.Pattern[str]:
    """Emotion words and connectives of writing without spaces, the longest first."""
    connectives = filter(_IS_UNSPACED.match, _connectives())
    known = sorted({*table.unspaced, *connectives}, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, known)))


def _split_run(start: int, run: str, is_open: _Filter, table: Lexicon) -> Iterator[SentenceToken]:
    for found in _run_pattern(table).finditer(run):
        here, piece = start + found.start(), found.group()
        entry = table.unspaced.get(piece)
        if entry is None:
            yield from (SentenceToken(here, cue) for cue in _connectives()[piece])
        elif is_open(entry):
            yield SentenceToken(here, piece, entry)


_IS_UNSPACED = re.compile(f"[{UNSPACED}]")
