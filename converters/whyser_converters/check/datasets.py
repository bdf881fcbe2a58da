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
from whyser.io.files import read_json, read_jsonl
from whyser_converters.check.clips import CLIPPED, SILENT, TOO_LONG, CheckedClip, judge_all
from whyser_converters.check.findings import CheckFault, Findings
from whyser_converters.check.layout import Layout, read_layout, unknown_names
from whyser_converters.check.rows import (
    UNHEARD,
    Row,
    budget_faults,
    manifest_faults,
    pair_faults,
    read_rows,
    row_faults,
    text_tokens,
)
from whyser_converters.check.settings import Job
from whyser_converters.datasets.dataset_info import read_table

SHAPE = "files and rows that cannot be read"
_MANIFEST = "broken manifests"

#: Faults that a control makes on purpose.
_MEANT = {"silence": SILENT, "transcript": UNHEARD}


@dataclass
class DatasetSummary:
    """Totals of a checked dataset: `hours` of sound, `tokens` of audio, the `longest` in a row."""

    name: str
    rows: int = 0
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

    def add(self, sounds: Sequence[str], clips: Sequence[CheckedClip]) -> int:
        """Adds the sounds of one row, and returns its audio tokens."""
        tokens = sum(clip.tokens for clip in clips)
        self.sounds.update(map(os.path.realpath, sounds))
        self.hours += sum(clip.seconds for clip in clips) / 3600
        self.tokens += tokens
        self.longest = max(self.longest, tokens)
        return tokens

    def row(self) -> tuple[str, ...]:
        warned = (self.warned[TOO_LONG], self.warned[CLIPPED])
        numbers = (self.tokens, self.longest, *warned, self.problems)
        return (
            self.name,
            f"{self.rows:,}",
            f"{self.hours:.2f}",
            *(f"{number:,}" for number in numbers),
        )


@dataclass(frozen=True)
class _CheckedRow:
    """A readable row (two readings in a ranking dataset), and the files of its sounds."""

    number: int
    readings: tuple[Row, ...]
    sounds: tuple[str, ...]
    line: Mapping[str, Any]

    def unmeant(self, faults: Iterable[CheckFault]) -> list[CheckFault]:
        """The faults without those that the row's control makes on purpose."""
        meant = _MEANT.get(str(self.line.get("control")))
        return [fault for fault in faults if fault.kind != meant]


@dataclass
class _CheckedDataset:
    """A dataset between two passes: first all rows are read, then all sounds that they name."""

    job: Job
    summary: DatasetSummary
    file: Path = Path()
    rows: list[_CheckedRow] = field(default_factory=list)


def check_datasets(jobs: Sequence[Job], findings: Findings) -> list[DatasetSummary]:
    """Checks every row, and that no sound is used both for training and for evaluation."""
    datasets = [_read_dataset(job, findings) for job in jobs]
    for hearing in dict.fromkeys(one.job.hearing for one in datasets):
        heard = [one for one in datasets if one.job.hearing == hearing]
        paths = {path for one in heard for row in one.rows for path in row.sounds}
        clips = judge_all(paths, hearing)
        for dataset in heard:
            _check_sounds(dataset, clips, findings)
    for train, other in itertools.permutations(datasets, 2):
        if fault := _leak(train, other):
            findings.add(fault, other.file)
    return [dataset.summary for dataset in datasets]


def _read_dataset(job: Job, findings: Findings) -> _CheckedDataset:
    dataset = _CheckedDataset(job, DatasetSummary(job.name))
    before = len(findings)
    with findings.caught(SHAPE):
        layout = _layout(job, findings)
        dataset.file = job.table.parent / layout.file_name
        rows = rows_of(dataset.file)
        dataset.summary.rows = len(rows)
        for fault in mixture_faults(rows, layout.audios):
            findings.add(fault, dataset.file)
        manifest = _check_manifest(dataset.file, len(rows), job, findings)
        for number, given in enumerate(rows):
            try:
                readings = read_rows(given, layout)
            except InputError as error:
                fault = CheckFault(SHAPE, error.what, error.cure or "")
                findings.add(fault.of(f"row {number}"), dataset.file)
                continue
            sounds = tuple(resolve(job.media_dir, sound) for sound in readings[0].sounds)
            row = _CheckedRow(number, readings, sounds, manifest[number] if manifest else {})
            dataset.rows.append(row)
            for fault in row.unmeant(_text_faults(row, layout, trains=job.trains)):
                findings.add(fault.of(f"row {number}"), dataset.file)
    dataset.summary.problems = len(findings) - before
    return dataset


def _text_faults(row: _CheckedRow, layout: Layout, *, trains: bool) -> Iterator[CheckFault]:
    faults = [fault for one in row.readings for fault in row_faults(one, layout, trains=trains)]
    # A fault that both readings share is reported once.
    yield from dict.fromkeys(faults)
    yield from pair_faults(row.readings)
    yield from manifest_faults(row.readings[0], row.line)


def _check_sounds(
    dataset: _CheckedDataset, clips: Mapping[str, CheckedClip], findings: Findings
) -> None:
    summary = dataset.summary
    before = len(findings)
    for row in dataset.rows:
        own = [clips[path] for path in row.sounds]
        tokens = summary.add(row.sounds, own)
        faults = row.unmeant(fault for clip in own for fault in clip.faults)
        summary.warned.update(fault.kind for fault in faults if fault.warns)
        longest = max(row.readings, key=text_tokens)
        for fault in (*faults, *budget_faults(longest, tokens, dataset.job.cutoff_len)):
            findings.add(fault.of(f"row {row.number}"), dataset.file)
    summary.problems += len(findings) - before


def _leak(train: _CheckedDataset, other: _CheckedDataset) -> CheckFault | None:
    """Sounds of the first, a training set, that are also in the second, an evaluation set.

    The check of the settings reports a dataset that is named for both.
    """
    if not train.job.trains or other.job.trains or train.job.name == other.job.name:
        return None
    shared = train.summary.sounds & other.summary.sounds
    if not shared:
        return None
    what = (
        f"{other.job.name!r} evaluates on {len(shared):,} sounds that {train.job.name!r} "
        f"trains on, such as {min(shared)}"
    )
    cure = "Build both from splits that share nothing."
    return CheckFault("sounds trained and evaluated on", what, cure)


def _layout(job: Job, findings: Findings) -> Layout:
    table = read_table(job.table)
    if job.name not in table:
        cure = did_you_mean(job.name, table)
        raise InputError(f"no dataset {job.name!r}", file=job.table, cure=cure)
    for fault in unknown_names(job.name, table[job.name]):
        findings.add(fault, job.table)
    try:
        return read_layout(job.name, table[job.name], job.stage)
    except InputError as error:
        raise error.at(job.table) from None


def rows_of(path: Path) -> list[Any]:
    if path.suffix not in {".json", ".jsonl"}:
        raise InputError("cannot be checked", file=path, cure="Write the rows as .json or .jsonl.")
    rows = read_json(path) if path.suffix == ".json" else [row for _, row in read_jsonl(path)]
    if not isinstance(rows, list):
        raise InputError("expected a list of rows", file=path, cure="Build the dataset again.")
    if not rows:
        raise InputError("holds no rows", file=path, cure="Build the dataset again.")
    return rows


def mixture_faults(rows: Sequence[Any], column: str) -> Iterator[CheckFault]:
    given = [row.get(column) for row in rows if isinstance(row, dict)]
    if {str, list} <= {type(sounds) for sounds in given}:
        what = f"{column!r} is a path in some rows and a list in others: its reader refuses both"
        yield CheckFault(SHAPE, what, "Write lists.")


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
        for fault in _manifest_faults(lines, rows, job):
            findings.add(fault, manifest)
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
        yield CheckFault("ids that stand twice", f"id {id_!r} stands twice", cure)
    splits = Counter(str(line.get("split")) for line in lines)
    for split, count in splits.items():
        if split.startswith("test") and job.trains:
            what = f"{count:,} rows of split {split!r} in a training dataset"
            yield CheckFault("test rows in training", what, "Build it from the training split.")
        if split.startswith("test") and job.chooses:
            what = f"{count:,} rows of split {split!r} would say when training stops"
            yield CheckFault("test rows in training", what, "Give a dev split as eval_dataset.")
