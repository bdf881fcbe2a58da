"""What run.sh refuses before it installs or writes anything."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from whyser import __version__


@pytest.fixture
def script(root: Path, tmp_path: Path) -> Path:
    """run.sh in a folder of its own: a call that went too far would be seen there."""
    folder = tmp_path / "a checkout"
    (folder / "llamafactory_configs").mkdir(parents=True)
    shutil.copy(root / "run.sh", folder)
    (folder / "src/whyser").mkdir(parents=True)
    shutil.copy(root / "src/whyser/__init__.py", folder / "src/whyser")
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
    assert {path.name for path in script.parent.iterdir()} == {
        *("run.sh", "llamafactory_configs", "src")
    }


def test_help_says_which_tests_are_which(script: Path) -> None:
    done = call(script, "test", "--help")
    assert done.returncode == 0
    assert "./run.sh test [ARGS]      run the fast tests" in done.stdout
    assert "./run.sh test --all [ARGS]  run every test" in done.stdout


def test_it_prints_its_version_from_anywhere(script: Path, tmp_path: Path) -> None:
    """CDPATH makes cd print where it went, and go where the user never was."""
    (tmp_path / "elsewhere/a checkout").mkdir(parents=True)
    done = subprocess.run(
        ["bash", "a checkout/run.sh", "--version"], cwd=tmp_path, capture_output=True, text=True,
        env={"PATH": os.environ["PATH"], "CDPATH": str(tmp_path / "elsewhere")},
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, f"whyser {__version__}\n")
