"""Reads the columns that `whyser-convert grpo` writes for the rewards.

Lists and tables are JSON in a string, because every reader of datasets gives a string the same
type in each row. All generations of a prompt share their strings, so each is parsed once.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeVar

from pydantic import ValidationError

from whyser.evidence.cues import FAMILIES, Cues
from whyser.io.errors import InputError, WhyserError
from whyser.labels.classes import Label, canonical
from whyser.rewards.chance import Chances

T = TypeVar("T")

COMMAND = "whyser-convert grpo"


def column(reward: str, name: str, columns: Mapping[str, Any], count: int) -> Sequence[Any]:
    """The values of a column, one per completion.

    Raises: `WhyserError` with the column's name and the command that writes it, if it is missing
        or has another length than the completions.
    """
    values: Any = columns.get(name)
    # An array is no `Sequence`.
    if isinstance(values, str) or not hasattr(values, "__len__"):
        raise WhyserError(
            f"the reward {reward} needs the column {name!r}, one value per completion. Write the "
            f"rows with {COMMAND}; a trainer that drops unused columns needs "
            "remove_unused_columns=False."
        )
    if len(values) != count:
        raise WhyserError(
            f"the reward {reward} got {count} completions and {len(values)} values of the column "
            f"{name!r}; it needs one value per completion"
        )
    found: Sequence[Any] = values
    return found


def label_of(value: Any) -> Label:
    """The majority label. Raises: `WhyserError` for what names no class."""
    try:
        return canonical(str(value))
    except InputError as error:
        raise _bad("solution", str(error)) from None


def words_of(value: Any) -> str:
    """The transcript. Raises: `WhyserError` for what is no text."""
    if not isinstance(value, str):
        raise _bad("transcript", f"expected a text, not {value!r}")
    return value


def votes_of(value: Any) -> tuple[Label, ...]:
    """The primary votes, from a list of labels or its JSON."""
    return _votes(value) if isinstance(value, str) else _read_votes(value)


def cues_of(value: Any) -> Cues:
    """The measured cues of the completion's own clip, from a record or its JSON."""
    return _cues(value) if isinstance(value, str) else _read_cues(value)


def chances_of(value: Any) -> Chances:
    """How often each claim holds of a clip of the corpus, from a table or its JSON."""
    return _chances(value) if isinstance(value, str) else _read_chances(value)


def _read_votes(value: Any) -> tuple[Label, ...]:
    # An array is a list too, where a data set has another format.
    if not isinstance(value, Iterable) or isinstance(value, str | bytes | Mapping):
        raise _bad("votes", f"expected a list of labels, not {value!r}")
    try:
        return tuple(canonical(str(one)) for one in value)
    except InputError as error:
        raise _bad("votes", str(error)) from None


def _read_cues(value: Any) -> Cues:
    if isinstance(value, Mapping):
        # A family that was not measured is None; that it is there shows that these are cues.
        families: dict[str, Any] = {name: None for name in FAMILIES if name in value}
        value = families | (_without_nulls(value) or {})
    try:
        return Cues.model_validate(value)
    except ValidationError as error:
        raise _bad("cues", str(error.errors(include_url=False)[0]["msg"])) from None


def _without_nulls(value: Any) -> Any:
    """A table without what is None, and None where nothing is left of it: Parquet gives each row
    the keys of every other row."""
    if not isinstance(value, Mapping):
        return value
    kept = {name: _without_nulls(one) for name, one in value.items()}
    return {name: one for name, one in kept.items() if one is not None} or None


def _read_chances(value: Any) -> Chances:
    table = (_without_nulls(value) or {}) if isinstance(value, Mapping) else None
    if table is None or not all(
        isinstance(share, int | float) and 0 <= share <= 1 for share in table.values()
    ):
        raise _bad("chances", "expected claims with shares from 0 to 1")
    return {str(claim): float(share) for claim, share in table.items()}


#: Characters of a fault that an error shows.
_LONGEST = 200


def _bad(name: str, what: str) -> WhyserError:
    shown = what if len(what) <= _LONGEST else f"{what[:_LONGEST]} ..."
    end = "" if shown.endswith((".", "?")) else "."
    return WhyserError(
        f"the column {name!r} is broken: {shown}{end} Write the rows with {COMMAND}."
    )


def _parsed(name: str, read: Callable[[Any], T]) -> Callable[[str], T]:
    @lru_cache(maxsize=20_000)
    def parse(text: str) -> T:
        try:
            return read(json.loads(text))
        except (ValueError, RecursionError) as error:
            raise _bad(name, f"{error}") from None

    return parse


_votes = _parsed("votes", _read_votes)
_cues = _parsed("cues", _read_cues)
_chances = _parsed("chances", _read_chances)
