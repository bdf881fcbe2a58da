"""Utterances, rationales and cues -> pairs of answers for LLaMA-Factory's DPO stage.

In each pair the model learns to prefer the true answer. The other answer is false in one of two
ways:

- `rationale`: it describes the voice wrongly. Transcript and label are the same; the rationale is
  changed so that the measurement contradicts it (whyser.evidence.reversal).
- `label`: it names a class that no annotator gave. Transcript and rationale are the same. If a
  corpus never released its votes, only the majority label is known, so an annotator may have given
  the rejected class; the manifest's `votes` is 0 for these pairs.

The measurement contradicts no chosen rationale, whichever the kind.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

from whyser.evidence.antonyms import TABLE_HASH
from whyser.evidence.claims import read_claims
from whyser.evidence.cues import Cues
from whyser.evidence.grounding import ground
from whyser.evidence.reversal import contradict
from whyser.io.console import track
from whyser.io.errors import InputError, Problems
from whyser.labels.classes import CLASSES, EmotionClass
from whyser.prompting.answer import render_answer
from whyser.prompting.prompts import OPEN
from whyser.records.corpus import Corpus
from whyser.records.draws import drawn
from whyser.records.utterance import Utterance
from whyser_converters.datasets.dataset_info import manifest_line, write_dataset
from whyser_converters.datasets.sampling import merged, nothing_left, sound_of
from whyser_converters.datasets.targets import (
    TargetSpec,
    TrainingInputs,
    why_left_out,
    why_unexplained,
)

Kind = Literal["rationale", "label"]
Pairs = Literal["rationale", "label", "both"]


class RankedAnswer(NamedTuple):
    """The parts of Eq. 1 that follow the transcript."""

    label: EmotionClass
    rationale: str


@dataclass(frozen=True)
class PreferencePair:
    """One example: the answer to prefer, and the one that is false in its `kind`."""

    kind: Kind
    utterance: Utterance
    audio: Path
    chosen: RankedAnswer
    rejected: RankedAnswer
    teacher: str

    def ranking(self) -> dict[str, Any]:
        """The row that LLaMA-Factory reads: sharegpt with a chosen and a rejected last turn."""
        chosen, rejected = (
            {
                "role": "assistant",
                "content": render_answer(
                    answer.label, transcript=self.utterance.transcript, rationale=answer.rationale
                ),
            }
            for answer in (self.chosen, self.rejected)
        )
        return {
            "messages": [{"role": "user", "content": f"<audio>{OPEN.text}"}],
            "chosen": chosen,
            "rejected": rejected,
            "audios": [str(self.audio)],
        }

    def manifest(self) -> dict[str, Any]:
        """The line of the manifest; `antonyms` is the hash of the table that changed the text."""
        return manifest_line(self.utterance, OPEN, self.audio) | {
            "pair": self.kind,
            "label": self.chosen.label,
            "rejected_label": self.rejected.label,
            "votes": len(self.utterance.votes),
            "teacher": self.teacher,
            "antonyms": TABLE_HASH if self.kind == "rationale" else None,
        }


@dataclass(frozen=True)
class PreferenceSpec:
    """Which pairs to build from which split; `max_samples` counts pairs.

    Raises: `InputError` for a test split.
    """

    split: str
    pairs: Pairs = "both"
    max_samples: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.split.startswith("test"):
            raise InputError(
                f"preference pairs cannot be built from split {self.split!r}",
                cure="They are for training: use --split train or --split dev.",
            )

    @property
    def kinds(self) -> tuple[Kind, ...]:
        return get_args(Kind) if self.pairs == "both" else (self.pairs,)

    def drawn(self, what: str, utterance: Utterance) -> bytes:
        return drawn(self.seed, what, utterance.id)


@dataclass
class PreferenceDataset:
    """Pairs in their final order, and the number of dropped utterances by reason."""

    pairs: list[PreferencePair] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)

    @property
    def counts(self) -> Counter[str]:
        return Counter(pair.kind for pair in self.pairs)

    @property
    def without_votes(self) -> int:
        """The number of label pairs whose rejected class an annotator may have given."""
        return sum(pair.kind == "label" and not pair.utterance.votes for pair in self.pairs)


def build(
    corpora: Sequence[Corpus], spec: PreferenceSpec, inputs: TrainingInputs
) -> PreferenceDataset:
    """The pairs of all corpora, shuffled by seed, since `max_samples` takes the first N rows.

    Order, rejected label and changed levels depend only on seed and id, so a pair is the same
    whatever other pairs are built.

    Raises: `InputError` without any rationales or cues, for a duplicate id, and when no pair is
    left; `BadInput` with every missing sound file.
    """
    inputs.require("preference pairs need", rationales=True, cues=True)
    dataset = PreferenceDataset()
    problems = Problems(f"split {spec.split!r}")
    for corpus, utterance in track(list(merged(corpora, spec.split)), "Pairing"):
        with problems.caught():
            _add_pairs(dataset, corpus, utterance, spec, inputs)
    problems.raise_any()
    if not dataset.pairs:
        raise nothing_left("preference pair", spec.split, corpora, dataset.dropped)
    dataset.pairs.sort(key=lambda pair: spec.drawn(f"order:{pair.kind}", pair.utterance))
    if spec.max_samples is not None and len(dataset.pairs) > spec.max_samples:
        dataset.dropped["over max_samples"] = len(dataset.pairs) - spec.max_samples
        del dataset.pairs[spec.max_samples :]
    return dataset


def _add_pairs(
    dataset: PreferenceDataset,
    corpus: Corpus,
    utterance: Utterance,
    spec: PreferenceSpec,
    inputs: TrainingInputs,
) -> None:
    """Adds a pair of every kind that the utterance allows, and counts the reasons of the others."""
    label = utterance.emotion if utterance.is_scored else None
    reason = why_left_out(utterance, TargetSpec(), is_test=False)
    reason = reason or why_unexplained(utterance, label, inputs)
    rationale, cues = inputs.rationale(utterance, label), inputs.cues.get(utterance.id)
    if reason or label is None or rationale is None or cues is None:
        dataset.dropped[reason or "no cues"] += 1
        return
    verdicts = ground(read_claims(rationale.text, utterance.transcript), cues)
    if any(verdict.outcome == "contradicted" for verdict in verdicts):
        dataset.dropped["rationale contradicts the measurement"] += 1
        return
    audio = sound_of(corpus, utterance)
    chosen = RankedAnswer(label, rationale.text)
    for kind in spec.kinds:
        if kind == "rationale":
            rejected = _contradicted(chosen, utterance, cues, spec)
        else:
            rejected = _mislabelled(chosen, utterance, corpus, spec)
        if isinstance(rejected, str):
            dataset.dropped[f"{kind} pair: {rejected}"] += 1
        else:
            pair = PreferencePair(kind, utterance, audio, chosen, rejected, rationale.teacher)
            dataset.pairs.append(pair)


def _contradicted(
    chosen: RankedAnswer, utterance: Utterance, cues: Cues, spec: PreferenceSpec
) -> RankedAnswer | str:
    """The answer with a rationale that the sound contradicts, or the reason why there is none."""
    changed = contradict(
        chosen.rationale,
        cues,
        transcript=utterance.transcript,
        random_=random.Random(spec.drawn("rationale", utterance)),
    )
    return chosen._replace(rationale=changed.text) if changed.text else changed.reason


def _mislabelled(
    chosen: RankedAnswer, utterance: Utterance, corpus: Corpus, spec: PreferenceSpec
) -> RankedAnswer | str:
    """The answer with a class that no annotator gave, not even as a secondary label.

    It is drawn in proportion to its frequency in the split. If all were equally likely, a
    frequent class would be right more often than wrong, and its name would reveal the answer.
    """
    given = utterance.annotator_labels(secondary=True) | {chosen.label}
    free = [name for name in CLASSES if name in corpus.card.classes and name not in given]
    if not free:
        return "every class was given by some annotator"
    split = corpus.card.splits.get(spec.split)
    found = split.labels if split else {}
    chance = random.Random(spec.drawn("label", utterance))
    # One more than its frequency, so that a class without utterances can be drawn too.
    (label,) = chance.choices(free, [1 + found.get(name, 0) for name in free])
    return chosen._replace(label=label)


def write(dataset: PreferenceDataset, output: Path, table: Path) -> Path:
    """Writes rows, manifest and the table's entry; returns the file of the rows."""
    rows = (pair.ranking() for pair in dataset.pairs)
    manifest = (pair.manifest() for pair in dataset.pairs)
    return write_dataset(output, table, rows, manifest, ranking=True)
