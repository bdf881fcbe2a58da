"""Reads audformat folders, as `audb` downloads them: a header db.yaml, and tables.

Source: https://audeering.github.io/audformat/ ("Specifications"). Only files are read: neither
package is needed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from whyser.io.errors import InputError, did_you_mean
from whyser.io.files import read_yaml
from whyser.labels.lexicon import lexicon
from whyser.records.utterance import input_error
from whyser_converters.convert.split_names import split_named
from whyser_converters.corpora.tables import Lost
from whyser_converters.tables.arrow_tables import arrow_source
from whyser_converters.tables.source import Row, RowSource, text_of
from whyser_converters.tables.text_tables import csv_source
from whyser_converters.tables.words import class_of

HEADER = "db.yaml"

#: The index of a table: a file, and of a segmented table its part of the file.
_INDEX = ("file", "start", "end")


class _ColumnHeader(BaseModel):
    scheme_id: str | None = None
    rater_id: str | None = None


class _TableHeader(BaseModel):
    split_id: str | None = None
    columns: dict[str, _ColumnHeader] = {}


class _MiscTable(BaseModel):
    """A table of what files have in common, such as their speakers; `levels` are its keys."""

    levels: dict[str, Any] | list[str] = {}
    columns: dict[str, _ColumnHeader] = {}


class _Scheme(BaseModel):
    """`labels` is a list, a mapping of each to what it means, or the name of a table of them."""

    labels: list[str] | dict[str, Any] | str = []


class _Split(BaseModel):
    type: str | None = None


class _Header(BaseModel):
    """What is read of a header; it holds more."""

    tables: dict[str, _TableHeader]
    misc_tables: dict[str, _MiscTable] = {}
    schemes: dict[str, _Scheme] = {}
    splits: dict[str, _Split] = {}

    def labels(self, column: _ColumnHeader) -> list[str] | dict[str, Any]:
        """The labels of a column's scheme; none where another table lists them."""
        found = self.schemes.get(column.scheme_id or "", _Scheme()).labels
        return [] if isinstance(found, str) else found


@dataclass(frozen=True)
class _AudformatTable:
    """One table of the folder: its rows, its split, and what the header says of each column."""

    name: str
    source: RowSource
    split: str | None
    columns: Mapping[str, _ColumnHeader]


def audformat_sources(folder: Path, table: str | None = None) -> list[RowSource]:
    """The tables with emotions, each row with what the folder's other tables say of its file.

    Args: `table`, the name of the one to read; None for those with an emotion, and of these the
        ones of a split if there are any.

    Raises: `InputError` for a broken header, a missing file, and several tables to choose among.
    """
    header = _with_listed_labels(_header(folder), folder)
    tables = [_table(folder, name, header) for name in header.tables]
    chosen = _chosen(folder, tables, header, table)
    # A table of one split knows only its own files.
    others = [one for one in tables if one not in chosen and not one.split]
    return [_joined(one, others, header) for one in chosen]


def _header(folder: Path) -> _Header:
    try:
        return _Header.model_validate(read_yaml(folder / HEADER, as_written=True))
    except ValidationError as error:
        raise input_error(error).at(folder / HEADER) from None


def _with_listed_labels(header: _Header, folder: Path) -> _Header:
    """The header, with the labels of a scheme that lists them in a table, and their properties."""
    listed: dict[str, _Scheme] = {}
    for name, scheme in header.schemes.items():
        about = header.misc_tables.get(scheme.labels) if isinstance(scheme.labels, str) else None
        if about is None:
            continue
        table = _opened(folder, str(scheme.labels))
        key = next(iter([*list(about.levels), *table.columns]))
        properties = [column for column in about.columns if column in table.columns]
        rows = table.read([key, *properties], _raise) if key in table.columns else ()
        labels = {text_of(row[0]): dict(zip(properties, row[1:], strict=True)) for _, row in rows}
        listed[name] = _Scheme(labels=labels)
    return header.model_copy(update={"schemes": header.schemes | listed})


def _opened(folder: Path, name: str) -> RowSource:
    if "/" in name:
        raise InputError(f"bad table {name!r}", file=folder / HEADER, cure="Fetch it again.")
    for suffix, opened in ((".parquet", arrow_source), (".csv", csv_source)):
        if (path := folder / f"db.{name}{suffix}").is_file():
            return opened(path)
    raise InputError(
        "no such table", file=folder / f"db.{name}.csv", cure="Download the folder again."
    )


def _table(folder: Path, name: str, header: _Header) -> _AudformatTable:
    about = header.tables[name]
    split = about.split_id or ""
    named = split_named(header.splits.get(split, _Split()).type or "") or split_named(split)
    return _AudformatTable(name, _opened(folder, name), named, about.columns)


def _chosen(
    folder: Path, tables: Sequence[_AudformatTable], header: _Header, wanted: str | None
) -> list[_AudformatTable]:
    if wanted is not None:
        names = [one.name for one in tables]
        if wanted not in names:
            cure = did_you_mean(wanted, names)
            raise InputError(f"has no table {wanted!r}", file=folder / HEADER, cure=cure)
        return [one for one in tables if one.name == wanted]
    with_emotion = [one for one in tables if _emotions(one, header)]
    in_splits = [one for one in with_emotion if one.split]
    groups = {tuple(_emotions(one, header)) for one in in_splits}
    if len(groups) == 1 and len({one.split for one in in_splits}) == len(in_splits):
        return in_splits
    if len(with_emotion) == 1:
        return with_emotion
    listed = ", ".join(one.name for one in with_emotion or tables)
    what = f"has {len(with_emotion)} tables with emotions that could be meant"
    raise InputError(what, file=folder / HEADER, cure=f"Give --table with one of [{listed}].")


def _emotions(table: _AudformatTable, header: _Header) -> list[str]:
    """The columns whose scheme lists labels most of which are emotions."""
    found = []
    for column, about in table.columns.items():
        labels = header.labels(about)
        known = [class_of(str(name), lexicon()) for name in labels]
        if labels and 2 * sum(one is not None for one in known) > len(known):
            found.append(str(column))
    return found


def _joined(
    table: _AudformatTable, others: Sequence[_AudformatTable], header: _Header
) -> RowSource:
    """The table with further columns: those of others by file, and what schemes say of labels."""
    extra = {
        column: (other, other.columns[column])
        for other in others
        if "file" in other.source.columns
        for column in other.columns
        if column not in table.columns
    }
    about = dict(table.columns) | {column: found for column, (_, found) in extra.items()}
    derived = _derived(about, header)
    own = [name for name in table.source.columns if name in (*_INDEX, *table.columns)]
    columns = (*own, *extra, *derived)
    texts = {name: _texts(header.labels(found)) for name, found in about.items()}

    def read(wanted: Sequence[str], lost: Lost) -> Iterator[Row]:
        joined = {
            name: _by_file(other, name) for name, (other, _) in extra.items()
            if name in wanted or any(name == source for source, _ in derived.values())
        }  # fmt: skip
        for line, values in table.source.read(own, lost):
            row = dict(zip(own, values, strict=True))
            row |= {name: cells.get(text_of(row["file"])) for name, cells in joined.items()}
            given = {name: _value(name, row[name], texts) for name in row}
            for name, (source, meanings) in derived.items():
                given[name] = meanings.get(text_of(row.get(source)))
            yield line, [given.get(name) for name in wanted]

    raters = {name: found.rater_id for name, found in table.columns.items()}
    rated = {name: rater for name, rater in raters.items() if rater}
    emotions = _emotions(table, header)
    meanings = {"audio": "file"}
    if len(emotions) > 1 and all(name in rated for name in emotions):
        meanings |= {f"vote:{rated[name]}": name for name in emotions}
    elif len(emotions) == 1:
        meanings["label"] = emotions[0]
    meanings |= {name: name for name in ("start", "end") if name in own}
    return RowSource(table.source.path, columns, read, table.split, meanings=meanings)


def _derived(
    about: Mapping[str, _ColumnHeader], header: _Header
) -> dict[str, tuple[str, Mapping[str, str]]]:
    """Further columns of a scheme whose labels have properties, such as speakers with a gender."""
    found: dict[str, tuple[str, Mapping[str, str]]] = {}
    for column, one in about.items():
        labels = header.labels(one)
        if not isinstance(labels, dict):
            continue
        properties = {key for each in labels.values() if isinstance(each, dict) for key in each}
        for key in sorted(map(str, properties - set(about) - set(_INDEX))):
            values = {
                text_of(name): text_of(each.get(key))
                for name, each in labels.items()
                if isinstance(each, dict)
            }
            found.setdefault(key, (column, values))
    return found


def _texts(labels: Any) -> Mapping[str, str]:
    """What a label stands for, where the scheme says so in a text: `a01: Der Lappen liegt ...`."""
    if not isinstance(labels, dict):
        return {}
    return {text_of(name): each for name, each in labels.items() if isinstance(each, str)}


def _value(name: str, value: Any, texts: Mapping[str, Mapping[str, str]]) -> Any:
    if name in _INDEX[1:]:
        return None if text_of(value) == "NaT" else value
    return texts.get(name, {}).get(text_of(value), value)


def _raise(problem: InputError, _name: str) -> None:
    raise problem


def _by_file(table: _AudformatTable, column: str) -> dict[str, Any]:
    return {
        text_of(file): value
        for _, (file, value) in table.source.read(["file", column], _raise)
        if text_of(value)
    }
