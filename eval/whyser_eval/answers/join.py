"""Gives LLaMA-Factory's predictions their ids back.

`generated_predictions.jsonl` holds no id, and rows that preprocessing dropped are simply absent.
So it is compared with the dataset's manifest: both must have as many rows, and every `label` must
be the answer that the manifest expects. Nothing is written unless all of that holds.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from whyser.io.errors import InputError
from whyser.io.files import read_jsonl
from whyser.io.text import half_character, lone_surrogate
from whyser.labels.classes import Label
from whyser.prompting.prompts import CHOOSE, OPTIONS, POOLS, QUESTIONS, Form, Prompt
from whyser.records.predictions import Control, Prediction, listed, write_predictions
from whyser.records.utterance import read_records

_DROPPED_CURE = (
    "LLaMA-Factory drops rows that it cannot prepare (a bad row, a missing sound, an answer over "
    "cutoff_len): run whyser-convert check, correct the dataset and predict again."
)
_STOPPED_CURE = (
    "The last rows are missing, as after max_samples or a run that was stopped: predict again "
    "without max_samples, to the end. If neither was so, LLaMA-Factory could not prepare them: run "
    "whyser-convert check."
)
_CUT_CURE = (
    "LLaMA-Factory has cut the row at cutoff_len: raise cutoff_len in the YAML and predict again."
)
_NO_TEXT_CURE = (
    "Give generated_predictions.jsonl of a run with do_predict and predict_with_generate."
)
_OTHER_CURE = "Give the manifest of the dataset that was predicted; it is in the same folder."


class ManifestRow(BaseModel):
    """The fields of a manifest's line that joining needs."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str
    answer: str
    form: Form
    prompt: str
    question: str = ""
    options: tuple[Label, ...] = ()
    numbered: bool = False
    control: Control = "none"


@dataclass(frozen=True)
class Generated:
    """A line of `generated_predictions.jsonl`; `label` is the expected answer."""

    line: int
    prompt: str
    text: str
    label: str


def join(manifest: Path, predictions: Path, *, model: str) -> list[Prediction]:
    """The predictions with their ids, in the manifest's order.

    Raises: `InputError` for a broken file, a duplicate id, or rows that do not belong together;
    dropped rows are named by id.
    """
    expected = list(read_manifest(manifest))
    generated = list(read_generated(predictions))
    for rows, path in ((expected, manifest), (generated, predictions)):
        if not rows:
            raise InputError("holds no rows", file=path, cure="Run the step that writes it again.")
    _check_alignment(expected, generated, manifest, predictions)
    _check_questions(expected, generated, manifest, predictions)
    return [
        Prediction(
            id=row.id,
            form=row.form,
            prompt=row.prompt,
            model=model,
            control=row.control,
            options=() if row.options == OPTIONS else row.options,
            numbered=row.numbered,
            text=answer.text,
        )
        for (_, row), answer in zip(expected, generated, strict=True)
    ]


def join_all(manifests: Sequence[Path], predictions: Sequence[Path], folder: Path) -> Path:
    """Joins files of one system, which has the folder's name, into `joined.jsonl` there.

    Raises: as `join`, and `InputError` where not every file has its manifest.
    """
    if len(manifests) != len(predictions):
        raise InputError(
            f"{len(manifests)} --manifest for {len(predictions)} --predictions",
            cure="Give one for each, in the same order.",
        )
    model = folder.resolve().name
    joined = [
        one
        for manifest, path in zip(manifests, predictions, strict=True)
        for one in join(manifest, path, model=model)
    ]
    output = folder / "joined.jsonl"
    write_predictions(output, joined)
    return output


def read_manifest(path: Path) -> Iterator[tuple[int, ManifestRow]]:
    """Rows with their line numbers.

    Raises: `InputError` with file and line for a broken line or a duplicate id.
    """
    first_line: dict[tuple[str, str, str], int] = {}
    for number, row in read_records(path, ManifestRow):
        key = (row.id, row.form, row.control)
        if key in first_line:
            raise InputError(
                f"duplicate id {row.id!r} (first in line {first_line[key]})",
                file=path,
                line=number,
                cure="A predicted dataset must have one row for each utterance; write it again.",
            )
        first_line[key] = number
        yield number, row


def read_generated(path: Path) -> Iterator[Generated]:
    """LLaMA-Factory's lines.

    Raises: `InputError` with file and line for a broken line or one without `predict`, `label`.
    """
    for number, row in read_jsonl(path):
        for key in ("predict", "label"):
            if not isinstance(row.get(key), str):
                fault = f"has no text under {key!r}"
                raise InputError(fault, file=path, line=number, cure=_NO_TEXT_CURE)
            if mark := lone_surrogate(row[key]):
                raise half_character(mark).at(path, number)
        yield Generated(number, str(row.get("prompt", "")), row["predict"], row["label"])


def _check_alignment(
    expected: Sequence[tuple[int, ManifestRow]],
    generated: Sequence[Generated],
    manifest: Path,
    predictions: Path,
) -> None:
    answers = [_comparable(row.answer) for _, row in expected]
    labels = [_comparable(row.label) for row in generated]
    if answers == labels:
        return
    counts = f"{len(labels):,} predictions for {len(answers):,} rows of {manifest}"
    dropped = _left_out(answers, labels)
    if dropped is not None:
        ids = [expected[position][1].id for position in dropped]
        raise InputError(
            f"{counts}: {len(ids):,} dropped, {listed(ids)}{_doubt(answers, labels, dropped)}",
            file=predictions,
            cure=_STOPPED_CURE if answers[: len(labels)] == labels else _DROPPED_CURE,
        )
    pairs = zip(answers, labels, strict=False)
    position = next(
        (place for place, (one, other) in enumerate(pairs) if one != other), len(answers)
    )
    if position == len(answers):
        raise InputError(
            f"{counts}: line {generated[position].line} is the first without a row",
            file=predictions,
            cure=_OTHER_CURE,
        )
    line, row = expected[position]
    found = generated[position]
    raise InputError(
        f"{counts}: {row.id} expects {_shortened(row.answer)}, but line {found.line} of "
        f"{predictions} has the label {_shortened(found.label)}",
        file=manifest,
        line=line,
        cure=_CUT_CURE if _is_cut(answers[position], labels[position]) else _OTHER_CURE,
    )


def _is_cut(answer: str, label: str) -> bool:
    """Whether the label is the start of the answer; its last character may be a half one."""
    return label != answer and bool(label) and answer.startswith(label.rstrip("\ufffd"))


def _check_questions(
    expected: Sequence[tuple[int, ManifestRow]],
    generated: Sequence[Generated],
    manifest: Path,
    predictions: Path,
) -> None:
    """Refuses a manifest of another form, which has the same answers but another question.

    A shuffled control also has the same question: nothing in the predictions distinguishes it, so
    the caller must give the right manifest.
    """
    standard = _standard_questions()
    for (line, row), found in zip(expected, generated, strict=True):
        own = Prompt(f"{row.form} form", 1, row.question)
        asked = _longest_in(found.prompt, [*standard, own] if row.question else standard)
        if asked is not None and asked.hash != row.prompt:
            raise InputError(
                f"{row.id} has the {row.form} form (prompt {row.prompt}), but line "
                f"{found.line} of {predictions} has the {asked.name} ({asked.hash})",
                file=manifest,
                line=line,
                cure=_OTHER_CURE,
            )


def _standard_questions() -> list[Prompt]:
    """The questions that a prompt may ask besides the manifest's own."""
    asked = [Prompt(f"{one.name} form", 1, one.text) for one in QUESTIONS.values()]
    wordings = [Prompt("open form", 1, text) for text in POOLS["stem"]]
    # The options of a closed form may have any order, so its first line identifies it.
    choices = [Prompt("closed form", 1, f"{one.text} {CHOOSE}") for one in wordings]
    return [*asked, *wordings, *choices]


def _longest_in(text: str, questions: Sequence[Prompt]) -> Prompt | None:
    """The longest question in the text, since a closed form begins with an open one."""
    found = [one for one in questions if one.text in text]
    return max(found, key=lambda one: len(one.text), default=None)


def _comparable(answer: str) -> str:
    """Decoding may change only the space around an answer and its Unicode composition."""
    return unicodedata.normalize("NFC", answer).strip()


def _left_out(answers: Sequence[str], labels: Sequence[str]) -> list[int] | None:
    """Positions that `labels` lacks, if it is `answers` with some of them left out.

    >>> _left_out(["a", "b", "c"], ["a", "c"])
    [1]
    >>> _left_out(["a", "b"], ["x"]) is None
    True
    """
    missing, taken = [], 0
    for position, answer in enumerate(answers):
        if taken < len(labels) and labels[taken] == answer:
            taken += 1
        else:
            missing.append(position)
    return missing if taken == len(labels) else None


def _doubt(answers: Sequence[str], labels: Sequence[str], dropped: Sequence[int]) -> str:
    """A note where neighbours have equal answers, so that another row may be the dropped one."""
    backwards = _left_out(answers[::-1], labels[::-1]) or []
    certain = {len(answers) - 1 - position for position in backwards} & set(dropped)
    unsure = len(dropped) - len(certain)
    return f" ({unsure:,} of them, or a neighbour with the same answer)" if unsure else ""


def _shortened(text: str) -> str:
    return repr(text if len(text) <= 80 else text[:77] + "...")
