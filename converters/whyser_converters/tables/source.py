"""What every source of rows looks like to the reader: a table with named columns."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from whyser.io.errors import InputError
from whyser_converters.corpora.tables import Lost

#: Line number (from 1; of a format without lines, the row's) and the values of the wanted columns.
Row: TypeAlias = tuple[int, Sequence[Any]]

#: Streams the rows with these columns; a row that cannot be read goes to `Lost`.
Read: TypeAlias = Callable[[Sequence[str], Lost], Iterator[Row]]


#: First bytes of the usual sound files, with the suffix of each.
SUFFIX_OF_BYTES = {
    **{b"RIFF": ".wav", b"fLaC": ".flac", b"OggS": ".ogg", b"ID3": ".mp3"},
    **{b"\xff\xfb": ".mp3", b"\xff\xf3": ".mp3", b"\xff\xf2": ".mp3"},
}
SOUND_BYTES = tuple(SUFFIX_OF_BYTES)


@dataclass(frozen=True)
class EmbeddedSound:
    """A sound file inside a table: its name there, or an empty text, and its bytes."""

    name: str
    data: bytes


@dataclass(frozen=True)
class RowSource:
    """A table of a stranger: where it is, its columns, and how its rows are read.

    `split` is the split that the name of the file states. `embedded` are the columns with sound
    inside. `meanings` is what the format itself says of its columns: meaning -> column. `counts` is
    what the last reading noted of rows: reason -> rows. `label_names` is what the corpus itself
    says of its codes: code -> word.
    """

    path: Path
    columns: tuple[str, ...]
    read: Read
    split: str | None = None
    embedded: frozenset[str] = frozenset()
    meanings: dict[str, str] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter, compare=False)
    label_names: Mapping[str, str] = field(default_factory=dict)


#: How the reason of rows begins that the user did not ask for.
LEFT_OUT = "row that --where leaves out"
#: What tables write in place of a name or a label that nobody knows, in lower case.
UNKNOWN = frozenset({"", "unknown", "nan", "none", "null", "n/a", "na", "-", "?"})

_SEVERAL = "If these are the labels of several annotators, give --map votes=COLUMN."


def text_of(value: Any) -> str:
    """A cell as text: empty for what is missing, and a whole number without its `.0`.

    Raises: `InputError` for a cell that holds several values.

    >>> text_of(3.0), text_of(None), text_of(float("nan")), text_of(" a ")
    ('3', '', '', 'a')
    """
    if isinstance(value, str):
        return value.strip()
    if value is None:
        return ""
    if isinstance(value, float):
        if math.isnan(value):
            return ""
        return str(int(value)) if value.is_integer() else str(value)
    if isinstance(value, bytes):
        return value.decode(errors="replace").strip()
    if isinstance(value, list | dict):
        raise InputError(f"a cell holds {str(value)[:60]}, expected one value", cure=_SEVERAL)
    return str(value)
