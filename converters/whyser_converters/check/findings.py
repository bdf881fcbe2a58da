"""Collects the faults of a check by severity and kind, so that a frequent fault hides no other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from whyser.io.errors import InputError, WhyserError


@dataclass(frozen=True)
class CheckFault:
    """What is wrong, and its cure. `kind` is the plural for all faults like it: `silent clips`.

    A fault that `warns` lowers quality; any other breaks a run or spoils it silently.
    """

    kind: str
    what: str
    cure: str
    warns: bool = False

    def of(self, owner: str) -> CheckFault:
        """The same fault, with its owner (a row, a file) in front."""
        return replace(self, what=f"{owner}: {self.what}")


class Findings:
    """Collects the faults of one check; `subject` is what the user asked to check.

    >>> findings = Findings("rows.json")
    >>> findings.add(CheckFault("silent clips", "row 3: a.wav is silent", "Drop it."), "rows.json")
    >>> findings.raise_any()
    Traceback (most recent call last):
        ...
    whyser.io.errors.WhyserError: rows.json: row 3: a.wav is silent. Drop it.
    1 problem in rows.json
    """

    #: Lines shown per kind.
    SHOWN = 10

    def __init__(self, subject: str) -> None:
        self.subject = subject
        self.notes: list[str] = []
        self._problems: dict[str, list[InputError]] = defaultdict(list)
        self._warnings: dict[str, list[InputError]] = defaultdict(list)

    def add(self, fault: CheckFault, file: Path | str, line: int | None = None) -> None:
        found = self._warnings if fault.warns else self._problems
        found[fault.kind].append(InputError(fault.what, file=file, line=line, cure=fault.cure))

    def add_all(self, faults: Iterable[CheckFault], file: Path | str) -> None:
        for fault in faults:
            self.add(fault, file)

    @contextmanager
    def caught(self, kind: str) -> Iterator[None]:
        """Turns an `InputError` of the block into a problem of that kind."""
        try:
            yield
        except InputError as problem:
            self._problems[kind].append(problem)

    def __len__(self) -> int:
        """The number of problems; warnings do not count."""
        return sum(map(len, self._problems.values()))

    @property
    def problems(self) -> list[str]:
        """Lines for the user, at most `SHOWN` of each kind; empty when nothing is wrong."""
        return _lines(self._problems, self.SHOWN)

    @property
    def warnings(self) -> list[str]:
        return _lines(self._warnings, self.SHOWN)

    def raise_any(self) -> None:
        """Raises: `WhyserError` with the problems, when there are any."""
        if count := len(self):
            noun = "problem" if count == 1 else "problems"
            raise WhyserError("\n".join([*self.problems, f"{count:,} {noun} in {self.subject}"]))


def _lines(found: Mapping[str, Sequence[InputError]], shown: int) -> list[str]:
    lines: list[str] = []
    for kind, errors in found.items():
        lines += map(str, errors[:shown])
        if len(errors) > shown:
            lines.append(f"... and {len(errors) - shown:,} more {kind}")
    return lines
