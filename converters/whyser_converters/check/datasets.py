"""Checks LLaMA-Factory datasets: every row, its sound, and the manifest."""

from __future__ import annotations

import itertools
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from whyser.io.errors import InputError, did_you_mean
from whyser.io.files import read_jsonl
from whyser_converters.check.clips import CLIPPED, SILENT, TOO_LONG, CheckedClip, judge_all
from whyser_converters.check.findings import CheckFault, Findings
from whyser_converters.check.layout import Layout, read_layout, unknown_names
from whyser_converters.check.loader import load_rows
from whyser_converters.check.rows import (
    UNHEARD,
    Row,
    budget_faults,
    manifest_faults,
    read_rows,
    text_faults,
    text_tokens,
)
from whyser_converters.check.settings import Job
from whyser_converters.datasets.dataset_info import read_table

SHAPE = "files and rows that cannot be read"
_MANIFEST = "broken manifests"

#: Faults that a control causes on purpose.
_INTENDED = {"silence": SILENT, "transcript": UNHEARD, "gain": SILENT}


@dataclass(frozen=True)
class _CheckedRow:
    """A readable row (two readings in a ranking dataset), its sound files, its manifest line."""

    number: int
    readings: tuple[Row, ...]
    sounds: tuple[str, ...]
    line: Mapping[str, Any]

    def unintended(self, faults: Iterable[CheckFault]) -> list[CheckFault]:
        """The row's faults, without those that its control causes on purpose."""
        intended = _INTENDED.get(str(self.line.get("control")))
        return [fault.of(f"row {self.number}") for fault in faults if fault.kind != intended]


@dataclass
class CheckedDataset:
    """A dataset's readable rows, and its totals: sound in `hours`, `tokens`, `longest` in a row.

    First the rows of all datasets are read, then all sounds that they name.
    """

    job: Job
    file: Path = Path()
    rows: list[_CheckedRow] = field(default_factory=list)
    all_rows: int = 0
    hours: float = 0.0
    tokens: int = 0
    longest: int = 0
    problems: int = 0
    warned: Counter[str] = field(default_factory=Counter)
    sounds: set[str] = field(default_factory=set)

    COLUMNS: ClassVar = (
        *("dataset", "rows", "hours", "audio tokens", "longest"),
        *("too long", "clipped", "problems"),
    )

    def row(self) -> tuple[str, ...]:
        warned = (self.warned[TOO_LONG], self.warned[CLIPPED])
        numbers = [f"{one:,}" for one in (self.tokens, self.longest, *warned, self.problems)]
        return self.job.name, f"{self.all_rows:,}", f"{self.hours:.2f}", *numbers


def check_datasets(jobs: Sequence[Job], findings: Findings) -> list[CheckedDataset]:
    """Checks every row, and that no sound is used both for training and for evaluation."""
    datasets = [_check_rows(job, findings) for job in jobs]
    for hearing in dict.fromkeys(one.job.hearing for one in datasets):
        heard = [one for one in datasets if one.job.hearing == hearing]
        paths = {path for one in heard for row in one.rows for path in row.sounds}
        clips = judge_all(paths, hearing)
        for dataset in heard:
            _check_sounds(dataset, clips, findings)
    for train, other in itertools.permutations(datasets, 2):
        findings.add_all(_leaks(train, other), other.file)
    return datasets


def _check_rows(job: Job, findings: Findings) -> CheckedDataset:
    dataset = CheckedDataset(job)
    before = len(findings)
    with findings.caught(SHAPE):
        given = open_dataset(job.table, job.name, job.stage, findings)
        dataset.file, dataset.all_rows = given.file, len(given.rows)
        manifest = _check_manifest(dataset.file, dataset.all_rows, job, findings)
        for number, readings in readable_rows(given, given.rows, findings):
            sounds = tuple(resolve(job.media_dir, sound) for sound in readings[0].sounds)
            row = _CheckedRow(number, readings, sounds, manifest[number] if manifest else {})
            dataset.rows.append(row)
            faults = text_faults(readings, given.layout, trains=job.trains)
            own = (*faults, *manifest_faults(readings[0], row.line))
            findings.add_all(row.unintended(own), dataset.file)
    dataset.problems = len(findings) - before
    return dataset


@dataclass(frozen=True)
class OpenedDataset:
    """A dataset of a table: its file, its entry, the layout of its rows, and the rows as read."""

    file: Path
    entry: Mapping[str, Any]
    layout: Layout
    rows: list[Any]


def open_dataset(table: Path, name: str, stage: str | None, findings: Findings) -> OpenedDataset:
    """Reads a dataset as LLaMA-Factory finds it; faults of its entry go to `findings`.

    Raises: `InputError` for a dataset that is missing, broken or of another kind.
    """
    entries = read_table(table)
    if name not in entries:
        raise InputError(f"no dataset {name!r}", file=table, cure=did_you_mean(name, entries))
    entry = entries[name]
    findings.add_all(unknown_names(name, entry), table)
    try:
        layout = read_layout(name, entry, stage)
    except InputError as error:
        raise error.at(table) from None
    file = table.parent / layout.file_name
    if file.suffix not in {".json", ".jsonl"}:
        raise InputError("cannot be checked", file=file, cure="Write the rows as .json or .jsonl.")
    rows, refusal = load_rows(file, layout.audios)
    if not rows:
        raise InputError("holds no rows", file=file, cure="Build the dataset again.")
    if refusal is not None:
        findings.add(CheckFault(SHAPE, refusal.what, refusal.cure or ""), file)
    for column in layout.columns:
        if not any(isinstance(row, dict) and column in row for row in rows):
            what = f"no row has the column {column!r}, which the entry of {name!r} names"
            found = dict.fromkeys(key for row in rows[:1] if isinstance(row, dict) for key in row)
            findings.add(CheckFault(SHAPE, what, did_you_mean(column, found)), file)
    return OpenedDataset(file, entry, layout, rows)


def readable_rows(
    dataset: OpenedDataset, rows: Iterable[Any], findings: Findings
) -> Iterator[tuple[int, tuple[Row, ...]]]:
    """The number and the readings of each row; a row that cannot be read is a fault."""
    for number, row in enumerate(rows):
        try:
            yield number, read_rows(row, dataset.layout)
        except InputError as error:
            fault = CheckFault(SHAPE, error.what, error.cure or "")
            findings.add(fault.of(f"row {number}"), dataset.file)


def _check_sounds(
    dataset: CheckedDataset, clips: Mapping[str, CheckedClip], findings: Findings
) -> None:
    before = len(findings)
    for row in dataset.rows:
        own = [clips[path] for path in row.sounds]
        tokens = sum(clip.tokens for clip in own)
        dataset.sounds.update(map(os.path.realpath, row.sounds))
        dataset.hours += sum(clip.seconds for clip in own) / 3600
        dataset.tokens += tokens
        dataset.longest = max(dataset.longest, tokens)
        longest = max(row.readings, key=text_tokens)
        over = budget_faults(longest, tokens, dataset.job.cutoff_len)
        faults = row.unintended((*(fault for clip in own for fault in clip.faults), *over))
        dataset.warned.update(fault.kind for fault in faults if fault.warns)
        findings.add_all(faults, dataset.file)
    dataset.problems += len(findings) - before


def _leaks(train: CheckedDataset, other: CheckedDataset) -> Iterator[CheckFault]:
    """A fault when sounds of a training set are also in an evaluation set.

    The check of the settings reports a dataset that is named for both.
    """
    shared = train.sounds & other.sounds
    if shared and train.job.trains and not other.job.trains and train.job.name != other.job.name:
        what = f"{other.job.name!r} evaluates on {len(shared):,} sounds that {train.job.name!r} "
        what += f"trains on, such as {min(shared)}"
        cure = "Build both from splits that share no sound."
        yield CheckFault("sounds trained and evaluated on", what, cure)


def resolve(media_dir: Path | str, sound: str) -> str:
    """Resolves a path as LLaMA-Factory does: in `media_dir`, or else in the working directory."""
    within = os.path.join(media_dir, sound)  # noqa: PTH118, called once a row
    return within if os.path.isfile(within) else sound  # noqa: PTH113


def _check_manifest(
    rows_file: Path, rows: int, job: Job, findings: Findings
) -> list[dict[str, Any]]:
    """Compares the rows with the manifest; datasets from elsewhere have none."""
    manifest = rows_file.with_suffix(".manifest.jsonl")
    if not manifest.exists():
        return []
    with findings.caught(_MANIFEST):
        lines = [line for _, line in read_jsonl(manifest)]
        findings.add_all(_manifest_faults(lines, rows, job), manifest)
        return lines if len(lines) == rows else []
    return []


def _manifest_faults(
    lines: Sequence[Mapping[str, Any]], rows: int, job: Job
) -> Iterator[CheckFault]:
    cure = "Build the dataset again."
    if len(lines) != rows:
        yield CheckFault(_MANIFEST, f"{len(lines):,} lines for {rows:,} rows", cure)
    # An utterance may occur once in each epoch, and once for each kind of pair.
    keys = Counter((str(line.get("id")), line.get("epoch"), line.get("pair")) for line in lines)
    for id_ in dict.fromkeys(id_ for (id_, *_), count in keys.items() if count > 1):
        yield CheckFault("duplicate ids", f"duplicate id {id_!r}", cure)
    splits = Counter(str(line.get("split")) for line in lines)
    for split, count in splits.items():
        if split.startswith("test") and job.trains:
            what = f"{count:,} rows of split {split!r} are used for training"
            yield CheckFault("test rows in training", what, "Build it from the training split.")
        if split.startswith("test") and job.chooses:
            what = f"{count:,} rows of split {split!r} are used for early stopping"
            yield CheckFault("test rows in training", what, "Give a dev split as eval_dataset.")
