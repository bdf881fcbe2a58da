"""Reads tables that are text: CSV with any delimiter, JSON Lines, and JSON with a list of rows."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias

from whyser.io.errors import InputError
from whyser.io.files import read_json, read_lines, read_rows
from whyser.io.text import line_fault, parse_json
from whyser_converters.convert.split_names import split_of_name
from whyser_converters.corpora.tables import NOT_UTF_8, Lost, delimiter_in, read_header, read_table
from whyser_converters.tables.source import Row, RowSource

#: Rows whose keys name the columns: few have a key that none of the first rows has.
_LOOKED_AT = 1000

ENCODING_CURE = (
    "Save the file as UTF-8, or give --encoding, such as cp1252 (Excel in Western Europe), cp1251 "
    "(Cyrillic) or gb18030 (Chinese)."
)
_OWN_NAME = "Give every column its own name."

#: A line's number and its object.
_Keyed: TypeAlias = tuple[int, Mapping[str, Any]]


@dataclass(frozen=True)
class TextForm:
    """What a CSV file does not say itself: the names of its columns, and its encoding."""

    columns: tuple[str, ...] = ()
    encoding: str | None = None


#: A file that says all itself.
PLAIN = TextForm()


def csv_source(path: Path, form: TextForm = PLAIN) -> RowSource:
    """Raises: `InputError` for a file that is empty, not CSV or not in its encoding."""
    encoding, cells = form.encoding, len(form.columns) or None
    delimiter = delimiter_in(path, encoding=encoding, cells=cells)
    try:
        header = form.columns or tuple(read_header(path, delimiter, encoding=encoding))
    except InputError as problem:
        raise _with_encoding(problem) from None
    first_cell = re.compile(rf'[^"\r\n{re.escape(delimiter)}]+')
    # pandas writes the numbers of rows under an empty name.
    names = [name for name in header if name]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"has two columns {name!r}", file=path, line=1, cure=_OWN_NAME)

    def read(columns: Sequence[str], lost: Lost) -> Iterator[Row]:
        # The cells of one column alone would be no tuples.
        wanted = columns if len(columns) > 1 else [*columns, *columns]
        rows = read_table(
            path,
            wanted,
            lambda problem, name: lost(_with_encoding(problem), name),
            delimiter=delimiter,
            name=first_cell,
            header=form.columns,
            encoding=encoding,
        )
        return rows if len(columns) > 1 else ((line, row[:1]) for line, row in rows)

    return RowSource(path, tuple(names), read, split_of_name(path))


def is_foreign_text(problem: InputError) -> bool:
    """Whether a row or a file cannot be read because of its encoding."""
    return problem.what.endswith(NOT_UTF_8)


def _with_encoding(problem: InputError) -> InputError:
    """The problem; where it is the encoding, with the option that states one."""
    if not is_foreign_text(problem):
        return problem
    return InputError(problem.what, file=problem.file, line=problem.line, cure=ENCODING_CURE)


def json_lines_source(path: Path) -> RowSource:
    """Raises: `InputError` for a file of whose first rows none can be read."""
    problems: list[InputError] = []
    rows = _lines(path, lambda problem, _name: problems.append(problem))
    columns = _columns(row for _, row in islice(rows, _LOOKED_AT))
    if not columns and problems:
        raise problems[0]
    return _keyed(path, columns, lambda lost: _lines(path, lost))


def _lines(path: Path, lost: Lost) -> Iterator[_Keyed]:
    for number, line in read_lines(path):
        try:
            row = parse_json(line.decode())
        except ValueError as error:
            lost((line_fault(line) or InputError(f"not valid JSON ({error})")).at(path, number), "")
            continue
        if isinstance(row, dict):
            yield number, row
        else:
            lost(_no_object(row).at(path, number), "")


def json_source(path: Path) -> RowSource:
    """A list of objects; lines of objects; an object that holds such a list; an object of objects,
    whose keys become the column `key`; or columns, as `to_json()` of pandas writes them.

    Raises: `InputError` for any other JSON.
    """
    rows = _objects(path)
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, dict):
            raise _no_object(row, f"row {number:,}").at(path)
    return _keyed(path, _columns(rows), lambda _lost: enumerate(rows, start=1))


def _objects(path: Path) -> list[Any]:
    try:
        value = read_json(path)
    except InputError:
        # Lines of objects under the name of one.
        return read_rows(path)
    if not isinstance(value, dict):
        return value if isinstance(value, list) else [value]
    if (rows := _rows_of_columns(value, path)) is not None:
        return rows
    lists = [one for one in value.values() if isinstance(one, list)]
    if len(lists) == 1 and all(isinstance(row, dict) for row in lists[0]):
        return lists[0]
    if value and all(isinstance(row, dict) for row in value.values()):
        return [{"key": key, **row} for key, row in value.items()]
    return [value]


def _rows_of_columns(value: Mapping[str, Any], path: Path) -> list[Any] | None:
    """The rows of an object of columns, each a list or an object with the numbers of the rows, or
    of `columns` and their `data`; None of any other object.

    Raises: `InputError` for columns of one name or of different lengths, and for `data` that do
        not fit its `columns`.
    """
    names, data = value.get("columns"), value.get("data")
    if isinstance(names, list) and isinstance(data, list):
        return [_row_of(names, row, number, path) for number, row in enumerate(data, start=1)]
    columns = list(value.values())
    if all(isinstance(column, dict) and all(map(str.isdecimal, column)) for column in columns):
        numbers = list(dict.fromkeys(number for column in columns for number in column))
        columns = [[column.get(number) for number in numbers] for column in columns]
    elif len(columns) < 2 or not all(map(_is_column, columns)):
        return None
    if len(lengths := {*map(len, columns)}) > 1:
        what = f"has columns of {' and of '.join(map(str, sorted(lengths, reverse=True)))} values"
        raise InputError(what, file=path, cure="Give each column a value for every row.")
    return [dict(zip(value, cells, strict=True)) for cells in zip(*columns, strict=True)]


def _is_column(value: Any) -> bool:
    """Whether it is a list of values; a list of objects is one of rows."""
    return isinstance(value, list) and not (value and isinstance(value[0], dict))


def _row_of(names: Sequence[Any], row: Any, number: int, path: Path) -> dict[str, Any]:
    if not isinstance(row, list) or len(row) != len(names):
        what = f"row {number:,} of its 'data' is {str(row)[:40]!r}, expected {len(names)} values"
        raise InputError(what, file=path, cure="Give one for each of its 'columns'.")
    found = dict(zip(map(str, names), row, strict=True))
    if len(found) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InputError(f"has two columns {twice!r}", file=path, cure=_OWN_NAME)
    return found


def _no_object(row: Any, who: str = "a row") -> InputError:
    what = f"{who} is {str(row)[:40]!r}, expected an object with named values"
    return InputError(what, cure="Write one object for each row.")


def _columns(rows: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(str(key) for row in rows for key in row))


def _keyed(
    path: Path, columns: tuple[str, ...], rows: Callable[[Lost], Iterable[_Keyed]]
) -> RowSource:
    if not columns:
        raise InputError("contains no row", file=path, cure="Is the copy complete?")

    def read(wanted: Sequence[str], lost: Lost) -> Iterator[Row]:
        for line, row in rows(lost):
            yield line, [row.get(column) for column in wanted]

    return RowSource(path, columns, read, split_of_name(path))
