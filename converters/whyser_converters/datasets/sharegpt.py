"""Makes a LLaMA-Factory sharegpt-audio dataset, with a manifest, from utterances.

Row i of `<name>.json` is what LLaMA-Factory trains on; line i of `<name>.manifest.jsonl` says
whose it is. LLaMA-Factory's predictions carry no id, so `whyser-eval join` needs that manifest.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from whyser.io import audio
from whyser.io.errors import InputError, Problems
from whyser.labels.classes import EmotionClass
from whyser.prompting.prompts import Question, with_transcript
from whyser.records.corpus import Corpus
from whyser.records.derangement import derangement
from whyser.records.utterance import Utterance
from whyser_converters.datasets.questions import QuestionSpec
from whyser_converters.datasets.sampling import drawn, merged, nothing_left, sound_of
from whyser_converters.datasets.targets import (
    TargetSpec,
    TrainingInputs,
    why_left_out,
    why_unexplained,
    write_answer,
)
from whyser_converters.datasets.writer import whose, write_dataset

#: What replaces the utterance's own sound; `transcript` gives the words and no sound.
Control = Literal["none", "shuffled", "silence", "transcript"]

#: The folder next to a dataset with the sound of the silence control.
SILENCE = "silence"


@dataclass(frozen=True)
class SharegptRow:
    """One training or test example, from which both files are written.

    `label` is the label in the answer, None for target `asr`; `epoch` numbers the copies of the
    utterance.
    """

    utterance: Utterance
    audio: Path
    question: Question
    answer: str
    label: EmotionClass | None
    control: Control = "none"
    epoch: int = 0

    def sharegpt(self) -> dict[str, Any]:
        if self.hears:
            # LLaMA-Factory's qwen2_audio template writes the audio where the placeholder stands.
            asked, audios = f"<audio>{self.question.text}", [str(self.audio)]
        else:
            asked, audios = with_transcript(self.question.text, self.utterance.transcript), []
        return {
            "messages": [
                {"role": "user", "content": asked},
                {"role": "assistant", "content": self.answer},
            ],
            "audios": audios,
        }

    @property
    def hears(self) -> bool:
        return self.control != "transcript"

    def silenced(self, folder: Path) -> SharegptRow:
        """The same row with silence as long as its sound."""
        duration = audio.probe(self.audio).duration
        return replace(self, audio=audio.silence(duration, folder).resolve())

    def manifest(self) -> dict[str, Any]:
        return whose(self.utterance, self.question, self.audio if self.hears else None) | {
            "label": self.label,
            "answer": self.answer,
            "control": self.control,
            "epoch": self.epoch,
        }


@dataclass
class SharegptDataset:
    """Rows in their final order, and the number of dropped utterances by reason."""

    rows: list[SharegptRow]
    dropped: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class DatasetSpec:
    """What to make of the utterances.

    The defaults are the paper's (docs/design.md, "Where the paper is silent", 6 to 9).

    With `epochs` the dataset holds each utterance that many times, one block per epoch, for
    training in the file's order: question and sampled label are drawn anew for each.

    Raises: `InputError` for what no test split may have: rationales, which are made from labels,
    sampled labels, and copies; for copies whose sound is shuffled; for a transcript as the answer
    to a question about the emotion.
    """

    split: str
    aim: TargetSpec = field(default_factory=TargetSpec)
    asking: QuestionSpec = field(default_factory=QuestionSpec)
    control: Control = "none"
    max_samples: int | None = None
    seed: int = 0
    epochs: int = 1

    def __post_init__(self) -> None:
        self._refuse_contradictions()
        if self.is_test:
            self._refuse_training_data()

    def _refuse_contradictions(self) -> None:
        asks_for_emotion = self.asking.form in {"closed", "mix"} or self.asking.thinks
        if self.aim.target == "asr" and asks_for_emotion:
            raise InputError(
                "target 'asr' with a question about the emotion",
                cure="Use --prompt open or task, without --cot.",
            )
        if self.control == "shuffled" and self.epochs > 1:
            raise InputError(
                "shuffled sound with copies: an utterance could get its own from another copy",
                cure="Leave --epochs out.",
            )

    def _refuse_training_data(self) -> None:
        if self.aim.needs_rationales:
            raise InputError(
                f"split {self.split!r} with target {self.aim.target!r}",
                cure="Rationales are made from labels of the training data; use --target label.",
            )
        if self.aim.labels == "sampled" or self.epochs > 1:
            raise InputError(
                f"split {self.split!r} with sampled labels or copies",
                cure="They are for training; a test is scored against every annotator anyway.",
            )

    @property
    def is_test(self) -> bool:
        return self.split.startswith("test")

    def drawn(self, what: str, utterance: Utterance, epoch: int = 0) -> bytes:
        return drawn(self.seed, f"{what} {epoch}" if epoch else what, utterance.id)


def build(
    corpora: Sequence[Corpus], recipe: DatasetSpec, material: TrainingInputs
) -> SharegptDataset:
    """Merged over the corpora and shuffled by seed, since `max_samples` takes the first N rows.

    Order, question and label are drawn from seed and id alone, so that two datasets of the same
    utterances, one with rationales and one without, differ in nothing else. Rationales given
    with a target that holds none choose the utterances and are not written.

    Raises: `InputError` for a target without its rationales or cues, an id that comes twice, and
    when no utterance is left.
    """
    _check_material(recipe.aim, material)
    dataset = SharegptDataset([])
    problems = Problems(f"split {recipe.split!r}")
    for corpus, utterance in merged(corpora, recipe.split):
        if reason := why_left_out(utterance, recipe.aim, is_test=recipe.is_test):
            dataset.dropped[reason] += 1
            continue
        with problems.caught():
            _add_rows(dataset, corpus, utterance, recipe, material)
    problems.raise_any()
    if not dataset.rows:
        raise nothing_left("utterance", recipe.split, corpora, dataset.dropped)
    dataset.rows.sort(key=lambda row: (row.epoch, recipe.drawn("order", row.utterance, row.epoch)))
    dataset.rows = _under_control(dataset.rows, recipe)
    if recipe.max_samples is not None:
        _keep_first(dataset, recipe.max_samples)
    return dataset


def _check_material(aim: TargetSpec, material: TrainingInputs) -> None:
    if aim.needs_rationales and not material.has_rationales:
        raise InputError(
            f"target {aim.target!r} without rationales",
            cure="Give --rationales FILE (whyser-teach writes it), or use --target label.",
        )
    if aim.needs_cues and not material.cues:
        raise InputError(
            f"target {aim.target!r} without cues",
            cure="Give --cues FILE (whyser-teach cues writes it).",
        )


def _add_rows(
    dataset: SharegptDataset,
    corpus: Corpus,
    utterance: Utterance,
    recipe: DatasetSpec,
    material: TrainingInputs,
) -> None:
    """A row for each epoch whose label can be explained."""
    sound = sound_of(corpus, utterance)
    for epoch in range(recipe.epochs):

        def draw(what: str, epoch: int = epoch) -> bytes:
            return recipe.drawn(what, utterance, epoch)

        label = recipe.aim.label(utterance, draw)
        reason = None if recipe.is_test else why_unexplained(utterance, label, material)
        if reason:
            dataset.dropped[reason] += 1
            continue
        question = recipe.asking.question(recipe.aim.target, draw)
        answer = write_answer(utterance, label, recipe.aim, material)
        dataset.rows.append(SharegptRow(utterance, sound, question, answer, label, epoch=epoch))


def _keep_first(dataset: SharegptDataset, count: int) -> None:
    """The first utterances of the order, in every epoch."""
    first = dict.fromkeys(row.utterance.id for row in dataset.rows)
    chosen = set(list(first)[:count])
    kept = [row for row in dataset.rows if row.utterance.id in chosen]
    if over := len(dataset.rows) - len(kept):
        dataset.dropped["over max_samples"] = over
        dataset.rows = kept


def _under_control(rows: list[SharegptRow], recipe: DatasetSpec) -> list[SharegptRow]:
    """The rows as the control has them; silence is made when they are written."""
    if recipe.control == "shuffled":
        return _shuffle_audio(rows, random.Random(recipe.seed))
    if recipe.control == "transcript" and not any(row.utterance.transcript for row in rows):
        raise InputError(
            "no utterance of this split has a transcript", cure="Leave --control transcript out."
        )
    return [replace(row, control=recipe.control) for row in rows]


def _shuffle_audio(rows: Sequence[SharegptRow], random_: random.Random) -> list[SharegptRow]:
    """Every row hears another utterance of its own corpus: a model that listens must fail."""
    sounds = {row.utterance.id: row.audio for row in rows}
    heard = dict(derangement(sounds, random_))
    for row in rows:
        if row.utterance.id not in heard:
            raise InputError(
                f"{row.utterance.corpus} has one utterance in this split, nothing to shuffle its "
                "audio with"
            )
    return [replace(row, audio=sounds[heard[row.utterance.id]], control="shuffled") for row in rows]


def write(dataset: SharegptDataset, output: Path, table: Path) -> Path:
    """Writes rows, manifest and the table's entry (writer.py); returns the file of the rows.

    Silence is written beside them, a file for each length.
    """
    rows = [
        row.silenced(output.parent / SILENCE) if row.control == "silence" else row
        for row in dataset.rows
    ]
    return write_dataset(
        output, table, (row.sharegpt() for row in rows), (row.manifest() for row in rows)
    )
