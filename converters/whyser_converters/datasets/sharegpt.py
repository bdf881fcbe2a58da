"""Builds a LLaMA-Factory sharegpt-audio dataset, with a manifest, from utterances.

Row i of `<name>.json` is what LLaMA-Factory trains on; line i of `<name>.manifest.jsonl` says which
utterance it is. LLaMA-Factory's predictions have no id, so `whyser-eval join` needs that manifest.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from whyser.io import audio
from whyser.io.console import track
from whyser.io.degraded import NAMES, degradation, degraded_file
from whyser.io.errors import InputError, Problems
from whyser.labels.classes import EmotionClass
from whyser.prompting.prompts import Question, with_transcript
from whyser.records.corpus import Corpus
from whyser.records.derangement import derangement
from whyser.records.draws import ORDER, drawn
from whyser.records.utterance import Utterance
from whyser_converters.datasets.dataset_info import manifest_line, write_dataset
from whyser_converters.datasets.questions import QuestionSpec
from whyser_converters.datasets.sampling import merged, nothing_left, sound_of
from whyser_converters.datasets.targets import (
    NO_TRANSCRIPT,
    TargetSpec,
    TrainingInputs,
    why_left_out,
    why_unexplained,
    write_answer,
)

#: What replaces or degrades the utterance's own sound; `transcript` gives the words and no sound.
Control = Literal["none", "shuffled", "silence", "transcript", "noise", "codec", "gain"]
#: Those that change no text, and so can change rows in any form.
OwnControl = Literal["shuffled", "silence", "noise", "codec", "gain"]


@dataclass(frozen=True)
class SharegptRow:
    """One training or test example, from which both files are written.

    `label` is the label in the answer, None for targets `asr` and `distribution`; `epoch` numbers
    the copies of the utterance.
    """

    utterance: Utterance
    audio: Path
    question: Question
    answer: str
    label: EmotionClass | None
    control: Control = "none"
    epoch: int = 0

    @property
    def hears(self) -> bool:
        return self.control != "transcript"

    def sharegpt(self) -> dict[str, Any]:
        if self.hears:
            # LLaMA-Factory's qwen2_audio template puts the audio at the placeholder.
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

    def manifest(self) -> dict[str, Any]:
        line = manifest_line(self.utterance, self.question, self.audio if self.hears else None)
        line |= {"label": self.label, "answer": self.answer}
        line |= {"control": self.control, "epoch": self.epoch}
        how = degradation(self.control)
        return {**line, "degraded": NAMES[how]} if how else line


@dataclass
class SharegptDataset:
    """Rows in their final order, and the number of dropped utterances by reason.

    `has_transcripts` is False if answers should have one, and no utterance of the split has any.
    """

    rows: list[SharegptRow] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)
    has_transcripts: bool = True


@dataclass(frozen=True)
class DatasetSpec:
    """What to build from the utterances.

    The defaults are the paper's (docs/design.md, "Where the paper is silent", 6 to 9). With
    `epochs` the dataset holds each utterance that many times, one block per epoch, for training in
    the file's order; question and sampled label are drawn anew for each copy.

    Raises: `InputError` for a test split with rationales (they are written from labels), sampled
    labels, copies or utterances without agreement; for copies with shuffled sound; for a transcript
    as the answer to a question about the emotion, and shares as that to a chain of thought.
    """

    split: str
    answer: TargetSpec = field(default_factory=TargetSpec)
    question: QuestionSpec = field(default_factory=QuestionSpec)
    control: Control = "none"
    max_samples: int | None = None
    seed: int = 0
    epochs: int = 1

    def __post_init__(self) -> None:
        target = self.answer.target
        asks_for_emotion = self.question.form in {"closed", "mix"} or self.question.thinks
        if target == "asr" and asks_for_emotion:
            what = "target 'asr' does not answer a question about the emotion"
            cure = "Use --prompt open or task, without --cot."
        elif self.answer.states_shares and self.question.thinks:
            what = "--cot asks for one emotion at the end, and target 'distribution' states shares"
            cure = "Leave --cot out."
        elif self.control == "shuffled" and self.epochs > 1:
            what = "with copies, shuffling could give an utterance its own sound from another copy"
            cure = "Leave --epochs out."
        elif self.is_test and self.answer.needs_rationales:
            what = f"target {target!r} needs rationales, and split {self.split!r} has none"
            cure = "Rationales are written from the labels of training data; use --target label."
        elif self.is_test and (self.answer.labels == "sampled" or self.epochs > 1):
            what = f"split {self.split!r} takes neither sampled labels nor copies"
            cure = "They are for training; a test is scored against every annotator anyway."
        elif self.is_test and self.answer.no_agreement == "train":
            what = f"split {self.split!r} is for a test, and --no-agreement train is for training"
            cure = "Leave --no-agreement out; whyser-eval score --all-inclusive scores them."
        else:
            return
        raise InputError(what, cure=cure)

    @property
    def is_test(self) -> bool:
        return self.split.startswith("test")

    def drawn(self, what: str, utterance: Utterance, epoch: int = 0) -> bytes:
        return drawn(self.seed, f"{what} {epoch}" if epoch else what, utterance.id)


def build(corpora: Sequence[Corpus], spec: DatasetSpec, inputs: TrainingInputs) -> SharegptDataset:
    """The rows of all corpora, shuffled by seed, since `max_samples` takes the first N rows.

    Order, question and label depend only on seed and id, so that two datasets of the same
    utterances, one with rationales and one without, differ in nothing else. With a target that
    holds no rationales, given rationales select the utterances and are not written.

    Raises: `InputError` for a target without its rationales or cues, for a duplicate id, and when
    no utterance is left; `BadInput` with every missing sound file.
    """
    answer = spec.answer
    inputs.require(
        f"target {answer.target!r} needs",
        rationales=answer.needs_rationales,
        cues=answer.needs_cues,
        otherwise=", or use --target label",
    )
    dataset = SharegptDataset()
    problems = Problems(f"split {spec.split!r}")
    for corpus, utterance in merged(corpora, spec.split):
        if reason := why_left_out(utterance, answer, is_test=spec.is_test):
            dataset.dropped[reason] += 1
            continue
        with problems.caught():
            _add_rows(dataset, corpus, utterance, spec, inputs)
    problems.raise_any()
    if not dataset.rows and dataset.dropped[NO_TRANSCRIPT] and answer.target != "asr":
        # Of such a corpus nothing would be left; other corpora lose only the utterances without.
        without = replace(spec, answer=replace(answer, writes_transcript=False))
        return replace(build(corpora, without, inputs), has_transcripts=False)
    if not dataset.rows:
        raise nothing_left("utterance", spec.split, corpora, dataset.dropped)
    dataset.rows.sort(key=lambda row: (row.epoch, spec.drawn(ORDER, row.utterance, row.epoch)))
    dataset.rows = under_control(dataset.rows, spec.control, spec.seed)
    if spec.max_samples is not None:
        _keep_first(dataset, spec.max_samples)
    return dataset


def _add_rows(
    dataset: SharegptDataset,
    corpus: Corpus,
    utterance: Utterance,
    spec: DatasetSpec,
    inputs: TrainingInputs,
) -> None:
    """Adds a row for each epoch whose label can be explained."""
    sound = sound_of(corpus, utterance)
    scales = corpus.card.attributes if spec.answer.needs_attributes else {}
    for epoch in range(spec.epochs):

        def draw(what: str, epoch: int = epoch) -> bytes:
            return spec.drawn(what, utterance, epoch)

        label = spec.answer.label(utterance, draw)
        if not spec.is_test and (
            reason := why_unexplained(utterance, label, inputs, spec.answer.no_agreement)
        ):
            dataset.dropped[reason] += 1
            continue
        question = spec.question.question(spec.answer.target, draw)
        answer = write_answer(utterance, label, spec.answer, inputs, scales)
        dataset.rows.append(SharegptRow(utterance, sound, question, answer, label, epoch=epoch))


def under_control(rows: Sequence[SharegptRow], control: Control, seed: int) -> list[SharegptRow]:
    """The rows as the control changes them; `write` makes the sounds of some.

    Raises: `InputError` for a corpus with one sound only, and where nothing has a transcript.
    """
    if control == "shuffled":
        return _shuffle_audio(rows, random.Random(seed))
    if control == "transcript" and not any(row.utterance.transcript for row in rows):
        raise InputError(
            "no utterance of this split has a transcript", cure="Leave --control transcript out."
        )
    return [replace(row, control=control) for row in rows]


def _shuffle_audio(rows: Sequence[SharegptRow], random_: random.Random) -> list[SharegptRow]:
    """Gives every row the sound of another utterance of its corpus: a model that listens fails."""
    sounds = {row.utterance.id: row.audio for row in rows}
    # Several rows may ask about one sound.
    first_of = {sound: id_ for id_, sound in reversed(sounds.items())}
    one_a_sound = [id_ for id_, sound in sounds.items() if first_of[sound] == id_]
    heard = dict(derangement(one_a_sound, random_))
    for row in rows:
        if first_of[row.audio] not in heard:
            raise InputError(
                f"{row.utterance.corpus} has only one utterance in this split, so its sound cannot "
                "be shuffled",
                cure="Leave --control shuffled out, or leave out this corpus.",
            )
    return [
        replace(row, audio=sounds[heard[first_of[row.audio]]], control="shuffled") for row in rows
    ]


def _keep_first(dataset: SharegptDataset, count: int) -> None:
    """Keeps the first utterances of the order, in every epoch."""
    first = dict.fromkeys(row.utterance.id for row in dataset.rows)
    chosen = set(list(first)[:count])
    kept = [row for row in dataset.rows if row.utterance.id in chosen]
    if over := len(dataset.rows) - len(kept):
        dataset.dropped["over max_samples"] = over
        dataset.rows = kept


def write(
    dataset: SharegptDataset,
    output: Path,
    table: Path,
    *,
    seed: int = 0,
    as_given: Mapping[str, Any] | None = None,
) -> Path:
    """Writes rows, manifest and the table's entry; returns the file of the rows.

    The sounds of the controls `silence`, `noise`, `codec` and `gain` go to the folder of that name
    there; `seed` is that of the noise. `as_given` is the entry of rows in a form of their own.
    """
    rows = list(_with_sounds(dataset.rows, output.parent, seed))
    return write_dataset(
        output,
        table,
        (row.sharegpt() for row in rows),
        (row.manifest() for row in rows),
        as_given=as_given,
    )


def _with_sounds(rows: Sequence[SharegptRow], folder: Path, seed: int) -> Iterator[SharegptRow]:
    """The rows with the sounds that their control makes, one file for each length of silence."""
    makes = bool(rows) and rows[0].control in {"silence", *NAMES}
    for row in track(rows, "Writing sounds") if makes else rows:
        path = row.audio
        if row.control == "silence":
            path = audio.silence(audio.probe(path).duration, folder / "silence").resolve()
        elif how := degradation(row.control):
            noise = drawn(seed, how, row.utterance.id)
            path = degraded_file(path, how, noise, folder / how).resolve()
        yield replace(row, audio=path)
