"""Reads tables that are text: CSV with any delimiter, JSON Lines, and JSON with a list of rows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from whyser.io.errors import InputError
from whyser.io.files import read_jsonl, read_rows
from whyser_converters.corpora.tables import Lost, delimiter_in, read_header, read_table
from whyser_converters.tables.source import Row, RowSource, split_of_name

#: Rows whose keys name the columns: few have a key that none of the first rows has.
_LOOKED_AT = 1000


def csv_source(path: Path) -> RowSource:
    """Raises: `InputError` for a file that is empty, not CSV or not UTF-8."""
    delimiter = delimiter_in(path)
    header = read_header(path, delimiter)
    first_cell = re.compile(rf'[^"\r\n{re.escape(delimiter)}]+')
    for name in header:
        if not name or header.count(name) > 1:
            what = f"has two columns {name!r}" if name else "has a column without a name"
            raise InputError(what, file=path, line=1, cure="Give every column its own name.")

    def read(columns: Sequence[str], lost: Lost) -> Iterator[Row]:
        # The cells of one column alone would be no tuples.
        wanted = columns if len(columns) > 1 else [*columns, *columns]
        rows = read_table(path, wanted, lost, delimiter=delimiter, name=first_cell)
        return rows if len(columns) > 1 else ((line, row[:1]) for line, row in rows)

    return RowSource(path, tuple(header), read, split_of_name(path))


def json_lines_source(path: Path) -> RowSource:
    """Raises: `InputError` for a file without rows, and with the line for a broken one."""
    columns = _columns(row for _, row in islice(read_jsonl(path), _LOOKED_AT))
    return _keyed(path, columns, lambda: read_jsonl(path))


def json_source(path: Path) -> RowSource:
    """A list of objects, or an object of objects, whose keys become the column `key`.

    Raises: `InputError` for any other JSON.
    """
    rows = _objects(path)
    return _keyed(path, _columns(rows), lambda: enumerate(rows, start=1))


def _objects(path: Path) -> list[Mapping[str, Any]]:
    from whyser.io.files import read_json

    if path.read_bytes()[:64].lstrip(b"\xef\xbb\xbf \r\n\t")[:1] == b"{":
        value = read_json(path)
        if isinstance(value, dict) and all(isinstance(row, dict) for row in value.values()):
            return [{"key": key, **row} for key, row in value.items()]
    rows = read_rows(path)
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, dict):
            what = f"row {number:,} is {str(row)[:40]!r}, expected an object with named values"
            raise InputError(what, file=path, cure="Write one object for each row.")
    return rows


def _columns(rows: Any) -> tuple[str, ...]:
    return tuple(dict.fromkeys(str(key) for row in rows for key in row))


def _keyed(path: Path, columns: tuple[str, ...], rows: Any) -> RowSource:
    if not columns:
        raise InputError("contains no row", file=path, cure="Is the copy complete?")

    def read(wanted: Sequence[str], _lost: Lost) -> Iterator[Row]:
        for line, row in rows():
            yield line, [row.get(column) for column in wanted]

    return RowSource(path, columns, read, split_of_name(path))
