"""Contradict a rationale: make its claims about the voice false and keep all other words.

A model that prefers the true rationale must then rely on the sound. Only the claiming words are
replaced, by words of the same form (antonyms.py). The new level is drawn among those that the
measurement contradicts: if "ordinary" were never wrong, a model would learn to say only that.

The table proposes a replacement, and the reader of claims decides: the new text is read again
(claims.py) and compared with the cues (grounding.py). A replacement is accepted only if supported
claims become contradicted and all others stay as they were.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from whyser.evidence.antonyms import LEVELS, LONGEST, opposites
from whyser.evidence.claims import CLAIM_FAMILIES, Claim, ClaimLevel, read_claims
from whyser.evidence.cues import Cues
from whyser.evidence.grounding import Outcome, Verdict, ground


@dataclass(frozen=True)
class Change:
    """A replacement of words; `begin` is the offset in the text before this change."""

    begin: int
    old: str
    new: str


@dataclass(frozen=True)
class Reversal:
    """The contradicted text and its changes, or an empty text and the reason why there is none."""

    text: str
    changes: tuple[Change, ...] = ()
    reason: str = ""


def contradict(
    text: str, cues: Cues, *, transcript: str = "", random_: random.Random | None = None
) -> Reversal:
    """Replaces every claim that the cues support by one that they contradict.

    Quotations and claims that are not measurable, or contradicted already, stay as they are.

    Args:
        text: A rationale in English.
        cues: The cues of its utterance.
        transcript: The transcript of the same utterance; a repetition of it claims nothing.
        random_: Draws the new levels.

    Returns: A reversal without text if no claim is supported, or if one cannot be contradicted,
        because the text would then be partly true.

    >>> from whyser.evidence.cues import Cue
    >>> loud = Cue(value=70, deviation=6, strength=2.0, level="high")
    >>> cues = Cues(id="c/1", reference="speaker", loudness=loud, pitch=None, pitch_range=None,
    ...             rate=None, pauses=None)
    >>> contradict('A loud, clear voice says "too loud".', cues).text
    'A quiet, clear voice says "too loud".'
    """
    random_ = random_ or random.Random(0)
    # A family tries its levels in the same order throughout the text.
    levels = {family: random_.sample(LEVELS, len(LEVELS)) for family in CLAIM_FAMILIES}
    rationale = _ReadRationale(text, transcript, cues)
    changes: list[Change] = []
    while (claim := rationale.first_supported) is not None:
        contradicted = _contradict_claim(rationale, claim, levels[claim.family])
        if contradicted is None:
            return Reversal("", reason=f"no other word for its {claim.family}")
        rationale, change = contradicted
        changes.append(change)
    if not changes:
        return Reversal("", reason="no claim that the sound supports")
    return Reversal(rationale.text, tuple(changes))


class _ReadRationale:
    """A text and the verdicts on its claims."""

    def __init__(self, text: str, transcript: str, cues: Cues) -> None:
        self.text, self.transcript, self.cues = text, transcript, cues
        self.verdicts = ground(read_claims(text, transcript), cues)

    @property
    def first_supported(self) -> Claim | None:
        return next((one.claim for one in self.verdicts if one.outcome == "supported"), None)

    def split_at(self, begin: int, end: int) -> tuple[list[Verdict], list[Verdict]]:
        """The verdicts on claims inside and outside of a range of the text."""
        inside, outside = list[Verdict](), list[Verdict]()
        for one in self.verdicts:
            start, stop = one.claim.span
            (inside if start < end and begin < stop else outside).append(one)
        return inside, outside

    def changed(self, change: Change) -> _ReadRationale:
        end = change.begin + len(change.old)
        text = f"{self.text[: change.begin]}{change.new}{self.text[end:]}"
        return _ReadRationale(text, self.transcript, self.cues)


def _contradict_claim(
    before: _ReadRationale, claim: Claim, levels: Sequence[ClaimLevel]
) -> tuple[_ReadRationale, Change] | None:
    """The first change that contradicts this claim and keeps all others."""
    for change in _proposals(before.text, claim, levels):
        after = before.changed(change)
        if _is_contradicted(before, after, change) and not _is_clumsier(before.text, after.text):
            return after, change
    return None


def _is_contradicted(before: _ReadRationale, after: _ReadRationale, change: Change) -> bool:
    old, others = before.split_at(change.begin, change.begin + len(change.old))
    new, others_now = after.split_at(change.begin, change.begin + len(change.new))
    expected = {
        (one.claim.family, "contradicted" if one.outcome == "supported" else one.outcome)
        for one in old
    }
    found = {(one.claim.family, one.outcome) for one in new}
    return found == expected and _without_spans(others_now) == _without_spans(others)


def _without_spans(verdicts: Iterable[Verdict]) -> list[tuple[Claim, Outcome]]:
    return [(replace(one.claim, span=(0, 0)), one.outcome) for one in verdicts]


#: Unnatural phrases: "slow, calm and slow", "a bit about as loud as usual".
_CLUMSY = re.compile(
    r"\b(\w+),?(?: \w+,)?(?: and| or)? \1\b"
    r"|\b(?:\w+ly|bit|little|somewhat|rather|very|so|too|far|no)"
    r" (?:about as|ordinary|normal|usual)\b"
    r"|\bas (?:ordinary|normal|usual) as\b",
    re.IGNORECASE,
)


def _is_clumsier(before: str, after: str) -> bool:
    return len(_CLUMSY.findall(after)) > len(_CLUMSY.findall(before))


# ---- possible replacements ----------------------------------------------------------------


def _proposals(text: str, claim: Claim, levels: Sequence[ClaimLevel]) -> Iterator[Change]:
    """Changes of the claim, those of the longest phrase first."""
    for begin, end in _stretches(text, claim.span):
        is_clause = _is_clause(text, begin, end)
        words = opposites(claim.family, text[begin:end], is_clause=is_clause)
        for level in levels:
            for word in words.get(level, ()):
                yield _with_article(text, begin, text[begin:end], word)
    if claim.negated:
        yield from _affirmations(text, claim)


def _is_clause(text: str, begin: int, end: int) -> bool:
    """Whether the words are a whole clause, so that the noun can be replaced too."""
    before = text[:begin].removesuffix("and ").rstrip()
    behind = text[end:].lstrip()
    return before[-1:] in _MARKS and behind[:1] in _MARKS


#: The empty mark is the begin or end of the text.
_MARKS = ("", *".!?;:,\n")

_WORD = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)*")


def _stretches(text: str, span: tuple[int, int]) -> Iterable[tuple[int, int]]:
    """Ranges of consecutive words that contain the claim, the longest first."""
    words = list(_WORD.finditer(text))
    begins = [word.start() for word in words if word.start() <= span[0]][-LONGEST:]
    ends = [word.end() for word in words if word.end() >= span[1]][:LONGEST]
    return sorted(((b, e) for b in begins for e in ends), key=lambda row: row[0] - row[1])


def _with_article(text: str, begin: int, old: str, new: str) -> Change:
    """Replaces words by others in the same form, and adapts a preceding "a" or "an"."""
    new = _in_the_form_of(old, new)
    article = _ARTICLE.search(text, max(0, begin - 3), begin)
    if article is None:
        return Change(begin, old, new)
    fitting = article[1][0] + ("n" if new[0].lower() in "aeiou" else "")
    return Change(article.start(), article[0] + old, f"{fitting}{article[2]}{new}")


_ARTICLE = re.compile(r"(?<!\w)(an?)(\s)$", re.IGNORECASE)


def _in_the_form_of(old: str, new: str) -> str:
    gaps = re.findall(r"[\s-]", old)
    words = re.split(r"[\s-]", new)
    if len(gaps) == len(words) - 1:
        new = "".join(f"{word}{gap}" for word, gap in zip(words, [*gaps, ""], strict=True))
    return new[0].upper() + new[1:] if old[0].isupper() else new


#: Replacements of a denial: "is not at all loud" becomes "is very loud".
_DENIALS = (
    (re.compile(r"\bnot(?: at all| particularly| especially| overly| very| too| so)? $"), "very "),
    (re.compile(r"(?<=[sed])n['\u2019]t(?: particularly| very| too| so)? $"), " very "),
    (re.compile(r"\bno $"), "much "),
)
_COMPARATIVE = "er"


def _affirmations(text: str, claim: Claim) -> Iterator[Change]:
    begin, end = claim.span
    for denial, affirmed in _DENIALS:
        found = denial.search(text, 0, begin)
        is_much = affirmed == "much "
        if found and is_much == text[begin:end].endswith(_COMPARATIVE):
            old = text[found.start() : end]
            yield Change(found.start(), old, f"{affirmed}{text[begin:end]}")
