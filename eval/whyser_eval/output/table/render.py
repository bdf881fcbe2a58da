"""A table as Markdown, LaTeX, CSV, or on a terminal; names come from files and are escaped."""

from __future__ import annotations

import csv
import io
import re
import sys
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from whyser.io.errors import InputError
from whyser.io.files import atomic_set, write_text
from whyser.io.text import inert
from whyser_eval.output.table.model import Cell, Column, Group, Table, TableLine

if TYPE_CHECKING:
    from rich.table import Table as RichTable
    from rich.text import Text

#: Maximum characters of a name; the CSV has the whole name.
_SHOWN = 80


def printable(name: str) -> str:
    """A name on one line: control, direction and line-breaking characters become `?`.

    >>> printable("a\\nb\\u202ec")
    'a?b?c'
    """
    return visible(name[:_SHOWN]) + ("..." if len(name) > _SHOWN else "")


def visible(text: str) -> str:
    """As `printable`, without a limit on the length: for titles and notes that contain names."""
    kinds = ((mark, unicodedata.category(mark)) for mark in text)
    return "".join("?" if kind[0] == "C" or kind in {"Zl", "Zp"} else mark for mark, kind in kinds)


# Markdown


def markdown(table: Table) -> str:
    """One table with aligned pipes, a line in italics above each group, the notes below."""
    rows = [["System", *(markdown_text(" ".join(column.headings)) for column in table.columns)]]
    for group in table.groups:
        rows.append([f"*{markdown_text(group.title)}*", *[""] * len(table.columns)])
        rows += [
            [markdown_text(printable(line.name)), *map(_markdown_cell, line.cells)]
            for line in group.lines
        ]
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    ruler = [f"{'-' * widths[0]}", *(f"{'-' * (width - 1)}:" for width in widths[1:])]
    lines = [_piped(row, widths) for row in (rows[0], ruler, *rows[1:])]
    return "\n".join([*lines, "", *(f"- {markdown_text(note)}" for note in table.notes)]) + "\n"


def _piped(row: Sequence[str], widths: Sequence[int]) -> str:
    first, *figures = row
    cells = [first.ljust(widths[0])]
    cells += [cell.rjust(width) for cell, width in zip(figures, widths[1:], strict=True)]
    return f"| {' | '.join(cells)} |"


def _markdown_cell(cell: Cell | None) -> str:
    if cell is None:
        return "-"
    text = markdown_text(cell.text)
    figure = f"**{text}**" if cell.is_best else text
    return figure + cell.marks.replace("*", r"\*") + cell.ends


#: What a reader of Markdown makes a link of without being asked: an address, a name after "@". Many
#: look for them after they have removed the escapes, so only code keeps them from it.
_ADDRESS = re.compile(
    r"(?<![^\s`|\\<>\[\]])"
    r"([^\s`|\\<>\[\]]*(?://|www\.|@|mailto:|xmpp:)[^\s`|\\<>\[\]]*)",
    re.IGNORECASE,
)
_MARKS = re.compile(r"([\\`*_\[\]<|~&$#])")
#: A bare domain is a link for some, and so is the name of a file with such an end.
_DOMAIN = re.compile(r"(?<=\w)\.(?=[^\W\d_])")
#: The place before what begins a list or a quotation, or is a rule, at the beginning of a line.
_BLOCK = re.compile(r"^(?:(\d{1,9})(?=[.)](?:\s|$))|(?=>|[-+][\s-]))")


def markdown_text(text: str) -> str:
    r"""The text on one line, with nothing in it that Markdown would read as more than words.

    Marks are escaped, and what would become a link is code.

    >>> markdown_text("a_b|<i>")
    'a\\_b\\|\\<i>'
    >>> markdown_text("ask me@example.org")
    'ask `me@example.org`'
    """
    given = visible(text)
    bare = given.lstrip()
    parts = _ADDRESS.split(bare)
    shown = [f"`{part}`" if place % 2 else _escaped(part) for place, part in enumerate(parts)]
    # Four spaces would begin code.
    return " " * (bare != given) + _BLOCK.sub(r"\1\\", "".join(shown))


def _escaped(text: str) -> str:
    return _DOMAIN.sub(r"\.", _MARKS.sub(r"\\\1", text))


# LaTeX

_LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    # After the end of a line, LaTeX would read these two as options.
    "[": "{[}",
    "*": "{*}",
    "†": r"$^{\dagger}$",
    "‡": r"$^{\ddagger}$",
    **{mark: f"\\{mark}" for mark in "&%$#_"},
}
_LATEX_MARKS = {"*": "*", "†": r"\dagger", "‡": r"\ddagger"}


def latex(table: Table) -> str:
    """A `table*` for `booktabs`: three lines of headings, a rule above each group."""
    width = len(table.columns)
    body = [line for group in table.groups for line in _latex_group(group, width)]
    notes = r"\\ ".join(latex_text(note) for note in table.notes)
    return "\n".join(
        [
            r"% needs \usepackage{booktabs}; names beyond Latin letters need XeLaTeX or LuaLaTeX",
            r"\begin{table*}[t]",
            r"\centering\small",
            r"\caption{Speech emotion recognition: scores in percent.}",
            rf"\begin{{tabular}}{{l{'r' * width}}}",
            r"\toprule",
            *_latex_headings(table.columns),
            *body,
            r"\bottomrule",
            r"\end{tabular}",
            rf"\par\smallskip\parbox{{\linewidth}}{{\footnotesize {notes}}}",
            r"\end{table*}",
            "",
        ]
    )


def _latex_headings(columns: Sequence[Column]) -> Iterator[str]:
    """Three rows of headings: forms and subsets span their columns, metrics have one each."""
    for level in (1, 2):
        spans, rules, start = [], [], 2
        for above, members in groupby(one.headings[:level] for one in columns):
            size = len(list(members))
            spans.append(rf"\multicolumn{{{size}}}{{c}}{{{latex_text(above[-1])}}}")
            rules.append(rf"\cmidrule(lr){{{start}-{start + size - 1}}}")
            start += size
        yield f" & {' & '.join(spans)} \\\\"
        yield " ".join(rules)
    yield f"System & {' & '.join(latex_text(column.headings[2]) for column in columns)} \\\\"


def _latex_group(group: Group, width: int) -> Iterator[str]:
    yield r"\midrule"
    yield rf"\multicolumn{{{width + 1}}}{{l}}{{\textit{{{latex_text(group.title)}}}}} \\"
    for line in group.lines:
        cells = [latex_text(printable(line.name)), *map(_latex_cell, line.cells)]
        yield f"{' & '.join(cells)} \\\\"


def _latex_cell(cell: Cell | None) -> str:
    if cell is None:
        return "--"
    text = latex_text(cell.text)
    figure = rf"\textbf{{{text}}}" if cell.is_best else text
    marks = "".join(_LATEX_MARKS[mark] for mark in cell.marks)
    return (f"{figure}$^{{{marks}}}$" if marks else figure) + latex_text(cell.ends)


def latex_text(text: str) -> str:
    r"""The text with every character that LaTeX would read as a command escaped.

    >>> latex_text("a_b & 5%")
    'a\\_b \\& 5\\%'
    """
    return "".join(_LATEX.get(mark, mark) for mark in visible(text))


# CSV


def comma_separated(table: Table) -> str:
    """One line per system, one column per figure, as shares with all digits; then the marks."""
    about = ("group", "corpus", "release", "split", "references", "system", "control")
    names = [".".join(column) for column in table.columns]
    has_marks = any(cell and cell.marks for _, line in _lines(table) for cell in line.cells)
    marks = [f"{name}.mark" for name in names] if has_marks else []
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([*about, *names, *marks])
    for group, line in _lines(table):
        place = (group.corpus, group.release, group.split, group.references)
        values = [cell.value if cell else None for cell in line.cells]
        marked = [cell.marks if cell else "" for cell in line.cells] if marks else []
        named = map(inert, (line.kind, *place, line.system, line.control))
        writer.writerow([*named, *values, *marked])
    return stream.getvalue()


def _lines(table: Table) -> Iterator[tuple[Group, TableLine]]:
    return ((group, line) for group in table.groups for line in group.lines)


# Signatures


def signatures(table: Table) -> str:
    """Name, figure and signature of every figure of ours, one per line."""
    rows = (
        f"{printable(line.name)}\t{cell.text}\t{cell.row.signature}\n"
        for _, line in _lines(table)
        for cell in line.cells
        if cell and cell.row
    )
    return "".join(dict.fromkeys(rows))


# Terminal

#: Widths of a name and of a figure with its marks on a terminal, in characters.
_NAME, _FIGURE = 40, 8


def rich_groups(table: Table) -> Iterator[Text | RichTable]:
    """The title and the lines of each group for a terminal, with aligned columns.

    Names are Text, so that their brackets are not markup.
    """
    from rich.box import SIMPLE_HEAD
    from rich.table import Table as RichTable
    from rich.text import Text

    widest = max(len(printable(line.name)) for _, line in _lines(table))
    for number, group in enumerate(table.groups):
        lines = RichTable(
            box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True, show_header=number == 0
        )
        lines.add_column("System", width=min(widest, _NAME), overflow="fold")
        for column in table.columns:
            heading = "\n".join(column.headings)
            lines.add_column(heading, justify="right", min_width=_FIGURE, no_wrap=True)
        for line in group.lines:
            lines.add_row(Text(printable(line.name)), *map(_rich_cell, line.cells))
        yield Text(visible(group.title), style="italic")
        yield lines


def _rich_cell(cell: Cell | None) -> str:
    if cell is None:
        return "-"
    figure = f"[bold]{cell.text}[/bold]" if cell.is_best else cell.text
    # An interval begins with a digit or a sign, so its bracket opens no markup.
    return figure + cell.marks + cell.ends


#: Name of a format -> its writer.
FORMATS: dict[str, Callable[[Table], str]] = {
    "markdown": markdown,
    "latex": latex,
    "csv": comma_separated,
}


# Output

_BY_SUFFIX = {".md": "markdown", ".tex": "latex", ".csv": "csv"}


def write_table(table: Table, path: Path, form: str | None = None) -> Path:
    """Writes the table, and the signature of every figure to a file next to it; returns that file.

    Args: `form` is one of `FORMATS`; without it the suffix of `path` decides.

    Raises: `InputError` for an unknown suffix.
    """
    form = form or _BY_SUFFIX.get(path.suffix)
    if form is None:
        cure = f"Use one of {', '.join(_BY_SUFFIX)}, or give --format."
        raise InputError(f"unknown suffix {path.suffix!r}", file=path, cure=cure)
    written = path.with_suffix(".signatures.tsv")
    with atomic_set(path) as files:
        write_text(files(written), signatures(table))
        write_text(files(path), FORMATS[form](table))
    return written


def print_table(table: Table, form: str | None = None) -> None:
    """Prints the table; without a format as a terminal table, or as Markdown if redirected."""
    if form is None and sys.stdout.isatty():
        from rich.console import Console

        console = Console()
        for part in rich_groups(table):
            console.print(part)
        for note in table.notes:
            console.print(visible(note), markup=False, highlight=False)
    else:
        sys.stdout.write(FORMATS[form or "markdown"](table))


def print_signatures(table: Table) -> None:
    sys.stdout.write(signatures(table))
