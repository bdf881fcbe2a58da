"""Counts what the columns of a table hold, before it is said what they mean."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from whyser.io.errors import InputError
from whyser_converters.convert.split_names import split_named
from whyser_converters.tables.columns import ColumnMap
from whyser_converters.tables.recipe import TableRecipe
from whyser_converters.tables.sound_names import way_to_sounds
from whyser_converters.tables.sound_paths import SoundPaths
from whyser_converters.tables.source import RowSource, text_of
from whyser_converters.tables.text_tables import ENCODING_CURE, is_foreign_text
from whyser_converters.tables.utterances import known_name
from whyser_converters.tables.votes import Given, counted, highest, votes_in

#: Letters of the longest code that stands for a sentence.
_CODE = 4

#: Rows that are counted at once.
_BLOCK = 4096

#: So many rows may repeat an earlier one by mistake, and cost only themselves.
_FEW = 0.1


class FirstLook:
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
