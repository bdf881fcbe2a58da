"""The central record: one utterance with its votes, as a JSON line."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from math import fsum
from operator import attrgetter
from pathlib import Path
from typing import Annotated, Any, TypeAlias, TypeVar

from msgspec import Meta, field
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from whyser.io.errors import InputError, did_you_mean
from whyser.io.files import broken_line, read_jsonl, write_jsonl
from whyser.labels import votes as votes_
from whyser.labels.attributes import ATTRIBUTES, Attribute
from whyser.labels.classes import CLASSES, OTHER, EmotionClass, Label
from whyser.prompting.answer import BLOCKS
from whyser.records.checked_struct import CheckedStruct

M = TypeVar("M", bound=BaseModel | CheckedStruct)

#: LLaMA-Factory's media placeholders, the tags of Eq. 1 and the special tokens of Qwen2-Audio. In a
#: transcript they would break the training row.
RESERVED = re.compile(rf"</?(?:audio|image|video|{BLOCKS})>|<\|[^|<>]*\|>")


def without_reserved_marks(text: str) -> str:
    """Returns the text unchanged; `ValueError` if it contains a reserved mark."""
    # The pattern takes forty times as long as the search for its first character.
    if "<" in text and (found := RESERVED.search(text)):
        raise ValueError(
            f"contains {found.group()!r}, which is reserved in training rows; "
            "remove or rewrite the mark in the corpus"
        )
    return text


#: A value that JSON can hold.
Number: TypeAlias = Annotated[float, Field(allow_inf_nan=False)]


class FrozenRecord(BaseModel):
    """A record of a file: immutable, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class AttributeVote(
    CheckedStruct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    gc=False,
    omit_defaults=True,
):
    """The attributes that one annotator gave to one utterance, each on the scale of the corpus.

    None for an attribute that the annotator, or the corpus, did not rate.
    """

    rater: str
    arousal: Number | None = None
    valence: Number | None = None
    dominance: Number | None = None
    intensity: Number | None = None


class Vote(
    AttributeVote,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    gc=False,
    omit_defaults=True,
):
    """One annotator's vote for one utterance, with the attributes if the annotator rated them.

    `secondary` holds canonical names of classes, and all else in lower case; `raw` is the primary
    vote as written in the corpus.
    """

    primary: Label
    secondary: tuple[str, ...] = ()
    raw: str


# A corpus has a million votes, and this takes half the time of getattr.
_VALUES = [(name, attrgetter(name)) for name in ATTRIBUTES]


class Utterance(CheckedStruct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One utterance of one corpus (docs/design.md, "What flows").

    `audio` is relative to the corpus' audio root, None if converted without sound; `duration` is in
    seconds, `sampling_rate` in Hz. `label` is None if annotators did not agree. `votes` is empty if
    the corpus did not release them. `dialogue` and `session` name the conversation and the
    recording of the utterance, if the corpus has them; no two splits may share one.
    `attribute_votes` are those of annotators who gave no label. `attributes` are means that the
    corpus released without the votes behind them.
    """

    # Half a character is none, as pydantic says too.
    id: Annotated[
        str,
        Field(pattern=r"^[^/\s]+/\S+$"),
        Meta(pattern=r"^[^/\s\ud800-\udfff]+/[^\s\ud800-\udfff]+\Z"),
    ]
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
    attribute_votes: tuple[AttributeVote, ...] = ()
    attributes: dict[Attribute, Number] = field(default_factory=dict)

    def __post_init__(self) -> None:
        without_reserved_marks(self.transcript)

    @property
    def is_scored(self) -> bool:
        """Whether the majority label is one of the eight classes, as training and scores need."""
        return self.label is not None and self.label != OTHER

    @property
    def emotion(self) -> EmotionClass:
        """The majority label of a scored utterance; `ValueError` for any other."""
        if self.label is None or self.label == OTHER:
            raise ValueError(f"{self.id} has no majority label among the eight classes")
        return self.label

    @property
    def primaries(self) -> tuple[Label, ...]:
        return tuple([vote.primary for vote in self.votes])

    @property
    def is_strict(self) -> bool:
        """Whether one label has more than half of all primary votes."""
        return votes_.is_strict_majority(self.primaries)

    @property
    def has_attributes(self) -> bool:
        """Whether it has an attribute: in a vote, or released as a mean."""
        # By name, because a corpus has a million votes, and this takes a quarter of the time.
        return bool(self.attribute_votes or self.attributes) or any(
            vote.arousal is not None
            or vote.valence is not None
            or vote.dominance is not None
            or vote.intensity is not None
            for vote in self.votes
        )

    @property
    def attribute_means(self) -> dict[Attribute, float]:
        """Attribute -> mean over the annotators who rated it, or else the mean that was released.

        The values are on the scales of the corpus, which its card names.
        """
        rated = self.votes + self.attribute_votes
        means: dict[Attribute, float] = {}
        for name, value_of in _VALUES:
            if values := [value for value in map(value_of, rated) if value is not None]:
                means[name] = fsum(values) / len(values)
            elif name in self.attributes:
                means[name] = self.attributes[name]
        return means

    def annotator_labels(self, *, secondary: bool = False) -> frozenset[EmotionClass]:
        """A_i of the paper; without votes, the set of the only released label."""
        if not self.votes:
            return votes_.label_set([self.label] if self.label else [])
        extra = [name for vote in self.votes for name in vote.secondary] if secondary else []
        return votes_.label_set(self.primaries, extra)


def input_error(error: ValidationError) -> InputError:
    """An `InputError` for pydantic's first fault."""
    fault = error.errors(include_url=False)[0]
    field = ".".join(str(part) for part in fault["loc"]) or "line"
    if field.split(".")[-1] in {"label", "primary"} and isinstance(fault["input"], str):
        value = fault["input"]
        # Not every field accepts `other`, so a refused value is never an expected one.
        expected = [name for name in (*CLASSES, OTHER) if name != value]
        return InputError(f"bad {field} {value!r}", cure=did_you_mean(value, expected))
    if fault["type"] == "json_invalid":
        return broken_line(fault["msg"])
    reason = fault["msg"].removeprefix("Value error, ")
    return InputError(f"{field}: {reason}")


def read_records(path: Path, form: type[M]) -> Iterator[tuple[int, M]]:
    """Validates and streams records of a JSON Lines file with their line numbers.

    Raises: `InputError` with file and line for a line that is not such a record.
    """
    loads: Callable[[bytes], Any] = form.model_validate_json
    return read_jsonl(path, loads, input_error)


def read_utterances(path: Path) -> Iterator[Utterance]:
    """Validates and streams the utterances of an `utterances.jsonl`.

    Raises: `InputError` with file and line for a broken line, a bad label or a duplicate id.
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
    """Writes one JSON line per utterance, atomically; returns their number."""
    return write_jsonl(path, map(Utterance.line, utterances))
