"""`whyser-eval study read`: from the raters' files and the key to figures."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from whyser.io.files import write_json, write_jsonl, write_text
from whyser.records.provenance import provenance
from whyser_eval.explanations.study.files import CollectedFiles, GivenAnswer, SavedFile
from whyser_eval.explanations.study.material import CHOICES, KeyEntry, StudyKey
from whyser_eval.explanations.study.raters import FEWEST, rater_rows
from whyser_eval.explanations.study.rows import StudyResults, write_studied
from whyser_eval.explanations.study.statistics import (
    BootstrapSettings,
    Votes,
    is_favoured,
    study_rows,
    votes,
)

COLUMNS = ("rater", "test", "item", "id", "gold", "prediction", "condition", "choice",
           "milliseconds", "plays", "place", "swapped")  # fmt: skip


def studied(collected: CollectedFiles, key: StudyKey, draws: BootstrapSettings) -> StudyResults:
    """All figures of the counted files; a test without answers has none."""
    found = StudyResults(key.study, key.system, key.reference, (), (), tuple(collected.left_out))
    for test in CHOICES:
        chosen = votes(collected.files, key, test)
        if chosen.n:
            found = replace(
                found,
                rows=(*found.rows, *study_rows(chosen, key, draws)),
                raters=(*found.raters, *rater_rows(collected.files, chosen, key)),
                warnings=(*found.warnings, *_warnings(chosen)),
            )
    return found


def _warnings(chosen: Votes) -> Iterator[str]:
    raters = len(chosen.means)
    if raters < 2:
        yield f"{chosen.test}: with one rater there is no t interval"
    elif raters < FEWEST:
        yield f"{chosen.test}: {raters} raters are too few to identify outliers"
    if missing := chosen.chosen.size - chosen.n:
        yield (
            f"{chosen.test}: {missing:,} of {chosen.chosen.size:,} answers are missing; the t "
            "interval weights raters equally, the other two intervals weight answers equally"
        )


# Output


@dataclass(frozen=True)
class StudyInputs:
    """Files and settings, for the provenance."""

    files: tuple[Path, ...]
    key: Path
    settings: dict[str, Any]


def write_study(
    folder: Path, found: StudyResults, files: list[SavedFile], key: StudyKey, inputs: StudyInputs
) -> None:
    """Writes study.json, judgements.csv, preferences.jsonl and provenance.json, each atomically."""
    record = provenance([inputs.key, *inputs.files]) | {"settings": inputs.settings}
    write_json(folder / "provenance.json", record | {"key": key.provenance})
    write_text(folder / "judgements.csv", _table(_judgements(files, key)))
    write_jsonl(folder / "preferences.jsonl", _preferences(files, key))
    write_studied(folder / "study.json", found)


def _judgements(files: Iterable[SavedFile], key: StudyKey) -> Iterator[list[object]]:
    """One line per answer, in the order of `COLUMNS`, without attention checks."""
    for saved, given, item in _answers(files, key):
        own = is_favoured(given, item, key)
        yield [
            saved.rater,
            given.test,
            given.item,
            item.id,
            item.gold,
            item.prediction,
            item.condition,
            given.choice if given.test == "accept" else "system" if own else "reference",
            given.milliseconds,
            given.plays,
            given.place,
            str(given.swapped).lower(),
        ]


def _preferences(files: Iterable[SavedFile], key: StudyKey) -> Iterator[dict[str, Any]]:
    """The votes for each system, one line per pair: the input of `whyser-eval judge --humans`."""
    counts: dict[str, Counter[str]] = {one.item: Counter() for one in key.of("prefer")}
    for _, given, item in _answers(files, key):
        if given.test == "prefer":
            counts[given.item][item.systems[CHOICES["prefer"].index(given.choice)]] += 1
    for item in key.of("prefer"):
        found = counts[item.item]
        if found:
            preferred = {system: found[system] for system in item.systems}
            yield {"id": item.id, "systems": item.systems, "preferred": preferred}


def _answers(
    files: Iterable[SavedFile], key: StudyKey
) -> Iterator[tuple[SavedFile, GivenAnswer, KeyEntry]]:
    items = {one.item: one for test in CHOICES for one in key.of(test)}
    for saved in files:
        for given in saved.file.answers:
            if given.item in items:
                yield saved, given, items[given.item]


def _table(rows: Iterable[Iterable[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(rows)
    return text.getvalue()
