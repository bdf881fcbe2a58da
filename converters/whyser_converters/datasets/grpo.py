"""Utterances, votes and cues -> rows for GRPO: a question, and what the rewards compare with.

A row has no answer: the model writes several, and `whyser.rewards` pays each of them. ms-swift
reads `messages` and `audios`, and gives every other column to the rewards. Lists and tables are
JSON in a string (`whyser.rewards.columns`). `label` is a key of ms-swift's own, so that the
majority label is in `solution`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from whyser.evidence.cues import FAMILIES, Cues
from whyser.io.errors import InputError, Problems, did_you_mean
from whyser.io.files import write_jsonl
from whyser.prompting.prompts import Question
from whyser.records.corpus import Corpus
from whyser.records.draws import ORDER, drawn
from whyser.records.utterance import Utterance
from whyser.rewards.chance import chances
from whyser_converters.datasets.questions import QuestionSpec
from whyser_converters.datasets.sampling import merged, nothing_left, sound_of
from whyser_converters.datasets.targets import TargetSpec, TrainingInputs, why_left_out

#: Clips of a corpus from which the share of each claim is estimated; its error is then below 0.01.
MOST_CLIPS = 4_000


@dataclass(frozen=True)
class GrpoRow:
    """A question about one clip; `chances` is the JSON of its corpus' table."""

    utterance: Utterance
    audio: Path
    question: Question
    cues: Cues
    chances: str = "{}"

    def line(self) -> dict[str, Any]:
        return {
            "messages": [{"role": "user", "content": f"<audio>{self.question.text}"}],
            "audios": [str(self.audio)],
            "id": self.utterance.id,
            "solution": self.utterance.emotion,
            "votes": json.dumps(self.utterance.primaries),
            "transcript": self.utterance.transcript,
            "cues": self.cues.model_dump_json(exclude={"conditions", "unmeasured"}),
            "chances": self.chances,
        }


@dataclass(frozen=True)
class GrpoSpec:
    """Which rows to build from which split; `held_out` families have no cue in the rows.

    Raises: `InputError` for a test split, or a family that is not measured.
    """

    split: str = "train"
    question: QuestionSpec = field(default_factory=QuestionSpec)
    held_out: tuple[str, ...] = ()
    max_samples: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.split.startswith("test"):
            raise InputError(
                f"rows with rewards cannot be built from split {self.split!r}",
                cure="A reward is training: use --split train or --split dev.",
            )
        for name in self.held_out:
            if name not in FAMILIES:
                cure = did_you_mean(name, FAMILIES)
                raise InputError(f"bad family {name!r} in --hold-out", cure=cure)
        if len(set(self.held_out)) == len(FAMILIES):
            raise InputError("--hold-out leaves no family", cure="Leave one to be rewarded.")

    def asked(self, utterance: Utterance) -> Question:
        return self.question.question("reason", lambda what: drawn(self.seed, what, utterance.id))


@dataclass
class GrpoDataset:
    """Rows in their final order, and the number of dropped utterances by reason."""

    rows: list[GrpoRow] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)


def build(corpora: Sequence[Corpus], spec: GrpoSpec, inputs: TrainingInputs) -> GrpoDataset:
    """The rows of all corpora, in the order of the other training sets.

    Raises: `InputError` without cues, for a duplicate id, and when no row is left; `BadInput` with
        every missing sound file.
    """
    inputs.require("the rewards need", rationales=False, cues=True)
    dataset = GrpoDataset()
    problems = Problems(f"split {spec.split!r}")
    for corpus, utterance in merged(corpora, spec.split):
        reason = why_left_out(utterance, TargetSpec(), is_test=False)
        cues = _without(inputs.cues.get(utterance.id), spec.held_out)
        if reason or cues is None or not cues.measured():
            dataset.dropped[reason or ("no cue was measured" if cues else "no cues")] += 1
            continue
        with problems.caught():
            audio = sound_of(corpus, utterance)
            dataset.rows.append(GrpoRow(utterance, audio, spec.asked(utterance), cues))
    problems.raise_any()
    if not dataset.rows:
        raise nothing_left("row", spec.split, corpora, dataset.dropped)
    dataset.rows.sort(key=lambda row: drawn(spec.seed, ORDER, row.utterance.id))
    tables = _chances_of_corpora(dataset.rows)
    if spec.max_samples is not None and len(dataset.rows) > spec.max_samples:
        dataset.dropped["over max_samples"] = len(dataset.rows) - spec.max_samples
        del dataset.rows[spec.max_samples :]
    dataset.rows = [replace(row, chances=tables[row.utterance.corpus]) for row in dataset.rows]
    return dataset


def _without(cues: Cues | None, families: Iterable[str]) -> Cues | None:
    """The cues without these families, so that no reward depends on what is said of them."""
    return cues and cues.model_copy(update=dict.fromkeys(families))


def _chances_of_corpora(rows: Sequence[GrpoRow]) -> Mapping[str, str]:
    """The table of each corpus as JSON, from the first clips of the order."""
    clips: dict[str, list[Cues]] = {}
    for row in rows:
        own = clips.setdefault(row.utterance.corpus, [])
        if len(own) < MOST_CLIPS:
            own.append(row.cues)
    return {corpus: json.dumps(chances(own)) for corpus, own in clips.items()}


def write(dataset: GrpoDataset, output: Path) -> Path:
    """Writes `OUTPUT.jsonl`, also where `output` ends so already; returns it."""
    # Appended, since with_suffix would cut a name with a dot.
    path = output.parent / f"{output.name.removesuffix('.jsonl')}.jsonl"
    write_jsonl(path, (row.line() for row in dataset.rows))
    return path
