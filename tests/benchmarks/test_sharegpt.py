"""The benchmark runs at a tiny size and prints all of its lines; how fast it is, no test asks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from whyser.answer import TARGETS


def test_every_line_is_printed(root: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(root / "benchmarks/sharegpt.py"), "--utterances", "40"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [line.split("│") for line in done.stdout.splitlines() if line.startswith("│")]
    figures = {row[1].strip(): row[2].strip() for row in rows}
    named = {f"target {target}" for target in TARGETS} | {"two epochs of sampled labels"}
    assert named < set(figures)
    assert all(float(figures[name].split(" s")[0]) > 0 for name in named)
    assert float(figures["the command over bare JSON"]) > 0
