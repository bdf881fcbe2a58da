"""Every benchmark runs to its end at a tiny size. No test measures speed; where two ways must give
the same figures, `--strict` checks that they do."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

SIZES = {
    "bucketing.py": ("--clips", "24"),
    "chat.py": ("--requests", "70", "--answers", "50"),
    "claims.py": ("--rationales", "20"),
    "converters.py": (
        *("--turns", "400", "--files", "50", "--rows", "40", "--clip-seconds", "0.2"),
    ),
    "cue_reliability.py": ("--clips", "12"),
    "cues.py": ("--clips", "12"),
    "grpo.py": (
        *("--seeds", "0", "--steps", "1", "--warm-up", "2", "--rows", "24", "--unseen", "8"),
    ),
    "reading.py": ("--answers", "60", "--hostile", "2000"),
    "report.py": ("--samples", "30"),
    "rewards.py": ("--completions", "40"),
    "score.py": ("--items", "300"),
    "sharegpt.py": ("--utterances", "40"),
    "tables.py": ("--votes", "500"),
    "significance.py": ("--items", "400", "--draws", "50", "--strict"),
}
#: Modules of the others; and what compares with LLaMA-Factory itself, which takes minutes: the
#: identity that it rests on is tested in tests/converters/llamafactory/test_tokenize.py.
NOT_RUN = {"figures.py", "native_msp_podcast.py", "sound_conditions.py", "tokenising.py"}


def test_each_has_a_size(root: Path) -> None:
    assert {path.name for path in (root / "benchmarks").glob("*.py")} == {*SIZES, *NOT_RUN}


@pytest.mark.parametrize("script", SIZES)
def test_it_runs(root: Path, script: str) -> None:
    done = subprocess.run(
        [sys.executable, str(root / "benchmarks" / script), *SIZES[script]],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
