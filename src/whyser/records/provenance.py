"""The provenance of a result: command, versions, commit and inputs."""

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
from whyser.io.addresses import without_secrets


def provenance(inputs: Iterable[Path]) -> dict[str, Any]:
    """The provenance of a result from these input files, ready for JSON.

    An address in the command is written without its user, password and query.
    """
    return {
        "command": [without_secrets(word) for word in sys.argv],
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {
            "whyser": __version__,
            "python": platform.python_version(),
            **{name: version(name) for name in ("numpy", "pydantic")},
        },
        "git": git_state(),
        "inputs": [{"path": str(path), "sha256": file_hash(path)} for path in inputs],
    }


def file_hash(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def git_state() -> dict[str, Any] | None:
    """The commit, and whether tracked files differ from it; None outside a repository.

    `commit` is None before the first commit.
    """
    status = _git("status", "--porcelain", "--untracked-files=no")
    if status is None:
        return None
    return {"commit": _git("rev-parse", "--verify", "HEAD"), "dirty": bool(status)}


def _git(*arguments: str) -> str | None:
    command = ["git", *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
