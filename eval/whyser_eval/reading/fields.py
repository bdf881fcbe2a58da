"""The fields of JSON in an answer: which of them names the emotion.

The text is folded; broken or cut JSON is read as far as it goes. The time is linear in its length.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from whyser.labels.lexicon import Lexicon
from whyser_eval.reading.rated import Rating


@dataclass(frozen=True)
class Field:
    """A key of JSON and its value; None for null, and for a list or an object of others."""

    key: str
    value: str | None
    is_nested: bool = False


_FIELD = re.compile(
    r"[\"']([\w][\w /-]{0,40})[\"']\s{0,9}[:=]\s{0,9}"
    r"(?:\"((?:[^\"\\]|\\.){0,4000})(?:\"|\Z)"
    r"|'((?:[^'\\]|\\.|(?<=\w)'(?=\w)){0,4000})(?:'|\Z)"
    r"|(\[[^\[\]{}]{0,2000}\])|([\[{])|([^\s,\]}\"'\[{]{1,40}))"
)
_NULLS = frozenset({"null", "none", "n/a", ""})


def fields(text: str) -> list[Field]:
    """The fields of all JSON in the text, also of broken JSON.

    >>> fields('{"emotion": "sad", "scores": {"sad": 0.9}, "note": null}')[0]
    Field(key='emotion', value='sad', is_nested=False)
    """
    if "{" not in text:
        return []
    found = []
    for match in _FIELD.finditer(text, text.index("{")):
        key, double, single, several, nested, bare = match.groups()
        value = next((one for one in (double, single, several, bare) if one is not None), None)
        is_null = value is None or value.strip() in _NULLS
        found.append(Field(key, None if is_null else value, nested is not None))
    return found


_ANSWER_KEY = re.compile(
    r"(?:(?:final|predicted|primary|dominant|main|overall|speaker|speaker_s|detected|perceived|top"
    r"|most_likely|best|identified|the)[ _-]){0,3}"
    r"(?:answer|emotion(?:al)?(?:[ _-](?:state|label|category|tone|class|name))?|label|prediction"
    r"|class(?:ification)?|category|result|feeling|mood|sentiment|state|choice|option|response"
    r"|output|verdict)s?"
)
_OVERALL_KEY = re.compile(r"final|overall|dominant|primary|main")
_SEGMENT_KEY = re.compile(r"start|end|segment|time(?:stamp)?|from|to|begin|speaker|turn")
_SCORE_KEY = re.compile(r"score|confidence|probability|prob|value|intensity|weight|percent(?:age)?")
_NAME_KEY = re.compile(r"name|type")


def answer_values(found: Sequence[Field]) -> list[str] | None:
    """What the answer's keys hold, those of the whole before those of its parts.

    None if there is no such key, and no value where all are null.

    >>> answer_values(fields('{"start": 0, "emotion": "sad", "overall_emotion": "fear"}'))
    ['fear', 'sad']
    """
    keys = [one for one in found if _ANSWER_KEY.fullmatch(one.key) and not one.is_nested]
    keys.sort(key=lambda one: not _OVERALL_KEY.match(one.key))
    return [one.value for one in keys if one.value is not None] if keys else None


def scored_fields(found: Sequence[Field], table: Lexicon) -> list[Rating]:
    """The ratings of [{"label": "sad", "score": 0.9}, ...]; none if these are segments."""
    if any(_SEGMENT_KEY.fullmatch(one.key) for one in found):
        return []
    scored = []
    for name, score in pairwise(found):
        is_name = _NAME_KEY.fullmatch(name.key) or _ANSWER_KEY.fullmatch(name.key)
        entry = table.find(name.value or "") if is_name else None
        share = _NUMBER.match(score.value or "") if _SCORE_KEY.fullmatch(score.key) else None
        if entry and share:
            scored.append(Rating(entry.label, name.value or "", float(share[0])))
    return scored


_NUMBER = re.compile(r"\d{1,3}(?:\.\d{1,6})?")
