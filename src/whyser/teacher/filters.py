"""What a rationale must satisfy before anyone trains on it (paper, 2.1; method.md, 12 to 14)."""

from __future__ import annotations

import re
from collections.abc import Collection

from whyser.evidence.cues import Family
from whyser.labels import EmotionClass

SHORTEST, LONGEST = 20, 200
FEWEST_FAMILIES = 2
SHORTEST_QUOTE = 2

#: The label and the words built on its stem; "sadly" gives sad away, "saddle" does not.
_STEMS: dict[EmotionClass, str] = {
    "angry": r"ang(?:ry|rier|riest|rily|er|ers|ered|ering)",
    "sad": r"sad(?:der|dest|den|dens|dened|dening|ly|ness)?",
    "happy": r"(?:un)?happ(?:y|ier|iest|ily|iness)",
    "surprise": r"surpris(?:e|es|ed|ing|ingly)",
    "fear": r"fear(?:s|ed|ing|ful|fully|fulness|less|some)?",
    "disgust": r"disgust(?:s|ed|ing|ingly|edly)?",
    "contempt": r"contempt(?:uous|uously|ible)?",
    "neutral": r"neutral(?:ly|ity|ise|ised|ize|ized)?",
}
_LEAKS = {label: re.compile(rf"\b{stem}\b", re.IGNORECASE) for label, stem in _STEMS.items()}


def leaks_label(text: str, label: EmotionClass) -> bool:
    """Whether the text holds the label or a word of its stem.

    >>> leaks_label("She sounds saddened.", "sad"), leaks_label("A saddle.", "sad")
    (True, False)
    """
    return bool(_LEAKS[label].search(text))


def quotes(text: str) -> list[str]:
    """What stands between double quotation marks, straight or curled."""
    return [first or second for first, second in re.findall(r'"([^"]+)"|“([^”]+)”', text)]


def faults(
    text: str, *, label: EmotionClass, transcript: str, families: Collection[Family]
) -> tuple[str, ...]:
    """Why a rationale may not be trained on; empty when it may.

    `families` are the acoustic families that it speaks of.
    """
    found = []
    if leaks_label(text, label):
        found.append("label leak")
    if not SHORTEST <= len(text.split()) <= LONGEST:
        found.append("length")
    if not any(_is_content_cue(quote, transcript) for quote in quotes(text)):
        found.append("no content cue")
    if len(set(families)) < FEWEST_FAMILIES:
        found.append("too few acoustic cues")
    return tuple(found)


def _is_content_cue(quote: str, transcript: str) -> bool:
    words = _words(quote)
    enough = len(words) >= min(SHORTEST_QUOTE, len(_words(transcript)))
    return enough and f" {' '.join(words)} " in f" {' '.join(_words(transcript))} "


def _words(text: str) -> list[str]:
    return re.findall(r"[\w']+", text.lower())
