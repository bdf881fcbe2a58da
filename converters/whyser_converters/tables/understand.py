"""Reads a table once, to say what it means before anything is converted."""

from __future__ import annotations

import hashlib
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

from whyser.io.errors import BadInput, InputError, Problems
from whyser.labels.attributes import ATTRIBUTES
from whyser_converters.convert.split_names import split_named
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
from whyser_converters.tables.made_columns import sources_of
from whyser_converters.tables.recipe import TableRecipe
from whyser_converters.tables.sound_names import way_to_sounds
from whyser_converters.tables.sound_paths import SoundPaths
from whyser_converters.tables.source import LEFT_OUT, RowSource, text_of
from whyser_converters.tables.text_tables import ENCODING_CURE, is_foreign_text
from whyser_converters.tables.utterances import TableReader, known_name
from whyser_converters.tables.votes import Given, counted, highest, votes_in
from whyser_converters.tables.words import MeantLabel, class_merges, meant_labels

#: Shares of the speakers, where a table names speakers and no splits.
_TEST_SHARE, _DEV_SHARE = 0.2, 0.1

#: Letters of the longest code that stands for a sentence.
_CODE = 4

#: Rows that are counted at once.
_BLOCK = 4096

#: So many rows may repeat an earlier one by mistake, and cost only themselves.
_FEW = 0.1


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
    look = _FirstLook(sources, columns, recipe)
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

    >>> sorted(Counter(_speaker_splits("x", frozenset("abcdefghij")).values()).items())
    [('dev', 1), ('test', 2), ('train', 7)]
    """
    if len(speakers) < 2:
        return {}
    test = max(1, round(_TEST_SHARE * len(speakers)))
    dev = max(1, round(_DEV_SHARE * len(speakers))) if len(speakers) > 2 else 0
    order = sorted(speakers, key=lambda one: hashlib.sha256(f"{corpus}/{one}".encode()).hexdigest())
    splits = ["test"] * test + ["dev"] * dev + ["train"] * (len(order) - test - dev)
    return dict(zip(order, splits, strict=True))


class _FirstLook:
    """Counts what the columns of labels, splits and speakers hold."""

    def __init__(
        self, sources: Sequence[RowSource], columns: ColumnMap, recipe: TableRecipe
    ) -> None:
        self.sources, self.columns, self.recipe = sources, columns, recipe
        self.rows = 0
        self.examples: dict[str, str] = {}
        self._cells: defaultdict[str, Counter[Any]] = defaultdict(Counter)
        self.problems: list[InputError] = []
        self.sound_names: dict[Path, Sequence[str]] = {}
        self.sound_paths: dict[Path, SoundPaths] = {}
        self._votes: Counter[str] = Counter()
        #: The first code of what is called a transcript; an empty text once it has words.
        self.first_code = ""
        self._may_hold_codes = "transcript" in columns.guessed and "transcript" not in recipe.values
        self._stated_splits: Counter[str] = Counter()

    def read(self) -> None:
        for source in self.sources:
            before, heard = self.rows, self._cells.pop("audio", Counter())
            self._read(source)
            # A name leads to another file in the folder of another table.
            if names := list(self._texts("audio")):
                self.sound_names[source.path] = names
                found = way_to_sounds(self.recipe.root, _folder_of(source), names)
                self.sound_paths[source.path] = found
            self._cells["audio"].update(heard)
            if source.split and "split" not in self.columns.of:
                self._stated_splits[source.split] += self.rows - before

    @property
    def labels(self) -> Counter[str]:
        """Raises: `InputError` for a value that the recipe's list does not have."""
        found: Counter[str] = Counter()
        for written, count in self._votes.items():
            found[self.recipe.value("label", written)] += count
        rated = [f"vote:{rater}" for rater in self.columns.raters]
        if self.columns.is_one_row_a_vote and self.columns.of_vote == "votes":
            rated.append("votes")
        # The rows of one utterance repeat its published label.
        is_repeated = "votes" in rated
        for meaning in ("label", *rated):
            for written, count in self._texts(meaning).items():
                # Who was not asked leaves an empty cell.
                if written or meaning == "label":
                    times = 0 if is_repeated and meaning == "label" else count
                    found[self.recipe.value("label", written)] += times
        return found

    @property
    def speakers(self) -> frozenset[str]:
        names = (self.recipe.value("speaker", one) for one in self._texts("speaker"))
        return frozenset(filter(None, map(known_name, names)))

    @property
    def splits(self) -> Counter[str]:
        """Raises: `InputError` for values that name no split."""
        found, unknown = Counter(self._stated_splits), Counter[str]()
        for written, count in self._texts("split").items():
            value = self.recipe.value("split", written)
            split = split_named(value)
            (unknown if split is None else found)[split or value] += count
        if unknown:
            listed = ", ".join(f"{name!r} ({count:,})" for name, count in unknown.most_common(20))
            raise InputError(
                f"column {self.columns.of['split']!r} has values that name no split: {listed}",
                file=self.recipe.place,
                cure="Say what they mean under 'values: split:' of a recipe, or give --map split= "
                "to split by speakers.",
            )
        return found

    def refuse_repeated(self) -> None:
        """Raises: `InputError` if many rows are about the utterance of an earlier row."""
        of = self.columns.of
        self._refuse_numbered()
        key = "id" if "id" in of else "audio"
        if self.columns.is_one_row_a_vote or not self._cells[key] or "start" in of:
            return
        repeated = self.rows - len(self._cells[key])
        if repeated > _FEW * self.rows:
            raise InputError(
                f"{repeated:,} of {self.rows:,} rows have the {key} of an earlier row",
                file=self.recipe.place,
                cure="If each row is one annotator's vote, give --map rater=COLUMN, or "
                "--rows-are-votes where no column names the annotator. If each row is a part of a "
                "recording, give --map start=COLUMN --map end=COLUMN. If only some rows count, "
                "give --where COLUMN=VALUE.",
            )

    def _refuse_numbered(self) -> None:
        """Raises: `InputError` if what is called the id numbers the rows, and many rows share a
        sound file: each vote would be an utterance."""
        of = self.columns.of
        ids, sounds = (len(self._cells.get(one, ())) for one in ("id", "audio"))
        if "id" not in self.columns.guessed or "start" in of or not sounds:
            return
        if ids - sounds > _FEW * ids:
            raise InputError(
                f"{self.rows:,} rows have {ids:,} different ids in column {of['id']!r}, and only "
                f"{sounds:,} sound files",
                file=self.recipe.place,
                cure=f"Give --map id= if the rows of one sound file are the votes for it, or --map "
                f"id={of['id']} if each id is an utterance. If each row is a part of a recording, "
                "give --map start=COLUMN --map end=COLUMN.",
            )

    def refuse_foreign(self) -> None:
        """Raises: `InputError` if many rows are in another encoding: they are not lost by chance,
        but all that hold one of some letters."""
        foreign = [problem for problem in self.problems if is_foreign_text(problem)]
        whole = self.rows + len(foreign)
        if len(foreign) > _FEW * whole:
            what = f"{len(foreign):,} of {whole:,} rows are not UTF-8 text"
            line = foreign[0].line
            raise InputError(what, file=foreign[0].file, line=line, cure=ENCODING_CURE)

    def _texts(self, meaning: str) -> Counter[str]:
        """The different values of a column with their counts."""
        found: Counter[str] = Counter()
        for value, count in self._cells[meaning].items():
            found[text_of(value)] += count
        return found

    def _read(self, source: RowSource) -> None:
        of = self.columns.of
        wanted = [
            column
            for column in dict.fromkeys(of.values())
            if column in source.columns and column not in source.embedded
        ]
        at = {column: number for number, column in enumerate(wanted)}
        places = {meaning: at[column] for meaning, column in of.items() if column in at}
        counted_here = [
            meaning for meaning in places
            if meaning in ("label", "speaker", "split", "id", "audio")
            or meaning.startswith("vote:")
        ]  # fmt: skip
        if self.columns.is_one_row_a_vote and self.columns.of_vote == "votes":
            counted_here.append("votes")
        if not wanted:
            return
        rows = (row for _, row in source.read(wanted, self._note))
        while block := list(islice(rows, _BLOCK)):
            if not self.rows:
                shown = {column: _shown(block[0][number]) for column, number in at.items()}
                inside = dict.fromkeys(source.embedded & set(of.values()), "sound in the table")
                self.examples = shown | inside
            self.rows += len(block)
            # A column at a time, since a million calls for single cells take seconds.
            cells = list(zip(*block, strict=True))
            for meaning in counted_here:
                self._count(meaning, source, cells[places[meaning]])
            if "transcript" in places and self._may_hold_codes:
                self._look_for_words(cells[places["transcript"]])
            if "votes" not in counted_here:
                self._count_votes(cells, places)
            self._count_scores(cells, places)

    def _look_for_words(self, cells: Sequence[Any]) -> None:
        self._may_hold_codes = all(map(_is_code, cells))
        if not self._may_hold_codes:
            self.first_code = ""
        elif not self.first_code:
            self.first_code = next(filter(None, map(text_of, cells)), "")

    def _note(self, problem: InputError, _name: str) -> None:
        self.problems.append(problem)

    def _count(self, meaning: str, source: RowSource, cells: Sequence[Any]) -> None:
        try:
            self._cells[meaning].update(cells)
        except TypeError:
            # Lists and objects have no hash.
            for cell in cells:
                try:
                    text_of(cell)
                except InputError as problem:
                    column = self.columns.of[meaning]
                    what = f"column {column!r}: {problem.what}"
                    raise InputError(what, file=source.path, cure=problem.cure) from None
            raise

    def _count_votes(self, cells: Sequence[Sequence[Any]], places: Mapping[str, int]) -> None:
        readers: list[tuple[str, Callable[[Any], list[Given]]]] = [("votes", votes_in)]
        readers += [(f"votes:{code}", partial(counted, code)) for code in self.columns.counted]
        for meaning, read in readers:
            for cell in cells[places[meaning]] if meaning in places else ():
                # A cell that cannot be read costs its own utterance, when it is converted.
                with suppress(InputError):
                    self._votes.update(vote.label for vote in read(cell) if vote.label)

    def _count_scores(self, cells: Sequence[Sequence[Any]], places: Mapping[str, int]) -> None:
        scored = {code: places[meaning] for code in self.columns.scored
                  if (meaning := f"score:{code}") in places}  # fmt: skip
        if not scored:
            return
        for row in zip(*(cells[place] for place in scored.values()), strict=True):
            with suppress(InputError):
                self._votes.update(highest(dict(zip(scored, row, strict=True))))


def _is_code(cell: Any) -> bool:
    """Whether a cell has no words, but at most a code such as `a01` or `IEO`.

    >>> _is_code("a01"), _is_code(7), _is_code("IEO"), _is_code("")
    (True, True, True, True)
    >>> _is_code("abajo"), _is_code("Room 7"), _is_code("第7天")
    (False, False, False)
    """
    if isinstance(cell, list | dict):
        return False
    text = text_of(cell)
    if not text.isascii() or " " in text:
        return False
    return not text or any(map(str.isdigit, text)) or (text.isupper() and len(text) <= _CODE)


def _shown(cell: Any) -> str:
    return (str(cell) if isinstance(cell, list | dict) else text_of(cell))[:60]


def _folder_of(source: RowSource) -> Path:
    return source.path if source.path.is_dir() else source.path.parent
