"""Whether a reason argues for another emotion than the answer states.

A reason that names another class, or that denies the stated one, explains nothing. A quotation is
what was spoken, unless somebody "is" or "sounds" it. Which words are denied is decided as for
claims about the voice (`whyser.evidence.scopes`), so that "no doubt sad" denies nothing.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from whyser.evidence.scopes import Scopes
from whyser.evidence.wording import DETERMINERS, PAUSES, QUOTE, ClaimToken, sentences, words
from whyser.labels.classes import ALIASES, CLASSES, OTHER, EmotionClass, Label
from whyser.labels.lexicon import fold, lexicon

#: The eight names and their forms argue wherever they stand.
_NAMES: dict[str, Label] = {**{name: name for name in CLASSES}, **ALIASES}

#: Any other word of an emotion does so after one of these: "the speaker sounds furious", but not
#: "a tense voice, as in panic".
_ASCRIBING = words("sound sounds feel feels seem seems appear appears is am are was were it's")
#: Tokens from which the first such word is sought, and what only compares: "is thin, as in panic".
_REACH, _COMPARING = 8, words("as like than")

#: What stands between the words of a list, of which all are denied or none.
_JOINING = PAUSES | words("and or nor")
_QUOTATION_MARKS = 2

#: "Angrier than sad" denies sad, and "nothing less than sad" does not.
_AFFIRMING_THAN = words("less other")


@dataclass(frozen=True)
class _NamedEmotion:
    label: Label
    is_name: bool
    is_denied: bool


def argues_against(rationale: str, label: EmotionClass) -> bool:
    """Whether a reason argues for another class than this one.

    It does if it names another one; if it says in other words that somebody sounds or feels like
    another one, and not like its own; and if it names its own only to deny it.

    >>> argues_against("The voice is full of anger.", "sad")
    True
    >>> argues_against("The speaker sounds furious.", "sad")
    True
    >>> argues_against("There is sadness rather than anger in the low voice.", "sad")
    False
    """
    mentions = list(_mentions(rationale))
    own = [one for one in mentions if one.label == label]
    affirmed = [one for one in mentions if not one.is_denied]
    if any(one.is_name and one.label != label for one in affirmed):
        return True
    if any(one.label == label for one in affirmed):
        return False
    return bool(affirmed) or any(one.is_name for one in own)


_WORD = re.compile(r"\b[a-z]+")


@cache
def _known() -> Mapping[str, Label]:
    """The words and phrases, and the class of each."""
    words_of_table: dict[str, Label] = {
        " ".join(one.parts): one.label
        for one in lexicon().entries
        if one.in_prose and one.label != OTHER and not one.is_stem and one.word.isascii()
    }
    return words_of_table | _NAMES


@cache
def _patterns() -> Mapping[str, re.Pattern[str]]:
    """What finds the words and phrases with the same first word: one search for all is slow."""
    alike: dict[str, list[str]] = {}
    for one in sorted(_known(), key=len, reverse=True):
        first, *_ = _WORD.findall(one)
        alike.setdefault(first, []).append(re.escape(one).replace(r"\ ", r"[ \-]"))
    return {first: re.compile(rf"(?:{'|'.join(own)})\b") for first, own in alike.items()}


def _find(folded: str) -> list[re.Match[str]]:
    """Words of emotions in folded text."""
    patterns = _patterns()
    begins = (one for one in _WORD.finditer(folded) if one.group() in patterns)
    found = (patterns[one.group()].match(folded, one.start()) for one in begins)
    return [one for one in found if one is not None]


def _mentions(rationale: str) -> Iterator[_NamedEmotion]:
    folded = fold(rationale)
    found = _find(folded)
    if not found:
        return
    # A rhetorical question argues too.
    for tokens in sentences(folded.replace("?", "."), ""):
        yield from _of_sentence(tokens, found)


def _of_sentence(
    tokens: Sequence[ClaimToken], found: Sequence[re.Match[str]]
) -> Iterator[_NamedEmotion]:
    own = _inside(tokens, found)
    if not own:
        return
    scopes = Scopes(tokens)
    places = [token.start for token in tokens]
    last, was_denied = -1, False
    for match in own:
        i = bisect_right(places, match.start()) - 1
        word = match.group().replace("-", " ")
        is_name = word in _NAMES
        is_argued = is_name and tokens[i].text != QUOTE
        if not (is_argued or _is_ascribed(tokens, scopes, i, match)):
            continue
        is_listed = last >= 0 and all(token.text in _JOINING for token in tokens[last + 1 : i])
        was_denied = _is_denied(scopes, i) or (is_listed and was_denied)
        last = bisect_right(places, match.end() - 1) - 1
        yield _NamedEmotion(_known()[word], is_name, was_denied)


def _inside(
    tokens: Sequence[ClaimToken], found: Sequence[re.Match[str]]
) -> Sequence[re.Match[str]]:
    if not tokens:
        return ()
    begin, end = (
        bisect_left(found, place, key=re.Match.start) for place in (tokens[0].start, tokens[-1].end)
    )
    return found[begin:end]


def _is_ascribed(
    tokens: Sequence[ClaimToken], scopes: Scopes, i: int, match: re.Match[str]
) -> bool:
    """Whether "sounds" or a similar word precedes; a quotation must hold nothing else."""
    marks = (tokens[i].end - tokens[i].start) - (match.end() - match.start())
    if tokens[i].text == QUOTE and marks > _QUOTATION_MARKS:
        return False
    for token in reversed(tokens[max(scopes.clause[i][0], i - _REACH) : i]):
        if token.text in _COMPARING:
            return False
        if token.text in _ASCRIBING:
            return True
    return False


def _is_denied(scopes: Scopes, i: int) -> bool:
    """Also by "than" directly before it, with or without an article."""
    texts = scopes.texts
    than = i - 2 if i > 1 and texts[i - 1] in DETERMINERS else i - 1
    if than > 0 and texts[than] == "than":
        return texts[than - 1] not in _AFFIRMING_THAN
    return scopes.denied[i]
