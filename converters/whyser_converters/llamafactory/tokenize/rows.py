"""Checks every row that the run uses before LLaMA-Factory reads it.

LLaMA-Factory drops a bad row with a warning, and the rows that it keeps have no number. So each row
is checked in its own file, with the checks of `check`, and is found again by its content.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from whyser.io.errors import InputError, did_you_mean
from whyser_converters.check.datasets import SHAPE, mixture_faults, resolve, rows_of
from whyser_converters.check.findings import CheckFault, Findings
from whyser_converters.check.layout import Layout, read_layout, unknown_names
from whyser_converters.check.rows import Row, pair_faults, read_rows, row_faults
from whyser_converters.datasets.dataset_info import read_table
from whyser_converters.llamafactory.tokenize.settings import TokenizeRun

#: All turns of a row in order, and its sounds; a row is found again by this.
Key = tuple[tuple[str, ...], tuple[str, ...]]


@dataclass(frozen=True)
class Place:
    """Dataset and number of a row; rows are counted from 0, as in `check`."""

    file: Path
    number: int
    key: Key


@dataclass
class Rows:
    """The rows' places, the rows that name each sound, and the rows that are already faulty."""

    places: dict[Key, Place] = field(default_factory=dict)
    sounds: dict[str, list[Place]] = field(default_factory=lambda: defaultdict(list))
    faulty: set[Key] = field(default_factory=set)

    def add(self, place: Place) -> None:
        self.places.setdefault(place.key, place)
        for sound in dict.fromkeys(place.key[1]):
            self.sounds[sound].append(place)

    def tell(self, fault: CheckFault, place: Place, findings: Findings) -> None:
        findings.add(fault.of(f"row {place.number}"), place.file)
        if not fault.warns:
            self.faulty.add(place.key)


def judge_rows(run: TokenizeRun, findings: Findings) -> Rows:
    """Reads the rows of all datasets of the run; the faults go to `findings`."""
    rows = Rows()
    for names, trains in ((run.data_args.dataset, True), (run.data_args.eval_dataset, False)):
        for name in dict.fromkeys(names or ()):
            with findings.caught(SHAPE):
                _judge_dataset(run, name, trains, rows, findings)
    return rows


def _judge_dataset(
    run: TokenizeRun, name: str, trains: bool, rows: Rows, findings: Findings
) -> None:
    entry, layout = _layout(run, name, findings)
    file = Path(run.data_args.dataset_dir) / layout.file_name
    given = rows_of(file)
    for fault in mixture_faults(given, layout.audios):
        findings.add(fault, file)
    for number, row in enumerate(_used(given, entry, run.data_args.max_samples)):
        try:
            versions = read_rows(row, layout)
        except InputError as error:
            fault = CheckFault(SHAPE, error.what, error.cure or "")
            findings.add(fault.of(f"row {number}"), file)
            continue
        place = Place(file, number, _key(versions, run.data_args.media_dir))
        rows.add(place)
        of_each = (row_faults(version, layout, trains=trains) for version in versions)
        faults = itertools.chain(*of_each, pair_faults(versions))
        for fault in dict.fromkeys(faults):
            rows.tell(fault, place, findings)


def _layout(run: TokenizeRun, name: str, findings: Findings) -> tuple[Mapping[str, Any], Layout]:
    path = Path(run.data_args.dataset_dir) / "dataset_info.json"
    table = read_table(path)
    if name not in table:
        raise InputError(f"no dataset {name!r}", file=path, cure=did_you_mean(name, table))
    entry = table[name]
    for fault in unknown_names(name, entry):
        findings.add(fault, path)
    try:
        layout = read_layout(name, entry, run.stage)
    except InputError as error:
        raise error.at(path) from None
    return entry, layout


def _used(rows: Sequence[Any], entry: Mapping[str, Any], max_samples: int | None) -> Sequence[Any]:
    """LLaMA-Factory takes the first `max_samples`, unless it has drawn `num_samples` before."""
    return rows if entry.get("num_samples") is not None else rows[:max_samples]


def _key(versions: Sequence[Row], media_dir: str) -> Key:
    first, *others = versions
    answers = (other.contents[-1] for other in others)
    sounds = (resolve(media_dir, sound) for sound in first.sounds)
    return (*first.contents, *answers), tuple(sounds)
