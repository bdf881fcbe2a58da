"""Utterances and rationales -> a LLaMA-Factory sharegpt-audio dataset with a manifest.

Row i of `<name>.json` is what LLaMA-Factory trains on; line i of `<name>.manifest.jsonl` says
whose it is. LLaMA-Factory's predictions carry no id, so `whyser-eval join` needs that manifest.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from whyser.answer import render_answer
from whyser.corpus import Corpus
from whyser.errors import InputError, Problems
from whyser.files import atomic_path, write_jsonl
from whyser.labels import OTHER
from whyser.prompts import QUESTIONS, Prompt
from whyser.teacher.rationale import Rationale, read_rationales
from whyser.utterance import Utterance
from whyser_converters.dataset_info import read_table, register

Target = Literal["reason", "label"]
Form = Literal["open", "closed", "mix"]
Control = Literal["none", "shuffled"]


@dataclass(frozen=True)
class Row:
    """One training or test example, from which both files are written."""

    utterance: Utterance
    audio: Path
    question: Prompt
    answer: str
    control: Control = "none"

    def sharegpt(self) -> dict[str, Any]:
        # LLaMA-Factory's qwen2_audio template writes the audio where the placeholder stands.
        return {
            "messages": [
                {"role": "user", "content": f"<audio>{self.question.text}"},
                {"role": "assistant", "content": self.answer},
            ],
            "audios": [str(self.audio)],
        }

    def manifest(self) -> dict[str, Any]:
        return {
            "id": self.utterance.id,
            "corpus": self.utterance.corpus,
            "split": self.utterance.split,
            "label": self.utterance.label,
            "answer": self.answer,
            "form": self.question.name,
            "prompt": self.question.hash,
            "control": self.control,
            "audio": str(self.audio),
        }


@dataclass
class Dataset:
    """Rows in their final order, and what was left out by reason."""

    rows: list[Row]
    dropped: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Recipe:
    """What to make of the utterances; the defaults are the paper's (method.md, 2)."""

    split: str
    target: Target = "reason"
    form: Form = "open"
    control: Control = "none"
    max_samples: int | None = None
    seed: int = 0

    @property
    def is_test(self) -> bool:
        return self.split.startswith("test")


def build(corpora: Sequence[Corpus], recipe: Recipe, rationale_files: Sequence[Path]) -> Dataset:
    """Merged over the corpora and shuffled by seed, since `max_samples` takes the first N rows.

    Order and question are drawn from seed and id alone, so that two datasets of the same
    utterances, one with rationales and one without, differ in nothing else. Rationales given
    with target `label` choose the utterances and are not written.

    Raises: `InputError` for a rationale target on a test split or without rationales, an id that
    comes twice, and when no utterance is left.
    """
    rationales = _rationales(recipe, rationale_files)
    dataset = Dataset([])
    problems = Problems(f"split {recipe.split!r}")
    seen: set[str] = set()
    for corpus in corpora:
        for utterance in corpus.utterances():
            if utterance.split != recipe.split:
                continue
            if utterance.id in seen:
                raise InputError(
                    f"id {utterance.id!r} comes twice", file=corpus.path, cure="Give a file once."
                )
            seen.add(utterance.id)
            if reason := _why_left_out(utterance, recipe, rationales):
                dataset.dropped[reason] += 1
                continue
            with problems.caught():
                dataset.rows.append(_row(corpus, utterance, recipe, rationales))
    problems.raise_any()
    if not dataset.rows:
        names = ", ".join(str(corpus.path) for corpus in corpora)
        raise InputError(
            f"no utterance of split {recipe.split!r} is left of {names}",
            cure=f"Left out: {dict(dataset.dropped) or 'nothing; no utterance has that split'}.",
        )
    dataset.rows.sort(key=lambda row: _drawn(recipe, "order", row.utterance))
    if recipe.control == "shuffled":
        dataset.rows = _shuffle_audio(dataset.rows, random.Random(recipe.seed))
    if recipe.max_samples is not None and len(dataset.rows) > recipe.max_samples:
        dataset.dropped["over max_samples"] = len(dataset.rows) - recipe.max_samples
        del dataset.rows[recipe.max_samples :]
    return dataset


def _drawn(recipe: Recipe, what: str, utterance: Utterance) -> bytes:
    """A random draw for one utterance, whatever others are there."""
    return hashlib.sha256(f"{recipe.seed}:{what}:{utterance.id}".encode()).digest()


def _rationales(recipe: Recipe, files: Sequence[Path]) -> dict[str, Rationale] | None:
    if recipe.target == "reason" and recipe.is_test:
        raise InputError(
            f"split {recipe.split!r} with target 'reason'",
            cure="Rationales are made from labels of the training data; use --target label.",
        )
    if recipe.target == "reason" and not files:
        raise InputError(
            "target 'reason' without rationales",
            cure="Give --rationales FILE (whyser-teach writes it), or use --target label.",
        )
    if not files:
        return None
    chosen: dict[str, Rationale] = {}
    for file in files:
        for rationale in read_rationales(file):
            # Of two teachers the first that succeeded.
            if rationale.id not in chosen or not chosen[rationale.id].kept:
                chosen[rationale.id] = rationale
    return chosen


def _why_left_out(
    utterance: Utterance, recipe: Recipe, rationales: Mapping[str, Rationale] | None
) -> str | None:
    """The reason why an utterance gives no row; None when it does."""
    if utterance.label is None:
        return "no agreement"
    if utterance.label == OTHER:
        return "none of the eight classes"
    if recipe.is_test:
        return None
    if not utterance.transcript.strip():
        # An empty <asr> block would teach the model to hear nothing.
        return "no transcript"
    if rationales is not None:
        rationale = rationales.get(utterance.id)
        if rationale is None:
            return "no rationale"
        if not rationale.kept:
            return f"rationale dropped: {', '.join(rationale.reasons)}"
    return None


def _row(
    corpus: Corpus,
    utterance: Utterance,
    recipe: Recipe,
    rationales: Mapping[str, Rationale] | None,
) -> Row:
    form = recipe.form
    if form == "mix":
        form = "open" if _drawn(recipe, "form", utterance)[0] % 2 else "closed"
    rationale = None
    if recipe.target == "reason" and rationales is not None:
        rationale = rationales[utterance.id].text
    answer = render_answer(
        utterance.emotion, transcript=utterance.transcript or None, rationale=rationale
    )
    audio = corpus.audio_path(utterance)
    if not audio.is_file():
        # LLaMA-Factory warns once a run of missing files and trains on.
        raise InputError(
            f"no such sound file, of {utterance.id}", file=audio, cure="Convert the corpus again."
        )
    return Row(utterance, audio, QUESTIONS[form], answer)


def _shuffle_audio(rows: Sequence[Row], random_: random.Random) -> list[Row]:
    """Every row hears another utterance of its own corpus: a model that listens must fail."""
    by_corpus: dict[str, list[int]] = {}
    for position, row in enumerate(rows):
        by_corpus.setdefault(row.utterance.corpus, []).append(position)
    source = list(range(len(rows)))
    for corpus, positions in by_corpus.items():
        if len(positions) < 2:
            raise InputError(
                f"{corpus} has one utterance in this split, nothing to shuffle its audio with"
            )
        for position, other in zip(positions, _derangement(positions, random_), strict=True):
            source[position] = other
    return [
        Row(row.utterance, rows[other].audio, row.question, row.answer, "shuffled")
        for row, other in zip(rows, source, strict=True)
    ]


def _derangement(items: Sequence[int], random_: random.Random) -> list[int]:
    """A random cyclic permutation (Sattolo): no item stays where it was."""
    shuffled = list(items)
    for last in range(len(shuffled) - 1, 0, -1):
        other = random_.randrange(last)
        shuffled[last], shuffled[other] = shuffled[other], shuffled[last]
    return shuffled


def write(dataset: Dataset, output: Path, table: Path) -> Path:
    """Writes `<output>.json`, its manifest and the entry in the dataset table; returns the rows'
    file. The three are renamed into place only after all rows were rendered.

    Raises: `InputError` for a broken table, before anything is written.
    """
    if table.exists():
        read_table(table)
    # Appended by hand: with_suffix would cut a name that holds a dot.
    rows_file = output.parent / f"{output.name}.json"
    with atomic_path(rows_file) as temporary:
        _write_json_list(temporary, (row.sharegpt() for row in dataset.rows))
        write_jsonl(
            output.parent / f"{output.name}.manifest.jsonl",
            (row.manifest() for row in dataset.rows),
        )
    register(table, output.name, rows_file)
    return rows_file


def _write_json_list(path: Path, rows: Iterator[dict[str, Any]]) -> None:
    """One row a line, so that a person can read and diff a file of 100,000 rows."""
    with path.open("w", encoding="utf-8") as stream:
        stream.write("[")
        for number, row in enumerate(rows):
            stream.write(",\n" if number else "\n")
            stream.write(json.dumps(row, ensure_ascii=False))
        stream.write("\n]\n")
