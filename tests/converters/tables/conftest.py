"""Tables as strangers write them, with sound files that they name."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

#: name -> label, speaker; the sound files of all tables here.
CLIPS = {
    "a1": ("anger", "s1"),
    "a2": ("sadness", "s1"),
    "b1": ("happiness", "s2"),
    "b2": ("anger", "s2"),
    "c1": ("boredom", "s3"),
}


@pytest.fixture
def clips(tmp_path: Path, write_wav: Any) -> Path:
    """A folder with `wav/NAME.wav` for every clip."""
    root = tmp_path / "corpus"
    for name in CLIPS:
        write_wav(root / "wav" / f"{name}.wav", rate=16_000)
    return root


@pytest.fixture
def write_csv() -> Callable[..., Path]:
    def write(path: Path, rows: Sequence[Mapping[str, Any]], delimiter: str = ",") -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8", newline="") as stream:
            table = csv.DictWriter(stream, list(rows[0]), delimiter=delimiter)
            table.writeheader()
            table.writerows(rows)
        return path

    return write


@pytest.fixture
def write_lines() -> Callable[..., Path]:
    def write(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return path

    return write


@pytest.fixture
def tabled(converted: Any) -> Callable[..., Any]:
    """Converts a table as the corpus `mine`, without a fault, and returns the output."""
    return partial(converted, "table", name="mine")


def rows() -> list[dict[str, Any]]:
    """One row for each clip, with columns whose names say what they are."""
    return [
        {"file_name": f"wav/{name}.wav", "emotion": label, "speaker_id": speaker, "text": "Hello."}
        for name, (label, speaker) in CLIPS.items()
    ]
