"""Errors whose messages say what is wrong, where, and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path


class WhyserError(Exception):
    """An error that the user can fix; a command prints it and exits with status 1."""


class InputError(WhyserError):
    """Bad input, with file, line and cure.

    >>> print(InputError("bad label 'happpy'", file="ratings.csv", line=418, cure="Write 'happy'."))
    ratings.csv:418: bad label 'happpy'. Write 'happy'.
    """

    def __init__(
        self,
        what: str,
        *,
        file: str | Path | None = None,
        line: int | None = None,
        cure: str | None = None,
    ) -> None:
        self.what, self.file, self.line, self.cure = what, file, line, cure
        super().__init__(what)

    def __str__(self) -> str:
        place = str(self.file) if self.file is not None else ""
        if self.line is not None:
            place += f":{self.line}" if place else f"line {self.line}"
        text = f"{place}: {self.what}" if place else self.what
        return f"{text.rstrip('.')}. {self.cure}" if self.cure else text

    def at(self, file: str | Path, line: int | None = None) -> InputError:
        """The same error with the file and line, which the caller knows.

        An error in another file keeps its place, because the caller's line belongs to this file.
        """
        if self.file is not None and Path(self.file) != Path(file):
            return self
        own_line = self.line if self.line is not None else line
        return InputError(self.what, file=file, line=own_line, cure=self.cure)


class BadInput(WhyserError):
    """All problems of one input, so that the user can fix them at once."""

    SHOWN = 20

    def __init__(self, problems: list[InputError], subject: str) -> None:
        self.problems = problems
        shown = [str(problem) for problem in problems[: self.SHOWN]]
        if len(problems) > self.SHOWN:
            shown.append(f"... and {len(problems) - self.SHOWN:,} more")
        noun = "problem" if len(problems) == 1 else "problems"
        super().__init__("\n".join([*shown, f"{len(problems):,} {noun} in {subject}"]))


class Problems:
    """Collects input errors; `raise_any` raises them all together.

    >>> problems = Problems("labels.csv")
    >>> with problems.caught():
    ...     raise InputError("row is empty", file="labels.csv", line=3)
    >>> problems.raise_any()
    Traceback (most recent call last):
        ...
    whyser.io.errors.BadInput: labels.csv:3: row is empty
    1 problem in labels.csv
    """

    def __init__(self, subject: str | Path) -> None:
        self.subject = str(subject)
        self.found: list[InputError] = []

    def add(self, problem: InputError) -> None:
        self.found.append(problem)

    @contextmanager
    def caught(self) -> Iterator[None]:
        try:
            yield
        except InputError as problem:
            self.add(problem)

    def raise_any(self) -> None:
        if self.found:
            raise BadInput(self.found, self.subject)


def did_you_mean(value: str, known: Iterable[str]) -> str:
    """The cure for a misspelt name.

    >>> did_you_mean("happpy", ["happy", "sad"])
    "Expected one of [happy, sad]. Did you mean 'happy'?"
    """
    names = list(known)
    hint = f"Expected one of [{', '.join(names)}]."
    close = difflib.get_close_matches(value.lower(), names, n=1)
    return f"{hint} Did you mean '{close[0]}'?" if close else hint
