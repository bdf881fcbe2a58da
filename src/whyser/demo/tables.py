"""Text files and tables of the corpora, byte for byte the same on every system."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def write_text(path: Path, text: str, *, encoding: str = "utf-8") -> None:
    """Write a text file, and create its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding=encoding)


def write_csv(
    path: Path, header: Iterable[str], rows: Iterable[Iterable[object]], **dialect: Any
) -> None:
    """Write a table, and create its folder; `dialect` as in `csv.writer`, by default with `\\n`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, **{"lineterminator": "\n", **dialect})
        writer.writerow(header)
        writer.writerows(rows)
