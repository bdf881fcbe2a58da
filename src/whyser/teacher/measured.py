"""The teacher without a model: it composes rationales from measured cues and the spoken words.

The text does not depend on the label, so it cannot reveal it, and its claims are true by
construction. It quotes no word that names any of the eight classes: avoiding only the label's own
words would reveal which class it is not.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator, Sequence

from whyser.evidence.cues import FAMILIES, Cue, Cues, Family, Level
from whyser.io.errors import InputError
from whyser.io.files import short_hash
from whyser.labels.classes import CLASSES
from whyser.records.utterance import Utterance
from whyser.teacher.filters import Subject, inspect, leaked
from whyser.teacher.rationale import Labels, Rationale, explained

TEACHER = "measured-1"

#: Families in one rationale: those that deviate most from the speaker's median.
SPOKEN = 3
LONGEST_QUOTE = 6

_OPENINGS = (
    'The words "{quote}" could be said in many moods, so the delivery has to decide.',
    'Taken alone, "{quote}" settles little; what matters here is how it is said.',
    'The speaker says "{quote}", and the way it is spoken carries the feeling.',
    'What is said, "{quote}", leaves the feeling open, and the voice fills it in.',
)
#: For a corpus without transcripts.
_OPENINGS_WITHOUT_WORDS = (
    "Whatever is said, the delivery has to decide.",
    "What matters here is how it is said.",
    "The way it is spoken carries the feeling.",
    "The words are left aside, and the voice gives the reading.",
)
_CLOSINGS = (
    "Together these cues point to how the speaker feels.",
    "Heard with the words, this is what the reading rests on.",
    "These traits of the delivery support the reading.",
    "It is this manner of speaking that gives the feeling away.",
)
_PHRASES: dict[Family, dict[Level, tuple[str, ...]]] = {
    "pitch": {
        "low": ("the pitch lies lower than usual for this voice", "the voice is pitched low"),
        "normal": ("the pitch stays near this voice's usual level", "the pitch is ordinary"),
        "high": ("the pitch lies higher than usual for this voice", "the voice is pitched high"),
    },
    "pitch_range": {
        "low": ("the melody is flat and monotone", "the intonation hardly moves"),
        "normal": ("the intonation moves as much as usual", "the melody is of ordinary width"),
        "high": ("the intonation is lively and varied", "the melody swings widely"),
    },
    "loudness": {
        "low": ("the voice is quieter than usual", "the words come out softly"),
        "normal": ("the loudness is ordinary", "the voice is about as loud as usual"),
        "high": ("the voice is louder than usual", "the words come out loudly"),
    },
    "rate": {
        "low": ("the speech is slow", "the words come slower than usual"),
        "normal": ("the pace is steady and ordinary", "the speech runs at the usual pace"),
        "high": ("the speech is fast", "the words come faster than usual"),
    },
    "pauses": {
        "low": ("there are hardly any pauses", "the phrase runs on without gaps"),
        "normal": ("the pauses are ordinary", "the phrase is paused as usual"),
        "high": ("long pauses break the phrase", "the speech is halting, with long gaps"),
    },
}

#: Hash of all templates; it takes the place of a prompt's hash.
TEMPLATE_HASH = short_hash(repr((_OPENINGS, _CLOSINGS, _PHRASES, SPOKEN, LONGEST_QUOTE)))
TEMPLATE_HASH_WITHOUT_WORDS = short_hash(
    repr((_OPENINGS_WITHOUT_WORDS, _CLOSINGS, _PHRASES, SPOKEN))
)


def write_rationales_for(
    utterances: Iterable[Utterance],
    cues: Iterable[Cues],
    *,
    seed: int = 0,
    labels: Labels = "majority",
) -> Iterator[Rationale]:
    """Writes a rationale for every utterance with a class, and checks it.

    With `annotators` there is one for each label: what reveals the label differs.

    Raises: `InputError` for an utterance without cues.
    """
    by_id = {one.id: one for one in cues}
    for utterance in utterances:
        if not utterance.is_scored:
            continue
        if utterance.id not in by_id:
            raise InputError(
                f"no cues for {utterance.id}", cure="Run whyser-teach cues on the same utterances."
            )
        for one in explained(utterance, labels):
            yield _rationale(one, by_id[one.id], seed)


def _rationale(utterance: Utterance, cues: Cues, seed: int) -> Rationale:
    # Seeded by id, so that the text does not depend on the other utterances and their order.
    random_ = random.Random(f"{seed}:{utterance.id}")
    measured = cues.measured()
    strongest = sorted(measured, key=lambda family: -abs(measured[family].strength))[:SPOKEN]
    spoken = [(family, measured[family]) for family in FAMILIES if family in strongest]
    has_words = bool(utterance.transcript.strip())
    quote = _quote(utterance, random_) if has_words else None
    text = _compose(quote, spoken, random_)
    reasons = inspect(text, Subject(utterance.emotion, utterance.transcript, cues)).faults
    return Rationale(
        id=utterance.id,
        label=utterance.emotion,
        text=text,
        teacher=TEACHER,
        prompt=TEMPLATE_HASH if has_words else TEMPLATE_HASH_WITHOUT_WORDS,
        kept=not reasons,
        reasons=reasons,
    )


def _quote(utterance: Utterance, random_: random.Random) -> str:
    """Consecutive words of the transcript that name no class; empty if there are none."""
    # Double quotation marks would end the quotation early.
    words = re.sub(r'["“”]', "", utterance.transcript).split()
    length = min(LONGEST_QUOTE, len(words))
    starts = list(range(len(words) - length + 1)) if words else []
    random_.shuffle(starts)
    for start in starts:
        quote = " ".join(words[start : start + length]).strip(".,;:!?")
        if not any(leaked(quote, label) for label in CLASSES):
            return quote
    return ""


def _compose(
    quote: str | None, spoken: Sequence[tuple[Family, Cue]], random_: random.Random
) -> str:
    """Args: `quote`, None for an utterance whose words nobody has written down."""
    phrases = [random_.choice(_PHRASES[family][cue.level]) for family, cue in spoken]
    openings = _OPENINGS_WITHOUT_WORDS if quote is None else _OPENINGS
    opening = random_.choice(openings).format(quote=quote)
    if not phrases:
        return opening
    *first, last = phrases
    evidence = f"{', '.join(first)}, and {last}" if first else last
    return f"{opening} {evidence[0].upper()}{evidence[1:]}. {random_.choice(_CLOSINGS)}"
