"""Makes a table of the names of sound files: the folders and the file names hold the annotation."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Sequence
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

#: A field with its width, a star, literal text, or a brace that belongs to nothing.
_PART = re.compile(r"\{(\w+)(?::(\d+))?\}|(\*+)|([^{}*]+)|([{}])")


def names_source(folder: Path, pattern: str | None = None) -> RowSource:
    """A row for each sound file whose path fits the pattern, such as `{speaker}/{label}_*.wav`.

    Without a pattern it is guessed from folders that are named after labels and splits.

    Raises: `InputError` for a bad pattern, and for a folder in which no file fits.
    """
    found = sounds_in(folder)
    if not found:
        raise InputError("contains no table and no sound file", file=folder, cure="Check the path.")
    pattern = pattern or _guessed(folder, found)
    form, fields = compiled_pattern(pattern, reserved=(PATH_COLUMN,))
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
                lost(InputError(f"{path!r} has not the form {pattern!r}", file=folder), "")

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


def compiled_pattern(
    pattern: str, *, reserved: Collection[str] = ()
) -> tuple[re.Pattern[str], list[str]]:
    """The expression of a pattern, and its fields.

    A field in braces stands for the shortest text without a slash that fits, or with a width,
    `{label:1}`, for so many characters; `*` is any text without a slash, and `**` any text. A
    pattern without a slash is about the last part of a path.

    Raises: `InputError` for a bad field, and for two of which nobody knows where one ends.

    >>> form, fields = compiled_pattern("{speaker:2}{text:3}{label:1}*")
    >>> form.fullmatch("wav/03a01Wa.wav")["label"], fields
    ('W', ['speaker', 'text', 'label'])
    """
    parts, fields, is_open = [], list[str](), False
    if "/" not in pattern and "**" not in pattern:
        parts.append("(?:.*/)?")
    for field, width, star, literal, stray in _PART.findall(pattern):
        if stray or (field and (field[0].isdigit() or field in reserved)):
            what = f"bad pattern {pattern!r}: {stray or field!r}"
            raise InputError(what, cure="Write fields as in {speaker}/{label}_*.wav.")
        has_width = bool(literal or width)
        if is_open and not has_width:
            what = f"bad pattern {pattern!r}: nothing shows where the field before "
            what += f"{field or star!r} ends"
            cure = "Put a mark between them, or give the width, as in {speaker:2}{label}."
            raise InputError(what, cure=cure)
        is_open = bool(field) and not width
        if not field:
            parts.append((".*" if len(star) > 1 else "[^/]*") if star else re.escape(literal))
        elif field in fields:
            parts.append(f"(?P={field})")
        else:
            fields.append(field)
            parts.append(f"(?P<{field}>[^/]{{{width}}})" if width else f"(?P<{field}>[^/]+?)")
    # Copies that have been on a memory card have .WAV.
    return re.compile("".join(parts), re.IGNORECASE | re.DOTALL), fields


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
