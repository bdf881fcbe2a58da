"""What of a judge's reply counts: one JSON object as it was asked for, and nothing else.

Prose, two objects that differ, another verdict, both, a refusal or a reply that was cut off is
unreadable: counted, and nobody's win.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from json import JSONDecoder
from typing import Annotated, Any, Literal, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

Verdict: TypeAlias = Literal["A", "B", "tie"]


class Choice(BaseModel):
    """Of a pair; `reason` is the judge's."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    reason: str
    verdict: Verdict


class Rating(BaseModel):
    """How good one rationale is by itself (docs/design.md, "Judging rationales")."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    reason: str
    quotation: Annotated[int, Field(ge=0, le=1)]
    groundedness: Annotated[int, Field(ge=0, le=2)]
    relevance: Annotated[int, Field(ge=0, le=2)]


#: Criterion -> its highest rating.
CRITERIA = {"quotation": 1, "groundedness": 2, "relevance": 2}

_TEXT = {"type": "string"}

#: The properties of each, as an endpoint is given them.
CHOICE_SCHEMA: dict[str, Any] = {
    "reason": _TEXT,
    "verdict": {"type": "string", "enum": ["A", "B", "tie"]},
}
RATING_SCHEMA: dict[str, Any] = {
    "reason": _TEXT,
    **{name: {"type": "integer", "enum": list(range(most + 1))} for name, most in CRITERIA.items()},
}

T = TypeVar("T", bound=BaseModel)


def read_as(model: type[T], text: str, *, is_cut: bool = False) -> T | str:
    """The reply as the schema has it, or why it cannot be read.

    The object may stand in a code fence or amid prose, if it stands alone there; what a model
    thought beforehand is passed over.

    Args: `is_cut`, the reply ended at its limit of tokens.

    >>> read_as(Choice, 'Sure!\\n```json\\n{"reason": "", "verdict": "A"}\\n```').verdict
    'A'
    >>> read_as(Choice, "A is better."), read_as(Choice, '{"reason": "both', is_cut=True)
    ('no JSON object', 'cut off')
    """
    said = text.rpartition("</think>")[2]
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
    """An object whose keys stand once; a second verdict would silently win."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice")
    return found


_DECODER = JSONDecoder(object_pairs_hook=_once)


def _object(text: str) -> dict[str, Any] | None:
    try:
        value = json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _objects(text: str) -> Iterator[dict[str, Any]]:
    """The outermost objects that stand in a text."""
    at = text.find("{")
    while at >= 0:
        try:
            value, end = _DECODER.raw_decode(text, at)
        except (ValueError, RecursionError):
            end = at + 1
        else:
            yield value
        at = text.find("{", end)
