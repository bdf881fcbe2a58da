"""Marks of comparisons: figures that differ from the baseline after Holm's correction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from whyser.io.errors import InputError
from whyser_eval.output.table.model import Column
from whyser_eval.output.table.runs import ReferenceGroup, RowKey
from whyser_eval.scoring.compare import SystemComparison, read_comparisons

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
            mark = _mark(row.against, mark_of, path)
            column = Column(row.form, row.subset, row.metric)
            place = (_references(row, column, scored, path), RowKey(row.system), column)
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


def _references(
    row: SystemComparison, column: Column, scored: Sequence[ReferenceGroup], path: Path
) -> str:
    """The references on which the systems' figures differ as the comparison says."""
    seen = []
    for group in scored:
        own, other = (group.find(RowKey(name), column) for name in (row.system, row.against))
        if own and other:
            seen.append(_difference(own.value, other.value))
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


def _difference(own: float | None, other: float | None) -> float | None:
    return None if own is None or other is None else own - other


def _agree(first: float | None, second: float | None) -> bool:
    if first is None or second is None:
        return first is second
    return abs(first - second) < 1e-9
