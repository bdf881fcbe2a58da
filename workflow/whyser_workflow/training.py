"""Trains a configuration of a plan by `llamafactory-cli`, and never loses a trained model.

`whyser_training.json` is next to the weights. It says what they were trained from, and is written
before the first step. The same inputs continue from the last checkpoint, or find the training
finished. Other inputs end the run with what changed, key by key and row by row.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from itertools import count, zip_longest
from pathlib import Path
from typing import Any

import yaml

from whyser.io.console import run, say
from whyser.io.errors import InputError, WhyserError
from whyser.io.files import read_json, write_json, write_text
from whyser_converters.check.model import names_in
from whyser_converters.check.settings import settings_of
from whyser_converters.llamafactory.tokenize.settings import STAGES
from whyser_workflow.batch import accumulation, is_on, processes_of
from whyser_workflow.identity import row_hashes, settings_identity, start_identity
from whyser_workflow.lock import locked
from whyser_workflow.plan import RunPlan, read_plan

RECORD = "whyser_training.json"
#: How many changes an error names.
_SHOWN = 10


def inputs_of(plan: RunPlan, number: int, *, with_rows: bool = True) -> dict[str, Any]:
    """What the training with this number is made from; without its rows what is known before.

    The start model of a later training is the one before it, by its own record.
    """
    train, words = Path(plan.trains[number]), plan.overrides_of(number)
    settings = settings_of(train, words)
    start = {key: settings.get(key) for key in ("model_name_or_path", "adapter_name_or_path")}
    found: dict[str, Any] = {"settings": settings_identity(train, words)}
    # The own model of this run may still have to be written, and is then the same again.
    if with_rows or plan.own_model.is_dir() or str(plan.own_model) not in start.values():
        found["start"] = start_identity(start)
    if with_rows:
        names = [*names_in(settings.get("dataset")), *names_in(settings.get("eval_dataset"))]
        found["rows"] = {name: row_hashes(plan.rows / f"{name}.json") for name in names}
    return found


def changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """What differs, a line each: a setting, a start model, the first rows of a dataset.

    Only what `now` holds is compared.
    """
    old, new = before.get("settings", {}), now["settings"]
    for key in sorted({*old, *new}):
        if old.get(key) != new.get(key):
            was, is_ = (json.dumps(one.get(key)) for one in (old, new))
            yield f"{key}: {was} -> {is_}"
    for key, models in now.get("start", {}).items():
        earlier = before.get("start", {}).get(key, {})
        if [*earlier] != [*models]:
            yield f"{key}: {_named(earlier)} -> {_named(models)}"
    for name, rows in now.get("rows", {}).items():
        old = before.get("rows", {}).get(name, [])
        places = [n for n, (a, b) in enumerate(zip_longest(old, rows), 1) if a != b]
        if places:
            first = ", ".join(map(str, places[:5])) + (", ..." if len(places) > 5 else "")
            yield f"{name}: {len(old):,} -> {len(rows):,} rows; {len(places):,} differ: {first}"


def _named(models: Mapping[str, str]) -> str:
    return ", ".join(f"{name} (content {one})" for one, name in models.items()) or "none"


def refuse_change(folder: Path, inputs: Mapping[str, Any]) -> None:
    """Raises: `InputError` when the folder holds a model, or a part of one, of other inputs."""
    record = folder / RECORD
    if not record.is_file():
        if _holds_weights(folder):
            raise InputError(
                "holds a model, and no record of what it was trained from",
                file=folder,
                cure=_CURE,
            )
        return
    found = list(changes(read_json(record), inputs))
    if found:
        shown = found[:_SHOWN] + (["..."] if len(found) > _SHOWN else [])
        lines = "".join(f"\n  {line}" for line in shown)
        raise InputError(
            f"was trained from other inputs:{lines}\nIt is kept as it is", file=folder, cure=_CURE
        )


_CURE = (
    "Give another --name for a new run, or --restart train, which keeps this folder under a new "
    "name and trains again."
)


def is_finished(folder: Path) -> bool:
    record = folder / RECORD
    return record.is_file() and bool(read_json(record).get("finished"))


def set_aside(folder: Path) -> Path | None:
    """Renames the folder to the first free `NAME.1`, `NAME.2`, ...; None where there is none."""
    if not folder.is_dir() or all(path.name == ".lock" for path in folder.iterdir()):
        return None
    free = free_name(folder)
    folder.rename(free)
    return free


def free_name(path: Path) -> Path:
    """The first of `NAME.1`, `NAME.2`, ... that does not exist."""
    names = (path.with_name(f"{path.name}.{number}") for number in count(1))
    return next(one for one in names if not one.exists())


def train(plan: RunPlan, number: int) -> None:
    """Trains, goes on with, or finds finished the training with this number.

    Raises: `InputError` for other inputs than the folder's, `WhyserError` when a program fails.
    """
    folder = plan.saved(number)
    inputs = inputs_of(plan, number)
    refuse_change(folder, inputs)
    if is_finished(folder):
        say(f"{folder} is trained from the same inputs already; it is kept")
        return
    with locked(folder) as lock:
        write_json(folder / RECORD, {**inputs, "finished": False})
        settings = settings_of(Path(plan.trains[number]), plan.overrides_of(number))
        settings |= {"dataset_dir": str(plan.rows), "output_dir": str(folder)}
        settings["gradient_accumulation_steps"] = accumulation(settings, processes_of(settings))
        settings |= _resumed(folder)
        copy = folder / "whyser_settings.yaml"
        write_settings(copy, settings)
        call("whyser-convert", "check", str(copy))
        write_settings(copy, tokenised(settings, copy, plan.data / "tokenized" / f"train-{number}"))
        call(
            *("llamafactory-cli", "train", str(copy)),
            env=environment_of(settings),
            pass_fds=(lock,),
        )
        write_json(folder / RECORD, {**inputs, "finished": True})


def write_settings(path: Path, settings: Mapping[str, Any]) -> None:
    """A configuration of one launch, which stays as it is when the user's is edited meanwhile."""
    write_text(path, yaml.safe_dump(dict(settings), sort_keys=False, allow_unicode=True))


def tokenised(settings: Mapping[str, Any], path: Path, output: Path) -> dict[str, Any]:
    """The settings with their rows tokenised into `output`, where our tokenising knows the model.

    Args: `path`, a file with the settings.
    """
    if settings.get("template") != "qwen2_audio" or settings.get("stage", "sft") not in STAGES:
        return dict(settings)
    call("whyser-convert", "tokenize", str(path), "--output", str(output))
    return {**settings, "tokenized_path": str(output)}


def environment_of(settings: Mapping[str, Any]) -> dict[str, str]:
    """On a CPU a model of a million weights is slower on many threads than on four.

    GPUs are hidden from it, since LLaMA-Factory would start a process for each of them. With
    DeepSpeed it wants torchrun on a single GPU too.
    """
    if not settings.get("use_cpu"):
        is_torchrun = settings.get("deepspeed") and not is_on("USE_RAY")
        return {**({"FORCE_TORCHRUN": "1"} if is_torchrun else {}), **os.environ}
    threads = str(min(4, os.cpu_count() or 1))
    return {"OMP_NUM_THREADS": threads, **os.environ, "CUDA_VISIBLE_DEVICES": ""}


def _resumed(folder: Path) -> dict[str, Any]:
    """Settings that go on from the last whole checkpoint, and overwrite nothing but the log.

    A checkpoint that was not written to its end is renamed, so that nothing resumes from it.
    """
    checkpoints = sorted(
        folder.glob("checkpoint-*"), key=lambda path: int(path.name.rpartition("-")[2])
    )
    whole = []
    for path in checkpoints:
        try:
            read_json(path / "trainer_state.json")
        except InputError:
            kept = path.with_name(f"incomplete-{path.name}")
            path.rename(free_name(kept) if kept.exists() else kept)
        else:
            whole.append(path)
    if not whole:
        return {"overwrite_output_dir": True, "resume_from_checkpoint": None}
    say(f"resuming from {whole[-1]}")
    return {"overwrite_output_dir": False, "resume_from_checkpoint": str(whole[-1])}


def _holds_weights(folder: Path) -> bool:
    kinds = ("*.safetensors", "*.bin", "checkpoint-*")
    return folder.is_dir() and any(next(folder.glob(kind), None) for kind in kinds)


def call(*words: str, **options: Any) -> None:
    """Runs a program. Raises: `WhyserError` when it fails."""
    status = subprocess.run(words, check=False, **options).returncode
    if status:
        raise WhyserError(f"{' '.join(words[:2])} failed with status {status}; see the lines above")


def main() -> None:
    """`python -m whyser_workflow.training PLAN NUMBER`."""
    path, number = sys.argv[1:]
    train(read_plan(Path(path)), int(number))


if __name__ == "__main__":
    run(main)
