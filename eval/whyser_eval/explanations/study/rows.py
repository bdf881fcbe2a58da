"""`study.json`: a tidy list of what raters accepted and preferred, the raters, and the warnings."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from pydantic import TypeAdapter

from whyser.io.files import write_json
from whyser_eval.explanations.study.material import Test
from whyser_eval.records import read_record

#: How an interval came about; None for a figure without one.
Interval: TypeAlias = Literal["t", "bootstrap", "binomial"]


@dataclass(frozen=True)
class StudyRow:
    """One figure: of `accept` the share accepted, of `prefer` the share that preferred the
    system's own explanation to the gold-referenced one.

    `subset` is `all`, `match`, `mismatch` or `emotion:CLASS` (the consensus). The metrics are
    `acceptance_rate` and `preference_rate`, each once per kind of interval, and `fleiss_kappa`
    and `krippendorff_alpha`. `n` counts the answers, of so many `raters` to so many `items`.
    """

    test: Test
    subset: str
    metric: str
    value: float | None
    low: float | None
    high: float | None
    interval: Interval | None
    n: int
    raters: int
    items: int
    signature: str


@dataclass(frozen=True)
class RaterRow:
    """One rater's share accepted or preferred, agreement with the others' majority, and whatever
    makes this rater stand out."""

    rater: str
    test: Test
    share: float | None
    agreement: float | None
    n: int
    seconds: float | None
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class StudyResults:
    """All of `study.json`."""

    study: str
    system: str
    reference: str | None
    rows: tuple[StudyRow, ...]
    raters: tuple[RaterRow, ...]
    left_out: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


_STUDIED = TypeAdapter(StudyResults)


def write_studied(path: Path, studied: StudyResults) -> None:
    write_json(path, asdict(studied))


def read_studied(path: Path) -> StudyResults:
    """Raises: `InputError` for a missing or a broken file."""
    return read_record(path, _STUDIED, cure="Give what whyser-eval study read wrote.")
