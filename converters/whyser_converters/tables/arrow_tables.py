"""Reads Parquet and Arrow files, such as those of `datasets`.

Numbered labels get their names, and a sound file inside the table becomes an `EmbeddedSound`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from whyser.io.errors import InputError
from whyser.io.extras import require
from whyser_converters.convert.split_names import split_of_name
from whyser_converters.corpora.tables import Lost, refuse_special
from whyser_converters.tables.source import (
    SOUND_BYTES,
    EmbeddedSound,
    Row,
    RowSource,
)

#: Rows that are in memory at once; each may hold its sound.
_BATCH = 256
#: The same for rows without sound.
_LARGE_BATCH = 8192

#: Changes a value of a column to what it says.
_Meant = Callable[[Any], Any]


def arrow_source(path: Path) -> RowSource:
    """Raises: `InputError` for a file that is cut short, or that is neither Parquet nor Arrow."""
    require("a Parquet or Arrow table", train=["pyarrow"])
    with _opened(path) as (schema, _):
        columns = tuple(schema.names)
        features = _features(schema)
        embedded = frozenset(field.name for field in schema if _has_sound(field.type))
        kinds = {field.name: field.type for field in schema}
    meant = {name: _meant(features.get(name), kinds[name], name in embedded) for name in columns}

    def read(wanted: Sequence[str], _lost: Lost) -> Iterator[Row]:
        size = _LARGE_BATCH if embedded.isdisjoint(wanted) else _BATCH
        changes = [meant[name] for name in wanted]
        numbers = count(1)
        with _opened(path) as (_, batches):
            for batch in batches(list(wanted), size):
                given = [batch.column(name).to_pylist() for name in wanted]
                changed = [
                    values if change is None else [change(value) for value in values]
                    for values, change in zip(given, changes, strict=True)
                ]
                yield from zip(numbers, zip(*changed, strict=True), strict=False)

    return RowSource(path, columns, read, split_of_name(path), embedded)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Any, Callable[[list[str], int], Iterator[Any]]]]:
    """The schema of a file, and a function that streams batches of some columns."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    refuse_special(path)
    try:
        with path.open("rb") as stream:
            start = stream.read(6)
            stream.seek(0)
            if start.startswith(b"PAR1"):
                with pq.ParquetFile(stream) as table:
                    yield (
                        table.schema_arrow,
                        lambda names, size: table.iter_batches(size, columns=names),
                    )
            elif start == b"ARROW1":
                with pa.ipc.open_file(stream) as file:
                    numbered = range(file.num_record_batches)
                    yield file.schema, lambda names, size: _cut(map(file.get_batch, numbered), size)
            else:
                with pa.ipc.open_stream(stream) as batches:
                    yield batches.schema, lambda names, size: _cut(batches, size)
    except FileNotFoundError:
        raise InputError("no such file", file=path, cure="Check the path.") from None
    except (pa.ArrowException, OSError, EOFError) as error:
        reason = str(error).partition("\n")[0][:200]
        what = f"is not a readable Parquet or Arrow file ({reason})"
        raise InputError(what, file=path, cure="Fetch it again.") from None


def _cut(batches: Any, size: int) -> Iterator[Any]:
    for batch in batches:
        for start in range(0, batch.num_rows, size):
            yield batch.slice(start, size)


def _features(schema: Any) -> Mapping[str, Any]:
    """What `datasets` says of the columns; nothing where another program wrote the file."""
    try:
        found = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
    except (KeyError, TypeError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _has_sound(kind: Any) -> bool:
    """Whether values are files inside the table, as they are or as `datasets` stores sound."""
    import pyarrow as pa

    if pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0:
        kind = kind.field("bytes").type
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _meant(feature: Any, kind: Any, is_sound: bool) -> _Meant | None:
    import pyarrow as pa

    if is_sound:
        return _sound
    if names := _names(feature):
        return lambda value: _named(value, names)
    if pa.types.is_duration(kind):
        return lambda value: None if value is None else value.total_seconds()
    return None


def _sound(value: Any) -> Any:
    """The sound inside the row, else the name of its file."""
    if not value:
        return None
    if isinstance(value, bytes):
        # Some programs store texts as bytes too.
        is_sound = value.startswith(SOUND_BYTES)
        return EmbeddedSound("", value) if is_sound else value.decode(errors="replace")
    name = str(value.get("path") or "")
    return EmbeddedSound(name, value["bytes"]) if value.get("bytes") else name


def _names(feature: Any) -> list[str]:
    """The names of a column's numbered labels, also of one that holds lists of them."""
    while isinstance(feature, list) and feature:
        feature = feature[0]
    if not isinstance(feature, dict):
        return []
    if feature.get("_type") == "ClassLabel":
        return [str(name) for name in feature.get("names") or []]
    return _names(feature.get("feature"))


def _named(value: Any, names: Sequence[str]) -> Any:
    if isinstance(value, list):
        return [_named(one, names) for one in value]
    # -1 is how `datasets` writes a label that is not known.
    return names[value] if isinstance(value, int) and 0 <= value < len(names) else None
