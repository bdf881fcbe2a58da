"""The commands' output: errors, progress and tables, in plain text without a terminal."""

from __future__ import annotations

import gc
import json
import os
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from typer.core import TyperCommand

from whyser import __version__
from whyser.io.errors import WhyserError
from whyser.io.visible import visible
from whyser.temporary import FULL, begin_command, names_when_full

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])

#: Width of tables in a log file.
LOG_WIDTH = 120

_OUTPUT = Path("standard output")


class PanelledCommand(TyperCommand):
    """A command whose plain-text help groups the options by `rich_help_panel`."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        panels: dict[str, list[tuple[str, str]]] = defaultdict(
            list, {"Arguments": [], "Options": []}
        )
        for each in self.get_params(ctx):
            default = "Arguments" if each.param_type_name == "argument" else "Options"
            if record := each.get_help_record(ctx):
                panels[getattr(each, "rich_help_panel", None) or default].append(record)
        for name, records in panels.items():
            if records:
                with formatter.section(name):
                    formatter.write_dl(records)


class App(typer.Typer):
    """A typer application whose commands are `PanelledCommand`s."""

    def command(self, *arguments: Any, **settings: Any) -> Callable[[F], F]:
        return super().command(*arguments, **{"cls": PanelledCommand, **settings})


def new_app(help_text: str) -> typer.Typer:
    """A typer application with `--version`, `-h` and plain text."""
    app = App(
        help=help_text,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_every_command)
    return app


def _print_version(context: typer.Context, wanted: bool) -> None:
    if wanted:
        print(f"{context.find_root().info_name} {__version__}")
        raise typer.Exit


def _every_command(
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version and exit.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    """The options of every command before its verb."""


def run(app: Callable[[], object]) -> None:
    """Runs a command; prints an error that the user can fix without traceback and exits with 1."""
    # Hundreds of thousands of records live to the end and form no cycles; collecting garbage among
    # them took a third of the time.
    gc.set_threshold(500_000)
    for stream in (sys.stdout, sys.stderr):
        # A file name that is not UTF-8 should not end a command that shows it.
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    begin_command()
    try:
        try:
            app()
        except SystemExit:
            # Python would do it later, and say no more than that it failed.
            if sys.stdout is not None:
                with names_when_full(_OUTPUT):
                    sys.stdout.flush()
            raise
    except WhyserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    except BrokenPipeError:
        # The reader (head, less) closed early.
        _drop_output()
        sys.exit(1)
    except OSError as error:
        # For example a full disk, missing permissions, or a file in place of a folder.
        place = f"{error.filename}: " if error.filename else ""
        cure = ". Free disk space and run the command again." if error.errno in FULL else ""
        if error.filename == str(_OUTPUT):
            _drop_output()
        print(f"error: {place}{error.strerror or error}{cure}", file=sys.stderr)
        sys.exit(1)


def _drop_output() -> None:
    """Python would print another error at its exit for what it cannot write."""
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def say(message: str) -> None:
    """Prints a line on standard error, because standard output is for results."""
    print(message, file=sys.stderr)


def track(items: Iterable[T], description: str, total: int | None = None) -> Iterator[T]:
    """Yields the items, with a progress bar if standard error is a terminal."""
    if not sys.stderr.isatty():
        yield from items
        return
    from rich.console import Console
    from rich.progress import track as rich_track

    yield from rich_track(items, description, total=total, console=Console(stderr=True))


def print_json(value: object) -> None:
    """Prints JSON on standard output, formatted as in the files."""
    with names_when_full(_OUTPUT):
        sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def print_table(title: str, columns: Sequence[str], rows: Iterable[Iterable[object]]) -> None:
    """Prints a table on standard output, with text left-aligned and numbers right-aligned."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table()
    cells = [[visible(str(value)) for value in row] for row in rows]
    for position, column in enumerate(columns):
        figures = bool(cells) and all(row[position][:1] in "0123456789-." for row in cells)
        table.add_column(column, justify="right" if figures else "left", overflow="fold")
    for row in cells:
        table.add_row(*map(escape, row))
    console = Console() if sys.stdout.isatty() else Console(width=LOG_WIDTH)
    # rich would fold the table's own title to the width of a narrow table.
    with names_when_full(_OUTPUT):
        console.print(visible(title), style="bold", markup=False, highlight=False, soft_wrap=True)
        console.print(table)
