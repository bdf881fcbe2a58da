"""Scored runs by the references that they were scored on, and the marks of their comparisons."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from whyser.io.errors import InputError
from whyser.records.training import TrainingFacts, read_training
from whyser_eval.metrics.declaration import METRICS
from whyser_eval.output.table.model import Column
from whyser_eval.scoring.compare import SystemComparison, read_comparisons
from whyser_eval.scoring.scores import ANY, ScoreRow, read_scores


class RowKey(NamedTuple):
    """The identity of a line; a system and a baseline may have the same name."""

    system: str
    control: str = "none"
    is_baseline: bool = False


@dataclass(frozen=True)
class ReferenceGroup:
    """All scores on the same references, identified by their hash; `trained` has what is known of
    the systems' training."""

    references: str
    rows: Mapping[RowKey, Mapping[Column, ScoreRow]]
    trained: Sequence[TrainingFacts] = ()

    @property
    def signed(self) -> dict[str, str]:
        """The signature of a figure on the whole set, by name: corpus, split, number of labels."""
        return next(row.signed for row in self.all_rows() if row.subset == "all")

    def all_rows(self) -> Iterator[ScoreRow]:
        return (row for rows in self.rows.values() for row in rows.values())

    def find(self, key: RowKey, column: Column) -> ScoreRow | None:
        """The figure; a baseline has the same figure for every question form."""
        asked = column._replace(form=ANY) if key.is_baseline else column
        return self.rows.get(key, {}).get(asked)

    def sizes(self, columns: Sequence[Column]) -> dict[str, int]:
        """Heading of a subset -> the number of its utterances; with the heading of the metric where
        the metrics of a subset count different utterances."""
        headings = {(one.subset, one.metric): one.headings[1:] for one in columns}
        found: dict[str, dict[str, int]] = {}
        for row in self.all_rows():
            if heading := headings.get((row.subset, row.metric)):
                found.setdefault(heading[0], {})[heading[1]] = row.n
        return {
            subset if len(set(counts.values())) == 1 else f"{subset} {metric}": n
            for subset, counts in found.items()
            for metric, n in counts.items()
        }


def read_runs(folders: Sequence[Path]) -> list[ReferenceGroup]:
    """The folders' `scores.json`, one `ReferenceGroup` for each hash of references.

    Raises: `InputError` or `BadInput` for a broken file, or for two folders with different values
    of the same figure.
    """
    found: dict[str, dict[RowKey, dict[Column, ScoreRow]]] = {}
    trained: defaultdict[str, list[TrainingFacts]] = defaultdict(list)
    origin: dict[tuple[str, RowKey, Column], Path] = {}
    for folder in folders:
        path = folder / "scores.json"
        rows = read_scores(path)
        references = _references_of(rows, path)
        if facts := read_training(folder):
            trained[references].append(facts)
        for row in rows:
            key = RowKey(row.system, row.control, row.form == ANY)
            column = Column(row.form, row.subset, row.metric)
            known = found.setdefault(references, {}).setdefault(key, {}).setdefault(column, row)
            first = origin.setdefault((references, key, column), path)
            # Baselines of several runs differ only in the seed of their guesses.
            if known.value != row.value and not key.is_baseline:
                raise InputError(
                    f"{row.system} ({', '.join(column)}) is {row.value}, but {known.value} in "
                    f"{first}",
                    file=path,
                    cure="Give one run of a system, or score one of them under another name.",
                )
    return [
        ReferenceGroup(references, rows, trained[references]) for references, rows in found.items()
    ]


def _references_of(rows: Sequence[ScoreRow], path: Path) -> str:
    """The hash of the references, from a row of the whole set."""
    for row in rows:
        if row.subset == "all":
            return row.signed["refs"]
    raise InputError("has no row of the subset 'all'", file=path, cure="Score the run again.")


# Marks: figures that differ from a baseline after Holm's correction

MARKS = ("*", "†", "‡")

#: The paper's level of significance.
SIGNIFICANT = 0.05


@dataclass(frozen=True)
class Stars:
    """`marks` by references, line and column; `baselines` maps a mark to its baseline system."""

    marks: dict[tuple[str, RowKey, Column], str]
    baselines: dict[str, str]


def read_stars(paths: Sequence[Path], scored: Sequence[ReferenceGroup]) -> Stars:
    """Marks from files of `compare --output`, each checked against the figures of the table.

    Raises: `InputError` for a broken file, for comparisons of other scores than the table's, and
    for more baselines than marks.
    """
    marks: dict[tuple[str, RowKey, Column], str] = {}
    mark_of: dict[str, str] = {}
    for path in paths:
        for row in read_comparisons(path):
            # No layout shows the rest, such as groundedness.
            if row.metric in METRICS and METRICS[row.metric].heading is None:
                continue
            mark = _mark(row.against, mark_of, path)
            column = Column(row.form, row.subset, row.metric)
            place = (_compared_on(row, column, scored, path), RowKey(row.system), column)
            if row.p_holm is not None and row.p_holm <= SIGNIFICANT:
                marks[place] = marks.get(place, "") + mark
    return Stars(marks, {mark: against for against, mark in mark_of.items()})


def _mark(against: str, mark_of: dict[str, str], path: Path) -> str:
    if against not in mark_of and len(mark_of) == len(MARKS):
        raise InputError(
            f"compares with {against!r}, baseline number {len(MARKS) + 1}",
            file=path,
            cure=f"A table can mark differences from at most {len(MARKS)} systems.",
        )
    return mark_of.setdefault(against, MARKS[len(mark_of) % len(MARKS)])


def _compared_on(
    row: SystemComparison, column: Column, scored: Sequence[ReferenceGroup], path: Path
) -> str:
    """The references on which the systems' figures differ as the comparison says."""
    seen = []
    for group in scored:
        own, other = (group.find(RowKey(name), column) for name in (row.system, row.against))
        if own and other:
            seen.append(
                None if own.value is None or other.value is None else own.value - other.value
            )
            if own.n == row.n and _agree(seen[-1], row.value):
                return group.references
    names = f"{row.system} less {row.against} ({', '.join(column)})"
    if seen:
        raise InputError(
            f"{names} is {row.value} on {row.n:,} utterances, but {seen[-1]} in the scores",
            file=path,
            cure="The compared scores have changed; run whyser-eval compare again.",
        )
    raise InputError(
        f"{names} does not compare two systems of the table",
        file=path,
        cure="Give the runs of both systems, scored on the same references.",
    )


def _agree(first: float | None, second: float | None) -> bool:
    if first is None or second is None:
        return first is second
    return abs(first - second) < 1e-9
