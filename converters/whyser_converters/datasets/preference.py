"""Utterances, rationales and cues -> pairs for LLaMA-Factory's DPO stage.

Of each pair the model learns to prefer the answer that is true. Two things can be false of an
answer, and a pair has one of them:

- `rationale`: what it says of the voice. Same transcript, same label; the rationale is turned
  round so that the measurement contradicts it (whyser.evidence.reversal).
- `label`: a class that no annotator gave. Same transcript, same rationale. Where a corpus never
  released its votes only the consensus is known to be right, so another annotator may have given
  the rejected class; the manifest's `votes` is 0 for these.

No chosen rationale is contradicted by the measurement, whichever the pair.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from whyser.evidence.antonyms import TABLE_HASH
from whyser.evidence.claims import read_claims
from whyser.evidence.cues import Cues
from whyser.evidence.grounding import ground
from whyser.evidence.reversal import contradict
from whyser.io.console import track
from whyser.io.errors import InputError, Problems
from whyser.labels.classes import CLASSES, EmotionClass
from whyser.prompting.answer import render_answer
from whyser.prompting.prompts import OPEN, Question
from whyser.records.corpus import Corpus
from whyser.records.utterance import Utterance
from whyser_converters.datasets.sampling import drawn, merged, nothing_left, sound_of
from whyser_converters.datasets.targets import (
    TargetSpec,
    TrainingInputs,
    why_left_out,
    why_unexplained,
)
from whyser_converters.datasets.writer import whose, write_dataset

Kind = Literal["rationale", "label"]
Pairs = Literal["rationale", "label", "both"]

KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True)
class RankedAnswer:
    """The parts of Eq. 1 beside the transcript."""

    label: EmotionClass
    rationale: str

    def rendered(self, transcript: str) -> str:
        return render_answer(self.label, transcript=transcript, rationale=self.rationale)


@dataclass(frozen=True)
class PreferencePair:
    """One example: the answer to prefer and the one that is false in what `kind` names."""

    kind: Kind
    utterance: Utterance
    audio: Path
    chosen: RankedAnswer
    rejected: RankedAnswer
    teacher: str
    question: Question = OPEN

    def ranking(self) -> dict[str, Any]:
        """The row that LLaMA-Factory reads: sharegpt with a chosen and a rejected last turn."""
        chosen, rejected = (
            {"role": "assistant", "content": reply.rendered(self.utterance.transcript)}
            for reply in (self.chosen, self.rejected)
        )
        return {
            "messages": [{"role": "user", "content": f"<audio>{self.question.text}"}],
            "chosen": chosen,
            "rejected": rejected,
            "audios": [str(self.audio)],
        }

    def manifest(self) -> dict[str, Any]:
        """Whose row it is; `antonyms` is the hash of the table that rationales are turned with."""
        return whose(self.utterance, self.question, self.audio) | {
            "pair": self.kind,
            "label": self.chosen.label,
            "rejected_label": self.rejected.label,
            "votes": len(self.utterance.votes),
            "teacher": self.teacher,
            "antonyms": TABLE_HASH if self.kind == "rationale" else None,
        }


@dataclass(frozen=True)
class PreferenceSpec:
    """Which pairs to make of which split; `max_samples` counts pairs.

    Raises: `InputError` for a test split.
    """

    split: str
    pairs: Pairs = "both"
    max_samples: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.split.startswith("test"):
            raise InputError(
                f"preference pairs of split {self.split!r}",
                cure="They are made of training data only: use --split train or --split dev.",
            )

    @property
    def kinds(self) -> tuple[Kind, ...]:
        return KINDS if self.pairs == "both" else (self.pairs,)

    def drawn(self, what: str, utterance: Utterance) -> bytes:
        return drawn(self.seed, what, utterance.id)


@dataclass
class PreferenceDataset:
    """Pairs in their final order, and the number of dropped utterances by reason."""

    pairs: list[PreferencePair]
    dropped: Counter[str] = field(default_factory=Counter)

    @property
    def counts(self) -> Counter[str]:
        return Counter(pair.kind for pair in self.pairs)

    @property
    def without_votes(self) -> int:
        """The number of label pairs whose rejected class an annotator may have given."""
        return sum(pair.kind == "label" and not pair.utterance.votes for pair in self.pairs)


def build(
    corpora: Sequence[Corpus], recipe: PreferenceSpec, material: TrainingInputs
) -> PreferenceDataset:
    """Merged over the corpora and shuffled by seed, since `max_samples` takes the first N rows.

    Order, rejected label and turned levels are drawn from seed and id alone: a pair is the same
    whatever others are made.

    Raises: `InputError` for no rationales or cues at all, an id that comes twice, and when no pair
    is left; `BadInput` with every sound file that is missing.
    """
    _check_material(material)
    made = PreferenceDataset([])
    problems = Problems(f"split {recipe.split!r}")
    for corpus, utterance in track(list(merged(corpora, recipe.split)), "Pairing"):
        with problems.caught():
            _add_pairs(made, corpus, utterance, recipe, material)
    problems.raise_any()
    if not made.pairs:
        raise nothing_left("preference pair", recipe.split, corpora, made.dropped)
    made.pairs.sort(key=lambda pair: recipe.drawn(f"order:{pair.kind}", pair.utterance))
    if recipe.max_samples is not None and len(made.pairs) > recipe.max_samples:
        made.dropped["over max_samples"] = len(made.pairs) - recipe.max_samples
        del made.pairs[recipe.max_samples :]
    return made


def _add_pairs(
    made: PreferenceDataset,
    corpus: Corpus,
    utterance: Utterance,
    recipe: PreferenceSpec,
    material: TrainingInputs,
) -> None:
    """A pair of every kind that can be made."""
    try:
        subject = _subject(utterance, material)
    except _NoPair as reason:
        made.dropped[str(reason)] += 1
        return
    audio = sound_of(corpus, utterance)
    for kind in recipe.kinds:
        try:
            rejected = _REJECTED[kind](subject, corpus, recipe)
        except _NoPair as reason:
            made.dropped[f"{kind} pair: {reason}"] += 1
            continue
        made.pairs.append(
            PreferencePair(kind, utterance, audio, subject.reply, rejected, subject.teacher)
        )


# ---- what is known of an utterance ---------------------------------------------------------


class _NoPair(Exception):
    """Gives the reason why no pair can be made; it is counted and is not an error."""


@dataclass(frozen=True)
class _PairSubject:
    """An utterance with all that a pair needs."""

    utterance: Utterance
    reply: RankedAnswer
    cues: Cues
    teacher: str


def _check_material(material: TrainingInputs) -> None:
    given = {"rationales": material.has_rationales, "cues": bool(material.cues)}
    for name, is_given in given.items():
        if not is_given:
            raise InputError(
                f"preference pairs without {name}",
                cure=f"Give --{name} FILE (whyser-teach writes it).",
            )


def _subject(utterance: Utterance, material: TrainingInputs) -> _PairSubject:
    """Raises: `_NoPair` where something is missing, or the rationale is false already."""
    if reason := why_left_out(utterance, TargetSpec(), is_test=False):
        raise _NoPair(reason)
    if reason := why_unexplained(utterance, utterance.emotion, material):
        raise _NoPair(reason)
    rationale = material.rationale(utterance, utterance.emotion)
    cues = material.cues.get(utterance.id)
    if rationale is None or cues is None:
        raise _NoPair("no cues")
    verdicts = ground(read_claims(rationale.text, utterance.transcript), cues)
    if any(verdict.outcome == "contradicted" for verdict in verdicts):
        raise _NoPair("rationale contradicts the measurement")
    return _PairSubject(
        utterance, RankedAnswer(utterance.emotion, rationale.text), cues, rationale.teacher
    )


# ---- what is false -------------------------------------------------------------------------


def _turned_rationale(
    subject: _PairSubject, corpus: Corpus, recipe: PreferenceSpec
) -> RankedAnswer:
    turned = contradict(
        subject.reply.rationale,
        subject.cues,
        transcript=subject.utterance.transcript,
        random_=random.Random(recipe.drawn("rationale", subject.utterance)),
    )
    if not turned.text:
        raise _NoPair(turned.reason)
    return RankedAnswer(subject.reply.label, turned.text)


def _other_label(subject: _PairSubject, corpus: Corpus, recipe: PreferenceSpec) -> RankedAnswer:
    """A class of the corpus that no annotator gave, not even as a secondary label.

    It is drawn in proportion to its frequency in the split. If all were equally likely, a
    frequent class would be right more often than wrong, and its name would reveal the answer.
    """
    given = subject.utterance.annotator_labels(secondary=True) | {subject.reply.label}
    free = [name for name in CLASSES if name in corpus.card.classes and name not in given]
    if not free:
        raise _NoPair("every class was given by some annotator")
    split = corpus.card.splits.get(recipe.split)
    found = split.labels if split else {}
    chance = random.Random(recipe.drawn("label", subject.utterance))
    # One more than its frequency, so that a class without utterances can be drawn too.
    (label,) = chance.choices(free, [1 + found.get(name, 0) for name in free])
    return RankedAnswer(label, subject.reply.rationale)


_REJECTED = {"rationale": _turned_rationale, "label": _other_label}


# ---- on disk -------------------------------------------------------------------------------


def write(made: PreferenceDataset, output: Path, table: Path) -> Path:
    """Writes rows, manifest and the table's entry (writer.py); returns the file of the rows."""
    return write_dataset(
        output,
        table,
        (pair.ranking() for pair in made.pairs),
        (pair.manifest() for pair in made.pairs),
        ranking=True,
    )
