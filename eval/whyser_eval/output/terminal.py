"""A scored run in the terminal: one line per system, then the signatures."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from whyser.io.console import LOG_WIDTH, print_json
from whyser_eval.scoring.compare import SystemComparison, comparisons_json
from whyser_eval.scoring.score import ScoredRun, ScoreRow
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
    ("groundedness", "groundedness_shuffled", "wer"),
    ("kl", "js", "ece", "set_recall"),
)
_NAMES = ("system", "form", "control")


def print_comparisons(rows: Sequence[SystemComparison], *, as_json: bool) -> None:
    """The differences as a table, a star where p after Holm is at most 0.05; or as JSON."""
    if as_json:
        print_json(comparisons_json(rows))
        return
    console = Console() if sys.stdout.isatty() else Console(width=LOG_WIDTH)
    table = Table(box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for name in ("system", "less", "form", "subset", "metric"):
        table.add_column(name, overflow="fold")
    for name in ("difference", "p", "p Holm", "smallest", "n"):
        table.add_column(name, justify="right", no_wrap=True)
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
        "* p <= 0.05 after Holm; 'smallest' is the minimum detectable difference at a power of 0.8"
    )


def print_scores(run: ScoredRun) -> None:
    """Prints the table, then its signatures."""
    console = Console() if sys.stdout.isatty() else Console(width=LOG_WIDTH)
    console.print(_table(run))
    told = {row.metric for row in run.rows if row.value is not None}
    for metrics in _MORE:
        if columns := [name for name in metrics if name in told]:
            console.print(_more(run, columns))
    console.print("Signatures")
    for row in run.rows:
        if (row.subset, row.metric) == ("all", "f1_majority"):
            # One line each, whatever the width, so that a signature can be copied.
            console.print(Text(f"  {row.system}  {row.signature}"), soft_wrap=True, highlight=False)


def _table(run: ScoredRun) -> Table:
    subsets = run.references.subsets
    # Two-line headings and no padding: the table fits a log of 120 columns.
    table = Table(box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for name in _NAMES:
        table.add_column(name, overflow="fold")
    columns = [column for column in _COLUMNS if column[0] in subsets]
    for subset, metric, _ in columns:
        heading = f"{metric}\n{subset}, n={int(subsets[subset].mask.sum()):,}"
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("unread", justify="right")
    unread: Counter[tuple[str, str, str]] = Counter()
    for system in run.systems:
        unread[system.name.row] += system.unread
    for rows in _by_system(run.rows):
        scores = {(row.subset, row.metric): row for row in rows}
        cells = [
            _cell(scores[subset, metric], with_interval)
            for subset, metric, with_interval in columns
        ]
        first = rows[0]
        unread_here = unread.get((first.system, first.form, first.control))
        table.add_row(
            # Names come from files; as Text, their brackets are not markup.
            *(Text(getattr(first, name)) for name in _NAMES),
            *cells,
            "-" if unread_here is None else f"{unread_here:,}",
        )
    return table


def _more(run: ScoredRun, columns: Sequence[str]) -> Table:
    """Further metrics on all utterances, for the systems that have them."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for name in _NAMES:
        table.add_column(name, overflow="fold")
    for name in columns:
        table.add_column(name.replace("_", "\n"), justify="right", no_wrap=True)
    for rows in _by_system(run.rows):
        scores = {row.metric: row for row in rows if row.subset == "all" and row.value is not None}
        if scores.keys() & set(columns):
            cells = [
                _cell(scores[name], with_interval=True) if name in scores else Text("-")
                for name in columns
            ]
            table.add_row(*(Text(getattr(rows[0], name)) for name in _NAMES), *cells)
    return table


def _by_system(rows: Sequence[ScoreRow]) -> list[list[ScoreRow]]:
    groups: dict[tuple[str, str, str], list[ScoreRow]] = {}
    for row in rows:
        groups.setdefault((row.system, row.form, row.control), []).append(row)
    return list(groups.values())


def _cell(row: ScoreRow, with_interval: bool) -> Text:
    low, high = (row.low, row.high) if with_interval else (None, None)
    return Text(format_estimate(row.value, low, high))
