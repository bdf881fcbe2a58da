"""Makes utterances of a table's rows: one of each row, or of all rows of one utterance."""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from msgspec.structs import replace

from whyser.io.errors import InputError
from whyser.io.files import atomic_path
from whyser.labels.attributes import ATTRIBUTES, Scales
from whyser.labels.classes import CLASSES, OTHER, Label
from whyser.labels.lexicon import lexicon
from whyser.labels.votes import majority
from whyser.records.utterance import AttributeVote, Utterance, Vote
from whyser_converters.convert.split_names import EXPECTED, part_of, split_named
from whyser_converters.corpora.attribute_values import AttributeCells, Values
from whyser_converters.corpora.conversion_log import ConversionLog, LeftOut
from whyser_converters.corpora.spec import Segment
from whyser_converters.corpora.tables import label_of, transcript_text
from whyser_converters.tables.columns import ColumnMap
from whyser_converters.tables.recipe import TableRecipe
from whyser_converters.tables.sound_paths import SoundPaths
from whyser_converters.tables.source import (
    LEFT_OUT,
    SOUND_BYTES,
    SUFFIX_OF_BYTES,
    UNKNOWN,
    EmbeddedSound,
    RowSource,
    text_of,
)
from whyser_converters.tables.times import seconds
from whyser_converters.tables.votes import Given, counted, highest, votes_in, words_of
from whyser_converters.tables.words import class_of

_GENDERS = {
    **dict.fromkeys(("m", "male", "man", "masculine", "männlich", "homme", "hombre", "男"), "male"),
    **dict.fromkeys(("f", "female", "w", "woman", "weiblich", "femme", "mujer", "女"), "female"),
}

_SPACES = re.compile(r"\s+")
#: Meanings that may differ between the rows of one utterance, besides the annotator's label.
_OF_ONE_VOTE = frozenset({"rater", "secondary", *ATTRIBUTES})
#: What an id of a stranger may have in the name of a file; all else becomes `_`.
_ODD = re.compile(r"[^\w.+@=-]")


class _TableRow:
    """The cells of one row by meaning; those of a list of values are looked up."""

    __slots__ = ("at", "attributes", "paths", "rated", "recipe", "rest", "row", "source", "values")

    def __init__(
        self,
        source: RowSource,
        at: Mapping[str, int],
        recipe: TableRecipe,
        paths: SoundPaths,
        of_vote: str,
        log: ConversionLog,
    ) -> None:
        self.source, self.at, self.recipe, self.paths = source, at, recipe, paths
        self.values = {meaning for meaning in at if meaning in recipe.values}
        own = _OF_ONE_VOTE | {of_vote}
        self.rest = [place for name, place in at.items() if name not in own]
        scales = recipe.attribute_scales
        rated: Scales = {name: scales[name] for name in ATTRIBUTES if name in at}
        self.rated = [at[name] for name in rated]
        self.attributes = AttributeCells(rated, source.path, log)
        self.row: Sequence[Any] = ()

    def raw(self, meaning: str) -> Any:
        place = self.at.get(meaning)
        return None if place is None else self.row[place]

    def text(self, meaning: str) -> str:
        place = self.at.get(meaning)
        if place is None:
            return ""
        text = text_of(self.row[place])
        return self.recipe.value(meaning, text) if meaning in self.values else text

    def attribute_values(self, line: int, of: str) -> Values:
        """The attributes in the row; `of` names the utterance in a fault."""
        if not self.rated:
            return {}
        cells = tuple([_with_point(text_of(self.row[place])) for place in self.rated])
        return self.attributes.read(cells, line, of)

    def refuse_other(self, first: Sequence[Any]) -> None:
        """Raises: `InputError` if this row says something else of its utterance than the first."""
        row = self.row
        for place in self.rest:
            if row[place] != first[place] and not isinstance(first[place], Path):
                meaning = next(name for name, one in self.at.items() if one == place)
                raise InputError(
                    f"its {meaning} {text_of(row[place])[:60]!r} differs from "
                    f"{text_of(first[place])[:60]!r} in an earlier row of this utterance",
                    cure="Correct one of them.",
                )


class TableReader:
    """Reads the utterances of the tables of one corpus."""

    def __init__(
        self,
        name: str,
        sources: Sequence[RowSource],
        columns: ColumnMap,
        recipe: TableRecipe,
        labels: Mapping[str, Label | None],
        shares_stem: bool,
        sound_paths: Mapping[Path, SoundPaths],
    ) -> None:
        self.name, self.sources, self.columns, self.recipe = name, sources, columns, recipe
        self.labels, self.shares_stem, self.sound_paths = labels, shares_stem, sound_paths
        self._known_votes: dict[tuple[str, str], Vote] = {}
        self._odd_genders: Counter[str] = Counter()
        self._places: dict[tuple[str, Segment | None], tuple[str, int, Path]] = {}

    def utterances(
        self,
        root: Path,
        sound_folder: Path,
        segments: MutableMapping[str, Segment],
        split_of: Mapping[str, str] | None,
        log: ConversionLog,
    ) -> Iterator[Utterance]:
        """The utterances in the order of their first rows.

        Args:
            root: The folder that encloses all sound files.
            sound_folder: Receives the sound that is inside a table.
            segments: Receives the part of its file that an utterance is.
            split_of: Speaker -> split; None if the table states the splits.
        """
        self.root, self.sound_folder, self.segments = root, sound_folder, segments
        self.split_of, self.log = split_of, log
        rows = self._ballots() if self.columns.is_one_row_a_vote else self._single_rows()
        for line, cells, votes in rows:
            with log.candidate(cells.source.path, line):
                yield self._utterance(line, cells, votes)
        for source in self.sources:
            for reason, count in source.counts.most_common():
                if reason.startswith(LEFT_OUT):
                    log.leave_unused(reason, count)
                else:
                    log.note_count(count, reason)
        for gender, count in self._odd_genders.most_common():
            log.note_count(count, f"utterances whose gender {gender!r} is not known and left out")

    # ---- rows ------------------------------------------------------------------------------

    def _single_rows(self) -> Iterator[tuple[int, _TableRow, list[Given] | None]]:
        for source in self.sources:
            for line, cells in self._rows(source, self.log.lost_candidate):
                yield line, cells, None

    def _ballots(self) -> Iterator[tuple[int, _TableRow, list[Given] | None]]:
        """The first row of each utterance, with the votes of all its rows.

        Sound inside a table is written from the first row; the others hold only their votes.
        """
        for source in self.sources:
            first: dict[str, tuple[int, Sequence[Any]]] = {}
            votes: dict[str, list[Given]] = {}
            for line, cells in self._rows(source, self.log.lost_part):
                key = _key(cells)
                with self.log.part(source.path, line, of=key):
                    values = cells.attribute_values(line, key)
                    ballot = Given(
                        cells.text("rater"),
                        self._vote_label(cells),
                        values,
                        cells.text("secondary"),
                    )
                    if (given := votes.get(key)) is not None:
                        cells.refuse_other(first[key][1])
                        given.append(ballot)
                    else:
                        first[key] = line, self._light(cells.row)
                        votes[key] = [ballot]
            for key, (line, row) in first.items():
                cells.row = row
                yield line, cells, votes.pop(key)

    def _vote_label(self, cells: _TableRow) -> str:
        """The label of the row's annotator."""
        if self.columns.of_vote == "label":
            return cells.text("label")
        written = text_of(cells.raw("votes"))
        return self.recipe.value("label", written) if written else ""

    def _light(self, row: Sequence[Any]) -> Sequence[Any]:
        """The row, its sound written to a file, so that not all sound is in memory."""
        if not any(isinstance(cell, EmbeddedSound) for cell in row):
            return row
        return [self._unpacked(cell) if isinstance(cell, EmbeddedSound) else cell for cell in row]

    def _rows(
        self, source: RowSource, lost: Callable[[InputError, str], None]
    ) -> Iterator[tuple[int, _TableRow]]:
        wanted = [one for one in dict.fromkeys(self.columns.of.values()) if one in source.columns]
        at = {column: number for number, column in enumerate(wanted)}
        of = {meaning: at[column] for meaning, column in self.columns.of.items() if column in at}
        paths = self.sound_paths.get(source.path, SoundPaths(self.root))
        cells = _TableRow(source, of, self.recipe, paths, self.columns.of_vote, self.log)
        for line, row in source.read(wanted, lost):
            cells.row = row
            yield line, cells

    # ---- one utterance ---------------------------------------------------------------------

    def _utterance(self, line: int, cells: _TableRow, ballot: list[Given] | None) -> Utterance:
        if ballot is not None:
            self.log.refuse_spoiled(_key(cells))
        audio = self._audio(cells)
        segment = self._segment(cells)
        speaker = known_name(cells.text("speaker"))
        split = self._split(cells, speaker)
        if audio:
            self._refuse_second_split(audio, segment, split, line, cells.source.path)
        utterance_id = self.log.once(self._id(audio, segment, cells), line)
        given = self._votes(cells) if ballot is None else ballot
        votes = self._cast(given)
        means = cells.attribute_values(line, utterance_id) if ballot is None else {}
        is_published = ballot is None or self.columns.of_vote == "votes"
        label, label_raw = self._label(cells, votes, utterance_id, published=is_published)
        if segment:
            self.segments[utterance_id] = segment
        return Utterance(
            id=utterance_id,
            corpus=self.name,
            split=split,
            audio=audio or None,
            duration=None,
            sampling_rate=None,
            channels=None,
            transcript=transcript_text(cells.text("transcript")),
            speaker=self._named(speaker),
            gender=self._gender(cells.text("gender")),
            dialogue=self._named(cells.text("dialogue")),
            session=self._named(cells.text("session")),
            label=label,
            label_raw=label_raw,
            votes=tuple([self._vote(number, vote) for number, vote in enumerate(votes, start=1)]),
            attribute_votes=tuple(self._without_label(given)),
            attributes={name: means[name] for name in ATTRIBUTES if name in means},
        )

    def _named(self, value: str) -> str | None:
        return f"{self.name}/{value}" if known_name(value) else None

    def _id(self, audio: str, segment: Segment | None, cells: _TableRow) -> str:
        if "id" in cells.at:
            own = cells.text("id")
            if not own:
                raise InputError("no id", cure="Fill in the column, or give --map id=.")
        elif audio:
            path = PurePosixPath(audio)
            own = str(path.with_suffix("")) if self.shares_stem else path.stem
            own += segment.suffix if segment else ""
        else:
            raise InputError("neither id nor sound file", cure="Give --map id=COLUMN.")
        return f"{self.name}/{_SPACES.sub('_', own)}"

    def _audio(self, cells: _TableRow) -> str:
        """The path of the sound file below the root; an empty text without one."""
        value = cells.raw("audio")
        if isinstance(value, EmbeddedSound):
            value = self._unpacked(value)
        if isinstance(value, Path):
            return os.path.relpath(value, self.root)
        name = cells.text("audio")
        if not name and "audio" in cells.at:
            raise InputError("names no sound file", cure="Fill in the column.")
        return cells.paths.path(name) if name else ""

    def _unpacked(self, sound: EmbeddedSound) -> Path:
        """Writes a sound of the table to a file, unless it is there already."""
        stem = _ODD.sub("_", PurePosixPath(sound.name.replace("\\", "/")).stem)
        # Two rows may state the same name.
        digest = hashlib.sha256(sound.data).hexdigest()[:8]
        start = next((one for one in SOUND_BYTES if sound.data.startswith(one)), b"")
        suffix = SUFFIX_OF_BYTES.get(start) or PurePosixPath(sound.name).suffix[:6] or ".bin"
        path = self.sound_folder / f"{stem or 'sound'}_{digest}{_ODD.sub('_', suffix)}"
        if not path.is_file():
            with atomic_path(path) as temporary:
                temporary.write_bytes(sound.data)
        return path

    def _segment(self, cells: _TableRow) -> Segment | None:
        unit, given = self.recipe.times, {}
        for what in ("start", "end", "duration"):
            if text := cells.text(what):
                given[what] = seconds(text, what, unit)
        start, end = given.get("start", 0.0), given.get("end")
        if "start" not in given and end is None:
            return None
        if end is None and "duration" in given:
            end = start + given["duration"]
        if end is not None and end <= start:
            raise InputError(f"ends at {end:g} s and begins at {start:g} s", cure="Correct one.")
        return Segment(start, end)

    def _split(self, cells: _TableRow, speaker: str) -> str:
        if self.split_of is not None:
            if not self.split_of:
                return "train"
            if not speaker:
                raise InputError("no speaker, so no split", cure="Fill in the column.")
            return self.split_of[speaker]
        if "split" not in cells.at:
            return cells.source.split or "train"
        written = cells.text("split")
        split = split_named(written)
        if split is None:
            raise InputError(f"bad split {written[:60]!r}", cure=EXPECTED)
        return split

    def _refuse_second_split(
        self, audio: str, segment: Segment | None, split: str, line: int, table: Path
    ) -> None:
        """Raises: `InputError` for a sound that an earlier row puts into another split."""
        first, number, file = self._places.setdefault((audio, segment), (split, line, table))
        if part_of(first) != part_of(split):
            where = f"{first} on line {number}" + f" of {file}" * (file != table)
            raise InputError(
                f"its sound {audio} is in {where}, and in {split} here",
                cure="Keep the sound in one split.",
            )

    def _gender(self, value: str) -> str | None:
        gender = _GENDERS.get(value.lower())
        if gender is None and known_name(value):
            self._odd_genders[value[:60]] += 1
        return gender

    # ---- labels ----------------------------------------------------------------------------

    def _votes(self, cells: _TableRow) -> list[Given]:
        """The votes in the cells of one row."""
        found = votes_in(cells.raw("votes")) if "votes" in cells.at else []
        for code in self.columns.counted:
            found += counted(code, cells.raw(f"votes:{code}"))
        found += [
            Given(rater, label)
            for rater in self.columns.raters
            if (label := text_of(cells.raw(f"vote:{rater}")))
        ]
        return [
            Given(one.rater, self.recipe.value("label", one.label)) for one in found if one.label
        ]

    def _cast(self, votes: Sequence[Given]) -> list[Given]:
        """The votes that have a label; who was not asked or could not say has cast none.

        Raises: `InputError` for an annotator with two votes.
        """
        cast = [vote for vote in votes if self.labels.get(vote.label, OTHER) is not None]
        self.log.leave_unused("vote without a label", len(votes) - len(cast))
        raters = [vote.rater for vote in cast if vote.rater]
        if len(set(raters)) < len(raters):
            ((rater, count),) = Counter(raters).most_common(1)
            what = f"annotator {rater[:60]!r} has {count} votes for this utterance"
            raise InputError(what, cure="Keep one row for each annotator.")
        return cast

    def _vote(self, number: int, vote: Given) -> Vote:
        rater = f"{self.name}/{vote.rater}" if vote.rater else f"anonymous_{number}"
        # Checked once for each label; there are millions of votes.
        known = self._vote_of(vote.label, vote.secondary)
        return replace(known, rater=rater, **vote.values)

    def _without_label(self, given: Sequence[Given]) -> Iterator[AttributeVote]:
        """The ratings of annotators who gave no label."""
        for number, one in enumerate(given, start=1):
            if one.values and self.labels.get(one.label, OTHER) is None:
                rater = f"{self.name}/{one.rater}" if one.rater else f"anonymous_{number}"
                yield AttributeVote(rater=rater, **one.values)

    def _vote_of(self, code: str, secondary: str = "") -> Vote:
        key = code, secondary
        if key not in self._known_votes:
            primary = label_of(code, self.labels, "label") or OTHER
            names = tuple(dict.fromkeys(map(self._secondary, words_of(secondary))))
            vote = Vote(rater="", primary=primary, secondary=names, raw=code)
            self._known_votes[key] = vote
        return self._known_votes[key]

    def _secondary(self, word: str) -> str:
        """The class that a secondary label names, or the word of an annotator in lower case."""
        meant = class_of(word, lexicon())
        label = self.labels.get(word) or (meant.label if meant else None)
        return label if label in CLASSES else word.lower()

    def _label(
        self, cells: _TableRow, votes: Sequence[Given], utterance_id: str, *, published: bool
    ) -> tuple[Label | None, str]:
        """The published label, or the plurality of the votes, and what is written for it."""
        codes = [vote.label for vote in votes]
        if published and "label" in cells.at:
            code = cells.text("label")
            label = label_of(code, self.labels, "label")
            if votes:
                self._compare(utterance_id, label, codes)
            return label, code
        if scored := self.columns.scored:
            codes = highest({code: cells.raw(f"score:{code}") for code in scored})
            label = label_of(codes[0], self.labels, "label") if len(codes) == 1 else None
            return label, ":".join(codes)
        if not votes:
            raise LeftOut("no vote with a label")
        return self._plurality(codes), ":".join(_most_frequent(codes))

    def _plurality(self, codes: Sequence[str]) -> Label | None:
        return majority([self._vote_of(code).primary for code in codes])

    def _compare(self, utterance_id: str, label: Label | None, codes: Sequence[str]) -> None:
        classes = [self._vote_of(code).primary for code in codes]
        self.log.compare_consensus(utterance_id, label, classes)


def _key(cells: _TableRow) -> str:
    """What is the same in all rows of one utterance."""
    if "id" in cells.at:
        return text_of(cells.raw("id"))
    audio = cells.raw("audio")
    if isinstance(audio, EmbeddedSound):
        audio = audio.name or hashlib.sha256(audio.data).hexdigest()
    if "start" not in cells.at:
        return text_of(audio)
    return " ".join(text_of(part) for part in (audio, cells.raw("start"), cells.raw("end")))


def _with_point(number: str) -> str:
    """A number with a decimal point, where many spreadsheets write a comma.

    >>> _with_point("2,50"), _with_point("1,000,000")
    ('2.50', '1,000,000')
    """
    return number.replace(",", ".") if number.count(",") == 1 else number


def known_name(value: str) -> str:
    """The name of a speaker, dialogue or session; an empty text for one who is not known.

    >>> known_name("Unknown"), known_name("07")
    ('', '07')
    """
    return "" if value.lower() in UNKNOWN else value


def _most_frequent(codes: Sequence[str]) -> list[str]:
    counts = Counter(codes)
    top = max(counts.values())
    return sorted(code for code, count in counts.items() if count == top)
