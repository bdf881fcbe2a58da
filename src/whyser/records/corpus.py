"""A converted corpus on disk: `utterances.jsonl` and the card `corpus.json` beside it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from whyser.io.errors import InputError
from whyser.io.files import read_json, write_json
from whyser.labels.classes import EmotionClass
from whyser.records.utterance import Utterance, input_error, read_utterances


class SplitCard(BaseModel):
    """One split: `labels` is label -> utterances, with None written as `no_agreement`."""

    model_config = ConfigDict(extra="forbid")

    utterances: int
    hours: float | None
    speakers: int
    labels: dict[str, int]


class VotesCard(BaseModel):
    """The votes that were released: how many an utterance, and how far the raters agree.

    `per_utterance` is number of votes -> utterances that have as many. `strict` counts those where
    one label has more than half of the votes, `tied` those without a unique plurality, `as_label`
    those whose unique plurality is the label. `fleiss_kappa` is over the primary votes, the eight
    classes and `other`; None where there is nothing to agree on.
    """

    model_config = ConfigDict(extra="forbid")

    votes: int
    per_utterance: dict[int, int]
    strict: int
    tied: int
    as_label: int
    fleiss_kappa: float | None


class ConsensusCard(BaseModel):
    """The published consensus against the one that the votes give."""

    model_config = ConfigDict(extra="forbid")

    compared: int
    different: int


class CorpusCard(BaseModel):
    """What was converted, with which choices, and where its sound lies.

    `audio_root` is absolute, or relative to the card's folder; None without sound.
    `classes` are those that the corpus' annotation can name: what its scores average over.
    `speaker_disjoint`: the splits promise to share no speaker, which `check` then holds them to
    (MELD's official ones do not). `read` candidates for an utterance = `utterances` + all of
    `dropped`; lines and files that belong to no utterance are `unused`.
    """

    model_config = ConfigDict(extra="forbid")

    corpus: str
    title: str
    licence: str
    source: str
    audio_root: str | None
    classes: tuple[EmotionClass, ...]
    speaker_disjoint: bool = True
    options: dict[str, str] = {}
    utterances: int
    hours: float | None
    splits: dict[str, SplitCard] = {}
    votes: VotesCard | None = None
    consensus: ConsensusCard | None = None
    read: int
    dropped: dict[str, int] = {}
    unused: dict[str, int] = {}
    whyser: str


@dataclass(frozen=True)
class Corpus:
    """The pair of files; nothing is read before it is asked for."""

    path: Path

    @cached_property
    def card(self) -> CorpusCard:
        """`corpus.json` beside the utterances; `InputError` when it is missing or not one."""
        path = self.path.parent / "corpus.json"
        try:
            return CorpusCard.model_validate(read_json(path))
        except ValidationError as error:
            raise input_error(error).at(path) from None

    def utterances(self) -> Iterator[Utterance]:
        return read_utterances(self.path)

    @cached_property
    def audio_root(self) -> Path:
        """The folder that every `audio` is relative to."""
        if self.card.audio_root is None:
            raise InputError(
                "this corpus was converted without sound",
                file=self.path,
                cure="Run whyser-convert again without --no-audio.",
            )
        return (self.path.parent / self.card.audio_root).resolve()

    def audio_path(self, utterance: Utterance) -> Path:
        """Absolute path of the utterance's sound."""
        if utterance.audio is None:
            raise InputError(
                f"{utterance.id} has no audio",
                file=self.path,
                cure="Run whyser-convert again without --no-audio.",
            )
        return self.audio_root / utterance.audio


@dataclass(frozen=True)
class Clip:
    """An utterance and the corpus that says where its sound lies."""

    corpus: Corpus
    utterance: Utterance

    @property
    def id(self) -> str:
        return self.utterance.id

    @property
    def path(self) -> Path:
        """Raises: `InputError` where the corpus was converted without sound."""
        return self.corpus.audio_path(self.utterance)


def test_split(utterances: Iterable[Utterance], path: Path) -> str:
    """The one test split that they have; `path` is where they stand.

    Raises: `InputError` where there is none, or several.
    """
    splits = {one.split for one in utterances}
    tests = sorted(split for split in splits if split.startswith("test"))
    if len(tests) == 1:
        return tests[0]
    what = f"has the test splits {', '.join(tests)}" if tests else "has no test split"
    raise InputError(what, file=path, cure=f"Give --split, one of {sorted(splits)}.")


def write_card(path: Path, card: CorpusCard) -> None:
    write_json(path, card.model_dump())
