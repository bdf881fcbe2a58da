"""A rationale turned round: what it says of the voice made false, in the same words otherwise.

A model that is to prefer the true rationale must tell the two apart by the sound alone. So only
the words that claim are replaced, by words of the same form (antonyms.py), and which level they
tell instead is drawn among those that the measurement contradicts: were "ordinary" never wrong, a
model would learn to say nothing else.

The table proposes, the reading decides. Every replacement is read again (claims.py) and held
against the cues (grounding.py); it stands only where what was supported is now contradicted, and
all else is read as it was.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from whyser.evidence.antonyms import LEVELS, LONGEST, opposites
from whyser.evidence.claims import CLAIM_FAMILIES, Claim, ClaimFamily, ClaimLevel, read_claims
from whyser.evidence.cues import Cues
from whyser.evidence.grounding import Outcome, Verdict, ground


@dataclass(frozen=True)
class Change:
    """Words and what stands in their place; `begin` is where, in the text as it then was."""

    begin: int
    old: str
    new: str


@dataclass(frozen=True)
class Reversal:
    """The turned text and how it came about; empty, with the reason, where it cannot be turned."""

    text: str
    changes: tuple[Change, ...] = ()
    reason: str = ""


def turn_round(
    text: str, cues: Cues, *, transcript: str = "", random_: random.Random | None = None
) -> Reversal:
    """Makes every claim that the cues support one that they contradict.

    What is not measurable, or contradicted already, stays as it is, and so does what is quoted.

    Args:
        text: A rationale in English.
        cues: Of the utterance that it is about.
        transcript: Of the same utterance: an echo of it claims nothing.
        random_: Draws which level is told instead.

    Returns: A reversal without text where no claim is supported, or one cannot be turned: half a
        reversal would be half true.

    >>> from whyser.evidence.cues import Cue
    >>> loud = Cue(value=70, deviation=6, strength=2.0, level="high")
    >>> cues = Cues(id="c/1", reference="speaker", loudness=loud, pitch=None, pitch_range=None,
    ...             rate=None, pauses=None)
    >>> turn_round('A loud, clear voice says "too loud".', cues).text
    'A quiet, clear voice says "too loud".'
    """
    draws = _Draws(random_ or random.Random(0))
    said = _ReadRationale(text, transcript, cues)
    changes: list[Change] = []
    while supported := said.supported:
        turned = _turn(said, supported[0], draws)
        if turned is None:
            return Reversal("", reason=f"no other word for its {supported[0].family}")
        said, change = turned
        changes.append(change)
    if not changes:
        return Reversal("", reason="no claim that the sound supports")
    return Reversal(said.text, tuple(changes))


class _Draws:
    """Which level to tell first of each family, the same throughout a text."""

    def __init__(self, random_: random.Random) -> None:
        self._levels = {family: random_.sample(LEVELS, len(LEVELS)) for family in CLAIM_FAMILIES}

    def levels(self, family: ClaimFamily) -> Sequence[ClaimLevel]:
        return self._levels[family]


class _ReadRationale:
    """A text and what is read in it."""

    def __init__(self, text: str, transcript: str, cues: Cues) -> None:
        self.text, self.transcript, self.cues = text, transcript, cues
        self.verdicts = ground(read_claims(text, transcript), cues)

    @property
    def supported(self) -> list[Claim]:
        return [one.claim for one in self.verdicts if one.outcome == "supported"]

    def within(self, stretch: _Stretch) -> list[Verdict]:
        return [one for one in self.verdicts if stretch.meets(one.claim)]

    def beside(self, stretch: _Stretch) -> list[_Told]:
        return [_told(one) for one in self.verdicts if not stretch.meets(one.claim)]

    def changed(self, change: Change) -> _ReadRationale:
        end = change.begin + len(change.old)
        text = f"{self.text[: change.begin]}{change.new}{self.text[end:]}"
        return _ReadRationale(text, self.transcript, self.cues)


@dataclass(frozen=True)
class _Stretch:
    begin: int
    end: int

    def meets(self, claim: Claim) -> bool:
        begin, end = claim.span
        return begin < self.end and self.begin < end


_Told = tuple[ClaimFamily, str, bool, bool, Outcome]


def _told(verdict: Verdict) -> _Told:
    claim = verdict.claim
    return claim.family, claim.value, claim.negated, claim.hedged, verdict.outcome


def _turn(
    said: _ReadRationale, claim: Claim, draws: _Draws
) -> tuple[_ReadRationale, Change] | None:
    """The first change at that claim that turns it and nothing else."""
    for change in _proposals(said.text, claim, draws):
        turned = said.changed(change)
        if _is_turned(said, turned, change) and not _is_clumsier(said.text, turned.text):
            return turned, change
    return None


def _is_turned(before: _ReadRationale, after: _ReadRationale, change: Change) -> bool:
    old = _Stretch(change.begin, change.begin + len(change.old))
    new = _Stretch(change.begin, change.begin + len(change.new))
    expected = {(one.claim.family, _OPPOSITE[one.outcome]) for one in before.within(old)}
    found = {(one.claim.family, one.outcome) for one in after.within(new)}
    return found == expected and after.beside(new) == before.beside(old)


_OPPOSITE: dict[Outcome, Outcome] = {
    "supported": "contradicted",
    "contradicted": "contradicted",
    "not_measurable": "not_measurable",
}

#: What no writer would write: "slow, calm and slow", "a bit about as loud as usual".
_CLUMSY = re.compile(
    r"\b(\w+),?(?: \w+,)?(?: and| or)? \1\b"
    r"|\b(?:\w+ly|bit|little|somewhat|rather|very|so|too|far|no)"
    r" (?:about as|ordinary|normal|usual)\b"
    r"|\bas (?:ordinary|normal|usual) as\b",
    re.IGNORECASE,
)


def _is_clumsier(before: str, after: str) -> bool:
    return len(_CLUMSY.findall(after)) > len(_CLUMSY.findall(before))


# ---- what could stand there ---------------------------------------------------------------


def _proposals(text: str, claim: Claim, draws: _Draws) -> Iterator[Change]:
    """Changes at the claim, those of the longest phrase first."""
    for begin, end in _stretches(text, claim.span):
        is_clause = _is_clause(text, begin, end)
        words = opposites(claim.family, text[begin:end], is_clause=is_clause)
        for level in draws.levels(claim.family):
            for word in words.get(level, ()):
                yield _with_article(text, begin, text[begin:end], word)
    if claim.negated:
        yield from _affirmations(text, claim)


def _is_clause(text: str, begin: int, end: int) -> bool:
    """Whether the words stand alone between marks, so that they can be replaced noun and all."""
    before = text[:begin].removesuffix("and ").rstrip()
    behind = text[end:].lstrip()
    return before[-1:] in _MARKS and behind[:1] in _MARKS


#: The empty one is an edge of the text.
_MARKS = ("", *".!?;:,\n")

_WORD = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)*")


def _stretches(text: str, span: tuple[int, int]) -> Iterable[tuple[int, int]]:
    """Words in a row around the claim, the claim among them, the longest row first."""
    words = list(_WORD.finditer(text))
    begins = [word.start() for word in words if word.start() <= span[0]][-LONGEST:]
    ends = [word.end() for word in words if word.end() >= span[1]][:LONGEST]
    return sorted(((b, e) for b in begins for e in ends), key=lambda row: row[0] - row[1])


def _with_article(text: str, begin: int, old: str, new: str) -> Change:
    """The words in the form of those they replace, and the "a" or "an" before them to match."""
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


#: What a denial becomes when it is taken back: "is not at all loud" is "is very loud".
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
