"""JSON in and JSON out: how another model's text is sent to a model that reads or judges it.

The text may be hostile, so it is sent as a JSON string, which it cannot break out of, and the reply
must match a schema.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

#: Maximum characters of a text that are sent; of a longer one, the two ends are sent.
SENT = 8_000

#: A string or null.
TEXT_OR_NULL = {"anyOf": [{"type": "string"}, {"type": "null"}]}


def as_data(data: Mapping[str, Any]) -> str:
    """One line of JSON; lone surrogates are written as question marks."""
    return json.dumps(data, ensure_ascii=False).encode("utf-8", "replace").decode()


def response_format(name: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    """The request parameter that asks for an object of exactly these properties."""
    schema = {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
    return {"type": "json_schema", "json_schema": {"name": name, "strict": True, "schema": schema}}


def shortened(text: str) -> str:
    """The text, or the two ends of a long one.

    >>> len(shortened("a" * 1_000_000)) < SENT + 100
    True
    """
    if len(text) <= SENT:
        return text
    half = SENT // 2
    left_out = len(text) - SENT
    return f"{text[:half]}\n[{left_out:,} characters left out]\n{text[-half:]}"
