"""A converted corpus on disk: `utterances.jsonl` and its card `corpus.json` in one folder."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, ValidationError

from whyser.io.enclosure import Enclosure
from whyser.io.errors import InputError
from whyser.io.files import read_json, write_json
from whyser.labels.attributes import Attribute, Scale
from whyser.labels.classes import EmotionClass
from whyser.records.utterance import FrozenRecord, Utterance, input_error, read_utterances


class SplitCard(FrozenRecord):
    """One split: `labels` is label -> number of utterances, with `no_agreement` for None."""

    utterances: int
    hours: float | None
    speakers: int
    labels: dict[str, int]


class VotesCard(FrozenRecord):
    """The released votes: their number, and how much the annotators agree.

    `per_utterance` is number of votes -> number of utterances. `strict` counts utterances where one
    label has more than half of the votes, `tied` those without a unique plurality, `as_label` those
    whose unique plurality is the label. `fleiss_kappa` is over the primary votes, with the eight
    classes and `other`; None if there is nothing to agree on.
    """

    votes: int
    per_utterance: dict[int, int]
    strict: int
    tied: int
    as_label: int
    fleiss_kappa: float | None


class ConsensusCard(FrozenRecord):
    """A comparison of what is published for an utterance with what follows from its votes."""

    compared: int
    different: int


def _rising(scale: Scale) -> Scale:
    low, high = scale
    if not low < high < math.inf or low == -math.inf:
        raise ValueError(
            f"{low:g} to {high:g} is no scale; write the lowest value, then the highest"
        )
    return scale


class CorpusCard(FrozenRecord):
    """What was converted, with which options, and where its sound is.

    `audio_root` is absolute or relative to the card's folder; None without sound. `classes` are
    those that the corpus' annotation has; its scores average over them. `attributes` has the lowest
    and the highest value of each attribute that its annotators rated. `speaker_disjoint`: the
    splits should share no speaker, which `check` then tests (MELD's official splits do share some).
    `consensus` compares the majority labels, `attribute_means` the means of the attributes.
    `read` counts candidates: `read` = `utterances` + all of `dropped`. `unused` counts lines and
    files that belong to no utterance.
    """

    corpus: str
    title: str
    licence: str
    source: str
    audio_root: str | None
    classes: tuple[EmotionClass, ...]
    attributes: dict[Attribute, Annotated[Scale, AfterValidator(_rising)]] = Field(
        default_factory=dict
    )
    speaker_disjoint: bool = True
    options: dict[str, str] = Field(default_factory=dict)
    utterances: int
    hours: float | None
    splits: dict[str, SplitCard] = Field(default_factory=dict)
    votes: VotesCard | None = None
    consensus: ConsensusCard | None = None
    attribute_means: ConsensusCard | None = None
    read: int
    dropped: dict[str, int] = Field(default_factory=dict)
    unused: dict[str, int] = Field(default_factory=dict)
    whyser: str


@dataclass(frozen=True)
class Corpus:
    """The two files, which are read only when needed."""

    path: Path

    @cached_property
    def card(self) -> CorpusCard:
        """`corpus.json` in the same folder; `InputError` if it is missing or broken."""
        path = self.path.parent / "corpus.json"
        try:
            return CorpusCard.model_validate(read_json(path))
        except ValidationError as error:
            raise input_error(error).at(path) from None

    def utterances(self) -> Iterator[Utterance]:
        return read_utterances(self.path)

    @cached_property
    def audio_root(self) -> Path:
        """The folder to which every `audio` is relative, by the name that was given.

        A link in that name may lead elsewhere on another machine, so it is not followed.
        """
        if self.card.audio_root is None:
            raise InputError(
                "this corpus was converted without sound",
                file=self.path,
                cure="Run whyser-convert again without --no-audio.",
            )
        return (self.path.parent / self.card.audio_root).absolute()

    @cached_property
    def _enclosure(self) -> Enclosure:
        return Enclosure(self.audio_root)

    def audio_path(self, utterance: Utterance) -> Path:
        """Absolute path of the utterance's sound.

        Raises: `InputError` for a path outside the audio root: a corpus that someone shares would
            have other files read, sent to an endpoint and shown in a report.
        """
        if utterance.audio is None:
            raise InputError(
                f"{utterance.id} has no audio",
                file=self.path,
                cure="Run whyser-convert again without --no-audio.",
            )
        if not self._enclosure.encloses(utterance.audio):
            raise InputError(
                f"the sound of {utterance.id} is {utterance.audio!r}, which lies outside the audio "
                f"root {self.audio_root}",
                file=self.path,
                cure="Convert the corpus again, or copy its sound into that folder.",
            )
        return self.audio_root / utterance.audio


@dataclass(frozen=True)
class Clip:
    """An utterance and its corpus, which knows where the sound is."""

    corpus: Corpus
    utterance: Utterance

    @property
    def id(self) -> str:
        return self.utterance.id

    @property
    def path(self) -> Path:
        """Raises: `InputError` if the corpus was converted without sound."""
        return self.corpus.audio_path(self.utterance)


def test_split(utterances: Iterable[Utterance], path: Path) -> str:
    """The only test split of these utterances, which come from the file `path`.

    Raises: `InputError` if there is none, or several.
    """
    splits = {one.split for one in utterances}
    tests = sorted(split for split in splits if split.startswith("test"))
    if len(tests) == 1:
        return tests[0]
    what = f"has the test splits {', '.join(tests)}" if tests else "has no test split"
    raise InputError(what, file=path, cure=f"Give --split, one of {sorted(splits)}.")


def write_card(path: Path, card: CorpusCard) -> None:
    write_json(path, card.model_dump())
