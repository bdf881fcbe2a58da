"""The judges' answers: `JUDGE.verdicts.jsonl` and `JUDGE.ratings.jsonl`, one line per question."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from whyser.io.errors import InputError
from whyser.io.files import read_jsonl, write_jsonl
from whyser.labels.classes import EmotionClass
from whyser.records.utterance import input_error
from whyser_eval.explanations.judge.prompts import PairChoice, RubricRating, Verdict, read_as
from whyser_eval.explanations.judge.questions import PairQuestion, RubricQuestion

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
    from whyser.evidence.content import content_cues

    rating, asked = _read(RubricRating, reply)
    pair, candidate = question.pair, question.candidate
    return RatedExplanation(
        **dict(asked),
        id=pair.id,
        emotion=pair.emotion,
        system=candidate.system,
        quotation=rating.quotation if rating else None,
        groundedness=rating.groundedness if rating else None,
        relevance=rating.relevance if rating else None,
        quotation_measured=int(bool(content_cues(candidate.text, pair.transcript))),
        reason=rating.reason if rating else "",
        prompt=prompt,
        hears=hears,
    )


T = TypeVar("T", bound=BaseModel)
A = TypeVar("A", bound=JudgeAnswer)


def _read(form: type[T], reply: JudgeReply) -> tuple[T | None, JudgeAnswer]:
    if reply.asked.reply is None:
        return None, reply.asked
    found = read_as(form, reply.asked.reply, is_cut=reply.is_cut)
    if isinstance(found, str):
        return None, reply.asked.model_copy(update={"fault": found})
    return found, reply.asked


# ---- files --------------------------------------------------------------------------------


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
    def verdicts(self) -> Path:
        return self.folder / f"{self.slug}.verdicts.jsonl"

    @property
    def ratings(self) -> Path:
        return self.folder / f"{self.slug}.ratings.jsonl"

    @property
    def base(self) -> Path:
        """The path from which the names of ledger and record are derived."""
        return self.folder / f"{self.slug}.jsonl"

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
    return [one for _, one in read_jsonl(path, form.model_validate_json, _broken)]


def _broken(error: ValidationError) -> InputError:
    cure = "Delete the file and run the command again: the ledger has the replies."
    return InputError(input_error(error).what, cure=cure)


def refusals(files: JudgeFiles) -> dict[str, JudgeAnswer]:
    """Refusals of an earlier run, by request; the ledger contains only answers."""
    earlier: Sequence[JudgeAnswer] = [
        *read_answers(files.verdicts, JudgedPair),
        *read_answers(files.ratings, RatedExplanation),
    ]
    return {
        one.request: JudgeAnswer(**{name: getattr(one, name) for name in JudgeAnswer.model_fields})
        for one in earlier
        if one.reply is None
    }
