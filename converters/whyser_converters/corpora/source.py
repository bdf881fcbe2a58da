"""A corpus folder as a converter reads it: its tables, and the account of all that was read."""

from __future__ import annotations

import csv
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple, TextIO

from pydantic import ValidationError

from whyser.io.errors import InputError, did_you_mean
from whyser.labels.votes import majority
from whyser.records.utterance import input_error, without_reserved_marks


class LeftOut(Exception):
    """Raised inside `Account.candidate`: no utterance, for a reason that is no new fault."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Difference(NamedTuple):
    """A published consensus that the votes do not give; None is no agreement."""

    utterance: str
    published: str | None
    recomputed: str | None
    votes: str


class Account:
    """What became of everything that was read, so that nothing is lost unsaid.

    A candidate is what should become one utterance: a row of the corpus' main table, or a file.
    Every candidate is kept or dropped under one reason, so `read` = kept + dropped. Lines and
    files that belong to no utterance are `unused`. Faults are collected in `problems`; a `strict`
    account raises the first one, which is what a caller without an account of its own gets.
    """

    def __init__(self, corpus_dir: Path, *, strict: bool = False) -> None:
        self.corpus_dir, self.strict = corpus_dir, strict
        self.read = 0
        self.dropped: Counter[str] = Counter()
        self.unused: Counter[str] = Counter()
        self.problems: list[InputError] = []
        self.notes: list[str] = []
        self.compared = 0
        self.differences: list[Difference] = []
        self._spoiled: dict[str, str] = {}
        self._first_line: dict[str, int | None] = {}

    def candidate(self, file: Path, line: int | None = None) -> _Candidate:
        """A `with` block that makes one utterance; a fault inside costs that utterance."""
        return _Candidate(self, file, line)

    def part(self, file: Path, line: int | None, of: str | None = None) -> _Part:
        """A `with` block that reads a line about the utterance `of`, which a fault spoils."""
        return _Part(self, file, line, of)

    def lost_candidate(self, problem: InputError, _name: str = "") -> None:
        """A line so broken that its candidate has no name."""
        self.read += 1
        self.lose(problem, _faulty_line(problem))

    def lost_part(self, problem: InputError, name: str | None) -> None:
        """A faulty line about `name`; its utterance is dropped when its turn comes."""
        self.report(problem)
        if name:
            self._spoiled.setdefault(name.strip(), _faulty_line(problem))
        else:
            self.unused[_faulty_line(problem)] += 1

    def lose(self, problem: InputError, reason: str) -> None:
        """A candidate is lost to a fault."""
        self.report(problem)
        self.drop(reason)

    def report(self, problem: InputError) -> None:
        if self.strict:
            raise problem
        self.problems.append(problem)

    def drop(self, reason: str, count: int = 1) -> None:
        """Candidates that give no utterance; a count of 0 leaves no trace."""
        if count:
            self.dropped[reason] += count

    def leave_unused(self, what: str, count: int = 1) -> None:
        """Lines or files that belong to no utterance; a count of 0 leaves no trace."""
        if count:
            self.unused[what] += count

    def note(self, text: str) -> None:
        """Something a user should know that is no fault."""
        self.notes.append(text)

    def note_count(self, count: int, what: str) -> None:
        """A note that says how many, unless there are none."""
        if count:
            self.note(f"{what}: {count:,}")

    def refuse_spoiled(self, name: str) -> None:
        """Ends the candidate of this name when a line about it was faulty."""
        reason = self._spoiled.pop(name, None)
        if reason is not None:
            raise LeftOut(reason)

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

    def compare_consensus(
        self, utterance_id: str, published: str | None, votes: Sequence[str]
    ) -> None:
        """Recomputes the consensus from the votes, all in the corpus' own codes."""
        if not votes:
            return
        self.compared += 1
        recomputed = _majority(tuple(sorted(votes)))
        if recomputed != published:
            shown = " ".join(sorted(votes))
            self.differences.append(Difference(utterance_id, published, recomputed, shown))

    def close(self) -> None:
        """Faulty lines about utterances that never came belong to none."""
        self.unused.update(self._spoiled.values())
        self._spoiled.clear()


#: The same few thousand sets of votes come up again and again.
_majority = cache(majority)


def _faulty_line(problem: InputError) -> str:
    return f"faulty line in {Path(str(problem.file)).name}"


def _fault(error: BaseException | None, file: Path, line: int | None) -> InputError | None:
    if isinstance(error, ValidationError):
        error = input_error(error)
    return error.at(file, line) if isinstance(error, InputError) else None


# By hand, because contextlib takes four times as long and there are millions of lines.
class _Candidate:
    __slots__ = ("account", "file", "line")

    def __init__(self, account: Account, file: Path, line: int | None) -> None:
        self.account, self.file, self.line = account, file, line

    def __enter__(self) -> None:
        self.account.read += 1

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> bool:
        if error is None:
            return False
        if isinstance(error, LeftOut):
            self.account.drop(error.reason)
            return True
        if problem := _fault(error, self.file, self.line):
            self.account.lose(problem, _faulty_line(problem))
            return True
        return False


class _Part:
    __slots__ = ("account", "file", "line", "of")

    def __init__(self, account: Account, file: Path, line: int | None, of: str | None) -> None:
        self.account, self.file, self.line, self.of = account, file, line, of

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> bool:
        if error is None:
            return False
        if problem := _fault(error, self.file, self.line):
            self.account.lost_part(problem, self.of)
            return True
        return False


# ---- CSV ----------------------------------------------------------------------------------

#: Told of a row that cannot be read, with the name of what it is about (empty without one).
Lost = Callable[[InputError, str], None]

# What most tables name first; by pattern, since a broken row may have no cells.
_FIRST_CELL = re.compile(r'[^",\r\n]+')

# What `errors="surrogateescape"` makes of a byte that is no UTF-8.
_STRAY_BYTE = re.compile("[\udc80-\udcff]")


def read_header(path: Path) -> list[str]:
    """The column names of a CSV file; `InputError` for an empty one."""
    with _opened(path) as stream:
        try:
            header = next(csv.reader(stream, strict=True), None)
        except csv.Error as error:
            raise _not_csv(path, 1, str(error)) from None
    if not header:
        raise InputError("is empty, expected a header row", file=path, cure="Fetch it again.")
    text = ",".join(header)
    if "\0" in text or _STRAY_BYTE.search(text):
        raise InputError("is not UTF-8 text", file=path, line=1, cure="Save it as UTF-8.")
    if len(header) == 1 and (other := re.search("[;\t|]", text)):
        raise InputError(
            f"has cells set apart by {other[0]!r}", file=path, line=1, cure="Save it with commas."
        )
    return [name.strip() for name in header]


def read_table(
    path: Path,
    columns: Sequence[str],
    lost: Lost,
    *,
    stray_bytes: bool = False,
    name: re.Pattern[str] = _FIRST_CELL,
) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Line number and the cells of `columns` (two or more) of every row of a CSV file, streamed.

    A row that is no CSV, has too many or too few cells or (unless `stray_bytes`) is no UTF-8 goes
    to `lost`, with what in its text is a `name`, and reading goes on with the next line: an
    unclosed quote costs its own line alone.
    Raises: `InputError` for a missing file or column.
    """
    header = read_header(path)
    for column in columns:
        if column not in header:
            raise InputError(
                f"has no column {column!r}", file=path, cure=did_you_mean(column, header)
            )
    pick = itemgetter(*(header.index(column) for column in columns))
    width = len(header)
    with _opened(path) as stream:
        taken: list[str] = []
        rows = csv.reader(_noted(stream, taken), strict=True)
        next(rows)
        line = 1
        while True:
            line += len(taken)
            taken.clear()
            try:
                cells = next(rows)
            except StopIteration:
                return
            except csv.Error as error:
                # A quote that was never closed has swallowed the lines below its own.
                for number, cells, fault in _one_by_one(line, taken, str(error)):
                    fault = fault or _fault_in(cells, width, taken[number - line], stray_bytes)
                    if fault:
                        lost(*_lost_row(path, number, taken[number - line], fault, name))
                    else:
                        yield number, pick(cells)
                continue
            # Millions of rows: what is plainly well takes the shortest way.
            text = taken[0] if len(taken) == 1 else "".join(taken)
            if len(cells) == width and text.isascii() and "\0" not in text:
                yield line, pick(cells)
            elif cells and (fault := _fault_in(cells, width, text, stray_bytes)):
                lost(*_lost_row(path, line, text, fault, name))
            elif cells:
                yield line, pick(cells)


def _fault_in(cells: Sequence[str], width: int, text: str, stray_bytes: bool) -> str:
    """What is wrong with a row that is CSV; empty when nothing is."""
    if len(cells) != width:
        return f"row of {len(cells)} cells, expected {width}"
    if "\0" in text:
        return "not valid text (a NUL byte)"
    if not stray_bytes and _STRAY_BYTE.search(text):
        return "not UTF-8 text"
    return ""


def _lost_row(
    path: Path, line: int, text: str, fault: str, name: re.Pattern[str]
) -> tuple[InputError, str]:
    cure = "Mend the line, or fetch the file again."
    found = name.search(text)
    return InputError(fault, file=path, line=line, cure=cure), found[0] if found else ""


def _one_by_one(first: int, lines: list[str], reason: str) -> Iterator[tuple[int, list[str], str]]:
    """Line number, cells and fault of lines that are no CSV taken together, each by itself."""
    for line, text in enumerate(lines, start=first):
        try:
            cells = next(csv.reader([text], strict=True)) if len(lines) > 1 else []
        except csv.Error as error:
            cells, reason = [], str(error)
        if cells or text.strip():
            yield line, cells, "" if cells else _not_csv_text(reason)


def _noted(stream: TextIO, taken: list[str]) -> Iterator[str]:
    """The lines, each noted as it is taken, since one row may take several."""
    for text in stream:
        taken.append(text)
        yield text


def _not_csv_text(reason: str) -> str:
    return f"not valid CSV ({reason})" if reason else ""


def _not_csv(path: Path, line: int, reason: str) -> InputError:
    cure = "The file may be cut short; fetch it again."
    return InputError(_not_csv_text(reason), file=path, line=line, cure=cure)


@contextmanager
def _opened(path: Path) -> Iterator[TextIO]:
    try:
        # Spelling out newline="" keeps the csv module's own idea of where a row ends.
        with open_text(path, errors="surrogateescape", newline="") as stream:
            yield stream
    except FileNotFoundError:
        raise InputError("no such file", file=path, cure="Check the corpus folder.") from None


# ---- cells, texts, folders ----------------------------------------------------------------


def open_text(path: Path, *, errors: str, newline: str | None) -> TextIO:
    """A UTF-8 file, past its byte-order mark; Python's own "utf-8-sig" takes a second a million
    lines, for it decodes in Python."""
    stream = path.open(encoding="utf-8", errors=errors, newline=newline)
    if stream.read(1) != "\ufeff":
        stream.seek(0)
    return stream


def number(text: str, what: str) -> int:
    """A whole number from a cell; `InputError` otherwise."""
    try:
        return int(text)
    except ValueError:
        raise InputError(f"bad {what} {text[:60]!r}, expected a whole number") from None


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
