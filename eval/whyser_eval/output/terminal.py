"""A scored run in the terminal: one line per system, then the signatures."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from whyser.io.console import LOG_WIDTH, print_json
from whyser.labels.attributes import ATTRIBUTES
from whyser_eval.metrics.genders import gender_gap_p
from whyser_eval.scoring.compare import SystemComparison, comparisons_json
from whyser_eval.scoring.score import ScoredRun
from whyser_eval.scoring.scores import ScoreRow
from whyser_eval.statistics.formatting import format_estimate, format_p

#: Columns of the table: (subset, metric, with its interval); scores.json has the rest.
_COLUMNS = (
    ("all", "f1_majority", True),
    ("all", "f1_all_labels", False),
    ("strict", "f1_majority", True),
    ("strict", "f1_all_labels", False),
    ("all_inclusive", "f1_all_labels", False),
)


#: Columns of further tables, if answers contain them; one table would exceed 120 columns.
_MORE = (
    ("congruent_accuracy", "conflict_accuracy", "words_rate"),
    ("gender_gap", "gender_gap_p"),
    ("groundedness", "groundedness_shuffled", "wer"),
    ("kl", "js", "ece", "set_recall"),
    ("ccc", *(f"ccc:{name}" for name in ATTRIBUTES)),
)
_NAMES = ("system", "form", "control")


def print_comparisons(rows: Sequence[SystemComparison], *, as_json: bool) -> None:
    """The differences as a table, a star where p after Holm is at most 0.05; or as JSON."""
    if as_json:
        print_json(comparisons_json(rows))
        return
    console = _console()
    names = ("system", "less", "form", "subset", "metric")
    table = _table(names, ("difference", "p", "p Holm", "smallest", "n"))
    for row in rows:
        star = "*" if row.p_holm is not None and row.p_holm <= 0.05 else ""
        table.add_row(
            *(Text(name) for name in (row.system, row.against, row.form, row.subset, row.metric)),
            Text(format_estimate(row.value, row.low, row.high) + star),
            *(format_p(one) for one in (row.p, row.p_holm, row.smallest)),
            f"{row.n:,}",
        )
    console.print(table)
    console.print(
        "* p <= 0.05 after Holm, over the paper's two metrics, and over each other one by itself; "
        "'smallest' is the minimum detectable difference at a power of 0.8"
    )


def print_scores(run: ScoredRun) -> None:
    """Prints the table, then its signatures."""
    console = _console()
    console.print(_headline(run))
    told = {row.metric for row in run.rows if row.value is not None}
    for metrics in _MORE:
        if columns := [name for name in metrics if name in told]:
            console.print(_more(run, columns))
    console.print("Signatures")
    for row in run.rows:
        if (row.subset, row.metric) == ("all", "f1_majority"):
            # One line each, whatever the width, so that a signature can be copied.
            console.print(Text(f"  {row.system}  {row.signature}"), soft_wrap=True, highlight=False)


def _console() -> Console:
    return Console() if sys.stdout.isatty() else Console(width=LOG_WIDTH)


def _table(names: Iterable[str], figures: Iterable[str]) -> Table:
    """Two-line headings and no padding: the table fits a log of 120 columns."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for name in names:
        table.add_column(name, overflow="fold")
    for name in figures:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _headline(run: ScoredRun) -> Table:
    subsets = run.references.subsets
    columns = [column for column in _COLUMNS if column[0] in subsets]
    sizes = {name: int(subset.mask.sum()) for name, subset in subsets.items()}
    headings = [f"{metric}\n{subset}, n={sizes[subset]:,}" for subset, metric, _ in columns]
    table = _table(_NAMES, [*headings, "unread"])
    unread: Counter[tuple[str, str, str]] = Counter()
    for system in run.systems:
        unread[system.name.row] += system.unread
    for name, rows in _by_system(run.rows).items():
        scores = {(row.subset, row.metric): row for row in rows}
        cells = [_cell(scores[subset, metric], has_ends) for subset, metric, has_ends in columns]
        # Names come from files; as Text, their brackets are not markup.
        table.add_row(*map(Text, name), *cells, f"{unread[name]:,}" if name in unread else "-")
    return table


def _more(run: ScoredRun, columns: Sequence[str]) -> Table:
    """Further metrics on all utterances, for the systems that have them."""
    table = _table(_NAMES, [name.replace("_", "\n").replace(":", "\n") for name in columns])
    for name, rows in _by_system(run.rows).items():
        scores = {row.metric: row for row in rows if row.subset == "all" and row.value is not None}
        if scores.keys() & set(columns):
            cells = [_cell(scores[one], True) if one in scores else Text("-") for one in columns]
            table.add_row(*map(Text, name), *cells)
    return table


def _by_system(rows: Sequence[ScoreRow]) -> dict[tuple[str, str, str], list[ScoreRow]]:
    groups: dict[tuple[str, str, str], list[ScoreRow]] = {}
    for row in rows:
        groups.setdefault((row.system, row.form, row.control), []).append(row)
    return groups


def _cell(row: ScoreRow, has_ends: bool) -> Text:
    if row.metric == gender_gap_p.__name__:
        return Text(format_p(row.value))
    low, high = (row.low, row.high) if has_ends else (None, None)
    return Text(format_estimate(row.value, low, high))
