"""What a rationale must satisfy before anyone trains on it.

Source: paper, 2.1; docs/design.md, "Where the paper is silent", 12 to 14.

The text is first stripped of phrases that the prompt forbids and that carry nothing
(`strip_banned`); then every reason why it may not be trained on is found (`find_faults`), for the
table of rates is only of use when a fault does not hide the others.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Literal, get_args

from whyser.evidence.claims import read_claims
from whyser.evidence.content import (
    QUOTATION,
    SHORTEST_QUOTE,
    content_cues,
    is_spoken,
    quotes,
    words_of,
)
from whyser.evidence.cues import Cues
from whyser.evidence.grounding import Verdict, ground
from whyser.labels.classes import EmotionClass
from whyser.labels.lexicon import lexicon

Leak = Literal["exact", "stem", "synonym"]
LEAKS: tuple[Leak, ...] = get_args(Leak)


@dataclass(frozen=True)
class Rules:
    """The limits (docs/design.md, "Where the paper is silent", 12 to 14).

    `leak` is the strictest level that is still a fault. `shortest` and `longest` are in words;
    `fewest_families` acoustic families must be spoken of.
    """

    leak: Leak = "stem"
    shortest: int = 20
    longest: int = 200
    fewest_families: int = 2


@dataclass(frozen=True)
class Subject:
    """What a rationale is about: the gold label, the words spoken, the sound as measured."""

    label: EmotionClass
    transcript: str
    cues: Cues | None = None


@dataclass(frozen=True)
class Inspection:
    """Every fault of a rationale, a detail for each, and the levels at which the label leaks."""

    faults: tuple[str, ...]
    details: tuple[str, ...] = ()
    leaks: tuple[Leak, ...] = ()
    verdicts: tuple[Verdict, ...] = field(default=())


def inspect(text: str, subject: Subject, rules: Rules | None = None) -> Inspection:
    """All that is wrong with a rationale; `faults` is empty when it may be trained on."""
    rules = rules or Rules()
    leaks = tuple(level for level in LEAKS if leaked(text, subject.label, level))
    verdicts = _verdicts(text, subject)
    found = [
        *_leak_faults(text, subject.label, rules, leaks),
        *_form_faults(text, rules),
        *_evidence_faults(text, subject, rules),
        *_contradictions(verdicts),
    ]
    faults = tuple(dict.fromkeys(fault for fault, _ in found))
    return Inspection(faults, tuple(detail for _, detail in found if detail), leaks, verdicts)


# ---- the label ----------------------------------------------------------------------------

#: The label and the words built on its stem; "sadly" gives sad away, "saddle" does not.
_STEMS: Mapping[EmotionClass, str] = {
    "angry": r"ang(?:ry|rier|riest|rily|er|ers|ered|ering)",
    "sad": r"sad(?:der|dest|den|dens|dened|dening|ly|ness)?",
    "happy": r"(?:un)?happ(?:y|ier|iest|ily|iness)",
    "surprise": r"surpris(?:e|es|ed|ing|ingly)",
    "fear": r"fear(?:s|ed|ing|ful|fully|fulness|less|some)?",
    "disgust": r"disgust(?:s|ed|ing|ingly|edly)?",
    "contempt": r"contempt(?:uous|uously|ible)?",
    "neutral": r"neutral(?:ly|ity|ise|ised|ize|ized)?",
}


@cache
def _leak_pattern(label: EmotionClass, level: Leak, *, prose: bool = True) -> re.Pattern[str]:
    """`prose`: of the synonyms only those that name the emotion wherever they stand."""
    words = [rf"{label}" if level == "exact" else _STEMS[label]]
    if level == "synonym":
        entries = (one for one in lexicon().entries if one.label == label and one.word.isascii())
        words += [re.escape(one.word) for one in entries if one.in_prose or not prose]
    return re.compile(rf"\b(?:{'|'.join(words)})\b", re.IGNORECASE)


def leaked(text: str, label: EmotionClass, level: Leak = "stem") -> str:
    """The word that gives the label away at that level; empty when none does.

    >>> leaked("She sounds saddened.", "sad"), leaked("A saddle.", "sad")
    ('saddened', '')
    >>> leaked("A gloomy voice.", "sad"), leaked("A gloomy voice.", "sad", "synonym")
    ('', 'gloomy')
    """
    found = _leak_pattern(label, level).search(text)
    return found.group() if found else ""


#: What follows is the emotion, so any word for it is the label in other words; after "sounds" and
#: its like only a word that names an emotion wherever it stands ("the pitch is flat" is none).
_NAMED = re.compile(
    r"\b(?:emotion|feeling|mood|state)(?:\s+\w+){0,3}?\s+(?:is|was|of|as)\b", re.IGNORECASE
)
_ASCRIBED = re.compile(r"\b(?:sounds?|feels?|seems?|appears?|is|am|are)\b", re.IGNORECASE)
_REACH = 40


def _paraphrase(text: str, label: EmotionClass) -> str:
    """A statement of the label by another word: "the speaker sounds gloomy" of sad."""
    for statement, prose in ((_NAMED, False), (_ASCRIBED, True)):
        pattern = _leak_pattern(label, "synonym", prose=prose)
        for found in statement.finditer(text):
            reach = re.split(r"[.,;:!?]", text[found.end() : found.end() + _REACH], maxsplit=1)[0]
            if word := pattern.search(reach):
                return f"{found.group()} ... {word.group()}"
    return ""


_Found = Iterator[tuple[str, str]]


def _leak_faults(text: str, label: EmotionClass, rules: Rules, leaks: Iterable[Leak]) -> _Found:
    if rules.leak in leaks:
        yield "label leak", f"{leaked(text, label, rules.leak)!r} gives {label} away"
    elif told := _paraphrase(text, label):
        yield "paraphrase of the label", repr(told)


# ---- the form -----------------------------------------------------------------------------

#: What the prompt forbids and what carries nothing: fillers, invitations, talk to the reader.
_FILLER = re.compile(r"(?:^|(?<=[.!?]\s))Well,?\s+(?:you know,?\s+)?|\bwell,? you know,?\s*", re.I)
_INVITATION = re.compile(
    r"\bwhat do you think\b|\bfeel free to\b|\blet me know\b"
    r"|\bif you (?:want|have|need|would like)\b"
    r"|\bwhat about you\b|\bdo you (?:agree|want|have)\b|\bhope (?:this|that) helps\b"
    r"|\bwould you like\b|\bany (?:other|more|further) (?:questions|thoughts)\b",
    re.IGNORECASE,
)
_META = re.compile(
    r"\bas an? (?:ai|language model|assistant)\b"
    r"|\bi (?:cannot|can't|am unable to) (?:hear|listen)\b"
    r"|\b(?:the|this) (?:prompt|instruction|task|given (?:label|emotion))\b"
    r"|\bi was (?:asked|told)\b|\bthe provided (?:label|emotion|content)\b",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"[^.!?]*(?:[.!?]+[\"”']?|$)\s*")


def strip_banned(text: str) -> str:
    """The text without fillers and without sentences that invite the reader to talk on.

    >>> strip_banned("Well, the pitch is low. What do you think?")
    'the pitch is low.'
    """
    kept = [
        sentence
        for sentence in _SENTENCE.findall(text)
        # An invitation inside a quotation is the speaker's.
        if not _INVITATION.search(QUOTATION.sub("", sentence))
    ]
    return " ".join(_FILLER.sub("", "".join(kept)).split())


def _form_faults(text: str, rules: Rules) -> _Found:
    count = len(text.split())
    if not rules.shortest <= count <= rules.longest:
        yield "length", f"{count} words, expected {rules.shortest} to {rules.longest}"
    own = QUOTATION.sub(" ", text)
    if "?" in own:
        yield "open question", ""
    if found := _META.search(own) or _INVITATION.search(own):
        yield "meta talk", repr(found.group())


# ---- the evidence -------------------------------------------------------------------------

#: Words that speak of a family (docs/design.md, "Where the paper is silent", 14); whether they
#: are true is asked of the claims.
_FAMILIES = {
    "tone": r"tones?|timbre|speaking style",
    "pitch": r"pitch(?:ed)?|intonation|inflection|melody|monotone|high-pitched|low-pitched",
    "loudness": r"loud(?:ly|er|ness)?|quiet(?:ly|er)?|volume|soft(?:ly|er)?|intensity|energy"
    r"|shout(?:s|ed|ing)?|whisper(?:s|ed|ing)?|yell(?:s|ed|ing)?",
    "rate": r"rate|pace|tempo|speed|fast(?:er)?|slow(?:ly|er)?|quick(?:ly|er)?|rapid(?:ly)?"
    r"|hurried|rushed|drawl(?:s|ed)?",
    "clarity": r"clarity|clear(?:ly)?|articulat\w+|enunciat\w+|mumbl\w+|slurred|crisp",
    "voice quality": r"breathy|harsh|hoarse|husky|raspy|creaky|tremulous|trembl\w+|shaky|strained"
    r"|tense|voice quality",
    "pauses": r"paus(?:e|es|ed|ing)|hesitat\w+|halting|gaps?|silences?|fluent(?:ly)?",
}
_FAMILY_PATTERNS = {
    family: re.compile(rf"\b(?:{words})\b", re.IGNORECASE) for family, words in _FAMILIES.items()
}


def families_of(text: str) -> set[str]:
    """The acoustic families that the text speaks of outside its quotations.

    >>> sorted(families_of('The pitch of "go fast" is low, the voice quiet.'))
    ['loudness', 'pitch']
    """
    own = QUOTATION.sub(" ", text)
    return {family for family, pattern in _FAMILY_PATTERNS.items() if pattern.search(own)}


def _evidence_faults(text: str, subject: Subject, rules: Rules) -> _Found:
    spoken = words_of(subject.transcript)
    for quote in quotes(text):
        if len(words_of(quote)) >= SHORTEST_QUOTE and not is_spoken(quote, spoken):
            yield "quote that is not in the transcript", repr(quote)
    if not content_cues(text, subject.transcript):
        yield "no content cue", ""
    if len(families := families_of(text)) < rules.fewest_families:
        yield "too few acoustic cues", ", ".join(sorted(families)) or "none"


def _verdicts(text: str, subject: Subject) -> tuple[Verdict, ...]:
    if subject.cues is None:
        return ()
    return tuple(ground(read_claims(text, subject.transcript), subject.cues))


def _contradictions(verdicts: Iterable[Verdict]) -> _Found:
    for verdict in verdicts:
        if verdict.outcome == "contradicted":
            claim = verdict.claim
            said = claim.quality or claim.level
            denial = "not " if claim.negated else ""
            yield (
                "contradicts the measurement",
                f"{claim.family} {denial}{said}, measured {verdict.strength:+.1f}",
            )
