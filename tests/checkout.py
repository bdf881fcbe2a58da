"""The files of this checkout, for tests about all of them."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def tracked(*endings: str, below: Sequence[str] = (".",)) -> list[Path]:
    """The files that git knows below these folders; skips in an unpacked source archive."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", *below], cwd=ROOT, capture_output=True, text=True, check=False
    )
    names = listed.stdout.split("\0") if listed.returncode == 0 else []
    if not any(names):
        pytest.skip("not a git checkout")
    return [ROOT / name for name in names if name.endswith(endings) and (ROOT / name).is_file()]
