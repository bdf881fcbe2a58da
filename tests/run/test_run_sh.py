"""What run.sh refuses before it installs or writes anything."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest


@pytest.fixture
def script(root: Path, tmp_path: Path) -> Path:
    """run.sh in a folder of its own: a call that went too far would be seen there."""
    folder = tmp_path / "a checkout"
    (folder / "llamafactory_configs").mkdir(parents=True)
    shutil.copy(root / "run.sh", folder)
    for path in (root / "llamafactory_configs").glob("*.yaml"):
        shutil.copy(path, folder / "llamafactory_configs")
    return folder / "run.sh"


def call(script: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", str(script), *arguments], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--corpora", "savee=/tmp"], "no corpus 'savee', expected one of: msp_podcast"),
        (["--corpora", "ravdess=nowhere"], "no folder 'nowhere' for ravdess"),
        (["--corpora", "ravdess"], "--corpora takes NAME=DIR"),
        (["--corpora"], "--corpora needs a value"),
        (["--name", "two words"], "use letters, digits"),
        (["--name", ".."], "use letters, digits"),
        (["--corpora", "ravdess="], "no folder '' for ravdess"),
        (["--from", "score", "--to", "build"], "--from score comes after --to build"),
        (["--from", "begin"], "no stage 'begin', expected one of: demo convert check"),
        (["--to", "end"], "no stage 'end'"),
        (["--train", "gone.yaml"], "no training configuration 'gone.yaml'"),
        (["--train", "llamafactory_configs/qwen2audio_qlora_sft_reason.yaml"], "give --predict"),
        (["--train", "gone.yaml", "--small"], "no training configuration 'gone.yaml'"),
        (["--set", "fast"], "--set takes KEY=VALUE, got 'fast'"),
        (["--nonsense", "1"], "no option '--nonsense'"),
        (["tests"], "tests needs a value (or is no option)"),
    ],
)
def test_wrong_usage(script: Path, arguments: list[str], message: str) -> None:
    done = call(script, *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert {path.name for path in script.parent.iterdir()} == {"run.sh", "llamafactory_configs"}


def test_help_names_every_stage(script: Path) -> None:
    done = call(script, "--help")
    assert done.returncode == 0
    for stage in [
        "demo",
        "convert",
        "check",
        "teach",
        "build",
        "train",
        "predict",
        "score",
        "report",
    ]:
        assert stage in done.stdout


def test_an_old_python_is_told(script: Path, tmp_path: Path) -> None:
    old = tmp_path / "old python"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    for name in ("pyproject.toml", "constraints.txt"):
        (script.parent / name).touch()
    done = subprocess.run(
        ["bash", str(script)],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/bin:/bin", "PYTHON": str(old)},
    )
    assert done.returncode == 1
    assert "Python 3.11 or newer is needed" in done.stderr
