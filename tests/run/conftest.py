"""A workplace in which the shipped YAMLs really run: the tiny model, and rows for every one."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sysconfig
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from whyser_converters.dataset_info import entry

#: What turns a YAML for a GPU and hours into one for two cores and seconds, and nothing else.
SMALL = (
    *("model_name_or_path=model", "use_cpu=true", "bf16=false", "max_steps=2", "logging_steps=1"),
    *("preprocessing_num_workers=1", "dataloader_num_workers=0", "plot_loss=false"),
)
#: Many processes on few cores: no threads that wait on each other, no compilers on standby.
QUIET = {"OMP_NUM_THREADS": "1", "TORCHINDUCTOR_COMPILE_THREADS": "1"}

Command = tuple[dict[str, str], list[str]]


def run(words: list[str], cwd: Path, environment: Mapping[str, str] | None = None) -> str:
    """Runs a command of this environment; its output when it ends well."""
    command = Path(sysconfig.get_path("scripts")) / words[0]
    done = subprocess.run(
        [str(command), *words[1:]], capture_output=True, text=True, check=False, cwd=cwd,
        env={**os.environ, **QUIET, **(environment or {})},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return done.stdout + done.stderr


@pytest.fixture(scope="session")
def cli() -> Callable[..., str]:
    def call(*arguments: str | Path, cwd: Path, **environment: str) -> str:
        return run([str(argument) for argument in arguments], cwd, environment)

    return call


@pytest.fixture(scope="session")
def workplace(root: Path, native_corpora: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as a user has it: YAMLs, table, rows; CREMA-D's miniature and the tiny model."""
    folder = tmp_path_factory.mktemp("run")
    shutil.copytree(root / "llamafactory_configs", folder / "llamafactory_configs")
    run(["whyser-convert", "crema_d", str(native_corpora / "crema_d"), "u"], folder)
    utterances = "u/crema_d/utterances.jsonl"
    run(["whyser-teach", "cues", utterances, "--output", "cues.jsonl"], folder)
    run(["whyser-teach", "measured", utterances, "--cues", "cues.jsonl",
         "--output", "rationales.jsonl"], folder)  # fmt: skip
    for name in ("train_reason", "train_label", "test_open", "test_closed"):
        split, what = name.split("_")
        target = what if split == "train" else "label"
        chosen = ["--rationales", "rationales.jsonl"] if split == "train" else []
        prompt = what if split == "test" else "open"
        run(["whyser-convert", "sharegpt", utterances, "--split", split, "--target", target,
             "--prompt", prompt, *chosen, "--output", f"data/sharegpt/whyser_{name}",
             "--dataset-info", "dataset_info.json"], folder)  # fmt: skip
    _write_variants(folder)
    run(["whyser-demo", "model", "model"], folder)
    return folder


def _write_variants(folder: Path) -> None:
    """Rows of the other targets, made of the reason rows, and the last four of them as dev."""
    rows = json.loads((folder / "data/sharegpt/whyser_train_reason.json").read_text("utf-8"))
    train, dev = rows[:-4], rows[-4:]
    labels = json.loads((folder / "data/sharegpt/whyser_train_label.json").read_text("utf-8"))
    _write(folder, "train_reason", train)
    _write(folder, "train_label", labels[:-4])
    _write(folder, "dev_reason", dev)
    _write(folder, "dev_label", dev)
    _write(folder, "train_asr", [_answered(row, r"<asr>.*?</asr>") for row in train])
    _write(folder, "train_descriptors", [_answered(row, r"<reason>.*?</reason>") for row in train])
    _write(folder, "train_sampled", train + train)
    _write(folder, "train_preference", [_pair(row) for row in train], ranking=True)
    _write(folder, "dev_preference", [_pair(row) for row in dev], ranking=True)
    for form in ("open", "closed"):
        test = json.loads((folder / f"data/sharegpt/whyser_test_{form}.json").read_text("utf-8"))
        _write(folder, f"test_{form}_cot", test)


def _answered(row: dict[str, Any], part: str) -> dict[str, Any]:
    question, answer = row["messages"]
    (found,) = re.findall(part, answer["content"])
    return {**row, "messages": [question, {**answer, "content": found}]}


def _pair(row: dict[str, Any]) -> dict[str, Any]:
    question, answer = row["messages"]
    worse = {**answer, "content": "<answer>I think the emotion is contempt</answer>"}
    return {**row, "messages": [question], "chosen": answer, "rejected": worse}


def _write(folder: Path, name: str, rows: list[dict[str, Any]], *, ranking: bool = False) -> None:
    name = f"whyser_{name}"
    file = folder / "data/sharegpt" / f"{name}.json"
    file.write_text(json.dumps(rows), encoding="utf-8")
    # It is of the rows that were written first.
    file.with_suffix(".manifest.jsonl").unlink(missing_ok=True)
    own = entry(f"data/sharegpt/{name}.json")
    if ranking:
        columns = {**own["columns"], "chosen": "chosen", "rejected": "rejected"}
        own = {**own, "ranking": True, "columns": columns}
    table = folder / "dataset_info.json"
    entries = json.loads(table.read_text("utf-8"))
    table.write_text(json.dumps({**entries, name: own}), encoding="utf-8")


@pytest.fixture(scope="session")
def small() -> tuple[str, ...]:
    return SMALL


@pytest.fixture(scope="session")
def command(
    workplace: Path, manual: Callable[[Path], dict[str, list[Command]]]
) -> Callable[[str], Command]:
    """The launch line of a YAML's header: the settings before it and its words."""

    def call(name: str) -> Command:
        (only,) = manual(workplace / f"llamafactory_configs/{name}.yaml")["Launch"]
        return only

    return call


@pytest.fixture(scope="session")
def launch(workplace: Path, command: Callable[[str], Command]) -> Callable[..., Path]:
    """Runs the launch line of a YAML, made small; the folder of what it wrote."""

    def call(name: str, *overrides: str, output: str | None = None, **environment: str) -> Path:
        settings, words = command(name)
        folder = output or f"out/{name}"
        given = ("export_dir=" if words[1] == "export" else "output_dir=") + folder
        changes = ("model_name_or_path=model",) if words[1] == "export" else SMALL
        run([*words, *changes, given, *overrides], workplace, {**settings, **environment})
        return workplace / folder

    return call
