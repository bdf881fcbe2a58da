"""A session with LLaMA-Factory's own parser and loader."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def ask(root: Path, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Runs a program with LLaMA-Factory; what it prints as ANSWER, key and value."""

    def call(program: str, *asked: Any, **environment: str) -> dict[str, Any]:
        # Elsewhere, so that nothing that was really trained in the checkout is taken up.
        (tmp_path / "llamafactory_configs").symlink_to(root / "llamafactory_configs")
        done = subprocess.run(
            [sys.executable, "-c", program, json.dumps(asked)],
            capture_output=True, text=True, check=False, cwd=tmp_path,
            env={**os.environ, **environment},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-3000:]
        lines = [line for line in done.stdout.splitlines() if line.startswith("ANSWER ")]
        return dict(json.loads(line.removeprefix("ANSWER ")) for line in lines)

    return call
