"""Output of a table: to a file with its signatures in another, standard output, or a terminal."""

from __future__ import annotations

import sys
from pathlib import Path

from whyser.io.errors import InputError
from whyser.io.files import write_text
from whyser_eval.output.table.model import Table
from whyser_eval.output.table.render import FORMATS, rich_groups, signatures, visible

_BY_SUFFIX = {".md": "markdown", ".tex": "latex", ".csv": "csv"}


def write_table(table: Table, path: Path, form: str | None = None) -> Path:
    """Writes the table, and the signature of every figure to a file next to it; returns that file.

    Args: `form` is one of `FORMATS`; without it the suffix of `path` decides.

    Raises: `InputError` for an unknown suffix.
    """
    form = form or _BY_SUFFIX.get(path.suffix)
    if form is None:
        raise InputError(
            f"unknown suffix {path.suffix!r}",
            file=path,
            cure=f"Use one of {', '.join(_BY_SUFFIX)}, or give --format.",
        )
    beside = path.with_suffix(".signatures.tsv")
    write_text(beside, signatures(table))
    write_text(path, FORMATS[form](table))
    return beside


def print_table(table: Table, form: str | None = None) -> None:
    """Prints the table; without a format as a terminal table, or as Markdown if redirected."""
    if form is None and sys.stdout.isatty():
        _show(table)
    else:
        sys.stdout.write(FORMATS[form or "markdown"](table))


def print_signatures(table: Table) -> None:
    sys.stdout.write(signatures(table))


def _show(table: Table) -> None:
    from rich.console import Console

    console = Console()
    for part in rich_groups(table):
        console.print(part)
    for note in table.notes:
        console.print(visible(note), markup=False, highlight=False)
