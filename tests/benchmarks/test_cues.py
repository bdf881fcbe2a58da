"""The benchmark runs at a tiny size and prints all of its lines; how fast it is, no test asks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_every_line_is_printed(root: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(root / "benchmarks/cues.py"), "--clips", "12"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [line.split("│") for line in done.stdout.splitlines() if line.startswith("│")]
    figures = {row[1].strip(): row[2].strip() for row in rows}
    for measure in (
        "pitch, intensity, rate and pauses",
        "bare Praat, pitch and intensity",
        "with voice quality",
    ):
        assert float(figures[measure].removesuffix(" clips a second")) > 0
    assert float(figures["the command over bare Praat"]) > 0
    (mean,) = (name for name in figures if name.startswith("12 clips, of "))
    assert 3 <= float(mean.removeprefix("12 clips, of ").removesuffix(" s in the mean")) <= 8
