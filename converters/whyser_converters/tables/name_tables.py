"""Makes a table of the names of sound files: the folders and the file names hold the annotation."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from whyser.io.errors import InputError
from whyser.labels.lexicon import lexicon
from whyser_converters.convert.split_names import split_named
from whyser_converters.corpora.tables import Lost
from whyser_converters.tables.name_pattern import NamePattern
from whyser_converters.tables.source import Row, RowSource
from whyser_converters.tables.words import class_of

#: Suffixes of sound and of video files.
SUFFIXES = frozenset(
    (
        *(".wav", ".flac", ".mp3", ".ogg", ".opus", ".m4a", ".aac", ".aif", ".aiff", ".au"),
        *(".sph", ".wma", ".mp4", ".mkv", ".webm", ".mov", ".avi"),
    )
)

#: The column of the file's path, relative to the folder.
PATH_COLUMN = "audio"


def names_source(folder: Path, pattern: str | None = None) -> RowSource:
    """A row for each sound file whose path fits the pattern, such as `{speaker}/{label}_*.wav`.

    Without a pattern it is guessed from folders that are named after labels and splits.

    Raises: `InputError` for a bad pattern, and for a folder in which no file fits.
    """
    found = sounds_in(folder)
    if not found:
        raise InputError("contains no table and no sound file", file=folder, cure="Check the path.")
    pattern = pattern or _guessed(folder, found)
    form = NamePattern(pattern, reserved=(PATH_COLUMN,))
    if not any(map(form.fits, found)):
        raise InputError(
            f"no name of its {len(found):,} sound files has the form {pattern!r}",
            file=folder,
            cure=f"The first one is {found[0]!r}. Give another pattern.",
        )

    def read(wanted: Sequence[str], lost: Lost) -> Iterator[Row]:
        places = [None if name == PATH_COLUMN else name for name in wanted]
        for number, path in enumerate(found, start=1):
            try:
                parts = form.parts(path)
            except InputError as problem:
                lost(problem.at(folder), "")
                continue
            yield number, [path if name is None else parts[name] for name in places]

    meanings = {"audio": PATH_COLUMN}
    return RowSource(folder, (PATH_COLUMN, *form.fields), read, meanings=meanings)


def sounds_in(folder: Path) -> list[str]:
    """Paths of all sound files below, relative to the folder, by file name; without hidden ones."""
    found = []
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        relative = os.path.relpath(place, folder)
        prefix = "" if relative == "." else f"{relative}/"
        found += [
            prefix + name
            for name in names
            if not name.startswith(".") and os.path.splitext(name)[1].lower() in SUFFIXES  # noqa: PTH122, for every clip
        ]
    return sorted(found, key=lambda path: (path.rpartition("/")[2], path))


def _guessed(folder: Path, paths: Sequence[str]) -> str:
    """`{label}/**`, `{split}/{folder2}/{label}/**` or the like, if folders are named so.

    A folder whose name says nothing may be the speaker's: it becomes a column, for --map.
    """
    names = [path.split("/")[:-1] for path in paths]
    depth = min(map(len, names))
    parts, unknown, pattern = [], list[str](), ""
    for place in range(depth):
        values = sorted({one[place] for one in names})
        strange = [value for value in values if not class_of(value, lexicon())]
        if all(map(split_named, values)):
            parts.append("{split}")
        elif not strange:
            parts.append("{label}")
        else:
            parts.append(f"{{folder{place + 1}}}")
            if len(strange) < len(values):
                unknown += strange
                pattern = "*/" * place + "{label}/**"
    if "{label}" in parts:
        return "/".join([*parts, "**"])
    if unknown:
        raise InputError(
            f"has folders that are named after emotions, and others: {unknown[:10]}",
            file=folder,
            cure=f"Give the pattern {pattern!r}, and --merge with the class of the others.",
        )
    raise InputError(
        f"contains no table, and no folder of its {len(paths):,} sound files is named after an "
        "emotion",
        file=folder,
        cure="Give a pattern with a field for the label, such as '{speaker}_{label}_*.wav', by "
        f"--pattern or in a recipe. The first file is {paths[0]!r}.",
    )
