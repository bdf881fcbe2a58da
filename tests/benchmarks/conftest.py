"""A benchmark as a user starts it, and the table that it prints."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

#: The cells of each line: measure, figure, bound, met.
Table = list[list[str]]


@pytest.fixture(scope="session")
def printed_by(root: Path) -> Callable[..., Table]:
    """The table of a benchmark that ends well."""

    def call(script: str, *options: str) -> Table:
        done = subprocess.run(
            [sys.executable, str(root / "benchmarks" / script), *options],
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        lines = [line for line in done.stdout.splitlines() if line.startswith("│")]
        return [[cell.strip() for cell in line.strip("│").split("│")] for line in lines]

    return call
