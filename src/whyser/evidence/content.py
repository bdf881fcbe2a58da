"""Find where a text quotes the spoken words, or repeats them without quotation marks.

The filters require at least one such place (docs/design.md, "Where the paper is silent", 14); the
report highlights them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

#: Words from which a quotation is checked; a single word in quotes is often no quotation.
SHORTEST_QUOTE = 2

#: Consecutive words of the transcript that count as a repetition.
SHORTEST_ECHO = 3

#: Between double quotation marks, straight or curly; the length limit keeps the search linear.
QUOTATION = re.compile(r"\"([^\"]{1,1000})\"|“([^”]{1,1000})”")

_WORD = re.compile(r"[\w']+")
#: Marks of omitted words.
_GAP = re.compile(r"\.\.\.|…|--|—| - ")


def quotes(text: str) -> list[str]:
    """The texts between double quotation marks, straight or curly."""
    return [first or second for first, second in QUOTATION.findall(text)]


def words_of(text: str) -> list[str]:
    """Words for the comparison of quotations: lower case, one kind of apostrophe.

    >>> words_of("Don\u2019t, I said.")
    ["don't", 'i', 'said']
    """
    return _WORD.findall(_plain(text))


def _plain(text: str) -> str:
    # The length must not change, so that offsets remain valid.
    lowered = text.lower()
    return (lowered if len(lowered) == len(text) else text).replace("\u2019", "'")


def is_spoken(quote: str, spoken: list[str]) -> bool:
    """Whether the spoken words contain every part of a quotation, which may omit words.

    >>> is_spoken("call ... tomorrow", ["call", "me", "tomorrow"])
    True
    """
    whole = f" {' '.join(spoken)} "
    parts = [words_of(part) for part in _GAP.split(quote)]
    return all(f" {' '.join(part)} " in whole for part in parts if part)


def content_cues(text: str, transcript: str) -> list[tuple[int, int]]:
    """Begin and end of each passage from the transcript, in text order.

    Quotations of two or more words count (or of all words, if fewer were spoken), and three
    consecutive words outside of quotations.

    >>> text = 'He says "call me", as if to call me tomorrow were much.'
    >>> [text[begin:end] for begin, end in content_cues(text, "Call me tomorrow!")]
    ['"call me"', 'call me tomorrow']
    """
    spoken = words_of(transcript)
    return sorted([*_spoken_quotes(text, spoken), *_echoes(text, spoken)])


def _spoken_quotes(text: str, spoken: list[str]) -> Iterator[tuple[int, int]]:
    enough = max(1, min(SHORTEST_QUOTE, len(spoken)))
    for found in QUOTATION.finditer(text):
        quote = found[1] or found[2]
        if len(words_of(quote)) >= enough and is_spoken(quote, spoken):
            yield found.span()


def _echoes(text: str, spoken: list[str]) -> Iterator[tuple[int, int]]:
    known = {
        tuple(spoken[at : at + SHORTEST_ECHO]) for at in range(len(spoken) - SHORTEST_ECHO + 1)
    }
    # Quotations become underscores, so that no repetition reaches across one.
    own = QUOTATION.sub(lambda found: "_" * len(found.group()), _plain(text))
    words = list(_WORD.finditer(own))
    begin = end = -1
    for at in range(len(words) - SHORTEST_ECHO + 1):
        row = words[at : at + SHORTEST_ECHO]
        if tuple(word.group() for word in row) not in known:
            continue
        if row[0].start() > end:
            if end > 0:
                yield begin, end
            begin = row[0].start()
        end = row[-1].end()
    if end > 0:
        yield begin, end
