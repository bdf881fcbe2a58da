"""Writes our entries in LLaMA-Factory's dataset table, and leaves all other entries alone.

LLaMA-Factory reads only `<dataset_dir>/dataset_info.json`, looks for `file_name` in its folder, and
ignores a misspelt column without a warning (docs/design.md, "What LLaMA-Factory does"). So entries
are generated, never typed.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from whyser.io.errors import InputError
from whyser.io.files import read_json, write_json

#: The folder of the committed table's rows, from the repository's root.
STANDARD_FOLDER = "data/sharegpt"

#: The datasets that our YAMLs name.
STANDARD_NAMES = (
    "whyser_train_reason",
    "whyser_train_label",
    "whyser_train_sampled",
    "whyser_task_asr",
    "whyser_task_label",
    "whyser_task_descriptors",
    "whyser_dev_reason",
    "whyser_dev_label",
    "whyser_train_preference",
    "whyser_dev_preference",
    "whyser_test_open",
    "whyser_test_closed",
    "whyser_test_open_cot",
    "whyser_test_closed_cot",
    "whyser_test_open_shuffled",
)

COLUMNS = {"messages": "messages", "audios": "audios"}
#: The columns of pairs; LLaMA-Factory reads pairs only if the entry also says `ranking`.
RANKING_COLUMNS = {**COLUMNS, "chosen": "chosen", "rejected": "rejected"}

TAGS = {
    "role_tag": "role",
    "content_tag": "content",
    "user_tag": "user",
    "assistant_tag": "assistant",
}


def entry(file_name: str, *, ranking: bool = False) -> dict[str, Any]:
    """The table's entry for one of our row files; `ranking` for pairs of answers."""
    found: dict[str, Any] = {"file_name": file_name, "formatting": "sharegpt"}
    if ranking:
        found["ranking"] = True
    return {**found, "columns": RANKING_COLUMNS if ranking else COLUMNS, "tags": TAGS}


def standard_table() -> dict[str, Any]:
    """The committed `dataset_info.json`, as the code generates it."""
    return {
        name: entry(f"{STANDARD_FOLDER}/{name}.json", ranking=name.endswith("_preference"))
        for name in STANDARD_NAMES
    }


def read_table(path: Path) -> dict[str, Any]:
    """Raises: `InputError` when the table is not an object."""
    table = read_json(path)
    if not isinstance(table, dict):
        raise InputError("expected an object of datasets", file=path)
    return table


def register(path: Path, name: str, rows_file: Path, *, ranking: bool = False) -> None:
    """Puts `name` into the table at `path`; entries of other names stay as they are."""
    table: Mapping[str, Any] = read_table(path) if path.exists() else {}
    file_name = Path(os.path.relpath(rows_file, path.parent)).as_posix()
    ours = entry(file_name, ranking=ranking)
    if table.get(name) != ours:
        write_json(path, {**table, name: ours})
