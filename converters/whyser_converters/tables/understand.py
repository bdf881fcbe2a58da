"""Reads a table once, to say what it means before anything is converted."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from whyser.io.errors import InputError
from whyser_converters.corpora.conversion_log import ConversionLog
from whyser_converters.corpora.spec import (
    POOLED,
    CorpusSpec,
    Segment,
    SplitScheme,
    by_speaker,
    official,
)
from whyser_converters.corpora.tables import Lost
from whyser_converters.tables.columns import ColumnMap, map_columns
from whyser_converters.tables.places import sources_at
from whyser_converters.tables.recipe import TableRecipe
from whyser_converters.tables.source import EmbeddedSound, Row, RowSource, split_named, text_of
from whyser_converters.tables.utterances import TableReader
from whyser_converters.tables.votes import Given, counted, votes_in
from whyser_converters.tables.words import MeantLabel, meant_labels

#: Shares of the speakers, where a table names speakers and no splits.
_TEST_SHARE, _DEV_SHARE = 0.2, 0.1


@dataclass(frozen=True)
class TableMeaning:
    """What a table means: columns, labels with their counts, splits and speakers.

    `examples` is the first value of each column that is used. `shares_stem` says that two
    sound files differ only by their folder.
    """

    recipe: TableRecipe
    name: str
    sources: Sequence[RowSource]
    columns: ColumnMap
    labels: Mapping[str, MeantLabel]
    label_counts: Mapping[str, int]
    split_counts: Mapping[str, int]
    speakers: frozenset[str]
    rows: int
    examples: Mapping[str, str]
    shares_stem: bool
    split_of_speaker: Mapping[str, str] = field(default_factory=dict)

    @property
    def has_splits(self) -> bool:
        return bool(self.split_counts)

    @property
    def test_splits(self) -> list[str]:
        given = self.split_counts if self.has_splits else self.split_of_speaker.values()
        return sorted({split for split in given if split.startswith("test")})

    def root_of_sound(self, sound_folder: Path) -> Path:
        """The folder that encloses all sound files, also those that are inside the table."""
        embedded = frozenset[str]().union(*(source.embedded for source in self.sources))
        if self.columns.of.get("audio") in embedded:
            sound_folder.mkdir(parents=True, exist_ok=True)
            return sound_folder
        return self.recipe.root

    def spec(self, sound_folder: Path) -> CorpusSpec:
        """The corpus as every other command knows one; sound in the table is written to a folder."""
        segments: dict[str, Segment] = {}

        def prepare(
            corpus_dir: Path, *, labels: Mapping[str, Any], log: ConversionLog
        ) -> Iterator[Any]:
            reader = TableReader(
                self.name, self.sources, self.columns, self.recipe, labels, self.shares_stem
            )
            split_of = None if self.has_splits else self.split_of_speaker
            return reader.utterances(corpus_dir, sound_folder, segments, split_of, log)

        recipe = self.recipe
        return CorpusSpec(
            name=self.name,
            title=recipe.title or self.name,
            licence=recipe.licence or "not stated",
            source=recipe.source or Path(recipe.table).name,
            prepare=prepare,
            labels={code: meant.label for code, meant in self.labels.items()},
            markers=(),
            size=None,
            split_schemes=self._schemes(),
            segments=segments,
        )

    def _schemes(self) -> dict[str, SplitScheme]:
        schemes: dict[str, SplitScheme] = {}
        if self.has_splits:
            schemes |= official("the splits that the table states")
        elif self.split_of_speaker:
            source = "70, 10 and 20 % of the speakers, in the order of their names' hashes"
            schemes["speakers"] = by_speaker(source, self.split_of_speaker)
        return schemes | POOLED


def understand(recipe: TableRecipe, name: str) -> TableMeaning:
    """Reads all rows once, without their sound.

    Raises: `InputError` for columns that are unclear, and for labels and splits without a meaning.
    """
    sources = sources_at(recipe.place, pattern=recipe.pattern, table=recipe.audformat_table)
    columns = map_columns(_widest(sources), recipe.map)
    look = _FirstLook(sources, columns, recipe)
    look.read()
    if not look.rows:
        raise InputError("contains no row", file=recipe.place, cure="Is the copy complete?")
    try:
        labels = meant_labels(look.labels, recipe.merge)
    except InputError as problem:
        raise problem.at(recipe.place) from None
    splits = Counter(look.splits)
    speakers = frozenset(look.speakers)
    return TableMeaning(
        recipe, name, sources, columns, labels, look.labels, splits, speakers, look.rows,
        look.examples, look.shares_stem, _speaker_splits(name, speakers) if not splits else {},
    )  # fmt: skip


def _widest(sources: Sequence[RowSource]) -> RowSource:
    """The first table, with the columns of all: rows of JSON need not have every key."""
    columns = dict.fromkeys(column for source in sources for column in source.columns)
    embedded = frozenset[str]().union(*(source.embedded for source in sources))
    first = sources[0]
    return RowSource(first.path, tuple(columns), first.read, None, embedded, first.meanings)


def _speaker_splits(corpus: str, speakers: frozenset[str]) -> dict[str, str]:
    """Speaker -> split. A speaker keeps the place in the order when others join.

    >>> sorted(Counter(_speaker_splits("x", frozenset("abcdefghij")).values()).items())
    [('dev', 1), ('test', 2), ('train', 7)]
    """
    if len(speakers) < 2:
        return {}
    test = max(1, round(_TEST_SHARE * len(speakers)))
    dev = max(1, round(_DEV_SHARE * len(speakers))) if len(speakers) > 2 else 0
    order = sorted(
        speakers, key=lambda one: hashlib.sha256(f"{corpus}/{one}".encode()).hexdigest()
    )
    splits = ["test"] * test + ["dev"] * dev + ["train"] * (len(order) - test - dev)
    return dict(zip(order, splits, strict=True))


class _FirstLook:
    """Counts what the columns of labels, splits and speakers hold."""

    def __init__(
        self, sources: Sequence[RowSource], columns: ColumnMap, recipe: TableRecipe
    ) -> None:
        self.sources, self.columns, self.recipe = sources, columns, recipe
        self.rows = 0
        self.labels: Counter[str] = Counter()
        self.splits: Counter[str] = Counter()
        self.speakers: set[str] = set()
        self.examples: dict[str, str] = {}
        self.shares_stem = False
        self._unknown_splits: Counter[str] = Counter()
        self._stems: dict[str, str] = {}
        self._label_cells: Counter[str] = Counter()
        self._speaker_cells: set[str] = set()
        self._split_cells: Counter[str] = Counter()

    def read(self) -> None:
        """Raises: `InputError` for a value without a meaning."""
        for source in self.sources:
            self._read(source)
        value = self.recipe.value
        for cell, count in self._label_cells.items():
            self.labels[value("label", cell)] += count
        self.speakers = {one for cell in self._speaker_cells if (one := value("speaker", cell))}
        for cell, count in self._split_cells.items():
            self._count_split(value("split", cell), count)
        if self._unknown_splits:
            listed = ", ".join(
                f"{name!r} ({count:,})" for name, count in self._unknown_splits.most_common(20)
            )
            raise InputError(
                f"column {self.columns.of['split']!r} has values that name no split: {listed}",
                file=self.recipe.place,
                cure="Say what they mean under 'values: split:' of a recipe, or give --map split= "
                "to split by speakers.",
            )

    def _count_split(self, value: str, count: int) -> None:
        if split := split_named(value):
            self.splits[split] += count
        else:
            self._unknown_splits[value] += count

    def _read(self, source: RowSource) -> None:
        of = self.columns.of
        wanted = [
            column
            for column in dict.fromkeys(of.values())
            if column in source.columns and column not in source.embedded
        ]
        at = {column: number for number, column in enumerate(wanted)}
        places = {meaning: at[column] for meaning, column in of.items() if column in at}
        steps = [*self._steps(places)]
        if source.split and "split" not in of:
            steps.append(lambda _row: self.splits.update((source.split or "",)))
        for _, row in _rows(source, wanted):
            self.rows += 1
            if self.rows == 1:
                shown = {column: text_of(row[number])[:60] for column, number in at.items()}
                inside = dict.fromkeys(source.embedded & set(of.values()), "sound in the table")
                self.examples = shown | inside
            for step in steps:
                step(row)

    def _steps(self, places: Mapping[str, int]) -> Iterator[Callable[[Sequence[Any]], None]]:
        """What is counted of every row, for the columns that are there."""
        if (label := places.get("label")) is not None:
            cells = self._label_cells
            yield lambda row: cells.update((text_of(row[label]),))
        if (votes := places.get("votes")) is not None:
            yield lambda row: self._vote(votes_in(row[votes]))
        for code in self.columns.counted:
            if (count := places.get(f"votes:{code}")) is not None:
                yield lambda row, code=code, count=count: self._vote(counted(code, row[count]))  # type: ignore[misc]
        for rater in self.columns.raters:
            if (cell := places.get(f"vote:{rater}")) is not None:
                yield lambda row, cell=cell: self._vote([Given("", text_of(row[cell]))])  # type: ignore[misc]
        if (speaker := places.get("speaker")) is not None:
            yield lambda row: self._speaker_cells.add(text_of(row[speaker]))
        if (split := places.get("split")) is not None:
            yield lambda row: self._split_cells.update((text_of(row[split]),))
        if (audio := places.get("audio")) is not None and "id" not in places:
            yield lambda row: self._stem(row[audio])

    def _vote(self, votes: Sequence[Given]) -> None:
        for vote in votes:
            if vote.label:
                self._label_cells[vote.label] += 1

    def _stem(self, value: Any) -> None:
        path = text_of(value.name if isinstance(value, EmbeddedSound) else value)
        if not self.shares_stem:
            stem = PurePosixPath(path).stem
            self.shares_stem = self._stems.setdefault(stem, path) != path


def _rows(source: RowSource, wanted: Sequence[str]) -> Iterator[Row]:
    """Rows that can be read; the conversion itself names the others."""
    lost: Lost = lambda _problem, _name: None  # noqa: E731
    return source.read(wanted, lost) if wanted else iter(())
