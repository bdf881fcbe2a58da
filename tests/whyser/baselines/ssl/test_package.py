"""The extra is asked for by name, and only where it is needed."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import pytest

from whyser.baselines.ssl import require_torch
from whyser.errors import WhyserError


def test_without_torch_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "torch" else found(name)
    )
    with pytest.raises(WhyserError, match=r"needs torch\. .*pip install 'whyser\[train\]'"):
        require_torch()


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
