"""JSON in and JSON out: how another model's text is sent to a model that reads or judges it.

The text may be hostile, so it is sent as a JSON string, which it cannot break out of, and the reply
must match a schema.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from json import JSONDecoder
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from whyser.io.thinking import without_thinking

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


# ---- replies ------------------------------------------------------------------------------------


T = TypeVar("T", bound=BaseModel)


def read_as(model: type[T], text: str, *, is_cut: bool = False) -> T | str:
    """The validated reply, or the reason why it is unreadable.

    The object may be inside a code fence or prose if it is the only one; thinking is ignored.

    Args: `is_cut`, whether the reply ended at the token limit.

    >>> class Choice(BaseModel):
    ...     verdict: str
    >>> read_as(Choice, 'Sure!\\n```json\\n{"verdict": "A"}\\n```').verdict
    'A'
    >>> read_as(Choice, "A is better."), read_as(Choice, '{"verdict": "both', is_cut=True)
    ('no JSON object', 'cut off')
    """
    said = without_thinking(text)
    whole = _object(said)
    if whole is None and is_cut:
        return "cut off"
    found = [whole] if whole is not None else list(_objects(said))
    if not found:
        return "no JSON object"
    first, *others = found
    if any(one != first for one in others):
        return "two answers"
    try:
        return model.model_validate(first)
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        return f"not as asked: {'.'.join(map(str, fault['loc']))}"


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object without duplicate keys; otherwise the last verdict would silently win."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("duplicate key")
    return found


_DECODER = JSONDecoder(object_pairs_hook=_once)


def _object(text: str) -> dict[str, Any] | None:
    try:
        value = json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _objects(text: str) -> Iterator[dict[str, Any]]:
    """The outermost JSON objects in a text."""
    at = text.find("{")
    while at >= 0:
        try:
            value, end = _DECODER.raw_decode(text, at)
        except (ValueError, RecursionError):
            end = at + 1
        else:
            yield value
        at = text.find("{", end)
