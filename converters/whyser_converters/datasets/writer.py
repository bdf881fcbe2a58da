"""Writes a LLaMA-Factory dataset: its rows, their manifest, and the entry in the table."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from whyser.io.errors import InputError
from whyser.io.files import atomic_path, write_jsonl
from whyser.prompting.prompts import Question
from whyser.records.utterance import Utterance
from whyser_converters.datasets.dataset_info import read_table, register

Line = dict[str, Any]


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
    }
    return line if audio is None else {**line, "audio": str(audio)}


def write_dataset(
    output: Path,
    table: Path,
    rows: Iterable[Line],
    manifest: Iterable[Line],
    *,
    ranking: bool = False,
) -> Path:
    """Writes `<output>.json`, its manifest and the entry in the dataset table.

    The files are renamed into place only after all rows were rendered. `manifest` has one line per
    row, in their order; `ranking` rows hold a chosen and a rejected answer.

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
    with atomic_path(rows_file) as temporary:
        # One row per line, so that a person can read and diff a file of 100,000 rows.
        with temporary.open("w", encoding="utf-8") as stream:
            stream.write("[")
            for number, row in enumerate(rows):
                stream.write(",\n" if number else "\n")
                stream.write(json.dumps(row, ensure_ascii=False))
            stream.write("\n]\n")
        write_jsonl(output.parent / f"{output.name}.manifest.jsonl", manifest)
    register(table, output.name, rows_file, ranking=ranking)
    return rows_file
