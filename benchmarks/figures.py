"""Tools of all benchmarks: options, a figure with its bound, and the cost of a command."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass

from whyser.io.console import print_table


@dataclass(frozen=True)
class Figure:
    """A line of the table; `met` is None if there is no bound for this figure or this size."""

    measure: str
    figure: str
    bound: str = ""
    met: bool | None = None

    def row(self) -> tuple[str, ...]:
        met = "" if not self.bound else {None: "not judged", True: "yes", False: "NO"}[self.met]
        return self.measure, self.figure, self.bound, met


def options_of(manual: str | None) -> argparse.ArgumentParser:
    """The parser of a benchmark, whose docstring is its manual, with `--strict`."""
    parser = argparse.ArgumentParser(
        description=manual, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--strict", action="store_true", help="exit with 1 if a bound is missed")
    return parser


def show(title: str, figures: Sequence[Figure], *, strict: bool) -> None:
    """Prints the table. Exits with status 1 if `strict` is set and a bound is missed."""
    print_table(title, ["measure", "figure", "bound", "met"], [each.row() for each in figures])
    if strict and any(each.met is False for each in figures):
        sys.exit(1)


@dataclass(frozen=True)
class Cost:
    """The cost of a command: wall and CPU seconds, and peak resident memory in 10^9 bytes."""

    wall: float
    cpu: float
    peak_gb: float


def run(*arguments: str) -> tuple[str, Cost]:
    """Runs this interpreter and returns its output and its cost. Exits if it fails."""
    with tempfile.TemporaryFile() as said:
        start = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, *arguments], stdout=said, stderr=subprocess.STDOUT
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        text = said.read().decode(errors="replace")
    if process.returncode:
        sys.exit(f"{' '.join(arguments)}\nended with status {process.returncode}:\n{text}")
    unit = 1 if sys.platform == "darwin" else 1024
    return text, Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit / 1e9)
