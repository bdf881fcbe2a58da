"""What a text says of the words spoken: its quotations of them, and what it repeats unmarked.

The filters ask whether there is any (docs/design.md, "Where the paper is silent", 14), the report
shows where.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

#: Words of a quotation that must be the transcript's; a single word is often no quotation.
SHORTEST_QUOTE = 2

#: Words in a row that a text shares with the transcript, to be taken from it.
SHORTEST_ECHO = 3

#: Between double marks, straight or curled; of bounded length, so that searching is linear.
QUOTATION = re.compile(r"\"([^\"]{1,1000})\"|“([^”]{1,1000})”")

_WORD = re.compile(r"[\w']+")
#: Where a quotation leaves words out.
_GAP = re.compile(r"\.\.\.|…|--|—| - ")


def quotes(text: str) -> list[str]:
    """What stands between double quotation marks, straight or curled."""
    return [first or second for first, second in QUOTATION.findall(text)]


def words_of(text: str) -> list[str]:
    """Words as quotations are compared: lower case, one kind of apostrophe.

    >>> words_of("Don\u2019t, I said.")
    ["don't", 'i', 'said']
    """
    return _WORD.findall(_plain(text))


def _plain(text: str) -> str:
    # One mark for one, so that offsets stay those of the text.
    lowered = text.lower()
    return (lowered if len(lowered) == len(text) else text).replace("\u2019", "'")


def is_spoken(quote: str, spoken: list[str]) -> bool:
    """Whether every part of a quotation, where it leaves words out, stands in the words spoken.

    >>> is_spoken("call ... tomorrow", ["call", "me", "tomorrow"])
    True
    """
    whole = f" {' '.join(spoken)} "
    parts = [words_of(part) for part in _GAP.split(quote)]
    return all(f" {' '.join(part)} " in whole for part in parts if part)


def content_cues(text: str, transcript: str) -> list[tuple[int, int]]:
    """Begin and end of what the text takes from the transcript, in order.

    A quotation of two words and more counts (of all, where fewer were spoken), and three words
    in a row outside of quotations.

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
    # A quotation is blanked out, and its mark keeps an echo from reaching across it.
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
