"""Published rows from one data file: `published.csv`, in percent as printed."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from importlib import resources
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from whyser.prompting.prompts import Form
from whyser_eval.output.table.model import Cell, Column, Group, TableLine


class Published(BaseModel):
    """One figure; `id` is the row of the paper's Table 1, `value` a percentage as printed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: int
    system: str
    form: Form
    subset: Literal["all", "strict"]
    metric: Literal["f1_majority", "f1_all_labels"]
    value: Annotated[str, Field(pattern=r"^\d{1,2}\.\d{2}$")]
    corpus: str
    release: str
    split: str
    source: str

    @property
    def column(self) -> Column:
        return Column(self.form, self.subset, self.metric)


def read_published() -> list[Published]:
    """Every figure of the data file.

    >>> len(read_published())  # rows 1 to 3 have one figure each, rows 4 to 11 have eight
    67
    """
    text = resources.files(__package__).joinpath("published.csv").read_text(encoding="utf-8")
    return [Published.model_validate(row) for row in csv.DictReader(text.splitlines())]


def published_groups(figures: Sequence[Published], columns: Sequence[Column]) -> list[Group]:
    """One group per source, release and split; lines with a figure in some column."""
    groups: dict[tuple[str, str, str, str], dict[int, list[Published]]] = {}
    for figure in figures:
        if figure.column in columns:
            part = (figure.source, figure.corpus, figure.release, figure.split)
            groups.setdefault(part, {}).setdefault(figure.id, []).append(figure)
    found = []
    for (source, *place), rows in groups.items():
        lines = tuple(_line(id_, own, columns) for id_, own in rows.items())
        corpus, release, split = place
        title = f"Published: {source}; {corpus} {release}, {split}"
        found.append(Group(title, corpus, release, split, None, lines))
    return found


def _line(id_: int, figures: Sequence[Published], columns: Sequence[Column]) -> TableLine:
    values = {figure.column: figure.value for figure in figures}
    cells = (
        Cell(float(values[column]) / 100, values[column]) if column in values else None
        for column in columns
    )
    return TableLine(f"{figures[0].system} (row {id_})", "none", "published", tuple(cells))
