"""The paper's teacher: a model that hears the clip and explains the gold label (paper, 2.1).

Each rationale is checked before it is kept (filters.py); one that fails is asked for anew, up to
three times, with another seed. Every answer is in the ledger, so a run that was stopped goes on
where it was, and the same run over a finished ledger asks nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

from whyser.chat import Chat, Request, audio_part, derived_seed
from whyser.evidence.cues import Cues
from whyser.records.utterance import RESERVED, Utterance
from whyser.teacher.filters import Inspection, Subject, inspect, strip_banned
from whyser.teacher.lesson import Lesson
from whyser.teacher.rationale import Labels, Rationale, explained

#: docs/design.md, "Where the paper is silent", 15.
TEMPERATURE, TOP_P, MAX_TOKENS = 0.7, 0.9, 256


def evidence_line(cues: Cues) -> str:
    """The measured levels as the prompt tells them.

    The strongest come first, as a model weighs what it reads first.
    """
    ranked = sorted(cues.measured().items(), key=lambda item: -abs(item[1].strength))
    return ", ".join(f"{family.replace('_', ' ')} {cue.level}" for family, cue in ranked)


def build_request(
    utterance: Utterance, sound: Path | None, cues: Cues | None, lesson: Lesson, attempt: int
) -> Request:
    """One question; another attempt differs in its seed alone."""
    evidence = evidence_line(cues) if cues else "nothing could be measured"
    text = Template(lesson.prompt.text).safe_substitute(
        CONTENT=utterance.transcript, EMOTION=utterance.emotion, EVIDENCE=evidence
    )
    content: list[Mapping[str, Any]] = [{"type": "text", "text": text}]
    if lesson.audio != "none" and sound is not None:
        content.insert(0, audio_part(sound, lesson.audio))
    return Request(
        messages=[{"role": "user", "content": content}],
        parameters={
            "temperature": TEMPERATURE,
            "top_p": TOP_P,
            "max_tokens": MAX_TOKENS,
            "seed": derived_seed(lesson.seed, utterance.id, attempt),
        },
    )


@dataclass(frozen=True)
class Taught:
    """What came of one utterance: the rationale, and how each attempt was judged."""

    rationale: Rationale
    inspections: tuple[Inspection, ...]


async def teach(
    chat: Chat, utterance: Utterance, sound: Path | None, cues: Cues | None, lesson: Lesson
) -> Taught:
    """Asks until a rationale may be kept, or the attempts are used up.

    Raises: what `Chat.ask` raises.
    """
    subject = Subject(utterance.emotion, utterance.transcript, cues)
    inspections: list[Inspection] = []
    text = ""
    for attempt in range(lesson.attempts):
        request = build_request(utterance, sound, cues, lesson, attempt)
        reply = await chat.ask(request, label=f"{utterance.id}#{attempt}")
        # Tags of the training target would break the row; the model has no business with them.
        text = strip_banned(RESERVED.sub(" ", reply.text))
        inspections.append(inspect(text, subject, lesson.rules))
        if not inspections[-1].faults:
            break
    rationale = Rationale(
        id=utterance.id,
        label=utterance.emotion,
        text=text,
        teacher=chat.settings.model,
        prompt=lesson.prompt.hash,
        kept=not inspections[-1].faults,
        reasons=inspections[-1].faults,
        attempts=len(inspections),
    )
    return Taught(rationale, tuple(inspections))


def without_answer(utterance: Utterance, lesson: Lesson, model: str, reason: str) -> Taught:
    """The rationale of an utterance that was never answered: counted, and never kept."""
    rationale = Rationale(
        id=utterance.id,
        label=utterance.emotion,
        text="",
        teacher=model,
        prompt=lesson.prompt.hash,
        kept=False,
        reasons=(reason,),
        attempts=0,
    )
    return Taught(rationale, ())


def teachable(
    utterances: Iterator[Utterance], split: str, labels: Labels = "majority"
) -> Iterator[Utterance]:
    """Utterances of the split with one of the eight classes and words to explain, under each
    label that is asked for."""
    for utterance in utterances:
        if utterance.split == split and utterance.transcript.strip():
            yield from explained(utterance, labels)
