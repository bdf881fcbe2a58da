"""Finds the tables of a corpus: one file, or a folder in one of the usual layouts."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from whyser.io.errors import InputError
from whyser.io.files import read_json
from whyser_converters.convert.split_names import split_named, split_of_name
from whyser_converters.tables.arrow_tables import arrow_source
from whyser_converters.tables.audformat import HEADER, audformat_sources
from whyser_converters.tables.name_tables import names_source, sounds_in
from whyser_converters.tables.source import RowSource
from whyser_converters.tables.text_tables import (
    PLAIN,
    TextForm,
    csv_source,
    json_lines_source,
    json_source,
)

#: Text whose columns and encoding a `TextForm` may state.
_CSV = (".csv", ".tsv", ".txt")
_OPENERS: dict[str, Callable[[Path], RowSource]] = {
    **dict.fromkeys(_CSV, csv_source),
    ".jsonl": json_lines_source,
    ".ndjson": json_lines_source,
    ".json": json_source,
    ".parquet": arrow_source,
    ".arrow": arrow_source,
}

#: In a folder; a text or a JSON file there may be anything, such as a licence or a label map.
_IN_FOLDERS = (".csv", ".tsv", ".jsonl", ".parquet", ".arrow")

#: Of EmoBox: code -> word.
_LABEL_MAP = "label_map.json"
#: How `datasets` numbers the files of one table, from 0 on; the hub has put a hash behind it.
_PART = re.compile(r"-(\d{5})-of-(\d{5})(?:-[0-9a-f]+)?$")

#: Where `datasets` and the hub put tables, besides folders of a split's name.
_DATA = "data"


def sources_at(
    place: Path,
    *,
    pattern: str | None = None,
    table: str | None = None,
    form: TextForm = PLAIN,
) -> list[RowSource]:
    """The tables at a path: of a file that file, and of a folder those of its layout.

    Args: `pattern` makes rows of the names of sound files; `table` names one of audformat's; `form`
        says of CSV files what they do not say themselves.

    Raises: `InputError` for a file of an unknown kind, and for a folder without tables or with
        several of which no splits are known.
    """
    if place.name == HEADER:
        place = place.parent
    if place.is_file():
        if pattern:
            what = "is a file, and a pattern reads the names of files in a folder"
            raise InputError(what, file=place, cure="Give the folder, or no pattern.")
        return [opened(place, form)]
    if not place.is_dir():
        raise InputError("no such file or folder", file=place, cure="Check the path.")
    if pattern:
        return [names_source(place, pattern)]
    if (place / HEADER).is_file():
        return audformat_sources(place, table)
    if table:
        what = f"has no {HEADER}, so it has no table {table!r}"
        raise InputError(what, file=place, cure="Give a folder of audformat, or no --table.")
    found = _tables_in(place)
    if not found:
        return [_names_in(place)]
    _refuse_missing_part(found)
    if len(found) > 1 and not _belong_together(found):
        odd = [path for path in found if not split_of_name(path)] or found
        listed = ", ".join(str(path.relative_to(place)) for path in odd[:20])
        raise InputError(
            f"has {len(found):,} tables, and these name no split: {listed}",
            file=place,
            cure="Give the file instead of the folder, or name each file after its split.",
        )
    return [opened(path, form) for path in found]


def table_files(place: Path, *, pattern: str | None = None) -> list[Path]:
    """The files whose content, or else whose names, `sources_at` makes rows of; none is opened."""
    folder = place.parent if place.name == HEADER else place
    if (folder / HEADER).is_file() and not pattern:
        return sorted(folder.glob("db.*"))
    tables = [folder] if folder.is_file() else [] if pattern else _tables_in(folder)
    if not tables:
        return [folder / path for path in sounds_in(folder)]
    return [*tables, *dict.fromkeys(filter(None, map(_label_map, tables)))]


def _names_in(folder: Path) -> RowSource:
    try:
        return names_source(folder)
    except InputError as problem:
        below = sorted(path.name for path in folder.iterdir() if path.is_dir() and _tables_in(path))
        if not below:
            raise _with_texts(problem, folder) from None
        raise InputError(
            f"contains no table, and these folders in it do: {', '.join(below[:20])}",
            file=problem.file,
            cure="Give one of them.",
        ) from None


def _with_texts(problem: InputError, folder: Path) -> InputError:
    """The problem, with the files of the folder that may be tables and may be anything."""
    texts = sorted(
        path.name for path in folder.iterdir()
        if path.suffix.lower() in _OPENERS and path.is_file() and not path.name.startswith(".")
    )  # fmt: skip
    if not texts:
        return problem
    cure = f"{problem.cure} If one of these files is a table, give it: {', '.join(texts[:20])}."
    return InputError(problem.what, file=problem.file, cure=cure)


def opened(path: Path, form: TextForm = PLAIN) -> RowSource:
    """Raises: `InputError` for a file of an unknown kind, and one that its opener refuses."""
    opener = _OPENERS.get(path.suffix.lower())
    if opener is None:
        raise InputError(
            f"is no table: its name ends in {path.suffix!r}",
            file=path,
            cure=f"Expected one of [{', '.join(_OPENERS)}], or a folder.",
        )
    if path.suffix.lower() in _CSV:
        return csv_source(path, form)
    if form.columns:
        what = "is no CSV file, and only those have no names for their columns"
        raise InputError(what, file=path, cure="Give no --columns.")
    source = opener(path)
    if opener is json_lines_source:
        return replace(source, label_names=_label_names(path))
    return source


def _label_names(path: Path) -> dict[str, str]:
    """What EmoBox says of the codes of a corpus."""
    place = _label_map(path)
    found = read_json(place) if place else None
    return {str(code): str(word) for code, word in found.items()} if isinstance(found, dict) else {}


def _label_map(path: Path) -> Path | None:
    """EmoBox's file beside its folders of folds, if there is one."""
    places = (folder / _LABEL_MAP for folder in (path.parent, path.parent.parent))
    return next((place for place in places if place.is_file()), None)


def _tables_in(folder: Path) -> list[Path]:
    places = [folder, folder / _DATA, *_split_folders(folder), *_split_folders(folder / _DATA)]
    return [path for place in places for path in _tables(place)]


def _split_folders(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield from sorted(
            path for path in folder.iterdir() if path.is_dir() and split_named(path.name)
        )


def _tables(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    found = sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in _IN_FOLDERS and path.is_file() and not path.name.startswith(".")
    )
    # `datasets` keeps what it computed from a split beside it.
    return [path for path in found if not path.name.startswith("cache-")]


def _belong_together(paths: list[Path]) -> bool:
    """Whether each is a part of a known split or of one table, all in one format."""
    if len({path.suffix.lower() for path in paths}) != 1:
        return False
    return all(map(split_of_name, paths)) or len({_whole_of(path) for path in paths}) == 1


def _whole_of(path: Path) -> tuple[Path, str]:
    """Folder and name of the table that a file is, or is a part of.

    >>> _whole_of(Path("data-00001-of-00002.arrow"))
    (PosixPath('.'), 'data-of-00002')
    """
    return path.parent, _PART.sub(r"-of-\2", path.stem)


def _refuse_missing_part(paths: list[Path]) -> None:
    """Raises: `InputError` for a table of which a part is not there."""
    parts = defaultdict[tuple[Path, str], set[int]](set)
    for path in paths:
        if found := _PART.search(path.stem):
            parts[_whole_of(path)].add(int(found[1]))
    for (folder, name), numbers in parts.items():
        count = int(name[-5:])
        if missing := sorted({*range(count)} - numbers):
            first = f"{name[:-9]}-{missing[0]:05}-of-{count:05}"
            what = f"lacks {len(missing):,} of the {count:,} files of one table, the first: {first}"
            raise InputError(what, file=folder, cure="Download the folder again.")
