"""`judge.json`: tidy lists of preferences, ratings and agreement."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from pydantic import TypeAdapter

from whyser.io.files import read_record, write_json
from whyser_eval.scoring import signature

#: The method of an interval; None for a figure without one.
Interval: TypeAlias = Literal["bootstrap", "wilson"]


@dataclass(frozen=True)
class JudgeRow:
    """One figure of a comparison: how `judge` compares `system` with `against`.

    `emotion` is a class, or `all`. `hears` says whether the judge received the audio. The rates
    belong to `system`: `win_rate`, `loss_rate`, `tie_rate` and `unreadable_rate` sum to 1 over all
    n pairs; docs/judge.md defines the others. `n` is the denominator: pairs, readable pairs,
    decided pairs, or single verdicts. A share of pairs has one row per kind of interval.
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
    """A system's mean rating on one criterion; `n` ratings were readable."""

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
    """The agreement of two judges, or of a judge and people, on the same pairs.

    `second` is another judge, or `humans`: the majority of a study's raters on each pair. `kappa`
    is Cohen's kappa over win, tie and loss; None where chance agreement is 1.
    """

    first: str
    second: str
    agreement: float
    kappa: float | None
    n: int
    signature: str


@dataclass(frozen=True)
class JudgeResults:
    """The content of `judge.json`; the report shows `warnings` too."""

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
    """The signature of a judge's figure: name and value of every setting, in the given order.

    Separators of a signature are replaced where they occur in a value.

    >>> judge_signature("win_rate", judge="a|b", n=400)
    'win_rate|judge:a_b|n:400|whyser:0.1.0'
    """
    return signature.signed(
        metric, {name: re.sub(r"[|\s]+", "_", str(value)) for name, value in told.items()}
    )
