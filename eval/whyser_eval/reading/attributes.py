"""Reads the attributes that an answer names: "arousal 4.2 of 7", "Valence: 0.6/1", "60 %".

The block of the answer's attributes is read if there is one, or else all that the answer says
besides its thinking and its transcript. Of two values of an attribute the first one counts. A value
has the scale of the corpus unless it names another one; then it is moved to that of the corpus:

- "4.2 of 7" and "4.2/7" name the top. The bottom is that of the corpus if the top is; else it is 0
  for a top of 1, and for one of 10 and more, and 1 for the manikins' 5, 7 and 9.
- "4.2 (1-7)" and "4.2 on a scale from 1 to 7" name both ends, and "60 %" is 0 to 100.

A value outside of its scale, a range ("4 to 5"), a word ("high") and a block that is cut off are
not read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from whyser.io.thinking import without_thinking
from whyser.labels.attributes import Attribute, Scale, Scales, at_position, position
from whyser.prompting.answer import Answer

#: Increase it with every change of what is read: it is part of the signature.
VERSION = "attributes-1"

#: Other names of the attributes; those with capital letters are columns of MSP-Podcast.
_NAMES: dict[str, Attribute] = {
    "arousal": "arousal",
    "activation": "arousal",
    "emoact": "arousal",
    "valence": "valence",
    "emoval": "valence",
    "dominance": "dominance",
    "emodom": "dominance",
    "intensity": "intensity",
}

_SIGNED = r"[+\-\u2212]?\d{1,3}(?:[.,]\d{1,6})?"
_PLAIN = r"\d{1,3}(?:\.\d{1,3})?"
_TO = r"\s{0,2}(?:-|\u2013|\u2014|\bto\b|\.\.)\s{0,2}"
_BRACKET = r"[(\[](?:scale\s|from\s)?"
_WORDS = r"\s(?:on|in|from)\s(?:an?\s|the\s)?(?:scale\s|range\s)?(?:of\s|from\s)?"
_MARK = r"[\"'*_`)\]]{0,4}"

#: An attribute, its value and its scale.
_VALUE = re.compile(
    rf"(?<![^\W\d_])(?P<name>{'|'.join(_NAMES)})(?![^\W\d_]){_MARK}"
    r"(?:\s(?:level|score|value|rating|is|was)\b){0,2}"
    rf"(?:\s{{0,2}}{_BRACKET}(?P<head_low>{_SIGNED}){_TO}(?P<head_high>{_SIGNED})[)\]])?"
    rf"\s{{0,2}}{_MARK}\s{{0,2}}"
    r"(?:[:=|\u2013\u2014(\[]|->|\u2192|-(?=\s)|\b(?:is|at|of|about|around|approximately|as)\b){0,1}"
    rf"\s{{0,2}}(?:\b(?:is|at|about|around|approximately|roughly)\s)?[\"'*_`(\[]{{0,4}}\s{{0,2}}"
    rf"(?P<value>{_SIGNED})(?![\w]|[.,]\d)(?!{_TO}\d){_MARK}"
    rf"(?:\s{{0,2}}(?:/|\bout of\b|\bof\b)\s{{0,2}}{_MARK}(?P<top>{_PLAIN})(?![\w]|\.\d)"
    r"|\s?(?P<percent>%|percent\b)"
    rf"|(?:\s{{0,2}}{_BRACKET}|{_WORDS})(?P<low>{_SIGNED}){_TO}(?P<high>{_SIGNED}))?"
)

#: The transcript, whose words are the speaker's.
_TRANSCRIPT = re.compile(r"<asr>.*?(?:</asr>|\Z)", re.DOTALL)

#: Characters of an answer that are read.
_LONGEST = 100_000


def read_attributes(text: str, blocks: Answer, scales: Scales) -> dict[Attribute, float]:
    """The attributes of `scales` that the answer names, on these scales.

    Args:
        text: the whole answer
        blocks: the same, as `parse_answer` reads it
        scales: of the corpus that was asked about

    >>> from whyser.prompting.answer import parse_answer
    >>> manikins = {"arousal": (1, 7), "valence": (1, 7)}
    >>> read_attributes(text := "Valence: 0.5/1, arousal 4,2 of 7", parse_answer(text), manikins)
    {'arousal': 4.2, 'valence': 4.0}
    """
    said = blocks.attributes
    if said is None:
        # The last value of a block that is cut off may be half of one.
        if "<attributes>" in text or not _may_name(text.lower(), scales):
            return {}
        said = _TRANSCRIPT.sub(" ", without_thinking(text))
    found: dict[Attribute, float | None] = {}
    for name, value in _values(said[:_LONGEST].lower(), scales):
        found.setdefault(name, value)
    return {name: value for name in scales if (value := found.get(name)) is not None}


def _may_name(text: str, scales: Scales) -> bool:
    """Whether a name occurs: most answers have none, and a search for a word is fast."""
    return any(name in text for name, attribute in _NAMES.items() if attribute in scales)


def _values(text: str, scales: Scales) -> Iterator[tuple[Attribute, float | None]]:
    """Each attribute with its value on the scale of the corpus; None for one outside of its own."""
    for found in _VALUE.finditer(text):
        name = _NAMES[found["name"]]
        if name in scales:
            own = _scale(found, scales[name])
            place = position(_number(found["value"]), own)
            # Not moved and back, or a value of the same scale would change in its last digit.
            on_scale = 0 <= place <= 1
            same = own == scales[name]
            value = _number(found["value"]) if same else at_position(place, scales[name])
            yield name, value if on_scale else None


def _scale(found: re.Match[str], usual: Scale) -> Scale:
    """The scale that the value names, or else the usual one."""
    if found["percent"]:
        return 0.0, 100.0
    if found["top"]:
        top = _number(found["top"])
        if top == usual[1]:
            return usual
        bottom = 1.0 if 1 < top < 10 else 0.0
        return (bottom, top) if bottom < top else usual
    low, high = found["low"] or found["head_low"], found["high"] or found["head_high"]
    if low and high and _number(low) < _number(high):
        return _number(low), _number(high)
    return usual


def _number(text: str) -> float:
    return float(text.replace(",", ".").replace("\u2212", "-"))
