"""Show invisible characters in foreign texts, for a page or a terminal."""

from __future__ import annotations

import re

#: Control characters, marks that change the writing direction, and characters without width or ink,
#: such as fillers and tags, which can spell invisible sentences.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u180e\u200b\u200e\u200f"
    "\u2028-\u202e\u2060-\u206f\u2800\u3164\ufeff\uffa0\ufff9-\ufffb\ud800-\udfff"
    "\U000e0000-\U000e007f]"
)


def visible(text: str | None) -> str:
    """Replaces invisible characters in a text by visible ones.

    >>> visible("a\\x00b \\u202egnp")
    'a␀b ⟨U+202E⟩gnp'
    """
    return _HIDDEN.sub(_shown, text or "")


def _shown(found: re.Match[str]) -> str:
    code = ord(found.group())
    return chr(0x2400 + code) if code < 0x20 else f"\u27e8U+{code:04X}\u27e9"
