"""Texts of a model for a page: what hides is made visible, what is very long is cut."""

from __future__ import annotations

import json
import re
from typing import Any

#: Characters of a text that are shown; samples.jsonl has all of it.
SHOWN = 4_000

#: Control characters, marks that turn the direction of what follows, and what has no width or
#: no ink: fillers, and tags, which spell whole sentences unseen.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u180e\u200b\u200e\u200f"
    "\u2028-\u202e\u2060-\u206f\u2800\u3164\ufeff\uffa0\ufff9-\ufffb\ud800-\udfff"
    "\U000e0000-\U000e007f]"
)


def visible(text: str | None) -> str:
    """The text with what hides in it made visible.

    >>> visible("a\\x00b \\u202egnp")
    'a␀b ⟨U+202E⟩gnp'
    """
    return _HIDDEN.sub(_shown, text or "")


def _shown(found: re.Match[str]) -> str:
    code = ord(found.group())
    return chr(0x2400 + code) if code < 0x20 else f"\u27e8U+{code:04X}\u27e9"


def cut(text: str | None) -> str | None:
    """The first `SHOWN` characters, and how many are left.

    >>> cut("a" * 5_000)[-28:]
    ' … and 1,000 more characters'
    """
    if text is None or len(text) <= SHOWN:
        return text
    return f"{text[:SHOWN]} … and {len(text) - SHOWN:,} more characters"


def script_json(value: Any) -> str:
    """JSON that may stand in a script element: nothing in it can end the element.

    >>> script_json("</script>")
    '"\\\\u003c/script>"'
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for mark in "<\u2028\u2029":
        text = text.replace(mark, f"\\u{ord(mark):04x}")
    return text
