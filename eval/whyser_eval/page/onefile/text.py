"""Texts of a model for a page: the very long cut, and what would end a script written otherwise."""

from __future__ import annotations

import json
from typing import Any

#: Characters of a text that are shown; samples.jsonl has all of it.
SHOWN = 4_000


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
