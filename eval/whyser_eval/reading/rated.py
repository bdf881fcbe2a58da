"""Emotions with a rating each: scores, percentages, booleans and checklists.

"Anger 0 %, sadness 70 %" answers by the highest rating, not by the first word. The text is folded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from whyser.labels.classes import OTHER, Label
from whyser.labels.lexicon import Lexicon


@dataclass(frozen=True)
class Rating:
    """An emotion that an answer rates; `share` is higher for what it affirms more, 0 if denied."""

    label: Label
    word: str
    share: float


#: What a rating in words is worth; a word that is not here rates nothing.
_VERBAL = {
    **dict.fromkeys(("false", "no", "none", "absent", "n/a", "not applicable", "not present",
                     "not detected", "ruled out", "excluded", "impossible"), 0.0),
    **dict.fromkeys(("very low", "minimal", "unlikely", "very unlikely", "negligible"), 0.1),
    **dict.fromkeys(("low", "slight", "weak", "less likely"), 0.25),
    **dict.fromkeys(("medium", "moderate", "possible", "maybe", "some", "mild", "partial"), 0.5),
    **dict.fromkeys(("true", "yes", "present", "detected", "high", "strong", "likely"), 1.0),
    **dict.fromkeys(("very high", "very strong", "most likely", "very likely", "dominant",
                     "primary"), 1.5),
}  # fmt: skip
_TICKS = dict.fromkeys("x\u2713\u2714\u2611\u2705\u2612", 1.0)
_CROSSES = dict.fromkeys(" \u2717\u2718\u274c\u2610\u274e\u25a1", 0.0)
_MARKS = {**_TICKS, **_CROSSES}

_WORD = r"[^\W\d_]+(?:[ -][^\W\d_]+)?"
_NUMBER = r"\d{1,3}(?:\.\d{1,6})?"
_VERBALS = "|".join(sorted(map(re.escape, _VERBAL), key=len, reverse=True))
_WRAP = r"[\"'*_`]{0,4}"
_LINK = r"\s{0,3}(?:[:=|(\-\u2013\u2014]|->|\u2192)\s{0,3}"
_AFTER = re.compile(
    # Sad: 0.8; "sad": true; | sad | yes |; sad (70 %); sad: most likely, as ...
    rf"(?<![^\W\d_])(?P<word>{_WORD}){_WRAP}{_LINK}{_WRAP}"
    rf"(?:\[?(?P<mark>[x \u2713\u2714\u2705\u2717\u2718\u274c\u274e])\](?!\w)"
    rf"|(?P<tick>[\u2713\u2714\u2611\u2705\u2717\u2718\u274c\u2610])"
    rf"|(?P<number>{_NUMBER})(?![\w.:])"
    rf"|(?P<verbal>{_VERBALS})(?=\s{{0,3}}(?:$|[,.;:|)\]}}\"'*`\n\u2013\u2014]|-\s|as\b|because\b|since\b)))"
    # Sad 70 %; sadness 0.8; sad \u2713
    rf"|(?<![^\W\d_])(?P<plain>{_WORD})\s"
    rf"(?:(?P<share>{_NUMBER}\s?%|[01]?\.\d{{1,6}})|(?P<after>[\u2713\u2714\u2705\u2717\u2718\u274c]))",
    re.MULTILINE,
)
_TICK = "[\u2713\u2714\u2611\u2705\u2717\u2718\u274c\u2610\u25a1]"
_BEFORE = re.compile(
    # - [x] sad; 70 % sad; 0.7 sad
    rf"(?:\[(?P<mark>[x \u2713\u2714])\]|(?P<tick>{_TICK})"
    rf"|(?P<share>{_NUMBER}\s?%|[01]?\.\d{{1,4}})(?:\sof)?)"
    rf"[ \t]{{0,3}}{_WRAP}(?P<word>[^\W\d_]+)",
)


def ratings(text: str, table: Lexicon) -> list[Rating]:
    """All rated emotions in order.

    >>> from whyser.labels.lexicon import lexicon
    >>> [(one.label, one.share) for one in ratings("anger 0%, sadness 70%", lexicon())]
    [('angry', 0.0), ('sad', 70.0)]
    >>> [(one.label, one.share) for one in ratings("- [ ] sad\\n- [x] happy", lexicon())]
    [('sad', 0.0), ('happy', 1.0)]
    """
    if not _RATES.search(text):
        return []
    found = list(_rated(_BEFORE, text, table))
    return found if compares(found) else list(_rated(_AFTER, text, table))


#: No rating is without one of these; most answers have none, and need no closer look.
_RATES = re.compile(
    rf"[:=|(\-\u2013\u2014>\u2192]\s{{0,3}}{_WRAP}(?:\d|(?:{_VERBALS})\b)"
    rf"|[{''.join(_MARKS).replace(' ', '').replace('x', '')}]|\[[x ]\]|\d\s?%|\.\d"
)


def _rated(pattern: re.Pattern[str], text: str, table: Lexicon) -> Iterator[Rating]:
    for found in pattern.finditer(text):
        groups = found.groupdict()
        word = groups["word"] or groups.get("plain") or ""
        entry = table.find(word) or table.find(word.rpartition(" ")[2])
        if entry is not None and entry.use != "absence":
            yield Rating(entry.label, word, _share(groups))


def _share(groups: dict[str, str | None]) -> float:
    for name in ("mark", "tick", "after"):
        if (mark := groups.get(name)) is not None:
            return _MARKS[mark]
    if (verbal := groups.get("verbal")) is not None:
        return _VERBAL[verbal]
    return float((groups.get("number") or groups.get("share") or "0").rstrip(" %"))


def compares(found: Sequence[Rating]) -> bool:
    """Whether the ratings are of different emotions."""
    return len({one.label for one in found}) > 1


def highest(found: Sequence[Rating]) -> list[Rating]:
    """The ratings with the highest share, those with a class first; none if all are denied.

    >>> highest([Rating("sad", "sad", 0.0), Rating("happy", "joy", 0.0)])
    []
    """
    top = max((one.share for one in found), default=0.0)
    best = [one for one in found if one.share == top and top > 0]
    return sorted(best, key=lambda one: one.label == OTHER)
