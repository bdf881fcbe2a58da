"""How a metric is declared: by a decorator on its function, and nowhere else.

Scoring, signatures, tables and docs/scores.md read from here what they need to know about a metric;
they list metrics in the order of their declarations.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, TypeVar

#: What a metric's function takes: `Items`; `Items` of voice and words (`metrics.conflict`);
#: `Distributions`; reference and predicted transcripts; `Explained` answers; `AttributePairs`. It
#: returns `Statistics`, but for `shuffled claims` (`Explained` answers, all cues and a seed) the
#: value of each draw, and for `genders` (`metrics.genders`) values.
MaterialKind: TypeAlias = Literal[
    "classes",
    "conflict",
    "probabilities",
    "transcripts",
    "claims",
    "shuffled claims",
    "genders",
    "attributes",
]

#: The columns of a metric by its material, and one of them, for docs/scores.md.
_COLUMNS: dict[MaterialKind, tuple[str, str]] = {
    "classes": ("The same for one class, on `all` and `strict`: a column of", "sad"),
    "attributes": ("The same for one attribute: a column of", "arousal"),
}

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True)
class Metric:
    """A metric as scores.json names it.

    Attributes:
        name: the name of its function
        material: what it is computed from
        macro: whether it is a mean over the declared classes, which are then its columns
        needs_majority: whether it is computed only where there is a majority label
        heading: of its column in a table; None if no table shows it
        of_column: the name of its value for a single class or attribute, such as f1 in f1:sad; None
            if it is not computed column by column
    """

    name: str
    function: Callable[..., Any]
    material: MaterialKind
    macro: bool
    needs_majority: bool
    heading: str | None
    of_column: str | None

    @property
    def summary(self) -> str:
        """The first sentence of the docstring."""
        return (inspect.getdoc(self.function) or "").split("\n\n")[0].replace("\n", " ")

    def paragraph(self, name: str) -> str:
        """The docstring's paragraph "NAME: ...", such as Formula."""
        text = inspect.getdoc(self.function) or ""
        found = re.search(rf"^{name}: (.+?)(?:\n\n|\Z)", text, re.DOTALL | re.MULTILINE)
        return " ".join(found[1].split()) if found else ""


#: All metrics by name. `whyser_eval.metrics` imports their modules, so that none is missing.
METRICS: dict[str, Metric] = {}


def metric(
    material: MaterialKind,
    *,
    macro: bool = False,
    needs_majority: bool = True,
    heading: str | None = None,
    of_column: str | None = None,
) -> Callable[[Function], Function]:
    """Declares the function as a metric; its docstring says "Formula: ..." and "Source: ...".

    Raises: `ValueError` for a second metric of the same name.
    """

    def declare(function: Function) -> Function:
        name = function.__name__
        if name in METRICS:
            raise ValueError(f"metric {name!r} has two declarations")
        METRICS[name] = Metric(name, function, material, macro, needs_majority, heading, of_column)
        return function

    return declare


def metrics_of(material: MaterialKind) -> dict[str, Callable[..., Any]]:
    """The functions of all metrics of this material, by name."""
    return {one.name: one.function for one in METRICS.values() if one.material == material}


def is_macro(score: str) -> bool:
    """Whether the score is a mean over classes; one of a single class, such as f1:sad, is not."""
    return score in METRICS and METRICS[score].macro


def is_over_classes(score: str) -> bool:
    """Whether the score depends on the number of classes: a mean over them, or of probabilities."""
    return is_macro(score) or (score in METRICS and METRICS[score].material == "probabilities")


def declared(score: str) -> Metric | None:
    """The metric of a score, also of one class or attribute such as f1:sad; None if unknown.

    >>> from whyser_eval.metrics import METRICS
    >>> declared("recall:sad").name, declared("ccc:arousal").name, declared("f2") is None
    ('ua', 'ccc', True)
    """
    name, is_column, _ = score.partition(":")
    if not is_column:
        return METRICS.get(score)
    return next((one for one in METRICS.values() if one.of_column == name), None)


def needs_majority(score: str) -> bool:
    """Whether the score is computed only where there is a majority label."""
    found = declared(score)
    return found is None or found.needs_majority


def markdown() -> str:
    """The table of docs/scores.md: a row for each metric, and for what is computed by class."""
    rows = ["| metric | what | formula | source |", "|---|---|---|---|"]
    for one in METRICS.values():
        formula, source = one.paragraph("Formula"), one.paragraph("Source")
        rows.append(_row((f"`{one.name}`", one.summary, formula, source)))
        if one.of_column:
            what, example = _COLUMNS[one.material]
            rows.append(_row((f"`{one.of_column}:{example}`", f"{what} `{one.name}`.", "", "")))
    return "\n".join(rows) + "\n"


def _row(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
