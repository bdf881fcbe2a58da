"""Where a result comes from: command, versions, commit, inputs."""

from __future__ import annotations

import hashlib
import platform
import subprocess
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from whyser import __version__

_PACKAGES = ("numpy", "pydantic")


def provenance(inputs: Iterable[Path]) -> dict[str, Any]:
    """All that does not depend on the scores: JSON-ready."""
    return {
        "command": sys.argv,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {
            "whyser": __version__,
            "python": platform.python_version(),
            **{name: version(name) for name in _PACKAGES},
        },
        "git": git_state(Path.cwd()),
        "inputs": [{"path": str(path), "sha256": file_hash(path)} for path in inputs],
    }


def file_hash(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def git_state(folder: Path) -> dict[str, Any] | None:
    """Commit and whether tracked files differ from it; None outside a repository.

    `commit` is None before the first commit.
    """
    status = _git(folder, "status", "--porcelain", "--untracked-files=no")
    if status is None:
        return None
    return {"commit": _git(folder, "rev-parse", "--verify", "HEAD"), "dirty": bool(status)}


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
