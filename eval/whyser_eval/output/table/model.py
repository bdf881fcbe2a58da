"""The content of a table, independent of its format."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypeAlias

from whyser_eval.metrics.declaration import declared
from whyser_eval.scoring.scores import ScoreRow

Kind: TypeAlias = Literal["system", "control", "baseline", "published"]


_FORM_WORDS = {"open": "Open", "closed": "Closed"}
_SUBSET_WORDS = {"all": "Whole", "strict": "Strict"}


def _heading(metric: str) -> str:
    """
    >>> _heading("ccc:arousal")
    'arousal'
    """
    found, column = declared(metric), metric.partition(":")[2]
    return column or (found and found.heading) or metric


class Column(NamedTuple):
    """The form, subset and metric of a column."""

    form: str
    subset: str
    metric: str

    @property
    def headings(self) -> tuple[str, str, str]:
        """
        >>> Column("open", "corpus:meld", "f1_majority").headings
        ('Open', 'corpus:meld', 'MV')
        """
        return (
            _FORM_WORDS[self.form],
            _SUBSET_WORDS.get(self.subset, self.subset),
            _heading(self.metric),
        )


@dataclass(frozen=True)
class Cell:
    """One figure as a share of 1; `row` is the source of a figure of ours.

    `marks` are those of the comparisons in which it differs; `text` is the percentage as printed,
    `ends` its interval where the layout shows one.
    """

    value: float
    text: str
    row: ScoreRow | None = None
    marks: str = ""
    is_best: bool = False
    ends: str = ""


@dataclass(frozen=True)
class TableLine:
    """One system under one control: a cell or None per column of the table."""

    system: str
    control: str
    kind: Kind
    cells: tuple[Cell | None, ...]

    @property
    def name(self) -> str:
        return self.system if self.control == "none" else f"{self.system}, {self.control}"


@dataclass(frozen=True)
class Group:
    """Lines on the same references; `references` is their hash, None for published lines."""

    title: str
    corpus: str
    release: str | None
    split: str
    references: str | None
    lines: tuple[TableLine, ...]


@dataclass(frozen=True)
class Table:
    columns: tuple[Column, ...]
    groups: tuple[Group, ...]
    notes: tuple[str, ...] = field(default=())
