"""Reads a table once, to say what it means before anything is converted."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from whyser.io.errors import BadInput, InputError, Problems
from whyser.labels.attributes import ATTRIBUTES
from whyser_converters.corpora.conversion_log import ConversionLog
from whyser_converters.corpora.spec import (
    POOLED,
    CorpusSpec,
    Segment,
    SplitScheme,
    by_speaker,
    official,
)
from whyser_converters.tables.columns import NAMES, ColumnMap, map_columns, plain
from whyser_converters.tables.first_look import FirstLook
from whyser_converters.tables.made_columns import sources_of
from whyser_converters.tables.recipe import TableRecipe
from whyser_converters.tables.sound_paths import SoundPaths
from whyser_converters.tables.source import LEFT_OUT, RowSource
from whyser_converters.tables.utterances import TableReader
from whyser_converters.tables.words import MeantLabel, class_merges, meant_labels

#: Shares of the speakers, where a table names speakers and no splits.
_TEST_SHARE, _DEV_SHARE = 0.2, 0.1


@dataclass(frozen=True)
class TableMeaning:
    """What a table means: columns, labels with their counts, splits and speakers.

    `examples` is the first value of each column that is used. `sound_names` are the different
    names of sound files in each table, and `sound_paths` say how they become paths. `problems` are
    the rows that cannot be read. `codes` is a column called a transcript that holds codes, with the
    first of them.
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
    sound_names: Mapping[Path, Sequence[str]]
    sound_paths: Mapping[Path, SoundPaths]
    problems: Sequence[InputError]
    split_of_speaker: Mapping[str, str] = field(default_factory=dict)
    codes: tuple[str, str] | None = None

    @property
    def merge(self) -> dict[str, str]:
        """Label -> class, as the user says."""
        return class_merges(self.recipe.merge, self.labels)

    @property
    def notes(self) -> list[str]:
        """What a user should know before the conversion."""
        found = [
            f"{reason}: {count:,}"
            for source in self.sources
            for reason, count in source.counts.most_common(5)
            if count
        ]
        if self.codes:
            column, code = self.codes
            found.append(
                f"column {column!r} is not taken for the transcript, since it holds codes such as "
                f"{code!r}; --map transcript={column} takes it"
            )
        for column in self.unused:
            for attribute in ATTRIBUTES:
                if attribute not in self.columns.of and plain(column) in NAMES[attribute]:
                    found.append(
                        f"column {column!r} may be the {attribute}, which is read once its scale "
                        f"is stated: --scale {attribute}=LOW:HIGH"
                    )
        return found

    @property
    def has_splits(self) -> bool:
        return bool(self.split_counts)

    @property
    def unused(self) -> list[str]:
        """The columns that are not used, in the order of the tables."""
        columns = dict.fromkeys(column for source in self.sources for column in source.columns)
        return [column for column in columns if column not in self.columns.of.values()]

    @property
    def test_splits(self) -> list[str]:
        given = self.split_counts if self.has_splits else self.split_of_speaker.values()
        return sorted({split for split in given if split.startswith("test")})

    @property
    def shares_stem(self) -> bool:
        """Whether two sound files differ only by their folder."""
        names = {name for each in self.sound_names.values() for name in each}
        return len({PurePosixPath(name).stem for name in names}) < len(names)

    def sound_files(self) -> Iterator[str]:
        """The sound files that the rows name, each once in a table; a file may be missing."""
        root = str(self.recipe.root)
        for table, names in self.sound_names.items():
            for name in filter(None, names):
                # The conversion says of each row why it has no sound.
                with suppress(InputError):
                    yield os.path.join(root, self.sound_paths[table].path(name))  # noqa: PTH118, for every clip

    def refuse_useless(self, *, with_audio: bool = True) -> None:
        """Raises: `InputError` for a table whose rows name no sound file, or nothing at all, and
        for a merge of a label that it does not have."""
        of, place = self.columns.of, self.recipe.place
        try:
            self.spec(Path()).merged(self.merge)
        except InputError as problem:
            raise problem.at(place) from None
        listed = ", ".join(map(repr, self.unused[:20])) or "none"
        if with_audio and "audio" not in of:
            raise InputError(
                f"no column is the sound file; not used yet: {listed}",
                file=place,
                cure="Give --map audio=COLUMN, or --no-audio.",
            )
        if not {"audio", "id"} & of.keys():
            raise InputError(
                f"no column is the id or the sound file; not used yet: {listed}",
                file=place,
                cure="Give --map id=COLUMN or --map audio=COLUMN.",
            )

    def root_of_sound(self, sound_folder: Path) -> Path:
        """The folder that encloses all sound files, also those that are inside the table."""
        embedded = frozenset[str]().union(*(source.embedded for source in self.sources))
        if self.columns.of.get("audio") in embedded:
            sound_folder.mkdir(parents=True, exist_ok=True)
            return sound_folder
        return self.recipe.root

    def spec(self, sound_folder: Path) -> CorpusSpec:
        """The corpus as other commands know one; sound in the table is written to a folder."""
        segments: dict[str, Segment] = {}

        def prepare(
            corpus_dir: Path, *, labels: Mapping[str, Any], log: ConversionLog
        ) -> Iterator[Any]:
            reader = TableReader(
                self.name, self.sources, self.columns, self.recipe, labels,
                self.shares_stem, self.sound_paths,
            )  # fmt: skip
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
            attributes={
                name: scale
                for name, scale in recipe.attribute_scales.items()
                if name in self.columns.of
            },
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

    Raises: `InputError` for columns that are unclear, and `BadInput` for all labels and splits
        without a meaning.
    """
    sources = sources_of(recipe)
    scales = recipe.attribute_scales
    columns = map_columns(
        _widest(sources),
        recipe.map,
        rows_are_votes=recipe.rows_are_votes,
        rated=scales.keys(),
        times=recipe.times,
    )
    for attribute in scales:
        if attribute not in columns.of:
            cure = f"Give --map {attribute}=COLUMN, or no scale for it."
            raise InputError(f"no column is the {attribute}", file=recipe.place, cure=cure)
    look = FirstLook(sources, columns, recipe)
    look.read()
    look.refuse_foreign()
    if not look.rows:
        if look.problems:
            raise BadInput(look.problems, str(recipe.place))
        left_out = [one for each in sources for one in each.counts if one.startswith(LEFT_OUT)]
        if left_out:
            what = f"contains no row that --where accepts; it has {'; '.join(left_out[:5])}"
            raise InputError(what, file=recipe.place, cure="Give one of these values.")
        raise InputError("contains no row", file=recipe.place, cure="Is the copy complete?")
    codes = None
    if look.first_code:
        codes = columns.of["transcript"], look.first_code
        columns = columns.without("transcript")
    problems = Problems(recipe.place)
    with problems.caught():
        look.refuse_repeated()
    with problems.caught():
        counts = look.labels
        names = {code: word for each in sources for code, word in each.label_names.items()}
        labels = meant_labels(counts, recipe.merge, names)
    with problems.caught():
        splits = look.splits
    with problems.caught():
        speakers = look.speakers
    if problems.found:
        raise BadInput([one.at(recipe.place) for one in problems.found], str(recipe.place))
    return TableMeaning(
        recipe, name, sources, columns, labels, counts, splits, speakers, look.rows,
        look.examples, look.sound_names, look.sound_paths, look.problems,
        _speaker_splits(name, speakers) if not splits else {}, codes,
    )  # fmt: skip


def _widest(sources: Sequence[RowSource]) -> RowSource:
    """The first table, with the columns of all: rows of JSON need not have every key."""
    columns = dict.fromkeys(column for source in sources for column in source.columns)
    embedded = frozenset[str]().union(*(source.embedded for source in sources))
    first = sources[0]
    return RowSource(first.path, tuple(columns), first.read, None, embedded, first.meanings)


def _speaker_splits(corpus: str, speakers: frozenset[str]) -> dict[str, str]:
    """Speaker -> split. A speaker keeps the place in the order when others join.

    >>> " ".join(sorted(_speaker_splits("x", frozenset("abcdefghij")).values()))
    'dev test test train train train train train train train'
    """
    if len(speakers) < 2:
        return {}
    test = max(1, round(_TEST_SHARE * len(speakers)))
    dev = max(1, round(_DEV_SHARE * len(speakers))) if len(speakers) > 2 else 0
    order = sorted(speakers, key=lambda one: hashlib.sha256(f"{corpus}/{one}".encode()).hexdigest())
    splits = ["test"] * test + ["dev"] * dev + ["train"] * (len(order) - test - dev)
    return dict(zip(order, splits, strict=True))
