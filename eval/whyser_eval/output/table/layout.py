"""From scored runs, comparisons and published rows to a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import NamedTuple, get_args

from whyser.io.errors import InputError
from whyser.labels.attributes import ATTRIBUTES
from whyser.prompting.prompts import Form
from whyser_eval.metrics.declaration import METRICS, metrics_of
from whyser_eval.metrics.genders import GENDERS, gender_gap_p
from whyser_eval.output.table.model import Cell, Column, Group, Kind, Table, TableLine
from whyser_eval.output.table.notes import notes
from whyser_eval.output.table.published import published_groups, read_published
from whyser_eval.output.table.runs import ReferenceGroup, RowKey, Stars, read_runs, read_stars
from whyser_eval.scoring.scores import ScoreRow
from whyser_eval.statistics.formatting import format_p

_FORMS: tuple[str, ...] = get_args(Form)
_READINGS = tuple(one.name for one in METRICS.values() if one.heading and one.material == "classes")


class TableLayout(NamedTuple):
    """The columns of a table under each form of the question.

    Attributes:
        places: subset and metric of each column; None stands for every subset that was scored
        intervals: show the interval of each figure, and mark none as best: higher is not better for
            all of these metrics
        cure: what to do if runs have none of these figures
    """

    places: Sequence[tuple[str | None, str]]
    intervals: bool = False
    cure: str = "Score them with this version."


LAYOUTS: dict[str, TableLayout] = {
    # The paper's Table 1.
    "paper": TableLayout(tuple(product(("all", "strict"), ("f1_majority", "f1_all_labels")))),
    # Every reading of All-labels, D1 to D5, and the majority.
    "readings": TableLayout([("all", one) for one in _READINGS]),
    "subsets": TableLayout([(None, "f1_majority")]),
    "conflict": TableLayout(
        [("all", one) for one in metrics_of("conflict")], True, "Score them with --words."
    ),
    "genders": TableLayout(
        [
            *((one, "f1_majority") for one in GENDERS),
            *(("all", one) for one in metrics_of("genders")),
        ],
        True,
        "Score references whose speakers are known to be female and male.",
    ),
    "attributes": TableLayout(
        [("all", "ccc"), *(("all", f"ccc:{name}") for name in ATTRIBUTES)],
        cure="Score answers that state attributes (--target attributes).",
    ),
}


def lay_out(
    runs: Sequence[Path],
    *,
    layout: str = "paper",
    published: bool = True,
    controls: bool = False,
    comparisons: Sequence[Path] = (),
    decimals: int = 2,
) -> Table:
    """The runs' figures in percent, those of the same references in one group.

    Systems scored on other references, as the hash in the signature shows, form a separate group:
    best figures and marks refer to one group. Published rows come last.

    Args:
        runs: folders that `score` wrote
        layout: one of `LAYOUTS`
        published: include the rows of the paper's Table 1
        controls: include the rows of controls such as shuffled audio and silence
        comparisons: files that `compare --output` wrote, whose differences are marked
        decimals: of a percentage

    Raises: `InputError` or `BadInput` for runs or comparisons that are broken or contradict each
    other, or that have no figure for the layout.
    """
    scored = read_runs(runs)
    figures = read_published() if published else []
    stars = read_stars(comparisons, scored)
    chosen = LAYOUTS[layout]
    subsets = dict.fromkeys(row.subset for group in scored for row in group.all_rows())
    columns = [
        Column(form, subset, metric)
        for form in _FORMS
        for named, metric in chosen.places
        for subset in (subsets if named is None else (named,))
    ]
    # Only question forms with answers get columns; a baseline has no form.
    filled = {column for group in scored for rows in group.rows.values() for column in rows}
    filled |= {figure.column for figure in figures}
    columns = [column for column in columns if column in filled]
    groups = [
        group
        for one in scored
        for group in _groups(one, columns, stars, chosen, controls=controls, decimals=decimals)
    ]
    if not groups:
        what = f"the runs have no figure for the layout {layout!r}"
        raise InputError(what, file=runs[0], cure=chosen.cure)
    groups += published_groups(figures, columns)
    return Table(tuple(columns), tuple(groups), tuple(notes(scored, columns, groups, stars)))


def _groups(
    scored: ReferenceGroup,
    columns: Sequence[Column],
    stars: Stars,
    layout: TableLayout,
    *,
    controls: bool,
    decimals: int,
) -> Iterator[Group]:
    """The systems with their controls, then the chance baselines."""
    lines = [_line(scored, key, columns, stars, layout, decimals) for key in scored.rows]
    where = f"{scored.signed['corpus']}, {scored.signed['split']} (references {scored.references})"
    kinds = {"system", "control"} if controls else {"system"}
    for title, shown in ((where, kinds), (f"Guesses on {where}", {"baseline"})):
        found = [line for line in lines if line.kind in shown and any(line.cells)]
        if found:
            where_from = scored.signed["corpus"], None, scored.signed["split"], scored.references
            marked = found if layout.intervals else _with_best(found)
            yield Group(title, *where_from, tuple(marked))


def _line(
    scored: ReferenceGroup,
    key: RowKey,
    columns: Sequence[Column],
    stars: Stars,
    layout: TableLayout,
    decimals: int,
) -> TableLine:
    kind: Kind = "baseline" if key.is_baseline else "system" if key.control == "none" else "control"
    cells: list[Cell | None] = []
    for column in columns:
        row = scored.find(key, column)
        if row is None or row.value is None:
            cells.append(None)
            continue
        marks = stars.marks.get((scored.references, key, column), "")
        ends = _ends(row, decimals) if layout.intervals else ""
        cells.append(Cell(row.value, _figure(row, decimals), row, marks, ends=ends))
    return TableLine(key.system, key.control, kind, tuple(cells))


def _figure(row: ScoreRow, decimals: int) -> str:
    """The value in percent; a p as it is."""
    if row.metric == gender_gap_p.__name__:
        return format_p(row.value)
    return f"{100 * row.value:.{decimals}f}" if row.value is not None else ""


def _ends(row: ScoreRow, decimals: int) -> str:
    if row.low is None or row.high is None:
        return ""
    return f" [{100 * row.low:.{decimals}f}, {100 * row.high:.{decimals}f}]"


def _with_best(lines: Sequence[TableLine]) -> Iterator[TableLine]:
    """Marks the highest figure of each column, as printed, if there are at least two systems."""
    best: list[str | None] = []
    for cells in zip(*(line.cells for line in lines if line.kind == "system"), strict=True):
        found = [cell for cell in cells if cell]
        is_contest = len(found) > 1
        best.append(max(found, key=lambda cell: cell.value).text if is_contest else None)
    for line in lines:
        if line.kind != "system":
            yield line
            continue
        marked = (
            replace(cell, is_best=cell.text == text) if cell else None
            for cell, text in zip(line.cells, best, strict=True)
        )
        yield replace(line, cells=tuple(marked))
