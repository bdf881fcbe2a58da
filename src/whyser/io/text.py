"""Text that others wrote: its encoding, its JSON, its cells; every fault has its line."""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

from whyser.io.errors import InputError

#: How deep JSON may nest. pydantic's parser stops there too; Python's ends at its recursion limit.
DEEPEST = 200

# UTF-32 is first, since its little-endian mark begins with that of UTF-16.
_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
#: The cure of a `JsonBound`.
BOUND_CURE = "Remove the value."
_SAVE = "Save it as UTF-8."
_NESTING = re.compile(r'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]')
_LONG_NUMBER = re.compile(r"\d{4301,}")
_DELIMITERS = ",;\t|"
#: A spreadsheet runs a cell that begins with one of these, unless it is a number.
_FORMULA = re.compile(r"[=+\-@\t\r](?!\d*\.?\d+(?:[eE][+-]?\d+)?$)")


class JsonBound(json.JSONDecodeError):
    """JSON that is valid and that no reader of ours takes: too deep, or too long a number."""


def encoding_of(head: bytes) -> str:
    """The encoding that the byte-order mark of a file shows; UTF-8 without one.

    >>> encoding_of("a".encode("utf-16")), encoding_of(b"a")
    ('utf-16', 'utf-8')
    """
    # A mark begins with none of these; a corpus has 200,000 transcripts.
    if b"\0" < head[:1] < b"\x80":
        return "utf-8"
    return next((name for mark, name in _MARKS.items() if head.startswith(mark)), "utf-8")


def foreign_encoding(file: Path, accepted: Collection[str] = ("utf-8",)) -> str | None:
    """In words, what a file's start shows of an encoding that is not accepted; None if nothing."""
    with file.open("rb") as stream:
        encoding = encoding_of(stream.read(4))
    if encoding in accepted:
        return None
    return "begins with a byte-order mark" if encoding == "utf-8-sig" else f"is in {encoding}"


def decoded(data: bytes, file: str | Path | None = None, line: int = 1) -> str:
    """The text of a file, without its byte-order mark.

    Args: `file`, and the number of the first `line`, for errors.

    Raises: `InputError` with the line, and with the line's text if it is in Windows-1252.
    """
    encoding = encoding_of(data)
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        name = encoding.removesuffix("-sig").upper()
        before, after = data[: error.start], data[error.start :]
        number = line + before.count(b"\n")
        text = (before.rpartition(b"\n")[2] + after.partition(b"\n")[0])[:60]
        found = text.decode("cp1252", errors="replace").strip() if name == "UTF-8" else ""
        hint = f"; in Windows-1252 it is {found!r}" if found else ""
        what = f"not {name} text ({error.reason} at byte {error.start}{hint})"
        raise InputError(what, file=file, line=number, cure=_SAVE) from None


def parse_json(text: str) -> Any:
    """The value of a JSON text.

    Raises: `ValueError` for anything else, also for one that nests too deep or whose numbers are
    too long for Python.
    """
    # Counting takes no time, and almost no text has so many brackets and such depth.
    if text.count("[") + text.count("{") > DEEPEST and (deep := _too_deep(text)) is not None:
        raise JsonBound(f"nests deeper than {DEEPEST} levels", text, deep)
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        raise
    except ValueError:
        long = _LONG_NUMBER.search(text)
        if long is None:
            raise
        what = f"holds a number of {len(long[0]):,} digits"
        raise JsonBound(what, text, long.start()) from None


def _too_deep(text: str) -> int | None:
    """Where the text is first nested deeper than `DEEPEST`."""
    depth = 0
    for found in _NESTING.finditer(text):
        if found[0] in "[{":
            depth += 1
        elif found[0] in "]}":
            depth -= 1
        if depth > DEEPEST:
            return found.start()
    return None


def lone_surrogate(text: str) -> str | None:
    r"""The first half of a character, which no file can hold, as JSON writes it.

    >>> lone_surrogate("a smile \ud83d"), lone_surrogate("\U0001f600")
    ('\\ud83d', None)
    """
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return f"\\u{ord(text[error.start]):04x}"
    return None


def half_character(mark: str) -> InputError:
    """The error for a text with a `lone_surrogate`."""
    return InputError(
        f"holds half a character ({mark})",
        cure=r"Write \ufffd in its place, or remove it.",
    )


def line_fault(line: bytes) -> InputError | None:
    """What makes a line unreadable whatever it should hold: its encoding, or a bound of JSON.

    >>> print(line_fault(b"\\xe9t\\xe9").what)
    not UTF-8 text (invalid continuation byte at byte 0; in Windows-1252 it is 'été')
    """
    try:
        value = parse_json(decoded(line))
    except InputError as problem:
        return InputError(problem.what, cure=problem.cure)
    except JsonBound as error:
        return InputError(error.msg, cure=BOUND_CURE)
    except ValueError:
        return None
    mark = lone_surrogate(json.dumps(value, ensure_ascii=False))
    return half_character(mark) if mark else None


# ---- cells -----------------------------------------------------------------------------------


def delimiter_of(header: str) -> str:
    r"""What separates the cells of a CSV: many spreadsheets write semicolons or tabs.

    >>> delimiter_of("word;class;use"), delimiter_of("word")
    (';', ',')
    """
    return max(_DELIMITERS, key=header.count)


def delimiter_for(lines: Sequence[str], cells: int) -> str:
    r"""The delimiter that cuts most of the lines into so many cells.

    >>> delimiter_for(["01|Mist, wieder nichts.", "02|Schade."], 2)
    '|'
    """
    # Of two that cut equally many lines, prose has the comma.
    marks = reversed(_DELIMITERS)
    return max(marks, key=lambda mark: sum(line.count(mark) == cells - 1 for line in lines))


def read_cells(
    text: str, file: str | Path
) -> tuple[list[str], Iterator[tuple[int, dict[str, str]]]]:
    """The column names of a CSV, and its rows with the number of their last line.

    Raises: `InputError` for text that is not CSV, with file and line.
    """
    header = text.partition("\n")[0]
    table = csv.DictReader(
        io.StringIO(text, newline=""), restval="", delimiter=delimiter_of(header)
    )

    def rows() -> Iterator[tuple[int, dict[str, str]]]:
        try:
            for row in table:
                if None in row:
                    raise _too_many(row, file, table.line_num)
                yield table.line_num, row
        except csv.Error as error:
            what, cure = f"not valid CSV ({error})", "Correct the line, or write the file again."
            raise InputError(what, file=file, line=table.line_num + 1, cure=cure) from None

    try:
        return list(table.fieldnames or ()), rows()
    except csv.Error as error:
        raise InputError(f"not valid CSV ({error})", file=file, line=1, cure=_SAVE) from None


def _too_many(row: dict[Any, Any], file: str | Path, line: int) -> InputError:
    """A comma in a text without quotation marks would move all cells behind it."""
    expected = len(row) - 1
    what = f"row of {expected + len(row[None])} cells, expected {expected}"
    return InputError(what, file=file, line=line, cure="Quote a text that holds the delimiter.")


def inert(cell: object) -> str:
    """The text of a cell that no spreadsheet takes for a formula; None is an empty cell.

    >>> inert("=HYPERLINK(1)"), inert("-0.5"), inert("R-1")
    ("'=HYPERLINK(1)", '-0.5', 'R-1')
    """
    text = "" if cell is None else str(cell)
    return f"'{text}" if _FORMULA.match(text) else text
