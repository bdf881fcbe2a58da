"""Which rows of a table count, and columns that it gets besides its own.

They are parts of a cell, cells put together, and the columns of other tables that share a key.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from whyser.io.errors import InputError, did_you_mean
from whyser_converters.corpora.tables import Lost
from whyser_converters.tables.name_pattern import NamePattern
from whyser_converters.tables.places import opened, sources_at, table_files
from whyser_converters.tables.recipe import TableJoin, TableRecipe
from whyser_converters.tables.source import LEFT_OUT, EmbeddedSound, Row, RowSource, text_of
from whyser_converters.tables.text_tables import TextForm

#: A column in the template of a meaning, `dia{Dialogue_ID}_utt{Utterance_ID}.wav`.
_FIELD = re.compile(r"\{([^{}]+)\}")

#: Values of rows that are left out, which are counted by name.
_NAMED = 20

#: Makes the cells of new columns from those of a row.
_Make = Callable[[Sequence[Any]], Sequence[Any]]


def sources_of(recipe: TableRecipe) -> list[RowSource]:
    """The tables of a recipe, with the rows and the further columns that it asks for.

    Raises: `InputError` as `sources_at`, and for an unknown column.
    """
    form = TextForm(tuple(recipe.columns), recipe.encoding)
    found = sources_at(
        recipe.place, pattern=recipe.pattern, table=recipe.audformat_table, form=form
    )
    for column, pattern in recipe.parse.items():
        found = [_parsed(source, column, pattern) for source in found]
    for join in recipe.join:
        other = _JoinedTable(recipe, join, found)
        found = [other.joined(source, is_last=source is found[-1]) for source in found]
    for template in recipe.map.values():
        if _is_template(template, found):
            found = [_composed(source, template) for source in found]
    if recipe.map.get("split") == "":
        found = [replace(source, split=None) for source in found]
    return [_chosen(source, recipe.where, found) for source in found] if recipe.where else found


def files_of(recipe: TableRecipe) -> list[Path]:
    """The files whose content, or else whose names, `sources_of` makes rows of; none is opened."""
    joined = [path for join in recipe.join for path in join.files(recipe.folder)]
    return [*table_files(recipe.place, pattern=recipe.pattern), *joined]


def _with_columns(
    source: RowSource, needed: Sequence[str], made: Sequence[str], make: _Make
) -> RowSource:
    """The table with further columns; a row of which they cannot be made is lost."""

    def read(wanted: Sequence[str], lost: Lost) -> Iterator[Row]:
        if not set(made) & set(wanted):
            yield from source.read(wanted, lost)
            return
        own = list(dict.fromkeys([*(one for one in wanted if one not in made), *needed]))
        at = [own.index(one) for one in needed]
        place = {column: number for number, column in enumerate([*own, *made])}
        picked = [place[column] for column in wanted]
        for line, row in source.read(own, lost):
            try:
                cells = (*row, *make([row[number] for number in at]))
            except InputError as problem:
                # The first column is what names an utterance, whose votes belong together.
                is_named = own[0] == wanted[0] and isinstance(row[0], str)
                lost(problem.at(source.path, line), row[0] if is_named else "")
                continue
            yield line, [cells[number] for number in picked]

    return replace(source, columns=(*source.columns, *made), read=read)


# ---- parts of a cell -----------------------------------------------------------------------


def _parsed(source: RowSource, column: str, pattern: str) -> RowSource:
    if column not in source.columns:
        cure = did_you_mean(column, source.columns)
        raise InputError(f"has no column {column!r} to parse", file=source.path, cure=cure)
    form = NamePattern(pattern)
    if taken := [field for field in form.fields if field in source.columns]:
        cure = "Give the field another name, and --map to say what it means."
        raise InputError(f"has a column {taken[0]!r} already", file=source.path, cure=cure)

    def make(cells: Sequence[Any]) -> Sequence[Any]:
        (cell,) = cells
        text = cell.name if isinstance(cell, EmbeddedSound) else text_of(cell)
        try:
            parts = form.parts(text.replace("\\", "/"))
        except InputError as problem:
            raise InputError(f"{column} {problem.what}", cure=problem.cure) from None
        return [parts[field] for field in form.fields]

    return _with_columns(source, [column], form.fields, make)


# ---- cells put together --------------------------------------------------------------------


def _is_template(value: str, sources: Sequence[RowSource]) -> bool:
    is_column = any(value in source.columns for source in sources)
    return bool(_FIELD.search(value)) and not is_column


def _composed(source: RowSource, template: str) -> RowSource:
    fields = _FIELD.findall(template)
    for field in fields:
        if field not in source.columns:
            cure = did_you_mean(field, source.columns)
            what = f"has no column {field!r} for {template!r}"
            raise InputError(what, file=source.path, cure=cure)
    literals = _FIELD.split(template)[::2]

    def make(cells: Sequence[Any]) -> Sequence[Any]:
        texts = [text_of(cell) for cell in cells]
        if not all(texts):
            return [""]
        return [literals[0] + "".join(a + b for a, b in zip(texts, literals[1:], strict=True))]

    return _with_columns(source, fields, [template], make)


# ---- other tables --------------------------------------------------------------------------


class _JoinedTable:
    """Another table, whose row with the same key gives a row more columns."""

    def __init__(self, recipe: TableRecipe, join: TableJoin, sources: Sequence[RowSource]) -> None:
        form = TextForm(tuple(join.columns), join.encoding)
        self.tables = [opened(path, form) for path in join.files(recipe.folder)]
        self.path = self.tables[0].path
        here = list(dict.fromkeys(column for source in sources for column in source.columns))
        there = list(dict.fromkeys(column for table in self.tables for column in table.columns))
        self.here, self.there = self._key(join, here, there)
        others = [column for column in there if column != self.there]
        #: The column in the whole -> the one in this table.
        self.columns = {
            f"{self.path.stem}.{column}" if column in here else column: column for column in others
        }
        self._rows: dict[tuple[str, ...], dict[str, Sequence[Any]]] = {}
        self._is_used = False

    def _key(self, join: TableJoin, here: Sequence[str], there: Sequence[str]) -> tuple[str, str]:
        if join.on:
            left, _, right = join.on.partition("=")
            right = right or left
            for column, columns in ((left, here), (right, there)):
                if column not in columns:
                    what = f"cannot be joined on {join.on!r}: no column {column!r}"
                    raise InputError(what, file=self.path, cure=did_you_mean(column, columns))
            return left, right
        common = [column for column in there if column in here]
        if len(common) == 1:
            return common[0], common[0]
        raise InputError(
            f"shares {len(common)} columns with the table: it has {', '.join(map(repr, there))}, "
            f"and the table has {', '.join(map(repr, here))}",
            file=self.path,
            cure=f"Give --join {join.table}:COLUMN=COLUMN with the column of the table and the one "
            "of this file that hold the same.",
        )

    def joined(self, source: RowSource, *, is_last: bool) -> RowSource:
        """The table with the further columns.

        Raises: `InputError`, when the last table is read, if no row of any has a row here.
        """
        what = f"rows of which {self.path.name} has none"

        def read(wanted: Sequence[str], lost: Lost) -> Iterator[Row]:
            asked = tuple(column for column in dict.fromkeys(wanted) if column in self.columns)
            if not asked:
                yield from source.read(wanted, lost)
                return
            rows = self._by_key(asked)
            count = missing = 0
            nothing = [None] * len(asked)
            first = ""

            def make(cells: Sequence[Any]) -> Sequence[Any]:
                nonlocal count, missing, first
                key = text_of(cells[0])
                first = first or key
                found = rows.get(key)
                count, missing = count + 1, missing + (found is None)
                return nothing if found is None else found

            yield from _with_columns(source, [self.here], asked, make).read(wanted, lost)
            source.counts[what] = missing
            self._is_used |= missing < count
            if is_last and count and not self._is_used:
                raise InputError(
                    f"no row has a {self.there} that is a {self.here} of the table, such as "
                    f"{first!r}",
                    file=self.path,
                    cure=f"It has such as {next(iter(rows), '')!r}. Join on other columns.",
                )

        if self.here not in source.columns:
            return source
        return replace(source, columns=(*source.columns, *self.columns), read=read)

    def _by_key(self, asked: tuple[str, ...]) -> Mapping[str, Sequence[Any]]:
        if asked not in self._rows:
            found: dict[str, Sequence[Any]] = {}
            self._rows[asked] = found
            own = [self.columns[column] for column in asked]
            for table in self.tables:
                for line, row in table.read([self.there, *own], _raise):
                    key, cells = text_of(row[0]), list(row[1:])
                    if key and found.setdefault(key, cells) != cells:
                        what = f"has two different rows of {self.there} {key[:60]!r}"
                        cure = "Join on a column that names each row once."
                        raise InputError(what, file=table.path, line=line, cure=cure)
        return self._rows[asked]


def _raise(problem: InputError, _name: str) -> None:
    raise problem


# ---- rows ----------------------------------------------------------------------------------


def _chosen(
    source: RowSource, where: Mapping[str, Sequence[str]], sources: Sequence[RowSource]
) -> RowSource:
    """The rows whose cells are among the wanted ones; the others are counted by value."""
    known = dict.fromkeys(column for each in sources for column in each.columns)
    for column in where:
        if column not in known:
            cure = did_you_mean(column, known)
            raise InputError(f"has no column {column!r} for --where", file=source.path, cure=cure)
    asked = [column for column in where if column in source.columns]
    accepted = [frozenset(where[column]) for column in asked]

    def read(wanted: Sequence[str], lost: Lost) -> Iterator[Row]:
        counts = source.counts
        for reason in [one for one in counts if one.startswith(LEFT_OUT)]:
            del counts[reason]
        named: set[tuple[str, str]] = set()
        own = list(dict.fromkeys([*wanted, *asked]))
        picked = [own.index(column) for column in wanted]
        at = [own.index(column) for column in asked]
        for line, row in source.read(own, lost):
            for column, number, values in zip(asked, at, accepted, strict=True):
                if (text := text_of(row[number])) not in values:
                    if len(named) < _NAMED:
                        named.add((column, text))
                    said = repr(text[:60]) if (column, text) in named else "another value"
                    counts[f"{LEFT_OUT}, as {column} is {said}"] += 1
                    break
            else:
                yield line, [row[number] for number in picked]

    return replace(source, read=read)
