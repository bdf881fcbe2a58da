"""A folder in which the shipped YAMLs really run: the tiny model, and rows for every YAML."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from ..programs import start

Command = tuple[dict[str, str], list[str]]


def run(words: list[str], cwd: Path, environment: Mapping[str, str] | None = None) -> str:
    """Runs a command of this environment, which must succeed, and returns its output."""
    done = start(words, cwd, environment)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return done.stdout + done.stderr


@pytest.fixture(scope="session")
def cli() -> Callable[..., str]:
    def call(*arguments: str | Path, cwd: Path, **environment: str) -> str:
        return run([str(argument) for argument in arguments], cwd, environment)

    return call


@pytest.fixture(scope="session")
def checkout(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which `python -m whyser_workflow` runs as in a clone."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in ("workflow", "llamafactory_configs", "constraints.txt"):
        (folder / name).symlink_to(root / name)
    return folder


#: How each dataset of the shipped YAMLs is written, as run.sh does.
DATASETS = {
    "train_reason": ("sharegpt", "train"),
    "train_label": ("sharegpt", "train", "--target", "label"),
    "train_sampled": ("sharegpt", "train", "--labels", "sampled", "--epochs", "2"),
    "task_asr": ("sharegpt", "train", "--target", "asr", "--prompt", "task"),
    "task_label": ("sharegpt", "train", "--target", "label", "--prompt", "task", "--no-asr"),
    "task_descriptors": (
        *("sharegpt", "train", "--target", "descriptors", "--prompt", "task", "--no-asr"),
    ),
    "train_preference": ("preference", "train"),
    "dev_reason": ("sharegpt", "dev"),
    "dev_label": ("sharegpt", "dev", "--target", "label"),
    "dev_preference": ("preference", "dev"),
    "test_open": ("sharegpt", "test1", "--target", "label"),
    "test_closed": ("sharegpt", "test1", "--target", "label", "--prompt", "closed"),
    "test_open_cot": ("sharegpt", "test1", "--target", "label", "--cot"),
    "test_closed_cot": ("sharegpt", "test1", "--target", "label", "--prompt", "closed", "--cot"),
}


@pytest.fixture(scope="session")
def workplace(root: Path, native_corpora: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's folder: YAMLs, table and rows of the miniature MSP-Podcast, and the tiny model."""
    folder = tmp_path_factory.mktemp("run")
    shutil.copytree(root / "llamafactory_configs", folder / "llamafactory_configs")
    run(["whyser-convert", "msp_podcast", str(native_corpora / "msp_podcast"), "u"], folder)
    utterances = "u/msp_podcast/utterances.jsonl"
    run(["whyser-teach", "cues", utterances, "--output", "cues.jsonl"], folder)
    run(["whyser-teach", "measured", utterances, "--cues", "cues.jsonl", "--labels", "annotators",
         "--output", "rationales.jsonl"], folder)  # fmt: skip
    for name, (verb, split, *options) in DATASETS.items():
        run(["whyser-convert", verb, utterances, "--split", split, *options,
             "--rationales", "rationales.jsonl", "--cues", "cues.jsonl",
             "--output", f"data/sharegpt/whyser_{name}",
             "--dataset-info", "dataset_info.json"], folder)  # fmt: skip
    run(["whyser-demo", "model", "model"], folder)
    return folder


@pytest.fixture(scope="session")
def command(
    workplace: Path, manual: Callable[[Path], dict[str, list[Command]]]
) -> Callable[[str], Command]:
    """The launch line in a YAML's header: its environment settings and its words."""

    def call(name: str) -> Command:
        (only,) = manual(workplace / f"llamafactory_configs/{name}.yaml")["Launch"]
        return only

    return call


@pytest.fixture(scope="session")
def launch(
    workplace: Path, command: Callable[[str], Command], small: tuple[str, ...]
) -> Callable[..., Path]:
    """Runs the launch line of a YAML at a small size, and returns the output folder."""

    def call(name: str, *overrides: str, output: str | None = None, **environment: str) -> Path:
        settings, words = command(name)
        folder = output or f"out/{name}"
        given = ("export_dir=" if words[1] == "export" else "output_dir=") + folder
        changes = ("model_name_or_path=model",) if words[1] == "export" else small
        run([*words, *changes, given, *overrides], workplace, {**settings, **environment})
        return workplace / folder

    return call
