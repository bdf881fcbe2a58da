"""Writes a LLaMA-Factory dataset: its rows, their manifest, and our entry in the dataset table.

LLaMA-Factory reads only `<dataset_dir>/dataset_info.json`, looks for `file_name` in its folder, and
ignores a misspelt column without a warning (docs/design.md, "What LLaMA-Factory does"). So entries
are generated, never typed, and entries of other names stay as they are.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from whyser.io.errors import InputError
from whyser.io.files import atomic_set, read_json, write_json, write_jsonl
from whyser.prompting.prompts import Question
from whyser.records.utterance import Utterance

Line = dict[str, Any]

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
    """The table. Raises: `InputError` when it is not an object."""
    table = read_json(path)
    if not isinstance(table, dict):
        raise InputError("expected an object of datasets", file=path)
    return table


def register(
    path: Path,
    name: str,
    rows_file: Path,
    *,
    ranking: bool = False,
    as_given: Mapping[str, Any] | None = None,
) -> None:
    """Puts `name` into the table at `path`; entries of other names stay as they are.

    `as_given` is the entry of rows in a form of their own; it gets another `file_name`.
    """
    table = read_table(path) if path.exists() else {}
    file_name = Path(os.path.relpath(rows_file, path.parent)).as_posix()
    ours = {**(as_given or entry(file_name, ranking=ranking)), "file_name": file_name}
    if table.get(name) != ours:
        write_json(path, {**table, name: ours})


def manifest_line(utterance: Utterance, question: Question, audio: Path | None) -> Line:
    """What every manifest says about a row: its utterance, its question, and its sound."""
    line: Line = {
        "id": utterance.id,
        "corpus": utterance.corpus,
        "split": utterance.split,
        "form": question.form,
        "prompt": question.hash,
        "question": question.text,
        "options": list(question.options),
        **({"numbered": True} if question.numbered else {}),
    }
    return line if audio is None else {**line, "audio": str(audio)}


def write_dataset(
    output: Path,
    table: Path,
    rows: Iterable[Line],
    manifest: Iterable[Line],
    *,
    ranking: bool = False,
    as_given: Mapping[str, Any] | None = None,
) -> Path:
    """Writes `<output>.json`, its manifest and the entry in the dataset table.

    The files are renamed into place only after all rows were rendered. `manifest` has one line per
    row, in their order; `ranking` rows hold a chosen and a rejected answer. `as_given` is the entry
    of rows in a form of their own.

    Returns: The file of the rows.

    Raises: `InputError` for a name that no YAML could hold, or a broken table, before writing.
    """
    if output.name in {"", ".."} or "," in output.name:
        # LLaMA-Factory's `dataset` lists names with commas between them.
        raise InputError(
            f"{str(output)!r} does not end with the name of a dataset",
            cure="Give --output FOLDER/NAME, with no comma in the name.",
        )
    if table.exists():
        read_table(table)
    # Appended, since with_suffix would cut a name with a dot.
    rows_file = output.parent / f"{output.name}.json"
    with atomic_set(rows_file) as files:
        # One row per line, so that a person can read and diff a file of 100,000 rows.
        with files(rows_file).open("w", encoding="utf-8") as stream:
            stream.write("[")
            for number, row in enumerate(rows):
                stream.write(",\n" if number else "\n")
                stream.write(json.dumps(row, ensure_ascii=False))
            stream.write("\n]\n")
        write_jsonl(files(output.parent / f"{output.name}.manifest.jsonl"), manifest)
    register(table, output.name, rows_file, ranking=ranking, as_given=as_given)
    return rows_file
