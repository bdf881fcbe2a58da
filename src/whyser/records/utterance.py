"""The record that every room shares: one utterance, its votes, its JSON line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from whyser.io.errors import InputError, did_you_mean
from whyser.io.files import broken_line, read_jsonl, write_jsonl
from whyser.labels import votes as votes_
from whyser.labels.classes import CLASSES, OTHER, EmotionClass, Label
from whyser.prompting.answer import BLOCKS

M = TypeVar("M", bound=BaseModel)

#: Marks with a meaning of their own: LLaMA-Factory's media placeholders, the tags of Eq. 1,
#: and the special tokens of Qwen2-Audio. In a transcript they would break the training row.
RESERVED = re.compile(rf"</?(?:audio|image|video|{BLOCKS})>|<\|[^|<>]*\|>")


def without_reserved_marks(text: str) -> str:
    """The text unchanged; `ValueError` when it holds a mark that a training row reserves."""
    if found := RESERVED.search(text):
        raise ValueError(
            f"holds {found.group()!r}, which training rows reserve; "
            "remove or rewrite the mark in the corpus"
        )
    return text


class Vote(BaseModel):
    """One annotator's choice for one utterance.

    `secondary` holds classes under their canonical name and everything else in lower case;
    `raw` is the primary choice as the corpus writes it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    rater: str
    primary: Label
    secondary: tuple[str, ...] = ()
    raw: str


class Utterance(BaseModel):
    """One utterance of one corpus (docs/design.md, "What flows").

    `audio` is relative to the corpus' audio root and None when converted without sound;
    `duration` is in seconds, `sampling_rate` in Hz. `label` is None where annotators did not
    agree. `votes` is empty where the corpus never released them. `dialogue` and `session` name the
    conversation and the recording that the utterance is a part of, for corpora that have such; no
    two splits may share one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Annotated[str, Field(pattern=r"^[^/\s]+/\S+$")]
    corpus: str
    split: str
    audio: str | None
    duration: float | None
    sampling_rate: int | None
    channels: int | None
    transcript: Annotated[str, AfterValidator(without_reserved_marks)]
    speaker: str | None
    gender: str | None
    dialogue: str | None = None
    session: str | None = None
    label: Label | None
    label_raw: str
    votes: tuple[Vote, ...] = ()

    @property
    def is_scored(self) -> bool:
        """Whether the consensus is one of the eight classes: what is trained on and scored."""
        return self.label is not None and self.label != OTHER

    @property
    def emotion(self) -> EmotionClass:
        """The consensus of a scored utterance; `ValueError` for any other."""
        if self.label is None or self.label == OTHER:
            raise ValueError(f"{self.id} has no consensus among the eight classes")
        return self.label

    @property
    def primaries(self) -> tuple[Label, ...]:
        return tuple(vote.primary for vote in self.votes)

    @property
    def is_strict(self) -> bool:
        """Whether one label has more than half of all primary votes."""
        return votes_.is_strict_majority(self.primaries)

    def annotator_labels(self, *, secondary: bool = False) -> frozenset[EmotionClass]:
        """A_i of the paper; the single released label where there are no votes."""
        if not self.votes:
            return votes_.label_set([self.label] if self.label else [])
        extra = [name for vote in self.votes for name in vote.secondary] if secondary else []
        return votes_.label_set(self.primaries, extra)


def input_error(error: ValidationError) -> InputError:
    """The first fault that pydantic found, in our words."""
    fault = error.errors(include_url=False)[0]
    field = ".".join(str(part) for part in fault["loc"]) or "line"
    if field.split(".")[-1] in {"label", "primary"} and isinstance(fault["input"], str):
        value = fault["input"]
        # Not every field takes `other`: a refused value is none of those expected.
        expected = [name for name in (*CLASSES, OTHER) if name != value]
        return InputError(f"bad {field} {value!r}", cure=did_you_mean(value, expected))
    if fault["type"] == "json_invalid":
        return broken_line(fault["msg"])
    reason = fault["msg"].removeprefix("Value error, ")
    return InputError(f"{field}: {reason}")


def read_records(path: Path, form: type[M]) -> Iterator[tuple[int, M]]:
    """Records of a JSON Lines file with their line numbers, validated and streamed.

    Raises: `InputError` with file and line for a line that is no such record.
    """
    return read_jsonl(path, form.model_validate_json, input_error)


def read_utterances(path: Path) -> Iterator[Utterance]:
    """Utterances of an `utterances.jsonl`, validated and streamed.

    Raises: `InputError` with file and line for a broken line, a bad label or a repeated id.
    """
    seen: set[str] = set()
    for number, utterance in read_records(path, Utterance):
        if utterance.id in seen:
            raise InputError(
                f"duplicate id {utterance.id!r}",
                file=path,
                line=number,
                cure="Ids must be unique; convert the corpus again.",
            )
        seen.add(utterance.id)
        yield utterance


def write_utterances(path: Path, utterances: Iterable[Utterance]) -> int:
    """Writes one JSON line an utterance, atomically; returns how many."""
    return write_jsonl(path, (utterance.model_dump_json() for utterance in utterances))
