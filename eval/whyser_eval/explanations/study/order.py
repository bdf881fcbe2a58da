"""In which order a rater sees what: drawn from names alone, so that page and reader agree.

`script/order.js` is the same in JavaScript; a test holds one against the other.
"""

from __future__ import annotations

from collections.abc import Iterable

_WORD = 0xFFFFFFFF


def mix(text: str) -> int:
    """32 well mixed bits of a text: FNV-1a over its UTF-8 bytes, then MurmurHash3's finaliser.

    It scatters and finds slips of a pen; it keeps no secret.

    >>> f"{mix(''):08x} {mix('a'):08x}"
    'ab3e7c0b 1a80b1b3'
    """
    value = 0x811C9DC5
    for byte in text.encode("utf-8", "replace"):
        value = ((value ^ byte) * 0x01000193) & _WORD
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        value = ((value ^ (value >> shift)) * factor) & _WORD
    return value ^ (value >> 16)


def in_order(study: str, rater: str, items: Iterable[str]) -> list[str]:
    """The items of one test as this rater sees them."""
    return sorted(items, key=lambda item: (mix(f"{study}/{rater}/{item}"), item))


def is_swapped(study: str, rater: str, item: str) -> bool:
    """Whether this rater sees a pair's second candidate first."""
    return bool(mix(f"{study}/{rater}/{item}/side") & 1)


def digest(lines: Iterable[str]) -> str:
    """Sixteen hexadecimal digits that a changed line changes."""
    text = "\n".join(lines)
    return f"{mix(f'0{text}'):08x}{mix(f'1{text}'):08x}"
