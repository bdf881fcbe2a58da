"""Makes a table of the names of sound files: the folders and the file names hold the annotation."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from whyser.io.errors import InputError
from whyser.labels.lexicon import lexicon
from whyser_converters.corpora.tables import Lost
from whyser_converters.tables.source import Row, RowSource, split_named
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

_FIELD = re.compile(r"\{(\w+)\}|(\*+)|([^{}*]+)|([{}])")


def names_source(folder: Path, pattern: str | None = None) -> RowSource:
    """A row for each sound file whose path fits the pattern, such as `{speaker}/{label}_*.wav`.

    A field in braces is a column, and stands for any text without a slash; `*` is any such text.
    Without a pattern it is guessed from folders that are named after labels and splits.

    Raises: `InputError` for a bad pattern, and for a folder in which no file fits.
    """
    found = sounds_in(folder)
    if not found:
        raise InputError("contains no table and no sound file", file=folder, cure="Check the path.")
    pattern = pattern or _guessed(folder, found)
    form, fields = _compiled(pattern)
    if not any(form.fullmatch(path) for path in found):
        raise InputError(
            f"no name of its {len(found):,} sound files has the form {pattern!r}",
            file=folder,
            cure=f"The first one is {found[0]!r}. Give another pattern.",
        )

    def read(wanted: Sequence[str], lost: Lost) -> Iterator[Row]:
        places = [None if name == PATH_COLUMN else name for name in wanted]
        for number, path in enumerate(found, start=1):
            if match := form.fullmatch(path):
                yield number, [path if name is None else match[name] for name in places]
            else:
                what = f"its name has not the form {pattern!r}"
                lost(InputError(what, file=folder / path), "")

    meanings = {"audio": PATH_COLUMN}
    return RowSource(folder, (PATH_COLUMN, *fields), read, meanings=meanings)


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


def _compiled(pattern: str) -> tuple[re.Pattern[str], list[str]]:
    parts, fields = [], list[str]()
    for field, star, literal, stray in _FIELD.findall(pattern):
        if stray or (field and (field[0].isdigit() or field == PATH_COLUMN)):
            what = f"bad pattern {pattern!r}: {stray or field!r}"
            raise InputError(what, cure="Write fields as in {speaker}/{label}_*.wav.")
        if not field:
            parts.append("[^/]*" if star else re.escape(literal))
        elif field in fields:
            parts.append(f"(?P={field})")
        else:
            fields.append(field)
            parts.append(f"(?P<{field}>[^/]+?)")
    # Copies that have been on a memory card have .WAV.
    return re.compile("".join(parts), re.IGNORECASE), fields


def _guessed(folder: Path, paths: Sequence[str]) -> str:
    """`{label}/*`, `{split}/{label}/*` or the like, if the folders' names say what they are."""
    depths = Counter(path.count("/") for path in paths)
    ((depth, _),) = depths.most_common(1)
    parts = []
    names = [path.split("/") for path in paths if path.count("/") == depth]
    for place in range(depth):
        values = {one[place] for one in names}
        if all(map(split_named, values)):
            parts.append("{split}")
        elif all(class_of(value, lexicon()) for value in values):
            parts.append("{label}")
        else:
            parts.append("*")
    if "{label}" not in parts:
        raise InputError(
            f"contains no table, and no folder of its {len(paths):,} sound files is named after an "
            "emotion",
            file=folder,
            cure="Give a pattern with a field for the label, such as '{speaker}_{label}_*.wav', by "
            f"--pattern or in a recipe. The first file is {paths[0]!r}.",
        )
    return "/".join([*parts, "*"])
