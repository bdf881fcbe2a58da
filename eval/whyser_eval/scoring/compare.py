"""Systems compared with one of them on the same utterances, and tests of the differences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from whyser.io.errors import InputError, did_you_mean
from whyser.io.files import atomic_set, read_record, write_json
from whyser.records.provenance import provenance
from whyser_eval.metrics.declaration import metrics_of
from whyser_eval.scoring.score import ScoredRun
from whyser_eval.statistics.bootstrap import Unit
from whyser_eval.statistics.significance import differences, holm, pair

#: The metrics and subsets that the paper tests.
COMPARED = ("f1_majority", "f1_all_labels")
SUBSETS = ("all", "strict")


@dataclass(frozen=True)
class SystemComparison:
    """A line of `comparisons.json`: `system` less `against`, both with one form.

    The figures are those of `PairedDifference`; `p_holm` is `p` adjusted for all comparisons of the
    table. They are None on a subset without utterances.
    """

    system: str
    against: str
    form: str
    subset: str
    metric: str
    value: float | None
    low: float | None
    high: float | None
    p: float | None
    p_holm: float | None
    p_bootstrap: float | None
    smallest: float | None
    n: int


def compare(
    run: ScoredRun,
    against: str,
    *,
    metrics: Sequence[str] = COMPARED,
    unit: Unit = "utterance",
    draws: int = 10_000,
    seed: int = 0,
) -> list[SystemComparison]:
    """Compares every system without a control with the named one, form by form.

    Args: `unit`, what is resampled and swapped: utterances, or speakers with all of theirs.

    Raises: `InputError` for an unknown system, or if there is no other to compare with it.
    """
    rows = list(_comparisons(run, against, metrics, unit, draws, seed))
    if not rows:
        raise InputError(
            f"nothing to compare with {against!r}",
            cure="Give another system's predictions for the same form of the question.",
        )
    tested = [row for row in rows if row.p is not None]
    adjusted = iter(holm([row.p for row in tested if row.p is not None]))
    return [row if row.p is None else replace(row, p_holm=next(adjusted)) for row in rows]


def _comparisons(
    run: ScoredRun, against: str, metrics: Sequence[str], unit: Unit, draws: int, seed: int
) -> Iterator[SystemComparison]:
    systems = [system for system in run.systems if system.name.control == "none"]
    names = dict.fromkeys(system.name.model for system in systems)
    if against not in names:
        raise InputError(f"no system {against!r}", cure=did_you_mean(against, names))
    speakers = [one.speaker for one in run.references.utterances] if unit == "speaker" else None
    chosen = {name: metrics_of("classes")[name] for name in metrics}
    subsets = {name: run.references.subsets[name] for name in SUBSETS}
    for base, system in product(systems, systems):
        first, second = system.name, base.name
        if second.model != against or first.model == against or first.form != second.form:
            continue
        items = system.items(run.references), base.items(run.references)
        pairing = pair(*items, subsets, chosen, speakers)
        for found in differences(pairing, draws=draws, seed=seed):
            yield SystemComparison(
                first.model, second.model, second.form, p_holm=None, **vars(found)
            )


def comparisons_json(rows: Sequence[SystemComparison]) -> list[dict[str, Any]]:
    return [asdict(row) for row in rows]


def write_comparisons(
    rows: Sequence[SystemComparison], run: ScoredRun, path: Path, **settings: str | int
) -> None:
    """Writes the rows and a file of their provenance, both or none."""
    settings |= {
        "classes": ",".join(run.references.classes),
        "secondary": run.settings.secondary,
        "reader": run.settings.reader.version,
    }
    record = provenance(run.inputs) | {"settings": settings}
    with atomic_set(path) as files:
        write_json(files(path.with_suffix(".provenance.json")), record)
        write_json(files(path), comparisons_json(rows))


_ROWS = TypeAdapter(list[SystemComparison])


def read_comparisons(path: Path) -> list[SystemComparison]:
    """The rows that `write_comparisons` wrote.

    Raises: `InputError` for a missing or a broken file.
    """
    return read_record(path, _ROWS, cure="Give a file that whyser-eval compare --output wrote.")
