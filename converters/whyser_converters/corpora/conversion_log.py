"""Records what a converter kept, dropped and did not use, and every fault that it found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from whyser.io.errors import InputError
from whyser.labels.attributes import Attribute
from whyser.labels.votes import majority
from whyser.records.utterance import input_error


class LeftOut(Exception):
    """Ends a `ConversionLog.candidate` block for this reason, without a new fault."""


class ConsensusDifference(NamedTuple):
    """A published majority label that differs from the votes'; None means no agreement."""

    utterance: str
    published: str | None
    recomputed: str | None
    votes: str


class AttributeDifference(NamedTuple):
    """A published mean of an attribute that differs from the votes'."""

    utterance: str
    attribute: Attribute
    published: float
    recomputed: float


#: Published means are rounded; the coarsest has three decimals.
_ROUNDED = 1e-3


class ConversionLog:
    """Counts what happened to everything that was read, so that every dropped item is reported.

    A candidate is what should become one utterance: a row of the corpus' main table, or a file.
    Every candidate is kept or dropped for one reason, so `read` = kept + dropped. Lines and files
    that belong to no utterance are `unused`. Faults are collected in `problems`; a `strict` log
    raises the first one. Converters use a strict log when the caller passes none.
    """

    def __init__(self, *, strict: bool = False) -> None:
        self.strict = strict
        self.read = 0
        self.dropped: Counter[str] = Counter()
        self.unused: Counter[str] = Counter()
        self.problems: list[InputError] = []
        self.notes: list[str] = []
        self.compared = 0
        self.differences: list[ConsensusDifference] = []
        self.compared_means = 0
        self.attribute_differences: list[AttributeDifference] = []
        self._spoiled: dict[str, str] = {}
        self._first_line: dict[str, int | None] = {}

    def candidate(self, file: Path, line: int | None = None) -> _PartBlock:
        """A `with` block that converts one utterance; a fault inside drops that utterance."""
        self.read += 1
        return _PartBlock(self, file, line, None, is_candidate=True)

    def part(self, file: Path, line: int | None, of: str | None = None) -> _PartBlock:
        """A `with` block that reads a line about the utterance `of`; a fault inside drops it."""
        return _PartBlock(self, file, line, of, is_candidate=False)

    def lost_candidate(self, problem: InputError, _name: str = "") -> None:
        """Counts a candidate whose line is too broken to have a name."""
        self.read += 1
        self.lose(problem, _faulty_line(problem))

    def lost_part(self, problem: InputError, name: str | None) -> None:
        """Notes a faulty line about `name`; its utterance is dropped when it is read."""
        self.report(problem)
        if name:
            self._spoiled.setdefault(name.strip(), _faulty_line(problem))
        else:
            self.unused[_faulty_line(problem)] += 1

    def lose(self, problem: InputError, reason: str) -> None:
        """Drops a candidate because of a fault."""
        self.report(problem)
        self.drop(reason)

    def report(self, problem: InputError) -> None:
        """Collects a fault; a strict log raises it."""
        if self.strict:
            raise problem
        self.problems.append(problem)

    def drop(self, reason: str, count: int = 1) -> None:
        """Counts candidates without an utterance; a count of 0 adds nothing."""
        if count:
            self.dropped[reason] += count

    def leave_unused(self, what: str, count: int = 1) -> None:
        """Counts lines or files that belong to no utterance; a count of 0 adds nothing."""
        if count:
            self.unused[what] += count

    def note(self, text: str) -> None:
        """Adds something that a user should know and that is not a fault."""
        self.notes.append(text)

    def note_count(self, count: int, what: str) -> None:
        """Adds a note with the count, unless it is 0."""
        if count:
            self.note(f"{what}: {count:,}")

    def refuse_spoiled(self, name: str) -> None:
        """Ends the candidate of this name if a line about it was faulty."""
        reason = self._spoiled.pop(name, None)
        if reason is not None:
            raise LeftOut(reason)

    def once(self, utterance_id: str, line: int | None = None) -> str:
        """Returns the id. Raises: `InputError` when the id was seen before."""
        if utterance_id in self._first_line:
            first = self._first_line[utterance_id]
            where = "" if first is None else f" (first on line {first})"
            raise InputError(
                f"duplicate id {utterance_id!r}{where}", cure="Keep one of the two entries."
            )
        self._first_line[utterance_id] = line
        return utterance_id

    def compare_consensus(
        self, utterance_id: str, published: str | None, votes: Sequence[str]
    ) -> None:
        """Recomputes the majority label from the votes, all in the corpus' own codes."""
        if not votes:
            return
        self.compared += 1
        ordered = tuple(sorted(votes))
        recomputed = _majority(ordered)
        if recomputed != published:
            difference = ConsensusDifference(utterance_id, published, recomputed, " ".join(ordered))
            self.differences.append(difference)

    def compare_means(
        self,
        utterance_id: str,
        published: Mapping[str, float],
        recomputed: Mapping[Attribute, float],
    ) -> None:
        """Compares the means of the attributes that both have."""
        for name, mean in recomputed.items():
            if name in published:
                self.compared_means += 1
                if abs(mean - published[name]) > _ROUNDED:
                    self.attribute_differences.append(
                        AttributeDifference(utterance_id, name, published[name], round(mean, 6))
                    )

    def lost_value(self, problem: InputError) -> None:
        """Notes a value of an attribute that is lost, which costs neither vote nor utterance."""
        self.report(problem)
        self.leave_unused("value of an attribute that is not on its scale")

    def close(self) -> None:
        """Counts faulty lines about utterances that were never read as unused."""
        self.unused.update(self._spoiled.values())
        self._spoiled.clear()


# The same few thousand sets of votes recur.
_majority = cache(majority)


def _faulty_line(problem: InputError) -> str:
    return f"faulty line in {Path(str(problem.file)).name}"


# A class, because contextlib takes four times as long, and there are millions of lines.
class _PartBlock:
    __slots__ = ("file", "is_candidate", "line", "log", "of")

    def __init__(
        self, log: ConversionLog, file: Path, line: int | None, of: str | None, is_candidate: bool
    ) -> None:
        self.log, self.file, self.line, self.of = log, file, line, of
        self.is_candidate = is_candidate

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> bool:
        if error is None:
            return False
        if isinstance(error, LeftOut) and self.is_candidate:
            self.log.drop(str(error))
            return True
        if isinstance(error, ValidationError):
            error = input_error(error)
        if not isinstance(error, InputError):
            return False
        problem = error.at(self.file, self.line)
        if self.is_candidate:
            self.log.lose(problem, _faulty_line(problem))
        else:
            self.log.lost_part(problem, self.of)
        return True
