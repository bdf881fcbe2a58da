"""Reads the rows of a user's datasets as LLaMA-Factory does: question, answer, sound, columns."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from whyser.io import audio
from whyser.io.audio import AudioInfo
from whyser.io.errors import InputError, did_you_mean
from whyser.prompting.answer import parse_answer
from whyser.prompting.named_label import NamedLabel, named_label
from whyser.prompting.option_lists import OptionList, question_options
from whyser.prompting.prompts import Form, Question
from whyser_converters.check.datasets import OpenedDataset, open_dataset, resolve
from whyser_converters.check.findings import Findings
from whyser_converters.check.rows import PLACEHOLDER, UNHEARD, Row, read_rows, text_faults
from whyser_converters.convert.sound import NO_SOUND, in_threads
from whyser_converters.convert.split_names import EXPECTED, split_named
from whyser_converters.corpora.conversion_log import ConversionLog
from whyser_converters.corpora.tables import transcript_text

#: A corpus' name is part of ids, signatures and paths.
_CORPUS = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class GivenDataset:
    """A dataset to import; `split` is None if a column names that of each row."""

    name: str
    split: str | None

    @classmethod
    def parse(cls, text: str) -> GivenDataset:
        """Reads `NAME=SPLIT` or `NAME`. Raises: `InputError` for an unknown split.

        >>> GivenDataset.parse("mine=validation")
        GivenDataset(name='mine', split='dev')
        """
        name, sign, split = text.rpartition("=")
        return cls(name, split_of(split)) if sign else cls(text, None)


def check_asked(given: Sequence[GivenDataset], corpus: str, split_column: str | None) -> None:
    """Raises: `InputError` for datasets without a split or with two, and for an odd name."""
    if not _CORPUS.fullmatch(corpus):
        raise InputError(
            f"bad corpus {corpus!r}",
            cure="Give --corpus with letters, digits, '.', '_' and '-', a letter or digit first.",
        )
    names = [one.name for one in given]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise InputError(f"dataset {twice!r} is named twice", cure="Name each dataset once.")
    for one in given:
        if one.split is None and split_column is None:
            raise InputError(
                f"the split of dataset {one.name!r} is not known",
                cure=f"Write {one.name}=train (or dev, test), or give --split COLUMN.",
            )
        if one.split is not None and split_column is not None:
            raise InputError(
                f"{one.name}={one.split} names a split, and --split a column for it",
                cure="Leave one out.",
            )


def split_of(text: str) -> str:
    """Raises: `InputError` for a name that is no split."""
    if (found := split_named(text)) is None:
        raise InputError(f"bad split {text!r:.80}", cure=EXPECTED)
    return found


@dataclass(frozen=True)
class RowColumns:
    """The columns of a row that say more than LLaMA-Factory reads; None where there is none."""

    id: str | None = None
    speaker: str | None = None
    transcript: str | None = None
    split: str | None = None

    @property
    def named(self) -> dict[str, str]:
        """What it names -> column."""
        return {what: column for what, column in vars(self).items() if column}


@dataclass(frozen=True)
class ReadRow:
    """A row with one sound, which can be read. `sound` is an absolute path."""

    dataset: OpenedDataset
    name: str
    number: int
    raw: Mapping[str, Any]
    split: str
    question: Question
    answer: str
    named: NamedLabel
    sound: Path
    id: str | None
    speaker: str | None
    transcript: str


def read_datasets(
    given: Sequence[GivenDataset], columns: RowColumns, table: Path, log: ConversionLog
) -> Iterator[tuple[ReadRow, AudioInfo]]:
    """The rows with what the header of their sound says; others are lost to the log.

    Raises: `InputError` for a dataset that is missing or broken, and for a column that no row has;
        `WhyserError` for what LLaMA-Factory would refuse.
    """
    findings = Findings(str(table))
    opened = [open_dataset(table, one.name, "sft", findings) for one in given]
    findings.raise_any()
    _refuse_absent(columns, opened)
    rows = (
        row
        for one, dataset in zip(given, opened, strict=True)
        for row in _read_dataset(one, dataset, columns, table, log)
    )

    def probed(row: ReadRow) -> AudioInfo | InputError:
        try:
            info = audio.probe(row.sound)
            if not info.loads:
                what, cure = "states another length than it has", "Convert it to wav."
                raise InputError(what, file=row.sound, cure=cure)
            return info
        except InputError as problem:
            return problem

    for row, found in in_threads(probed, rows):
        if isinstance(found, InputError):
            what = f"row {row.number}: {found.file}: {found.what}"
            cure = found.cure if row.sound.exists() else "Correct the path in the row."
            log.lose(InputError(what, file=row.dataset.file, cure=cure), NO_SOUND)
        else:
            yield row, found


def _refuse_absent(columns: RowColumns, opened: Sequence[OpenedDataset]) -> None:
    """Raises: `InputError` for a column that a dataset lacks."""
    for dataset in opened:
        keys = dict.fromkeys(key for row in dataset.rows if isinstance(row, dict) for key in row)
        for what, column in columns.named.items():
            if column not in keys:
                raise InputError(
                    f"no row has the column {column!r}, which --{what} names",
                    file=dataset.file,
                    cure=did_you_mean(column, keys),
                )


def _read_dataset(
    given: GivenDataset,
    dataset: OpenedDataset,
    columns: RowColumns,
    table: Path,
    log: ConversionLog,
) -> Iterator[ReadRow]:
    for number, raw in enumerate(dataset.rows):
        log.read += 1
        try:
            (row,) = read_rows(raw, dataset.layout)
            for fault in text_faults((row,), dataset.layout, trains=True):
                if fault.kind != UNHEARD:
                    raise InputError(fault.what, cure=fault.cure)
            yield _read_row(given, dataset, number, raw, row, columns, table)
        except InputError as problem:
            what = f"row {number}: {problem.what}"
            problem = InputError(what, file=dataset.file, cure=problem.cure)
            log.lose(problem, f"faulty row in {dataset.file.name}")


def _read_row(
    given: GivenDataset,
    dataset: OpenedDataset,
    number: int,
    raw: Mapping[str, Any],
    row: Row,
    columns: RowColumns,
    table: Path,
) -> ReadRow:
    if len(row.sounds) != 1:
        what = f"has {len(row.sounds)} sounds, and an utterance has one"
        raise InputError(what, cure="Train on it by your own entry; it cannot be scored.")
    asked, answer = row.contents[-2:]
    text = asked.replace(PLACEHOLDER, "").strip()
    options = question_options(text)
    blocks = parse_answer(answer)
    split = given.split or split_of(_cell(raw, columns.split) or "")
    transcript = _cell(raw, columns.transcript)
    return ReadRow(
        dataset=dataset,
        name=given.name if given.split else f"{given.name}_{split}",
        number=number,
        raw=raw,
        split=split,
        question=_question(text, options),
        answer=answer,
        named=_named(row.contents, options),
        sound=Path(os.path.abspath(resolve(table.parent, row.sounds[0]))),  # noqa: PTH100
        id=_cell(raw, columns.id),
        speaker=_cell(raw, columns.speaker),
        transcript=transcript_text((blocks.transcript if transcript is None else transcript) or ""),
    )


def _question(text: str, options: OptionList) -> Question:
    form: Form = "closed" if options.labels else "open"
    return Question("own", 1, text, form, options.labels, numbered=options.numbered)


def _named(contents: Sequence[str], options: OptionList) -> NamedLabel:
    """The label of the last turn, which is what a model predicts; none if an earlier one has a
    label too."""
    named = named_label(contents[-1], options)
    earlier = zip(contents[-4::-2], contents[-3::-2], strict=False)
    before = [named_label(one, question_options(asked)).label for asked, one in earlier]
    if named.label and any(before):
        return NamedLabel(None, why="names an emotion in several turns")
    return named


def _cell(raw: Mapping[str, Any], column: str | None) -> str | None:
    """The text of a cell; None for an empty one. Raises: `InputError` for a list or an object."""
    value = raw.get(column) if column else None
    if isinstance(value, list | dict | bool):
        what = f"{column!r} is {value!r:.60}, expected a text or a number"
        raise InputError(what, cure="Write one value.")
    text = "" if value is None else str(value).strip()
    return text or None
