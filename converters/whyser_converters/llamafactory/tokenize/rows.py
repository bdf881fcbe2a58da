"""Checks every row that the run uses before LLaMA-Factory reads it.

LLaMA-Factory drops a bad row with a warning, and the rows that it keeps have no number. So each row
is checked in its own file, with the checks of `check`, and is identified by its content.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from whyser_converters.check.datasets import SHAPE, open_dataset, readable_rows, resolve
from whyser_converters.check.findings import CheckFault, Findings
from whyser_converters.check.rows import Row, text_faults
from whyser_converters.llamafactory.tokenize.settings import TokenizeRun

#: All turns of a row in order, and its sounds; they identify the row.
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

    def report(self, fault: CheckFault, place: Place, findings: Findings) -> None:
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
    table = Path(run.data_args.dataset_dir) / "dataset_info.json"
    dataset = open_dataset(table, name, run.stage, findings)
    # LLaMA-Factory uses the first `max_samples`, unless it has drawn `num_samples` before.
    all_are_used = dataset.entry.get("num_samples") is not None
    used = dataset.rows if all_are_used else dataset.rows[: run.data_args.max_samples]
    for number, readings in readable_rows(dataset, used, findings):
        place = Place(dataset.file, number, _key(readings, run.data_args.media_dir))
        rows.add(place)
        for fault in text_faults(readings, dataset.layout, trains=trains):
            rows.report(fault, place, findings)


def _key(readings: Sequence[Row], media_dir: str) -> Key:
    first, *others = readings
    answers = (other.contents[-1] for other in others)
    sounds = (resolve(media_dir, sound) for sound in first.sounds)
    return (*first.contents, *answers), tuple(sounds)
