"""The benchmark runs at a tiny size and prints all of its lines; how fast it is, no test asks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_every_line_is_printed(root: Path) -> None:
    done = subprocess.run(
        [
            sys.executable,
            str(root / "benchmarks/significance.py"),
            "--items",
            "400",
            "--draws",
            "50",
        ],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [line.split("│") for line in done.stdout.splitlines() if line.startswith("│")]
    figures = {row[1].strip(): row[2].strip() for row in rows}
    assert float(figures["paired bootstrap"].removesuffix(" s")) > 0
    assert float(figures["approximate randomisation"].removesuffix(" s")) > 0
    # The identity is judged at every size.
    assert float(figures["F1 of the two ways, furthest apart"]) <= 1e-12
