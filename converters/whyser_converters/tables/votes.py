"""Reads the votes of one utterance from the forms in which tables write them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from whyser.io.errors import InputError
from whyser.io.text import parse_json
from whyser_converters.tables.columns import NAMES
from whyser_converters.tables.source import text_of

_SEPARATOR = re.compile(r"\s*[;|,]\s*")
_COUNTED = re.compile(r"(.+?)\s*[:=]\s*(\d+)")
#: More votes than annotators of any corpus; a larger number is no count.
_MOST = 10_000
_SCORES = "where the highest number is the label, give --map score:LABEL=COLUMN instead."


class Given(NamedTuple):
    """One vote: the annotator, or an empty text, the labels as they are written, and attributes."""

    rater: str
    label: str
    values: Mapping[str, float] = {}
    secondary: str = ""


def votes_in(cell: Any) -> list[Given]:
    """The votes of a cell: a list of labels, counts of labels, or labels with their annotators.

    Raises: `InputError` for any other value.

    >>> votes_in("sad; sad; neutral") == votes_in('{"sad": 2, "neutral": 1}')
    True
    >>> votes_in([{"rater": "r1", "label": "sad"}]) == [Given("r1", "sad")]
    True
    """
    if isinstance(cell, str):
        cell = _parsed(cell.strip())
    if isinstance(cell, Mapping):
        return [
            vote
            for label, count in cell.items()
            if count is not None
            for vote in counted(str(label), count)
        ]
    if isinstance(cell, Sequence) and not isinstance(cell, str | bytes):
        return [_one(value) for value in cell if not isinstance(value, str) or value.strip()]
    if text := text_of(cell):
        return [Given("", text)]
    return []


def _parsed(text: str) -> Any:
    if text[:1] in {"[", "{"}:
        try:
            # Python writes lists of texts with single quotes.
            return parse_json(text if '"' in text else text.replace("'", '"'))
        except ValueError:
            raise InputError(f"bad votes {text[:60]!r}", cure="Write them as JSON.") from None
    parts = [part for part in _SEPARATOR.split(text) if part]
    matches = [_COUNTED.fullmatch(part) for part in parts]
    found = [match for match in matches if match]
    if found and len(found) == len(parts):
        return {match[1]: int(match[2]) for match in found}
    return parts


def counted(label: str, count: Any) -> list[Given]:
    """As many votes as the cell counts.

    Raises: `InputError` for what is no whole number of votes.
    """
    text = text_of(count)
    if not text:
        return []
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if 0 < number < 1:
        cure = f"Shares do not say how many annotators there were; {_SCORES}"
    elif not (number.is_integer() and 0 <= number <= _MOST):
        cure = f"Expected a whole number from 0 to {_MOST:,}. {_SCORES.capitalize()}"
    else:
        return [Given("", label)] * int(number)
    raise InputError(f"bad number of votes {text[:60]!r} for {label!r}", cure=cure)


def words_of(cell: str) -> list[str]:
    """The different labels of a cell.

    >>> words_of("Angry, Other,Angry;")
    ['Angry', 'Other']
    """
    return list(dict.fromkeys(filter(None, _SEPARATOR.split(cell.strip()))))


def highest(scores: Mapping[str, Any]) -> list[str]:
    """The labels with the highest score; none if no score is above 0.

    Raises: `InputError` for what is no number.

    >>> highest({"happy": 0.0, "sad": "1,6667", "fear": ""}), highest({"happy": 0})
    (['sad'], [])
    """
    found = {}
    for label, cell in scores.items():
        text = text_of(cell).replace(",", ".")
        try:
            found[label] = float(text or 0)
        except ValueError:
            found[label] = math.nan
        if not math.isfinite(found[label]):
            what = f"bad score {text[:60]!r} of {label!r}"
            raise InputError(what, cure="Expected a number.")
    top = max(found.values())
    return [label for label, score in found.items() if score == top > 0]


def _one(value: Any) -> Given:
    if not isinstance(value, Mapping):
        return Given("", text_of(value))
    fields = {str(key).lower().replace("_", ""): text_of(one) for key, one in value.items()}
    label = next((fields[name] for name in NAMES["label"] if name in fields), None)
    rater = next((fields[name] for name in NAMES["rater"] if name in fields), "")
    if label is None:
        raise InputError(f"bad vote {str(value)[:60]!r}", cure="Expected an object with a label.")
    return Given(rater, label)
