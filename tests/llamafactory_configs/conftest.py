"""Programs that run LLaMA-Factory's own parser and loader."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ..programs import start


@pytest.fixture
def ask(root: Path, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Runs a program with LLaMA-Factory; returns the keys and values that it prints as ANSWER."""

    def call(program: str, *asked: Any, **environment: str) -> dict[str, Any]:
        # Elsewhere, so that nothing that was really trained in the checkout is taken up.
        (tmp_path / "llamafactory_configs").symlink_to(root / "llamafactory_configs")
        done = start(["python", "-c", program, json.dumps(asked)], tmp_path, environment)
        assert done.returncode == 0, done.stderr[-3000:]
        lines = [line for line in done.stdout.splitlines() if line.startswith("ANSWER ")]
        return dict(json.loads(line.removeprefix("ANSWER ")) for line in lines)

    return call
