"""The paper's teacher: a model that hears the clip and explains its label (paper, 2.1).

Each rationale is checked before it is kept (filters.py). If it fails, the teacher is asked again
with another seed, up to three times. Every answer is in the ledger, so a stopped run continues
where it was, and a repeated run asks nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

from whyser.chat import Chat, ChatError, EndpointError, Request, audio_part, derived_seed
from whyser.evidence.cues import Cues
from whyser.records.utterance import RESERVED, Utterance
from whyser.teacher.filters import Inspection, Subject, inspect, strip_banned
from whyser.teacher.lesson import Lesson
from whyser.teacher.rationale import Labels, Rationale, explained

#: docs/design.md, "Where the paper is silent", 15.
TEMPERATURE, TOP_P = 0.7, 0.9


def evidence_line(cues: Cues) -> str:
    """The measured levels for the prompt, the strongest first, since a model weighs those most."""
    ranked = sorted(cues.measured().items(), key=lambda item: -abs(item[1].strength))
    return ", ".join(f"{family.replace('_', ' ')} {cue.level}" for family, cue in ranked)


def build_request(
    utterance: Utterance, sound: Path | None, cues: Cues | None, lesson: Lesson, attempt: int
) -> Request:
    """One question; attempts differ only in their seed."""
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
            "max_tokens": lesson.max_tokens,
            "seed": derived_seed(lesson.seed, utterance.id, attempt),
        },
    )


@dataclass(frozen=True)
class Taught:
    """The rationale of one utterance, and the inspection of each attempt."""

    rationale: Rationale
    inspections: tuple[Inspection, ...]


async def teach(
    chat: Chat, utterance: Utterance, sound: Path | None, cues: Cues | None, lesson: Lesson
) -> Taught:
    """Asks until a rationale passes or the attempts are used up; raises what `Chat.ask` raises."""
    subject = Subject(utterance.emotion, utterance.transcript, cues)
    inspections: list[Inspection] = []
    text = ""
    for attempt in range(lesson.attempts):
        request = build_request(utterance, sound, cues, lesson, attempt)
        text, is_cut = await _answer(chat, request, f"{utterance.id}#{attempt}")
        inspections.append(inspect(text, subject, lesson.leak, is_cut=is_cut))
        if not inspections[-1].faults:
            break
    reasons = inspections[-1].faults
    return _taught(utterance, lesson, chat.settings.model, text, reasons, inspections)


async def _answer(chat: Chat, request: Request, label: str) -> tuple[str, bool]:
    """The text of an answer, and whether it was cut off, perhaps before it began."""
    try:
        reply = await chat.ask(request, label=label)
    except ChatError as error:
        if not error.is_cut or isinstance(error, EndpointError):
            raise
        return "", True
    # Tags of the training target would break the training row.
    return strip_banned(RESERVED.sub(" ", reply.text)), reply.is_cut


def without_answer(utterance: Utterance, lesson: Lesson, model: str) -> Taught:
    """The result for an utterance that got no answer: it is counted and never kept."""
    return _taught(utterance, lesson, model, "", ("no answer",), ())


def _taught(
    utterance: Utterance,
    lesson: Lesson,
    model: str,
    text: str,
    reasons: tuple[str, ...],
    inspections: Sequence[Inspection],
) -> Taught:
    rationale = Rationale(
        id=utterance.id,
        label=utterance.emotion,
        text=text,
        teacher=model,
        prompt=lesson.prompt.hash,
        kept=not reasons,
        reasons=reasons,
        attempts=len(inspections),
    )
    return Taught(rationale, tuple(inspections))


def teachable(
    utterances: Iterator[Utterance], split: str, labels: Labels = "majority"
) -> Iterator[Utterance]:
    """The split's utterances with one of the eight classes and a transcript, once per label."""
    for utterance in utterances:
        if utterance.split == split and utterance.transcript.strip():
            yield from explained(utterance, labels)
