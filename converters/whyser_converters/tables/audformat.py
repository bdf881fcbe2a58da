"""Reads audformat folders, as `audb` downloads them: a header db.yaml, and tables.

Source: https://audeering.github.io/audformat/ ("Specifications"). Only files are read: neither
package is needed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from whyser.io.errors import InputError, did_you_mean
from whyser.io.files import read_yaml
from whyser.labels.lexicon import lexicon
from whyser_converters.corpora.tables import Lost
from whyser_converters.tables.arrow_tables import arrow_source
from whyser_converters.tables.source import Row, RowSource, split_named, text_of
from whyser_converters.tables.text_tables import csv_source
from whyser_converters.tables.words import class_of

HEADER = "db.yaml"

#: The index of a table: a file, and of a segmented table its part of the file.
_INDEX = ("file", "start", "end")


_TIMEDELTA = re.compile(r"(?:(-?\d+) days?,? \+?)?(\d+):(\d\d):(\d\d(?:\.\d+)?)")


@dataclass(frozen=True)
class _Table:
    """One table of the folder: its rows, its split, and what the header says of each column."""

    name: str
    source: RowSource
    split: str | None
    columns: Mapping[str, Mapping[str, Any]]


def audformat_sources(folder: Path, table: str | None = None) -> list[RowSource]:
    """The tables with emotions, each row with what the folder's other tables say of its file.

    Args: `table`, the name of the one to read; None for those with an emotion, and of these the
        ones of a split if there are any.

    Raises: `InputError` for a broken header, a missing file, and several tables to choose among.
    """
    header = _header(folder)
    tables = [_table(folder, name, given, header) for name, given in header["tables"].items()]
    chosen = _chosen(folder, tables, header, table)
    others = [one for one in tables if one not in chosen]
    return [_joined(one, others, header) for one in chosen]


def _header(folder: Path) -> Mapping[str, Any]:
    found = read_yaml(folder / HEADER, as_written=True)
    if not isinstance(found, dict) or not isinstance(found.get("tables"), dict):
        raise InputError("has no tables", file=folder / HEADER, cure="Is the copy complete?")
    return found


def _table(folder: Path, name: str, given: Any, header: Mapping[str, Any]) -> _Table:
    if not isinstance(given, dict) or "/" in str(name):
        raise InputError(f"bad table {name!r}", file=folder / HEADER, cure="Fetch it again.")
    split = (header.get("splits") or {}).get(given.get("split_id"), {})
    named = split_named(str(split.get("type") or "")) or split_named(str(given.get("split_id")))
    for suffix, opened in ((".parquet", arrow_source), (".csv", csv_source)):
        if (path := folder / f"db.{name}{suffix}").is_file():
            return _Table(str(name), opened(path), named, given.get("columns") or {})
    raise InputError(
        "no such table", file=folder / f"db.{name}.csv", cure="Download the folder again."
    )


def _chosen(
    folder: Path, tables: Sequence[_Table], header: Mapping[str, Any], wanted: str | None
) -> list[_Table]:
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


def _emotions(table: _Table, header: Mapping[str, Any]) -> list[str]:
    """The columns whose scheme lists labels most of which are emotions."""
    found = []
    for column, about in table.columns.items():
        labels = _labels(about, header)
        known = [class_of(str(name), lexicon()) for name in labels]
        if labels and 2 * sum(one is not None for one in known) > len(known):
            found.append(str(column))
    return found


def _labels(about: Any, header: Mapping[str, Any]) -> Any:
    """The labels of a column's scheme: a list, a mapping of each to what it means, or nothing."""
    name = (about or {}).get("scheme_id")
    labels = ((header.get("schemes") or {}).get(name) or {}).get("labels") or []
    # Otherwise it is the name of a table that lists them.
    return labels if isinstance(labels, list | dict) else []


def _joined(table: _Table, others: Sequence[_Table], header: Mapping[str, Any]) -> RowSource:
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
    texts = {name: _texts(_labels(found, header)) for name, found in about.items()}

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

    raters = {name: found.get("rater_id") for name, found in table.columns.items()}
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
    about: Mapping[str, Any], header: Mapping[str, Any]
) -> dict[str, tuple[str, Mapping[str, str]]]:
    """Further columns of a scheme whose labels have properties, such as speakers with a gender."""
    found: dict[str, tuple[str, Mapping[str, str]]] = {}
    for column, one in about.items():
        labels = _labels(one, header)
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
        return _seconds(value)
    return texts.get(name, {}).get(text_of(value), value)


def _by_file(table: _Table, column: str) -> dict[str, Any]:
    def lost(problem: InputError, _name: str) -> None:
        raise problem

    return {
        text_of(file): value
        for _, (file, value) in table.source.read(["file", column], lost)
        if text_of(value)
    }


def _seconds(value: Any) -> Any:
    """Seconds of a time as pandas writes it, `0 days 00:00:01.5`; None for NaT."""
    text = text_of(value)
    if text in {"", "NaT"}:
        return None
    if found := _TIMEDELTA.fullmatch(text):
        days, hours, minutes, seconds = found.groups(default="0")
        return ((int(days) * 24 + int(hours)) * 60 + int(minutes)) * 60 + float(seconds)
    return value
