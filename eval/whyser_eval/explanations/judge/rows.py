"""`judge.json`: tidy lists of what judges preferred, how they rated, and how far they agree."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from pydantic import TypeAdapter

from whyser.io.files import write_json
from whyser_eval.records import read_record
from whyser_eval.scoring import signature

#: How an interval came about; None for a figure without one.
Interval: TypeAlias = Literal["bootstrap", "wilson"]


@dataclass(frozen=True)
class JudgeRow:
    """One figure of a comparison: what `judge` prefers of `system` and `against`.

    `emotion` is a class, or `all`. `hears` says whether the judge was given the sound. The rates
    are those of `system`: `win_rate`, `loss_rate`, `tie_rate` and `unreadable_rate` share out all
    n pairs; docs/judge.md has the rest. `n` is what the figure is a share of: pairs, readable or
    decided ones, or single verdicts. A share of pairs has a row for each kind of interval.
    """

    judge: str
    hears: bool
    system: str
    against: str
    emotion: str
    metric: str
    value: float | None
    low: float | None
    high: float | None
    interval: Interval | None
    n: int
    signature: str


@dataclass(frozen=True)
class RubricRow:
    """The mean rating of a system's explanations, one criterion; `n` were readable."""

    judge: str
    hears: bool
    system: str
    emotion: str
    criterion: str
    value: float | None
    low: float | None
    high: float | None
    n: int
    unreadable: int
    signature: str


@dataclass(frozen=True)
class AgreementRow:
    """How far two judges, or a judge and people, agree on the same pairs.

    `second` is another judge, or `humans`: the majority of a study's raters on each pair. `kappa`
    is Cohen's over win, tie and loss; None where chance alone explains everything.
    """

    first: str
    second: str
    agreement: float
    kappa: float | None
    n: int
    signature: str


@dataclass(frozen=True)
class JudgeResults:
    """All of `judge.json`; `warnings` stand in the report too."""

    rows: tuple[JudgeRow, ...]
    rubric: tuple[RubricRow, ...] = ()
    agreement: tuple[AgreementRow, ...] = ()
    warnings: tuple[str, ...] = ()


_JUDGED = TypeAdapter(JudgeResults)


def write_judged(path: Path, judged: JudgeResults) -> None:
    write_json(path, asdict(judged))


def read_judged(path: Path) -> JudgeResults:
    """Raises: `InputError` for a missing or a broken file."""
    return read_record(path, _JUDGED, cure="Give what whyser-eval judge wrote.")


def judge_signature(metric: str, **told: object) -> str:
    """The pairs in the order given; what parts a signature cannot stand in a name.

    >>> judge_signature("win_rate", judge="a|b", n=400)
    'win_rate|judge:a_b|n:400|whyser:0.1.0'
    """
    return signature.signed(
        metric, {name: re.sub(r"[|\s]+", "_", str(value)) for name, value in told.items()}
    )
