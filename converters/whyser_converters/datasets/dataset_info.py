"""LLaMA-Factory's dataset table: our entries in it, and nobody else's touched.

LLaMA-Factory reads only `<dataset_dir>/dataset_info.json`, takes `file_name` relative to it, and
ignores a misspelt column without a warning (docs/design.md, "What LLaMA-Factory does"); so entries
are generated, never typed.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from whyser.io.errors import InputError
from whyser.io.files import read_json, write_json

#: Where the rows of the committed table lie, from the repository's root.
STANDARD_FOLDER = Path("data/sharegpt")

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
#: Of pairs: LLaMA-Factory takes them for such only where `ranking` says so too.
RANKING_COLUMNS = {**COLUMNS, "chosen": "chosen", "rejected": "rejected"}
#: What the names of our datasets of pairs end with.
RANKING_SUFFIX = "_preference"

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
        return {**found, "ranking": True, "columns": RANKING_COLUMNS, "tags": TAGS}
    return {**found, "columns": COLUMNS, "tags": TAGS}


def standard_table() -> dict[str, Any]:
    """The committed `dataset_info.json`, as the code generates it."""
    return {
        name: entry(
            f"{(STANDARD_FOLDER / name).as_posix()}.json", ranking=name.endswith(RANKING_SUFFIX)
        )
        for name in STANDARD_NAMES
    }


def read_table(path: Path) -> dict[str, Any]:
    """The table; `InputError` when it is no object."""
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
