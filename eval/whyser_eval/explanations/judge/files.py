"""The files of one judge: its verdicts and ratings, and the record of how it was asked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from whyser.chat import ChatSettings, ledger_of
from whyser.evidence.content import content_cues
from whyser.io.errors import InputError
from whyser.io.files import read_jsonl, read_record, write_json, write_jsonl
from whyser.labels.classes import EmotionClass
from whyser.options.endpoint import AudioForm
from whyser.records.provenance import provenance
from whyser.records.utterance import input_error
from whyser_eval.explanations.judge.questions import (
    CRITERIA,
    PairChoice,
    PairQuestion,
    RubricQuestion,
    RubricRating,
    Verdict,
)
from whyser_eval.reading.structured import read_as

A = TypeVar("A", bound="JudgeAnswer")

R = TypeVar("R", PairChoice, RubricRating)

CURE = "Delete the file and run the command again: the ledger has the replies."

#: Which candidate of a pair the judge prefers.
Preference: TypeAlias = Literal["first", "second", "tie"]


class JudgeAnswer(BaseModel):
    """The answer to one question.

    `reply` is the raw answer, None where the endpoint refused to give one; `fault` says why it
    counts as unreadable. `model` is the model name that the endpoint reports, `time` is in UTC.
    `request` is the key of the answer in the ledger.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    reply: str | None
    fault: str | None
    model: str
    time: str
    request: str


class JudgedPair(JudgeAnswer):
    """One order of a pair; `pair` is the pair's key."""

    pair: str
    id: str
    emotion: EmotionClass
    systems: tuple[str, str]
    shown_first: str
    verdict: Verdict | None
    reason: str
    prompt: str
    hears: bool

    @property
    def preference(self) -> Preference | None:
        """None for an unreadable verdict."""
        if self.verdict is None or self.verdict == "tie":
            return self.verdict
        is_first = (self.verdict == "A") == (self.shown_first == self.systems[0])
        return "first" if is_first else "second"


class RatedExplanation(JudgeAnswer):
    """The rubric ratings of one rationale; None where they are unreadable.

    `quotation_measured` is 1 if the text quotes or repeats the spoken words, found by comparison
    with the transcript.
    """

    id: str
    emotion: EmotionClass
    system: str
    quotation: int | None
    groundedness: int | None
    relevance: int | None
    coherence: int | None = None
    quotation_measured: int
    reason: str
    prompt: str
    hears: bool


@dataclass(frozen=True)
class JudgeReply:
    """An answer, or a placeholder for one that was refused."""

    asked: JudgeAnswer
    is_cut: bool = False


def judged_pair(
    question: PairQuestion, reply: JudgeReply, prompt: str, *, hears: bool
) -> JudgedPair:
    choice, asked = _read(PairChoice, reply)
    return JudgedPair(
        **dict(asked),
        pair=question.pair.key,
        id=question.pair.id,
        emotion=question.pair.emotion,
        systems=question.pair.systems,
        shown_first=question.shown[0].system,
        verdict=choice.verdict if choice else None,
        reason=choice.reason if choice else "",
        prompt=prompt,
        hears=hears,
    )


def rated(
    question: RubricQuestion, reply: JudgeReply, prompt: str, *, hears: bool
) -> RatedExplanation:
    rating, asked = _read(RubricRating, reply)
    pair, candidate = question.pair, question.candidate
    return RatedExplanation(
        **dict(asked),
        id=pair.id,
        emotion=pair.emotion,
        system=candidate.system,
        **{name: getattr(rating, name, None) for name in CRITERIA},
        quotation_measured=int(bool(content_cues(candidate.text, pair.transcript))),
        reason=rating.reason if rating else "",
        prompt=prompt,
        hears=hears,
    )


def _read(form: type[R], reply: JudgeReply) -> tuple[R | None, JudgeAnswer]:
    if reply.asked.reply is None:
        return None, reply.asked
    found = read_as(form, reply.asked.reply, is_cut=reply.is_cut)
    if isinstance(found, str):
        return None, reply.asked.model_copy(update={"fault": found})
    return found, reply.asked


# ---- paths, and answers on disk -----------------------------------------------------------------


@dataclass(frozen=True)
class JudgeFiles:
    """The files of one judge in a folder."""

    folder: Path
    judge: str

    @property
    def slug(self) -> str:
        """The model's name, made safe for a file name.

        >>> JudgeFiles(Path(), "Qwen/Qwen2.5-Omni-7B").slug
        'Qwen_Qwen2.5-Omni-7B'
        """
        return re.sub(r"[^\w.+-]+", "_", self.judge).lstrip(".")

    @property
    def base(self) -> Path:
        """The path from which the names of ledger and record are derived."""
        return self.folder / f"{self.slug}.jsonl"

    @property
    def verdicts(self) -> Path:
        return self.folder / f"{self.slug}.verdicts.jsonl"

    @property
    def ratings(self) -> Path:
        return self.folder / f"{self.slug}.ratings.jsonl"

    @property
    def record(self) -> Path:
        return self.folder / f"{self.slug}.provenance.json"


def write_answers(path: Path, answers: Iterable[JudgeAnswer]) -> None:
    write_jsonl(path, (one.model_dump_json() for one in answers))


def read_answers(path: Path, form: type[A]) -> list[A]:
    """Empty where there is no file.

    Raises: `InputError` with file and line for a broken line.
    """
    if not path.exists():
        return []

    def explain(error: ValidationError) -> InputError:
        return InputError(input_error(error).what, cure=CURE)

    return [one for _, one in read_jsonl(path, form.model_validate_json, explain)]


def refusals(files: JudgeFiles) -> dict[str, JudgeAnswer]:
    """Refusals of an earlier run, by request; the ledger contains only answers."""
    earlier = (
        *read_answers(files.verdicts, JudgedPair),
        *read_answers(files.ratings, RatedExplanation),
    )
    return {
        one.request: JudgeAnswer(**one.model_dump(include=set(JudgeAnswer.model_fields)))
        for one in earlier
        if one.reply is None
    }


# ---- record -------------------------------------------------------------------------------------


#: Fields of a record that change when the same command runs again.
_OF_THE_RUN = ("command", "created", "versions", "git")

_ANY = TypeAdapter(dict[str, Any])


class JudgeRecord(BaseModel):
    """The part of a record that is read: how the judge was asked about which pairs."""

    model_config = ConfigDict(frozen=True)

    judge: str
    hears: bool
    audio: AudioForm
    pairs: str
    rubric: bool
    finished: bool


_RECORD = TypeAdapter(JudgeRecord)


def write_record(
    files: JudgeFiles, asked: Mapping[str, Any], settings: ChatSettings, pairs: Path
) -> None:
    """Writes how a judge was asked; a finished record stays if a later run adds nothing to it."""
    written = provenance([pairs]) | {"endpoint": settings.address} | dict(asked)
    earlier = _earlier_record(files)
    if earlier.get("finished"):
        same = {name: earlier.get(name) for name in _OF_THE_RUN} | {"finished": True}
        if written | same == earlier:
            return
    write_json(files.record, written)


def read_records(folder: Path) -> list[JudgeRecord]:
    """The record of every judge in a folder, by name; records of other commands are ignored.

    Raises: `InputError` for a broken file.
    """
    return [
        read_record(path, _RECORD, cure=CURE)
        for path in sorted(folder.glob("*.provenance.json"))
        if "judge" in read_record(path, _ANY, cure=CURE)
    ]


def _earlier_record(files: JudgeFiles) -> dict[str, Any]:
    """Empty if there is none.

    Raises: `InputError` if another model's files have the same name, and for a broken file.
    """
    if not files.record.exists():
        return {}
    found = read_record(files.record, _ANY, cure=CURE)
    if found.get("judge") != files.judge:
        raise InputError(
            f"is the record of {found.get('judge')!r}, whose files have the same names",
            file=files.record,
            cure="Give another --output.",
        )
    return found


def audio_of_earlier_run(files: JudgeFiles) -> AudioForm | None:
    """How the audio was sent for the replies in the ledger; None if there are none."""
    ledger = ledger_of(files.base)
    if not (ledger.exists() and ledger.stat().st_size) or not _earlier_record(files):
        return None
    return read_record(files.record, _RECORD, cure=CURE).audio
