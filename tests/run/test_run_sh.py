"""What run.sh refuses before it installs or writes anything, and the configurations and settings
with which it runs."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from whyser import __version__


@pytest.fixture
def script(root: Path, tmp_path: Path) -> Path:
    """run.sh in a folder of its own: a call that went too far would be seen there."""
    folder = tmp_path / "a checkout"
    shutil.copytree(root / "llamafactory_configs", folder / "llamafactory_configs")
    shutil.copy(root / "run.sh", folder)
    (folder / "src/whyser").mkdir(parents=True)
    shutil.copy(root / "src/whyser/__init__.py", folder / "src/whyser")
    return folder / "run.sh"


FOLDER = "llamafactory_configs/"
#: A llamafactory-cli that writes down its words, and makes the folder that it would write into.
TRAINER = """#!/usr/bin/env bash
(IFS=$'\\t'; echo "$*") >>calls.txt
for word; do [[ $word != output_dir=* ]] || mkdir -p "${word#*=}"; done
"""


@pytest.fixture
def calls(script: Path) -> Callable[..., list[list[str]]]:
    """What llamafactory-cli is given in a run up to the predictions, in which every program is
    played: for each call the configuration, then its settings."""
    tools = (f".venv/bin/whyser-{tool}" for tool in ("demo", "convert", "teach"))
    programs = dict.fromkeys(("install.sh", *tools), "#!/bin/sh\n")
    programs[".venv/bin/llamafactory-cli"] = TRAINER
    (script.parent / ".venv/bin").mkdir(parents=True)
    for name, text in programs.items():
        (script.parent / name).write_text(text)
        (script.parent / name).chmod(0o755)

    def run(*arguments: str) -> list[list[str]]:
        done = call(script, *arguments, "--to", "predict")
        assert done.returncode == 0, done.stderr
        lines = (script.parent / "calls.txt").read_text().splitlines()
        given = [line.split("\t")[1:] for line in lines]
        return [[yaml.partition(FOLDER)[2], *settings] for yaml, *settings in given]

    return run


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
        (["--train", FOLDER + "qwen2audio/qlora_sft_reason.yaml"], "give --predict"),
        # What trains is never taken for what predicts.
        (["--train", FOLDER + "qwen2audio/lora_export.yaml"], "give --predict"),
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


@pytest.mark.parametrize(
    ("arguments", "predict", "cot"),
    [
        ((), "tiny/full_predict", ""),
        (("--train", "qwen2audio/lora_sft_label"), "qwen2audio/lora_predict", ""),
        (("--train", "qwen2audio/lora_dpo"), "qwen2audio/lora_predict", ""),
        (("--predict", "qwen2audio/base_predict_cot"), "qwen2audio/base_predict_cot", "_cot"),
    ],
)
def test_one_configuration_predicts_both_forms_and_the_control(
    calls: Callable[..., list[list[str]]], arguments: tuple[str, ...], predict: str, cot: str
) -> None:
    given = [f"{FOLDER}{word}.yaml" if "/" in word else word for word in arguments]
    _, *predictions = calls(*given)
    sets = [f"whyser_test_{form}" for form in (f"open{cot}", f"closed{cot}", f"open{cot}_shuffled")]
    assert [words[:4] for words in predictions] == [
        [
            *(f"{predict}.yaml", "dataset_dir=data/demo/sharegpt"),
            *(f"eval_dataset={name}", f"output_dir=results/demo/generated/{name}"),
        ]
        for name in sets
    ]


def test_several_trainings_keep_folders_of_their_own(
    calls: Callable[..., list[list[str]]],
) -> None:
    """Families have configurations of the same name."""
    yamls = [f"{family}/lora_sft_reason.yaml" for family in ("qwen2audio", "qwen25omni")]
    first, second, *_ = calls("--train", FOLDER + yamls[0], "--train", FOLDER + yamls[1])
    assert [first[0], second[0]] == yamls
    assert "output_dir=saves/demo/qwen2audio_lora_sft_reason" in first
    assert "output_dir=saves/demo/qwen25omni_lora_sft_reason" in second


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
