"""The raters' files held against the key: which count, which are left out, which are refused.

A file that the page did not write so is refused by name. What may happen to honest people (a file
sent twice, a study left half way) is counted and told instead.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import TypeAdapter

from whyser.io.errors import InputError, Problems, did_you_mean
from whyser.io.files import read_record
from whyser_eval.explanations.study.answers import Given, RaterFile
from whyser_eval.explanations.study.material import CHOICES, Answer, Key, read_key
from whyser_eval.explanations.study.order import in_order, is_swapped

_AGAIN = "Ask the rater for the file as the page saved it."
_OTHER = "Give the key of that study, or only the files of this one."
_ONE = "Give only the file that counts."
_SUBJECT = "the raters' files; --skip-bad goes on without them"
_RATER_FILE = TypeAdapter(RaterFile)


@dataclass(frozen=True)
class Saved:
    """A rater's file and where it lies."""

    path: Path
    file: RaterFile

    @property
    def rater(self) -> str:
        return self.file.rater

    @property
    def items(self) -> set[str]:
        return {one.item for one in self.file.answers}


@dataclass
class Collected:
    """`files`, one a rater, count; `left_out` says of every other one why it does not."""

    files: list[Saved] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    refused: Problems = field(default_factory=lambda: Problems(_SUBJECT))

    def leave(self, path: Path, why: str) -> None:
        self.left_out.append(f"{path}: {why}")

    def refuse(self, path: Path, what: str, cure: str) -> None:
        self.refused.add(InputError(what, file=path, cure=cure))


def collect(
    paths: Sequence[Path],
    key: Key,
    *,
    without: Collection[str] = (),
    keeps_incomplete: bool = False,
    skips_bad: bool = False,
) -> Collected:
    """The files that figures are told of.

    Args:
        paths: files, and folders of files that end in .json
        without: raters whose files do not count, whatever they hold
        keeps_incomplete: whether files count that lack answers
        skips_bad: whether refused files are left out, rather than all of them raised

    Raises: `BadInput` with every refused file, `InputError` for a rater of `without` that there is
    not, and where no file is left.
    """
    found = Collected()
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
    """The files, and those of every folder, each once.

    Raises: `InputError` for a path that leads nowhere, and for a folder without any.
    """
    found: dict[Path, Path] = {}
    for path in paths:
        files = [path]
        if not path.exists():
            raise InputError("no such file or folder", file=path, cure="Check the path.")
        if path.is_dir():
            files = [
                one
                for one in sorted(path.iterdir())
                if one.suffix.lower() == ".json" and not one.name.startswith(".")
            ]
            if not files:
                cure = "Give the folder of what raters sent."
                raise InputError("holds no .json file", file=path, cure=cure)
        for file in files:
            found.setdefault(file.resolve(), file)
    return list(found.values())


def _sound(paths: Sequence[Path], key: Key, without: set[str], found: Collected) -> Iterator[Saved]:
    """The files that are as the page writes them."""
    raters = set()
    for path in paths:
        with found.refused.caught():
            file = read_record(path, _RATER_FILE, cure=_AGAIN)
            raters.add(file.rater)
            if file.rater in without:
                found.leave(path, f"rater {file.rater!r} by --leave-out")
                continue
            if file.is_unchanged and file.study != key.study:
                what = f"is of study {file.study!r}, the key is of {key.study!r}"
                raise InputError(what, file=path, cure=_OTHER)
            # One problem a file, so that no file hides the others.
            if faults := list(_faults(file, key)):
                more = f" (and {len(faults) - 1:,} more)" if len(faults) > 1 else ""
                raise InputError(faults[0] + more, file=path, cure=_AGAIN)
            yield Saved(path, file)
    for rater in sorted(without - raters):
        # Names as people typed them: one that would command the terminal is quoted.
        known = sorted(one if one.isprintable() else repr(one) for one in raters)
        raise InputError(f"--leave-out: no rater {rater!r}", cure=did_you_mean(rater, known))


# One file


def _faults(file: RaterFile, key: Key) -> Iterator[str]:
    """All that the page would not have written."""
    if not file.is_unchanged:
        yield "was changed after the page saved it"
        return
    known = {one.item: one for one in key.answers}
    answered: set[str] = set()
    for given in file.answers:
        if given.item not in known:
            yield f"item {given.item!r} is not in the key"
        elif given.item in answered:
            yield f"item {given.item!r} is answered twice"
        elif given.test != known[given.item].test:
            yield f"item {given.item!r} is of the other test than {given.test!r}"
        elif given.choice not in CHOICES[given.test]:
            expected = " or ".join(CHOICES[given.test])
            yield f"item {given.item!r}: choice {given.choice!r}, expected {expected}"
        answered.add(given.item)
    if not known.keys() >= answered:
        return
    yield from _misplaced(file, key)
    if file.complete and (lacking := len(known.keys() - answered)):
        yield f"calls itself complete and lacks {lacking:,} of {len(known):,} answers"


def _misplaced(file: RaterFile, key: Key) -> Iterator[str]:
    """Whether the order and the sides are those that the rater's code gives."""
    shown = shown_to(file.rater, key)
    answered = {given.item: given.place for given in file.answers}
    if list(answered.items()) != [(item, place) for item, place in shown if item in answered]:
        yield f"order is not that shown to rater {file.rater!r}"
    wrong = sum(given.swapped != _swapped(given, file) for given in file.answers)
    if wrong:
        yield f"sides are not those shown to rater {file.rater!r} ({wrong:,} items)"


def shown_to(rater: str, key: Key) -> list[tuple[str, int]]:
    """Items as this rater saw them, Test I before Test II, and the place of each in its test."""
    return [
        (item, place)
        for test in CHOICES
        for place, item in enumerate(
            in_order(key.study, rater, (one.item for one in key.answers if one.test == test))
        )
    ]


def _swapped(given: Given, file: RaterFile) -> bool:
    return given.test == "prefer" and is_swapped(file.study, file.rater, given.item)


# Files among each other


def _single(files: Sequence[Saved], found: Collected) -> list[Saved]:
    """One file a rater: the last that was saved, where it holds all items that the others do.

    Whoever goes back may choose anew, so a later save of one session counts. Two sessions of one
    rater, and one session under two codes, are refused together: nobody can tell which is meant.
    """
    kept, bad = [], set()
    for session, group in _grouped(files, lambda one: one.file.session).items():
        raters = sorted({one.rater for one in group})
        if len(raters) > 1:
            what = f"one session, {session!r}, under the raters {_named(raters)}: {_paths(group)}"
            found.refuse(group[0].path, what, _ONE)
            bad.update(raters)
    for rater, group in _grouped(files, lambda one: one.rater).items():
        last = max(group, key=lambda one: (one.file.saved, len(one.file.answers)))
        if not all(_holds(last, one) for one in group):
            what = f"rater {rater!r} answered otherwise elsewhere: {_paths(group)}"
            found.refuse(group[0].path, what, _ONE)
        elif rater not in bad:
            kept.append(last)
            for one in group:
                if one is not last:
                    alike = one.file == last.file
                    what = "the same as" if alike else "an earlier save of"
                    found.leave(one.path, f"{what} {last.path}")
    return kept


def _grouped(files: Sequence[Saved], by: Callable[[Saved], str]) -> dict[str, list[Saved]]:
    groups: defaultdict[str, list[Saved]] = defaultdict(list)
    for one in files:
        groups[by(one)].append(one)
    return groups


def _holds(last: Saved, other: Saved) -> bool:
    """Whether this is the same save, or a later one of the session that lacks none of its items."""
    if last.file.session != other.file.session:
        return False
    if last.file.saved == other.file.saved:
        return last.file == other.file
    return other.items <= last.items


def _named(names: Sequence[str]) -> str:
    return " and ".join(map(repr, names))


def _paths(group: Sequence[Saved]) -> str:
    return ", ".join(str(one.path) for one in group)


# The key


def read_whole_key(path: Path) -> Key:
    """The key, if figures can be told by it.

    Raises: `InputError` for a missing or a broken file, and for a key without items, with one
    twice, or with one that names no system to prefer.
    """
    key = read_key(path)
    if not any(one.expected is None for one in key.answers):
        raise InputError("holds no items", file=path, cure=_KEY)
    seen: set[str] = set()
    for one in key.answers:
        if fault := "stands twice" if one.item in seen else _key_fault(one, key):
            raise InputError(f"item {one.item!r} {fault}", file=path, cure=_KEY)
        seen.add(one.item)
    return key


_KEY = "Give the key as whyser-eval study make wrote it."


def _key_fault(one: Answer, key: Key) -> str | None:
    if one.expected is not None:
        known = one.expected in CHOICES[one.test]
        return None if known else f"expects {one.expected!r}, which nobody can choose"
    # Who wrote the references may differ from pair to pair.
    wrong_length = len(one.systems) != {"accept": 1, "prefer": 2}[one.test]
    if wrong_length or len(set(one.systems)) != len(one.systems):
        return f"has the systems {_named(one.systems)}"
    if key.system not in one.systems:
        return f"is of {_named(one.systems)}, the study is of {key.system!r}"
    return None
