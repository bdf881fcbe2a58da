"""Reads the CSV tables, cells, texts and folders of corpora."""

from __future__ import annotations

import csv
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import chain, islice
from operator import itemgetter
from pathlib import Path
from typing import TextIO

from whyser.io.errors import InputError, did_you_mean
from whyser.io.text import delimiter_for, delimiter_of, encoding_of
from whyser.labels.classes import Label
from whyser.records.utterance import without_reserved_marks

#: The cells of each row of lines.
Parsed = Callable[[Iterable[str]], Iterator[list[str]]]

#: Called with the fault of a row that cannot be read, and with the subject of the row or "".
Lost = Callable[[InputError, str], None]

# Most rows begin with their subject. A pattern finds it, since a broken row may have no cells.
_FIRST_CELL = re.compile(r'[^",\r\n]+')

# Characters of lines that are parsed at once; more would not stay in the processor's cache.
_BLOCK = 1 << 16

NOT_UTF_8 = "not UTF-8 text"

# `errors="surrogateescape"` turns a byte that is not UTF-8 into one of these.
_STRAY_BYTE = re.compile("[\udc80-\udcff]")


def read_header(path: Path, delimiter: str = ",", *, encoding: str | None = None) -> list[str]:
    """The column names of a CSV file, in UTF-8, in UTF-16 with its mark, or in a stated encoding.

    Raises: `InputError` for a file that is empty, not CSV or not in the encoding.
    """
    with _opened(path, encoding) as stream:
        try:
            header = next(csv.reader(stream, strict=True, delimiter=delimiter), None)
        except csv.Error as error:
            cure = "The file may be cut short; fetch it again."
            raise InputError(f"not valid CSV ({error})", file=path, line=1, cure=cure) from None
    if not header:
        raise InputError("is empty, expected a header row", file=path, cure="Fetch it again.")
    text = ",".join(header)
    if "\0" in text or _STRAY_BYTE.search(text):
        what = f"is {_foreign(encoding)}"
        raise InputError(what, file=path, line=1, cure="Save it as UTF-8.")
    if len(header) == 1 and (other := re.search("[;\t|]", text)) and delimiter == ",":
        raise InputError(
            f"has cells separated by {other[0]!r}", file=path, line=1, cure="Save it with commas."
        )
    return [name.strip() for name in header]


def delimiter_in(path: Path, *, encoding: str | None = None, cells: int | None = None) -> str:
    """What separates the cells of the first lines of a file; `cells` says how many each has."""
    with _opened(path, encoding) as stream:
        if cells is not None:
            return delimiter_for(list(islice(stream, 100)), cells)
        return delimiter_of(stream.readline(_BLOCK))


def read_table(
    path: Path,
    columns: Sequence[str],
    lost: Lost,
    *,
    delimiter: str = ",",
    stray_bytes: bool = False,
    name: re.Pattern[str] = _FIRST_CELL,
    header: Sequence[str] = (),
    encoding: str | None = None,
) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Streams the line number and the cells of `columns` (two or more) of every row of a CSV file.

    `lost` is called for a row that is not CSV, has too many or too few cells or (unless
    `stray_bytes`) is not UTF-8, with the first match of `name` in its text. Reading continues with
    the next line, so an unclosed quote loses only its own line.

    Args: `header` names the columns of a file whose first row is data.

    Raises: `InputError` for a missing file or column.
    """
    has_header = not header
    header = header or read_header(path, delimiter, encoding=encoding)
    for column in columns:
        if column not in header:
            raise InputError(
                f"has no column {column!r}", file=path, cure=did_you_mean(column, header)
            )
    pick = itemgetter(*(header.index(column) for column in columns))
    width = len(header)

    foreign = _foreign(encoding)

    def lose(line: int, text: str, fault: str) -> None:
        found = name.search(text)
        is_foreign = fault == NOT_UTF_8
        fault = foreign if is_foreign else fault
        cure = "Save the file as UTF-8." if is_foreign else "Correct the line, or fetch it again."
        lost(InputError(fault, file=path, line=line, cure=cure), found[0] if found else "")

    parsed = partial(csv.reader, strict=True, delimiter=delimiter)
    with _opened(path, encoding) as stream:
        width_in_tabs = width if delimiter == "\t" else 0
        found = _chunks(
            *(stream, parsed, width, stray_bytes, lose),
            has_header=has_header,
            width_in_tabs=width_in_tabs,
        )
        for lines, rows in found:
            yield from zip(lines, map(pick, rows), strict=True)


def _foreign(encoding: str | None) -> str:
    return f"not {encoding} text" if encoding else NOT_UTF_8


def _chunks(
    stream: TextIO,
    parsed: Parsed,
    width: int,
    stray_bytes: bool,
    lose: Callable[[int, str, str], None],
    *,
    has_header: bool,
    width_in_tabs: int,
) -> Iterator[tuple[Sequence[int], Sequence[list[str]]]]:
    """Line numbers and cells: of a block of lines where all are good, else of row after row."""
    texts: list[str] = []
    if has_header:
        next(parsed(_noted(stream, texts)))
    line = 1 + len(texts)
    while block := stream.readlines(_BLOCK):
        end = line + len(block)
        if plain := _plain_rows(block, parsed, width, stray_bytes):
            yield range(line, end), plain
            line = end
            continue
        # Its last row may end below the block.
        rows = parsed(_noted(chain(block, stream), texts))
        while line < end:
            texts.clear()
            try:
                cells = next(rows)
                found = [(line, "".join(texts), cells, "")]
            except csv.Error as error:
                # An unclosed quote has swallowed the lines below its own.
                reason = str(error) if len(texts) == 1 else ""
                found = [
                    (number, text, *_parse_alone(text, parsed, reason, width_in_tabs))
                    for number, text in enumerate(texts, start=line)
                ]
            line += len(texts)
            for number, text, cells, fault in found:
                if fault := fault or _fault_in(cells, width, text, stray_bytes):
                    lose(number, text, fault)
                elif cells:
                    yield [number], [cells]


def _plain_rows(
    block: Sequence[str], parsed: Parsed, width: int, stray_bytes: bool
) -> list[list[str]]:
    """The rows of lines that are a good row each, in a fraction of the time; none for others."""
    if _fault_in([], width, "".join(block), stray_bytes):
        return []
    try:
        rows = list(parsed(block))
    except csv.Error:
        return []
    return rows if len(rows) == len(block) and {*map(len, rows)} == {width} else []


def _fault_in(cells: Sequence[str], width: int, text: str, stray_bytes: bool) -> str:
    """What is wrong with a row that is CSV, or an empty text; a blank line is not a row."""
    if cells and len(cells) != width:
        return f"row of {len(cells)} cells, expected {width}"
    if "\0" in text:
        return "not valid text (a NUL byte)"
    if not (stray_bytes or text.isascii()) and _STRAY_BYTE.search(text):
        return NOT_UTF_8
    return ""


def _parse_alone(
    text: str, parsed: Parsed, reason: str, width_in_tabs: int
) -> tuple[list[str], str]:
    """The cells of one line, or the fault; `reason` is given if it is known not to be CSV."""
    if not reason:
        try:
            return next(parsed([text])), ""
        except csv.Error as error:
            reason = str(error)
    # Between tabs, many programs write quotation marks as they are.
    cells = text.rstrip("\r\n").split("\t")
    if len(cells) == width_in_tabs:
        return cells, ""
    return [], f"not valid CSV ({reason})" if text.strip() else ""


def _noted(stream: Iterable[str], texts: list[str]) -> Iterator[str]:
    """The lines, also appended to `texts`, since one row may span several."""
    for text in stream:
        texts.append(text)
        yield text


@contextmanager
def _opened(path: Path, encoding: str | None = None) -> Iterator[TextIO]:
    try:
        # With newline="" the csv module itself decides where a row ends.
        with _open_text(path, errors="surrogateescape", newline="", encoding=encoding) as stream:
            yield stream
    except FileNotFoundError:
        raise InputError("no such file", file=path, cure="Check the corpus folder.") from None
    except UnicodeError as error:
        what = f"is not {encoding or 'UTF-16'} text ({error})"
        raise InputError(what, file=path, cure="State another encoding.") from None


def refuse_special(path: Path) -> None:
    """Raises: `InputError` for what no program can read to its end: a pipe, a loop of links."""
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116, called for every clip
    except FileNotFoundError:
        return
    except OSError as error:
        what, cure = f"cannot be read ({error.strerror})", "Fetch it again, or remove it."
        raise InputError(what, file=path, cure=cure) from None
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        what = "is a pipe, a socket or a device, not a file"
        raise InputError(what, file=path, cure="Remove it from the corpus folder.")


# ---- cells, texts, folders ----------------------------------------------------------------


def _open_text(
    path: Path, *, errors: str, newline: str | None, encoding: str | None = None
) -> TextIO:
    """Opens a file in its stated encoding, or in UTF-8 or UTF-16 after its byte-order mark.

    Python's "utf-8-sig" decodes in Python, which takes a second per million lines.
    """
    refuse_special(path)
    if encoding is not None:
        try:
            return path.open(encoding=encoding, errors=errors, newline=newline)
        except LookupError:
            cure = "Python's names are expected, such as utf-8, cp1252, gb18030 or shift_jis."
            raise InputError(f"no encoding {encoding!r}", file=path, cure=cure) from None
    with path.open("rb") as raw:
        encoding = encoding_of(raw.read(4))
    if encoding not in {"utf-8", "utf-8-sig"}:
        return path.open(encoding=encoding, errors="replace", newline=newline)
    stream = path.open(encoding="utf-8", errors=errors, newline=newline)
    if stream.read(1) != "\ufeff":
        stream.seek(0)
    return stream


def numbered_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Lines with their numbers; bytes that are not UTF-8 become U+FFFD."""
    with _open_text(path, errors="replace", newline=None) as stream:
        yield from enumerate(stream, start=1)


def number(text: str, what: str) -> int:
    """A whole number from a cell. Raises: `InputError` for anything else."""
    try:
        return int(text)
    except ValueError:
        raise InputError(f"bad {what} {text[:60]!r}, expected a whole number") from None


def label_of(code: str, labels: Mapping[str, Label | None], what: str) -> Label | None:
    """The label of a corpus' own code, which is a cell called `what`.

    Raises: `InputError` for a code that the corpus does not have.
    """
    if code not in labels:
        raise InputError(f"bad {what} {code!r}", cure=did_you_mean(code, labels))
    return labels[code]


def transcript_text(text: str) -> str:
    """The text on one line, white space collapsed.

    Raises: `InputError` for a mark that training rows reserve, such as `<audio>`.
    """
    try:
        return without_reserved_marks(" ".join(text.split()))
    except ValueError as error:
        raise InputError(f"transcript {error}") from None


def files_in(folder: Path, suffix: str) -> list[str]:
    """Sorted names of the files in a folder, without hidden ones (AppleDouble's `._*`)."""
    if not folder.is_dir():
        return []
    # A Path for each of 200,000 entries would cost a second.
    with os.scandir(folder) as entries:
        names = [entry.name for entry in entries]
    return sorted(name for name in names if name.endswith(suffix) and not name.startswith("."))


def find_entry(folder: Path, names: Sequence[str]) -> Path | None:
    """The entry with one of the (lower-case) names, ignoring case; the first name wins."""
    if not folder.is_dir():
        return None
    entries = {entry.name.lower(): entry for entry in sorted(folder.iterdir(), reverse=True)}
    return next((entries[name] for name in names if name in entries), None)
