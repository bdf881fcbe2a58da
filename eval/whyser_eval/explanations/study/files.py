"""The raters' files: what the page saves, and which of them count.

A file that the page cannot have written is refused by name. What may happen to honest people (a
file that was sent again, an unfinished study) is counted and reported instead.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from whyser.io.errors import InputError, Problems, did_you_mean
from whyser.io.files import read_record
from whyser_eval.explanations.study.material import (
    CHOICES,
    StudyKey,
    Test,
    digest,
    in_order,
    is_swapped,
    quoted,
)

# A rater's file, which `script/answers.js` writes


class GivenAnswer(BaseModel):
    """One choice of a rater.

    `place` is the item's position in its test, from 0, in the order that the rater saw; `swapped`
    says whether the second candidate was shown first, `milliseconds` how long the item was on the
    screen, `plays` how often the audio was started.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    item: str
    test: Test
    place: Annotated[int, Field(ge=0)]
    swapped: bool
    choice: str
    milliseconds: Annotated[int, Field(ge=0)]
    plays: Annotated[int, Field(ge=0)]


class RaterFile(BaseModel):
    """The answers of one rater in the order of presentation: Test I, then Test II.

    `rater` is the code that the person received or chose; `session` is random and reveals a copy
    under another code. `check` is the digest of all other fields.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["whyser-study-1"]
    study: str
    rater: Annotated[str, Field(min_length=1, max_length=64)]
    session: str
    consented: str
    saved: str
    complete: bool
    answers: tuple[GivenAnswer, ...]
    check: str

    @property
    def is_unchanged(self) -> bool:
        return self.check == digest(self._lines())

    def _lines(self) -> Iterator[str]:
        """The lines that the check covers, as the page joins them."""
        yield from (self.format, self.study, self.rater, self.session, self.consented, self.saved)
        yield "complete" if self.complete else "incomplete"
        for one in self.answers:
            side = "swapped" if one.swapped else "straight"
            numbers = f"{one.milliseconds}|{one.plays}"
            yield f"{one.item}|{one.test}|{one.place}|{side}|{one.choice}|{numbers}"


# Which files count

_AGAIN = "Ask the rater for the file as the page saved it."
_OTHER = "Give the key of that study, or only the files of this one."
_SUBJECT = "the raters' files; --skip-bad goes on without them"
_RATER_FILE = TypeAdapter(RaterFile)


@dataclass(frozen=True)
class SavedFile:
    """A rater's file and its path."""

    path: Path
    file: RaterFile

    @property
    def rater(self) -> str:
        return self.file.rater

    @property
    def items(self) -> set[str]:
        return {one.item for one in self.file.answers}


@dataclass
class CollectedFiles:
    """`files` are counted, one per rater; `left_out` gives the reason for every other file."""

    files: list[SavedFile] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    refused: Problems = field(default_factory=lambda: Problems(_SUBJECT))

    def leave(self, path: Path, why: str) -> None:
        self.left_out.append(f"{path}: {why}")

    def refuse(self, group: Sequence[SavedFile], what: str) -> None:
        paths = ", ".join(str(one.path) for one in group)
        cure = "Give only the file that counts."
        self.refused.add(InputError(f"{what}: {paths}", file=group[0].path, cure=cure))


def collect(
    paths: Sequence[Path],
    key: StudyKey,
    *,
    without: Collection[str] = (),
    keeps_incomplete: bool = False,
    skips_bad: bool = False,
) -> CollectedFiles:
    """The files that are counted.

    Args:
        paths: files, and folders of files that end in .json
        without: raters whose files are not counted
        keeps_incomplete: whether to count files with missing answers
        skips_bad: whether to leave out invalid files instead of raising an error

    Raises: `BadInput` with every refused file, `InputError` for an unknown rater in `without`, and
    if no file is left.
    """
    found = CollectedFiles()
    sound = list(_sound(rater_files(paths), key, set(without), found))
    for saved in sorted(_single(sound, found), key=lambda one: one.rater):
        given, asked = len(saved.file.answers), len(key.answers)
        if given == asked or (keeps_incomplete and given):
            found.files.append(saved)
        else:
            found.leave(saved.path, f"rater {saved.rater!r} answered {given:,} of {asked:,} items")
    if skips_bad:
        found.left_out += map(str, found.refused.found)
    else:
        found.refused.raise_any()
    if not found.files:
        told = "".join(f"\n{line}" for line in found.left_out)
        raise InputError(f"no rater's file is left{told}", cure="See --keep-incomplete.")
    return found


def rater_files(paths: Sequence[Path]) -> list[Path]:
    """The given files and those of every folder, without duplicates.

    Raises: `InputError` for a path that does not exist, and for a folder without such files.
    """
    found: dict[Path, Path] = {}
    for path in paths:
        files = [path]
        if not path.exists():
            raise InputError("no such file or folder", file=path, cure="Check the path.")
        if path.is_dir():
            there = (one for one in sorted(path.iterdir()) if one.suffix.lower() == ".json")
            files = [one for one in there if not one.name.startswith(".")]
            if not files:
                cure = "Give the folder with the raters' files."
                raise InputError("contains no .json file", file=path, cure=cure)
        for file in files:
            found.setdefault(file.resolve(), file)
    return list(found.values())


def _sound(
    paths: Sequence[Path], key: StudyKey, without: set[str], found: CollectedFiles
) -> Iterator[SavedFile]:
    """The files that the page can have written."""
    raters = set()
    for path in paths:
        with found.refused.caught():
            file = read_record(path, _RATER_FILE, cure=_AGAIN)
            raters.add(file.rater)
            if file.rater in without:
                found.leave(path, f"rater {file.rater!r} by --leave-out")
                continue
            if file.is_unchanged and file.study != key.study:
                what = f"belongs to study {file.study!r}, the key to {key.study!r}"
                raise InputError(what, file=path, cure=_OTHER)
            # One problem a file, so that no file hides the others.
            if faults := list(_faults(file, key)):
                more = f" (and {len(faults) - 1:,} more)" if len(faults) > 1 else ""
                raise InputError(faults[0] + more, file=path, cure=_AGAIN)
            yield SavedFile(path, file)
    for rater in sorted(without - raters):
        # People typed the names: one with control characters is quoted.
        known = sorted(one if one.isprintable() else repr(one) for one in raters)
        raise InputError(f"--leave-out: no rater {rater!r}", cure=did_you_mean(rater, known))


# One file


def _faults(file: RaterFile, key: StudyKey) -> Iterator[str]:
    """Everything that the page cannot have written."""
    if not file.is_unchanged:
        yield "was changed after the page saved it"
        return
    known = {one.item: one for one in key.answers}
    answered: set[str] = set()
    for given in file.answers:
        if given.item not in known:
            yield f"item {given.item!r} is not in the key"
        elif given.item in answered:
            yield f"item {given.item!r} has two answers"
        elif given.test != known[given.item].test:
            yield f"item {given.item!r} does not belong to test {given.test!r}"
        elif given.choice not in CHOICES[given.test]:
            expected = " or ".join(CHOICES[given.test])
            yield f"item {given.item!r}: choice {given.choice!r}, expected {expected}"
        answered.add(given.item)
    if not known.keys() >= answered:
        return
    yield from _misplaced(file, key)
    if file.complete and (lacking := len(known.keys() - answered)):
        yield f"is marked complete but lacks {lacking:,} of {len(known):,} answers"


def _misplaced(file: RaterFile, key: StudyKey) -> Iterator[str]:
    """Checks that order and sides match the rater's code."""
    shown = shown_to(file.rater, key)
    answered = {given.item: given.place for given in file.answers}
    if list(answered.items()) != [(item, place) for item, place in shown if item in answered]:
        yield f"order differs from that shown to rater {file.rater!r}"
    wrong = sum(
        given.swapped != (given.test == "prefer" and is_swapped(file.study, file.rater, given.item))
        for given in file.answers
    )
    if wrong:
        yield f"sides differ from those shown to rater {file.rater!r} ({wrong:,} items)"


def shown_to(rater: str, key: StudyKey) -> list[tuple[str, int]]:
    """The items in this rater's order, Test I before Test II, with their positions in the test."""
    shown: list[tuple[str, int]] = []
    for test in CHOICES:
        items = (one.item for one in key.answers if one.test == test)
        shown += [(item, place) for place, item in enumerate(in_order(key.study, rater, items))]
    return shown


# Duplicate files


def _single(files: Sequence[SavedFile], found: CollectedFiles) -> list[SavedFile]:
    """One file per rater: the last save, if it has all items of the earlier ones.

    Raters may change their choices, so a later save of the same session counts. Two sessions of
    one rater and one session under two codes are refused: it is unclear which one counts.
    """
    kept, bad = [], set()
    for session, group in _grouped(files, lambda one: one.file.session).items():
        raters = sorted({one.rater for one in group})
        if len(raters) > 1:
            found.refuse(group, f"session {session!r} is used by the raters {quoted(raters)}")
            bad.update(raters)
    for rater, group in _grouped(files, lambda one: one.rater).items():
        last = max(group, key=lambda one: (one.file.saved, len(one.file.answers)))
        if not all(_holds(last, one) for one in group):
            found.refuse(group, f"rater {rater!r} has files with different answers")
        elif rater not in bad:
            kept.append(last)
            for one in group:
                if one is not last:
                    what = "the same as" if one.file == last.file else "an earlier save of"
                    found.leave(one.path, f"{what} {last.path}")
    return kept


def _grouped(
    files: Sequence[SavedFile], by: Callable[[SavedFile], str]
) -> dict[str, list[SavedFile]]:
    groups: defaultdict[str, list[SavedFile]] = defaultdict(list)
    for one in files:
        groups[by(one)].append(one)
    return groups


def _holds(last: SavedFile, other: SavedFile) -> bool:
    """Whether `last` is the same save, or a later one of the same session with all its items."""
    if last.file.session != other.file.session:
        return False
    if last.file.saved == other.file.saved:
        return last.file == other.file
    return other.items <= last.items
