"""`--help` of a command that trains an encoder starts fast."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize("command", ["ssl", "answer"])
def test_help_needs_no_torch(command: str) -> None:
    ask = (
        "import sys; from whyser.baselines.cli import app; "
        "app(sys.argv[1:], standalone_mode=False); sys.exit('torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", ask, command, "--help"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "Example: whyser-baseline" in done.stdout
