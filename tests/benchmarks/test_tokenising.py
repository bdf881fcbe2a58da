"""The benchmark compares every integer at a tiny size; how fast it is, no test asks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.llamafactory

COLUMNS = ("input_ids", "attention_mask", "labels")


def test_every_column_of_every_stage_is_compared(root: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(root / "benchmarks/tokenising.py"), "--clips", "6"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [line for line in done.stdout.splitlines() if line.startswith("│")]
    cells = [[cell.strip() for cell in line.strip("│").split("│")] for line in lines]
    compared = {row[0]: row[3] for row in cells if row[2] == "identical"}
    pairs = [f"{answer}_{column}" for answer in ("chosen", "rejected") for column in COLUMNS]
    assert compared == dict.fromkeys([*COLUMNS, *pairs], "yes")
    assert [row[3] for row in cells if row[0] == "times as fast"] == ["not judged"] * 2
    assert all(row[1][0].isdigit() for row in cells)
