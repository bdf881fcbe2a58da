"""`study.json`: acceptance and preference rates, raters and warnings; and their terminal tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from pydantic import TypeAdapter

from whyser.io.console import print_table
from whyser.io.files import read_record, write_json
from whyser_eval.explanations.study.material import Test
from whyser_eval.statistics.formatting import format_p

#: Test -> the name of its share.
RATES: dict[Test, str] = {"accept": "acceptance_rate", "prefer": "preference_rate"}

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


# ---- terminal ---------------------------------------------------------------------------------

#: Test -> the meaning of its share.
_CHOSEN: dict[Test, str] = {"accept": "accepted", "prefer": "own preferred"}

#: (subset, metric, interval) -> the figure, of one test
_Figures = dict[tuple[str, str, str | None], StudyRow]


def print_studied(studied: StudyResults) -> None:
    """Prints shares in percent with their intervals, then agreement and counts."""
    figures: dict[Test, _Figures] = {test: {} for test in RATES}
    for row in studied.rows:
        figures[row.test][row.subset, row.metric, row.interval] = row
    print_table(
        f"Study {studied.study} of {studied.system}, percent with 95 % intervals",
        ["", "share", "over raters", "raters x items", "pooled", "p", "kappa", "alpha", "raters",
         "items", "n"],
        [row for test in RATES for row in _shares(test, figures[test])],
    )  # fmt: skip
    if by_emotion := list(_emotions(figures)):
        columns = [f"{_CHOSEN[test]}, {what}" for test in RATES for what in ("over raters", "n")]
        print_table("By emotion (majority label)", ["", *columns], by_emotion)
    raters = [
        [one.rater, _CHOSEN[one.test], _percent(one.share), _percent(one.agreement),
         "-" if one.seconds is None else f"{one.seconds:.1f}", one.n, "; ".join(one.remarks)]
        for one in sorted(studied.raters, key=lambda one: one.rater)
    ]  # fmt: skip
    columns = ["rater", "test", "share", "as most others", "median s", "n", "remarks"]
    print_table("Raters", columns, raters)


def _shares(test: Test, figures: _Figures) -> Iterator[list[object]]:
    for subset in ("all", "match", "mismatch"):
        row = figures.get((subset, RATES[test], "t"))
        if row is None:
            continue
        p = figures.get((subset, "p_two_sided", None))
        kinds = ("t", "bootstrap", "binomial")
        agreement = (figures[subset, one, None] for one in ("fleiss_kappa", "krippendorff_alpha"))
        yield [
            _CHOSEN[test] if subset == "all" else f"- {subset}",
            _percent(row.value),
            *(_bounds(figures.get((subset, row.metric, kind))) for kind in kinds),
            format_p(p.value if p else None),
            *(_decimals(one.value) for one in agreement),
            *(row.raters, row.items, row.n),
        ]


def _emotions(figures: dict[Test, _Figures]) -> Iterator[list[object]]:
    subsets = dict.fromkeys(subset for of in figures.values() for subset, _, _ in of)
    for subset in subsets:
        if subset.startswith("emotion:"):
            line: list[object] = [subset.removeprefix("emotion:")]
            for test in RATES:
                row = figures[test].get((subset, RATES[test], "t"))
                line += [f"{_percent(row.value)} {_bounds(row)}", row.n] if row else ["-", "-"]
            yield line


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f}"


def _bounds(row: StudyRow | None) -> str:
    if row is None or row.low is None or row.high is None:
        return "-"
    return f"[{100 * row.low:.1f}, {100 * row.high:.1f}]"


def _decimals(value: float | None) -> str:
    return "-" if value is None else f"{value:z.2f}"
