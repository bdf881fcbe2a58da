"""Finds the datasets to check, and what a LLaMA-Factory YAML requires of their rows."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from whyser.io.errors import InputError
from whyser.io.files import read_yaml
from whyser_converters.check.decoding import decoding_faults
from whyser_converters.check.findings import CheckFault, Findings
from whyser_converters.check.layout import table_faults
from whyser_converters.check.model import QWEN2_AUDIO, Hearing, folder_of, hearing_of, names_in
from whyser_converters.check.run import run_faults
from whyser_converters.datasets.dataset_info import read_table


@dataclass(frozen=True)
class Job:
    """A dataset to check.

    Audio paths are relative to `media_dir`. `cutoff_len` is in tokens; it and `stage` (`sft`,
    `dpo`, ...) are None without a YAML. A dataset that `trains` is for training, one that `chooses`
    decides when training stops; `hearing` is what the model hears of a clip.
    """

    name: str
    table: Path
    media_dir: Path
    cutoff_len: int | None = None
    trains: bool = False
    chooses: bool = False
    stage: str | None = None
    hearing: Hearing = QWEN2_AUDIO


def is_yaml(target: str) -> bool:
    return target.endswith((".yaml", ".yml"))


def is_override(target: str) -> bool:
    """Whether it is a setting, which `llamafactory-cli` accepts after a YAML.

    >>> is_override("learning_rate=2e-5"), is_override("data/a=b/dataset_info.json")
    (True, False)
    """
    return re.match(r"[a-z_0-9]+=", target) is not None


def jobs_of(
    target: str, dataset_dir: Path | None, findings: Findings, overrides: Sequence[str] = ()
) -> list[Job]:
    """The datasets behind a YAML, a `dataset_info.json`, or a dataset's name.

    `overrides` are `key=value` settings, for a YAML only.

    Raises: `InputError` when the YAML or the table is missing or malformed.
    """
    jobs = _jobs_of(target, dataset_dir, findings, overrides)
    for table in dict.fromkeys(job.table for job in jobs):
        findings.add_all(table_faults(table), table)
    return jobs


def _jobs_of(
    target: str, dataset_dir: Path | None, findings: Findings, overrides: Sequence[str]
) -> list[Job]:
    if is_yaml(target):
        return _jobs_of_yaml(Path(target), dataset_dir, findings, overrides)
    if target.endswith(".json"):
        table = Path(target)
        return [Job(name, table, table.parent) for name in read_table(table)]
    folder = dataset_dir or Path()
    return [Job(target, folder / "dataset_info.json", folder)]


def _jobs_of_yaml(
    path: Path, dataset_dir: Path | None, findings: Findings, overrides: Sequence[str]
) -> list[Job]:
    settings = settings_of(path, overrides)
    findings.add_all(run_faults(settings), path)
    names = {key: names_in(settings.get(key)) for key in ("dataset", "eval_dataset")}
    if not any(names.values()):
        if settings.get("export_dir"):
            return []
        raise InputError("names no dataset", file=path, cure="Give 'dataset' or 'eval_dataset'.")
    folder = dataset_dir or _folder(path, settings, "dataset_dir", "data")
    media_dir = _folder(path, settings, "media_dir", str(folder))
    cutoff_len = _cutoff_len(path, settings)
    hearing = hearing_of(folder_of(settings))
    findings.add_all((*_name_faults(names), *setting_faults(settings), *decoding_faults()), path)
    return [
        Job(
            name,
            folder / "dataset_info.json",
            media_dir,
            cutoff_len,
            trains=key == "dataset",
            chooses=key == "eval_dataset" and bool(settings.get("do_train")),
            stage=str(settings.get("stage", "sft")),
            hearing=hearing,
        )
        for key in names
        for name in dict.fromkeys(names[key])
    ]


def settings_of(path: Path, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """The settings of a YAML, with `key=value` overrides, as LLaMA-Factory merges them.

    Raises: `InputError` for a missing or malformed file, and for a malformed override.
    """
    return {**_settings(path), **_overridden(overrides)}


def _settings(path: Path) -> dict[str, Any]:
    settings = read_yaml(path)
    if not isinstance(settings, dict):
        raise InputError("holds no settings", file=path, cure="Write them as 'key: value'.")
    return settings


def _overridden(overrides: Sequence[str]) -> dict[str, Any]:
    settings = {}
    for override in overrides:
        key, value = override.split("=", 1)
        try:
            settings[key] = yaml.safe_load(value)
        except (yaml.YAMLError, RecursionError, ValueError):
            raise InputError(
                f"{override!r} is not a setting", cure="Write KEY=VALUE, the value as in a YAML."
            ) from None
    return settings


def _folder(path: Path, settings: Mapping[str, Any], key: str, default: str) -> Path:
    """Relative to the working directory, as in LLaMA-Factory."""
    value = settings.get(key, default)
    if not isinstance(value, str) or value == "ONLINE" or value.startswith("REMOTE:"):
        cure = "Only datasets on this machine can be checked."
        raise InputError(f"{key} is {value!r}, expected a folder", file=path, cure=cure)
    return Path(value)


def _cutoff_len(path: Path, settings: Mapping[str, Any]) -> int:
    value = settings.get("cutoff_len", 2048)
    if type(value) is not int or value < 1:
        cure = "Give a whole number of tokens."
        raise InputError(f"bad cutoff_len {value!r}", file=path, cure=cure)
    # LLaMA-Factory keeps one token back when it packs rows.
    return value - 1 if settings.get("packing") or settings.get("neat_packing") else value


def _name_faults(names: Mapping[str, list[str]]) -> Iterator[CheckFault]:
    kind = "datasets named wrongly"
    for key, given in names.items():
        for name, count in Counter(given).items():
            if count > 1:
                what = f"{key} names {name!r} {count} times, but LLaMA-Factory uses it once"
                cure = "Name it once; to oversample, set 'num_samples' in its entry."
                yield CheckFault(kind, what, cure)
    for name in sorted({*names["dataset"]} & {*names["eval_dataset"]}):
        what = f"{name!r} is used for training and for evaluation"
        yield CheckFault(kind, what, "Evaluate on a held-out split.")


def setting_faults(settings: Mapping[str, Any]) -> Iterator[CheckFault]:
    kind = "settings that bypass this check"
    if settings.get("val_size"):
        what = "val_size draws rows at random, so training speakers are also in the evaluation"
        yield CheckFault(kind, what, "Give eval_dataset instead.", warns=True)
    tokenized = settings.get("tokenized_path")
    if isinstance(tokenized, str) and Path(tokenized).is_dir() and any(Path(tokenized).iterdir()):
        what = f"training reads {tokenized}, even if the datasets have changed"
        yield CheckFault(kind, what, "Remove that folder if they have changed.", warns=True)
