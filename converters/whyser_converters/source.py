"""A corpus folder as a converter reads it: its tables, and the account of every row."""

from __future__ import annotations

import csv
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from whyser.errors import InputError, Problems, did_you_mean
from whyser.utterance import input_error, without_reserved_marks

if TYPE_CHECKING:
    from _csv import Reader


class Account:
    """What became of every row: kept, dropped for a counted reason, or faulty.

    Faults are collected, so that a user mends them in one go; a `strict` account raises the
    first one, which is what a caller without an account of its own gets.
    """

    def __init__(self, corpus_dir: Path, *, strict: bool = False) -> None:
        self.problems = Problems(corpus_dir)
        self.dropped: Counter[str] = Counter()
        self.notes: list[str] = []
        self.strict = strict
        self._first_line: dict[str, int | None] = {}

    def drop(self, reason: str, count: int = 1) -> None:
        """Counts what is left out; a count of 0 leaves no trace."""
        if count:
            self.dropped[reason] += count

    def note(self, text: str) -> None:
        """Something a user should know that is no fault."""
        self.notes.append(text)

    def problem(self, problem: InputError) -> None:
        if self.strict:
            raise problem
        self.problems.add(problem)

    def row(self, file: Path, line: int | None = None) -> _Row:
        """A `with` block in which a fault costs that row; the problem names this place."""
        return _Row(self, file, line)

    def once(self, utterance_id: str, line: int | None = None) -> str:
        """The id, when it comes up for the first time; otherwise `InputError`."""
        if utterance_id in self._first_line:
            first = self._first_line[utterance_id]
            where = "" if first is None else f" (first on line {first})"
            raise InputError(
                f"{utterance_id!r} stands twice{where}", cure="Keep one of the two entries."
            )
        self._first_line[utterance_id] = line
        return utterance_id


class _Row:
    # By hand, because contextlib takes four times as long and there are millions of rows.
    __slots__ = ("account", "file", "line")

    def __init__(self, account: Account, file: Path, line: int | None) -> None:
        self.account, self.file, self.line = account, file, line

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> bool:
        if error is None:
            return False
        if isinstance(error, ValidationError):
            error = input_error(error)
        if not isinstance(error, InputError):
            return False
        self.account.problem(error.at(self.file, self.line))
        return True


def read_header(path: Path, *, errors: str = "strict") -> list[str]:
    """The column names of a CSV file; `InputError` for an empty one."""
    with _opened(path, errors) as rows:
        try:
            header = next(rows, None)
        except csv.Error as error:
            raise _cut_short(path, 1, str(error)) from None
    if not header:
        raise InputError("is empty, expected a header row", file=path, cure="Fetch it again.")
    return [name.strip() for name in header]


def read_table(
    path: Path, columns: Sequence[str], account: Account, *, errors: str = "strict"
) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Line number and the cells of `columns` (two or more) of every row of a CSV file, streamed.

    A row with more or fewer cells than the header is a problem of the account.
    Raises: `InputError` for a missing file or column.
    """
    header = read_header(path, errors=errors)
    for column in columns:
        if column not in header:
            raise InputError(
                f"has no column {column!r}", file=path, cure=did_you_mean(column, header)
            )
    pick = itemgetter(*(header.index(column) for column in columns))
    width = len(header)
    with _opened(path, errors) as rows:
        next(rows)
        line = rows.line_num + 1
        try:
            for cells in rows:
                if len(cells) == width:
                    yield line, pick(cells)
                elif cells:
                    account.problem(_wrong_width(path, line, len(cells), width))
                line = rows.line_num + 1
        except csv.Error as error:
            # Most often a quote that is never closed, because the file was cut short.
            account.problem(_cut_short(path, line, str(error)))


def _wrong_width(path: Path, line: int, found: int, expected: int) -> InputError:
    return InputError(
        f"row of {found} cells, expected {expected}",
        file=path,
        line=line,
        cure="Mend the row; the file may be cut short.",
    )


def _cut_short(path: Path, line: int, reason: str) -> InputError:
    return InputError(
        f"not valid CSV from here on ({reason})",
        file=path,
        line=line,
        cure="The file may be cut short; fetch it again.",
    )


@contextmanager
def _opened(path: Path, errors: str) -> Iterator[Reader]:
    try:
        # Spelling out newline="" keeps the csv module's own idea of where a row ends.
        with path.open(encoding="utf-8-sig", errors=errors, newline="") as stream:
            yield csv.reader(stream, strict=True)
    except FileNotFoundError:
        raise InputError("no such file", file=path, cure="Check the corpus folder.") from None
    except UnicodeDecodeError as error:
        raise InputError(
            f"not UTF-8 text ({error.reason} at byte {error.start})",
            file=path,
            cure="Save it as UTF-8.",
        ) from None


def number(text: str, what: str) -> int:
    """A whole number from a cell; `InputError` otherwise."""
    try:
        return int(text)
    except ValueError:
        raise InputError(f"bad {what} {text!r}, expected a whole number") from None


def transcript_text(text: str) -> str:
    """One line of text, white space collapsed.

    Raises: `InputError` when it holds a mark that training rows reserve, such as `<audio>`.
    """
    try:
        return without_reserved_marks(" ".join(text.split()))
    except ValueError as error:
        raise InputError(f"transcript {error}") from None


def files_in(folder: Path, suffix: str) -> list[str]:
    """Names of the files in a folder, sorted; hidden ones (AppleDouble's `._*`) left out."""
    if not folder.is_dir():
        return []
    # 200,000 entries: a Path each would cost a second.
    with os.scandir(folder) as entries:
        names = [entry.name for entry in entries]
    return sorted(name for name in names if name.endswith(suffix) and not name.startswith("."))
