"""A recipe: what a user says of a table, from options or from a YAML file."""

from __future__ import annotations

import math
from glob import escape, glob
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, field_validator

from whyser.io.errors import InputError, did_you_mean
from whyser.io.files import read_yaml, write_text
from whyser.labels.attributes import Attribute, Scale, Scales
from whyser.records.utterance import FrozenRecord, input_error
from whyser_converters.tables.audformat import HEADER
from whyser_converters.tables.columns import NAMES
from whyser_converters.tables.times import Unit

_SUFFIXES = (".yaml", ".yml")


class TableJoin(FrozenRecord):
    """Another table with one row for each key.

    `table` may have `*`, for several files of one form. `on` is the column with the key, or
    `HERE=THERE` with its two names; `columns` names those of a file without a header.
    """

    table: str
    on: str | None = None
    columns: list[str] = Field(default_factory=list)
    encoding: str | None = None

    def files(self, folder: Path) -> list[Path]:
        """Raises: `InputError` if there is none."""
        # Only `*` stands for something else: a folder may be called "corpus [v2]".
        pattern = escape(str(folder / self.table)).replace("[*]", "*")
        found = sorted(map(Path, glob(pattern)))  # noqa: PTH207, absolute
        if not found:
            raise InputError("no such file", file=folder / self.table, cure="Check the path.")
        return found


def join_of(text: str) -> TableJoin:
    """What `FILE`, `FILE:COLUMN` or `FILE:HERE=THERE` says.

    >>> join_of("users.csv:actor=username")
    TableJoin(table='users.csv', on='actor=username', columns=[], encoding=None)
    """
    table, colon, on = text.rpartition(":")
    return TableJoin(table=table, on=on) if colon else TableJoin(table=text)


class TableRecipe(FrozenRecord):
    """Where a table is, and what is said of it.

    `map` is meaning -> column, an empty text for a meaning that no column has. `values` is meaning
    -> what is written -> what it means. `merge` is label -> class. `times` is the unit of start,
    end and duration. `scales` is attribute -> the ends of its scale, `1:7`. `columns` names those
    of a CSV file without a header. `parse` is column -> a pattern whose fields become columns,
    `join` other tables with further columns, and `where` column -> the values of the rows that
    count. Relative paths belong to `folder`.
    """

    table: str
    map: dict[str, str] = Field(default_factory=dict)
    values: dict[str, dict[str, str]] = Field(default_factory=dict)
    merge: dict[str, str] = Field(default_factory=dict)
    pattern: str | None = None
    audio_root: str | None = None
    audformat_table: str | None = None
    rows_are_votes: bool = False
    times: Unit = "seconds"
    scales: dict[Attribute, str] = Field(default_factory=dict)
    columns: list[str] = Field(default_factory=list)
    encoding: str | None = None
    parse: dict[str, str] = Field(default_factory=dict)
    join: list[TableJoin] = Field(default_factory=list)
    where: dict[str, list[str]] = Field(default_factory=dict)
    title: str | None = None
    licence: str | None = None
    source: str | None = None
    folder: Path = Field(default=Path(), exclude=True)

    @field_validator("where", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {key: one if isinstance(one, list) else [one] for key, one in value.items()}

    @field_validator("join", mode="before")
    @classmethod
    def _joins(cls, value: Any) -> Any:
        listed = value if isinstance(value, list) else [value]
        return [join_of(one) if isinstance(one, str) else one for one in listed]

    @property
    def place(self) -> Path:
        return self.folder / self.table

    @property
    def root(self) -> Path:
        """The folder that encloses all sound files."""
        if self.audio_root:
            return self.folder / self.audio_root
        return self.place if self.place.is_dir() else self.place.parent

    @property
    def attribute_scales(self) -> Scales:
        """Raises: `InputError` for what are no two rising numbers."""
        return {name: _scale(name, text) for name, text in self.scales.items()}

    def value(self, meaning: str, written: str) -> str:
        """What a cell means.

        Raises: `InputError` for one that a list of values does not have.
        """
        values = self.values.get(meaning)
        if values is None:
            return written
        if written not in values:
            cure = f"Add it to 'values: {meaning}:' of the recipe."
            raise InputError(f"bad {meaning} {written[:60]!r}", cure=cure)
        return values[written]


def _scale(name: str, text: str) -> Scale:
    low, _, high = text.partition(":")
    try:
        scale = float(low), float(high)
    except ValueError:
        scale = math.nan, math.nan
    if not -math.inf < scale[0] < scale[1] < math.inf:
        cure = "Expected its lowest and its highest value, as in 1:7."
        raise InputError(f"bad scale {text[:60]!r} of {name}", cure=cure)
    return scale


def is_recipe(path: Path) -> bool:
    """Whether a file is a recipe; the header of an audformat folder is none."""
    return path.suffix in _SUFFIXES and path.name != HEADER


def recipe_at(place: Path) -> TableRecipe:
    """The recipe in a file, or that of a table of which nothing is said."""
    return read_recipe(place) if is_recipe(place) else TableRecipe(table=str(place))


def read_recipe(path: Path) -> TableRecipe:
    """Raises: `InputError` for a missing or broken file, and for an unknown key or meaning."""
    found = read_yaml(path, as_written=True)
    if not isinstance(found, dict) or not found.get("table"):
        what, cure = "is no recipe: it has no 'table'", "Write 'table: FILE' into it."
        raise InputError(what, file=path, cure=cure)
    keys = [key for key in TableRecipe.model_fields if key != "folder"]
    for key in found:
        if key not in keys:
            raise InputError(f"unknown key {key!r}", file=path, cure=did_you_mean(key, keys))
    try:
        recipe = TableRecipe.model_validate({**found, "folder": path.parent})
    except ValidationError as error:
        raise input_error(error).at(path) from None
    for meaning in recipe.values:
        if meaning not in NAMES:
            what = f"no meaning {meaning!r} in 'values'"
            raise InputError(what, file=path, cure=did_you_mean(meaning, NAMES))
    return recipe


def write_recipe(path: Path, recipe: TableRecipe) -> None:
    """Writes what differs from the defaults, for `read_recipe`.

    Raises: `InputError` for a name that does not end in .yaml, and for a file that exists.
    """
    import yaml

    if not is_recipe(path):
        raise InputError("is no name of a recipe", file=path, cure="Let it end in .yaml.")
    if path.exists():
        raise InputError("exists already", file=path, cure="Give another name, or remove it.")
    given = recipe.model_dump(exclude_defaults=True, exclude={"folder"})
    write_text(path, yaml.safe_dump(given, sort_keys=False, allow_unicode=True))
