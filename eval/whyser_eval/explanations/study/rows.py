"""`study.json`: a tidy list of acceptance and preference rates, the raters, and the warnings."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from pydantic import TypeAdapter

from whyser.io.files import read_record, write_json
from whyser_eval.explanations.study.material import Test

#: The method of an interval; None for a figure without one.
Interval: TypeAlias = Literal["t", "bootstrap", "binomial"]


@dataclass(frozen=True)
class StudyRow:
    """One figure: for `accept` the share accepted, for `prefer` the share that preferred the
    system's own rationale to the gold-referenced one.

    `subset` is `all`, `match`, `mismatch` or `emotion:CLASS` (the majority label). The metrics are
    `acceptance_rate` and `preference_rate`, each once per kind of interval, and `fleiss_kappa`
    and `krippendorff_alpha`. `n` is the number of answers, `raters` and `items` those involved.
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
    """One rater's share accepted or preferred, agreement with the others' majority, and remarks on
    unusual answers."""

    rater: str
    test: Test
    share: float | None
    agreement: float | None
    n: int
    seconds: float | None
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class StudyResults:
    """The content of `study.json`."""

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
