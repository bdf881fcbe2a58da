"""Check a rationale before it is used for training.

Source: paper, 2.1; docs/design.md, "Where the paper is silent", 12 to 14.

`strip_banned` first removes phrases that the prompt forbids and that say nothing. Then `inspect`
finds every fault, because the table of rates is useful only if no fault hides another.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
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
from whyser.evidence.grounding import ground
from whyser.labels.classes import EmotionClass
from whyser.labels.lexicon import lexicon

Leak = Literal["exact", "stem", "synonym"]
LEAKS: tuple[Leak, ...] = get_args(Leak)


#: Limits of the length in words.
SHORTEST, LONGEST = 20, 200

#: Acoustic families that a rationale must mention.
FEWEST_FAMILIES = 2


@dataclass(frozen=True)
class Subject:
    """What a rationale explains: the label, the spoken words and the measured sound."""

    label: EmotionClass
    transcript: str
    cues: Cues | None = None


@dataclass(frozen=True)
class Inspection:
    """Every fault of a rationale, a detail for each, and the levels at which the label leaks."""

    faults: tuple[str, ...]
    details: tuple[str, ...] = ()
    leaks: tuple[Leak, ...] = ()


def inspect(
    text: str, subject: Subject, leak: Leak = "stem", *, is_cut: bool = False
) -> Inspection:
    """Finds every fault of a rationale; without faults it may be used for training.

    `leak` is the strictest level that is still a fault; `is_cut`, whether the answer ended at the
    limit of tokens.
    """
    found = [
        *([("cut off at the limit of tokens", "allow more with --max-tokens")] if is_cut else []),
        *_leak_faults(text, subject.label, leak),
        *_form_faults(text),
        *_evidence_faults(text, subject),
        *_contradictions(text, subject),
    ]
    return Inspection(
        faults=tuple(dict.fromkeys(fault for fault, _ in found)),
        details=tuple(detail for _, detail in found if detail),
        leaks=tuple(level for level in LEAKS if leaked(text, subject.label, level)),
    )


# ---- the label ----------------------------------------------------------------------------

#: The label and the words with its stem; "sadly" reveals sad, "saddle" does not.
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
    """`prose` restricts the synonyms to those that name the emotion in any context."""
    words = [rf"{label}" if level == "exact" else _STEMS[label]]
    if level == "synonym":
        entries = (one for one in lexicon().entries if one.label == label and one.word.isascii())
        uses = {"prose"} if prose else {"prose", "statement"}
        words += [
            re.escape(one.word.removesuffix("*")) + r"\w*" * one.is_stem
            for one in entries
            if one.use in uses
        ]
    return re.compile(rf"\b(?:{'|'.join(words)})\b", re.IGNORECASE)


def leaked(text: str, label: EmotionClass, level: Leak = "stem") -> str:
    """The word that reveals the label at this level; empty if there is none.

    >>> leaked("She sounds saddened.", "sad"), leaked("A saddle.", "sad")
    ('saddened', '')
    >>> leaked("A gloomy voice.", "sad"), leaked("A gloomy voice.", "sad", "synonym")
    ('', 'gloomy')
    """
    found = _leak_pattern(label, level).search(text)
    return found.group() if found else ""


#: After these words any synonym names the emotion; after "sounds" and similar verbs, only a synonym
#: that names the emotion in any context ("the pitch is flat" names none).
_NAMED = re.compile(
    r"\b(?:emotion|feeling|mood|state)(?:\s+\w+){0,3}?\s+(?:is|was|of|as)\b", re.IGNORECASE
)
_ASCRIBED = re.compile(r"\b(?:sounds?|feels?|seems?|appears?|is|am|are)\b", re.IGNORECASE)
_REACH = 40


def _paraphrase(text: str, label: EmotionClass) -> str:
    """A statement of the label by a synonym, as "the speaker sounds gloomy" states sad."""
    for statement, prose in ((_NAMED, False), (_ASCRIBED, True)):
        pattern = _leak_pattern(label, "synonym", prose=prose)
        for found in statement.finditer(text):
            reach = re.split(r"[.,;:!?]", text[found.end() : found.end() + _REACH], maxsplit=1)[0]
            if word := pattern.search(reach):
                return f"{found.group()} ... {word.group()}"
    return ""


_Found = Iterator[tuple[str, str]]


def _leak_faults(text: str, label: EmotionClass, leak: Leak) -> _Found:
    if word := leaked(text, label, leak):
        yield "label leak", f"{word!r} reveals {label}"
    elif phrase := _paraphrase(text, label):
        yield "paraphrase of the label", repr(phrase)


# ---- the form -----------------------------------------------------------------------------

#: What the prompt forbids or what says nothing: fillers, invitations, comments on the task.
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
#: A tag or special token that is left is part of a model's own format: of thinking that nobody
#: knows yet, or of a chat template.
_MARKUP = re.compile(r"</?[A-Za-z][^<>\n]{0,80}>|<\||\|>|[\u25c1\u25b7]|\[/?[A-Z_]{3,}\]|```")
_SENTENCE = re.compile(r"[^.!?]*(?:[.!?]+[\"”']?|$)\s*")


def strip_banned(text: str) -> str:
    """Removes fillers, and sentences that invite the reader to continue the conversation.

    >>> strip_banned("Well, the pitch is low. What do you think?")
    'the pitch is low.'
    """
    kept = [
        sentence
        for sentence in _SENTENCE.findall(text)
        # An invitation inside a quotation was made by the speaker.
        if not _INVITATION.search(QUOTATION.sub("", sentence))
    ]
    return " ".join(_FILLER.sub("", "".join(kept)).split())


def _form_faults(text: str) -> _Found:
    count = len(text.split())
    if not SHORTEST <= count <= LONGEST:
        yield "length", f"{count} words, expected {SHORTEST} to {LONGEST}"
    if found := _MARKUP.search(text):
        yield "markup", repr(found.group())
    own = QUOTATION.sub(" ", text)
    if "?" in own:
        yield "open question", ""
    if found := _META.search(own) or _INVITATION.search(own):
        yield "meta talk", repr(found.group())


# ---- the evidence -------------------------------------------------------------------------

#: Words that mention a family (docs/design.md, "Where the paper is silent", 14); `_contradictions`
#: checks whether they are true.
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
    """The acoustic families that the text mentions outside its quotations.

    >>> sorted(families_of('The pitch of "go fast" is low, the voice quiet.'))
    ['loudness', 'pitch']
    """
    own = QUOTATION.sub(" ", text)
    return {family for family, pattern in _FAMILY_PATTERNS.items() if pattern.search(own)}


def _evidence_faults(text: str, subject: Subject) -> _Found:
    spoken = words_of(subject.transcript)
    for quote in quotes(text):
        if len(words_of(quote)) >= SHORTEST_QUOTE and not is_spoken(quote, spoken):
            yield "quote that is not in the transcript", repr(quote)
    # Of a corpus without transcripts nobody can ask for the words.
    if subject.transcript.strip() and not content_cues(text, subject.transcript):
        yield "no content cue", ""
    if len(families := families_of(text)) < FEWEST_FAMILIES:
        yield "too few acoustic cues", ", ".join(sorted(families)) or "none"


def _contradictions(text: str, subject: Subject) -> _Found:
    if subject.cues is None:
        return
    for verdict in ground(read_claims(text, subject.transcript), subject.cues):
        if verdict.outcome == "contradicted":
            claim = verdict.claim
            said = f"not {claim.value}" if claim.negated else claim.value
            detail = f"{claim.family} {said}, measured {verdict.strength:+.1f}"
            yield "contradicts the measurement", detail
