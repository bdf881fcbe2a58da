"""Reads the votes of MSP-Podcast from any release's labels_detailed.csv, or from labels.txt."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from msgspec.structs import replace

from whyser.io.errors import InputError
from whyser.labels.attributes import Scales
from whyser.labels.classes import Label
from whyser.records.utterance import Vote
from whyser_converters.corpora.attribute_values import AttributeCells, Values
from whyser_converters.corpora.conversion_log import ConversionLog
from whyser_converters.corpora.tables import find_entry, numbered_lines, read_header, read_table

#: The annotators' words and their codes; every other word is Other.
VOTE_CODES = {
    "angry": "A",
    "sad": "S",
    "happy": "H",
    "surprise": "U",
    "fear": "F",
    "disgust": "D",
    "contempt": "C",
    "neutral": "N",
}

# WORKER00014364; Neutral; Neutral,Excited; A:5.000000; V:4.000000; D:4.000000;
_DETAIL = re.compile(
    r"\s*(\w+)\s*;\s*([^;\s][^;]*?)\s*;\s*"
    r"(?:(.*?)\s*;\s*)?"  # some rows lack the secondary labels, so what follows is found by name
    r"A:([^;]*);\s*V:([^;]*);\s*D:([^;]*);?\s*"
)

#: Marks on seven manikins, in the order of every file that is read.
SCALES: Scales = {"arousal": (1, 7), "valence": (1, 7), "dominance": (1, 7)}

#: The columns of these attributes, and the cells of a table that lacks one of them.
_COLUMNS = ("EmoAct", "EmoVal", "EmoDom")
NO_CELLS = ("",) * len(_COLUMNS)

#: The primary label and the secondary ones, as one annotator wrote them.
Words = tuple[str, str]

#: The cells of the attributes, in the order of `SCALES`.
Cells = tuple[str, ...]

#: An annotator, the words, and the attributes' cells.
RawVote = tuple[str, Words, Cells]

#: A file name, an annotator, the words, and the attributes.
VoteRow = tuple[str, str, Words, Values]


def read_votes(
    folder: Path, labels: Mapping[str, Label | None], log: ConversionLog
) -> dict[str, list[Vote]]:
    """Every annotator's vote, by file name."""
    votes: defaultdict[str, list[Vote]] = defaultdict(list)
    vote_of = _vote_form(labels)
    # The votes for a turn follow each other, so that almost every turn is looked up only once.
    for name, rated in groupby(_vote_rows(folder, log), itemgetter(0)):
        made = [replace(vote_of(words), rater=rater, **values) for _, rater, words, values in rated]
        # Stripped, as the names of the consensus file are.
        votes[name.strip()] += made
    return dict(votes)


def _vote_rows(folder: Path, log: ConversionLog) -> Iterator[VoteRow]:
    table = find_entry(folder, ("labels_detailed.csv",))
    text = find_entry(folder, ("labels.txt",))
    if table is not None:
        columns = read_header(table)
        rater = next((name for name in ("WorkerID", "Workers") if name in columns), None)
        yield from _detail_rows(table, log) if rater is None else _field_rows(table, rater, log)
    elif text is not None:
        log.note("no labels_detailed.csv: votes are read from labels.txt")
        yield from _text_rows(text, log)
    else:
        log.note("neither labels_detailed.csv nor labels.txt: the turns have no votes")


def _detail_rows(path: Path, log: ConversionLog) -> Iterator[VoteRow]:
    """The schema of releases 1.7 to 1.12: one cell holds a line of `labels.txt`."""
    attributes = AttributeCells(SCALES, path, log)
    for line, (name, detail) in read_table(path, ("FileName", "EmoDetail"), log.lost_part):
        vote = _parse_plain(detail)
        if vote is None:
            with log.part(path, line, of=name):
                vote = _parse_detail(detail)
        if vote is not None:
            rater, words, cells = vote
            yield name, rater, words, attributes.read(cells, line, name)


def _field_rows(path: Path, rater: str, log: ConversionLog) -> Iterator[VoteRow]:
    """The schema of releases 1.6 (`Workers`) and 2.0 (`WorkerID`)."""
    attributes = AttributeCells(SCALES, path, log)
    more = attribute_columns(read_header(path))
    columns = ("FileName", rater, "EmoClass_Major", "EmoClass_Second", *more)
    for line, (name, *fields) in read_table(path, columns, log.lost_part):
        with log.part(path, line, of=name):
            worker, primary, secondary, *cells = (field.strip() for field in fields)
            if not worker or not primary:
                raise InputError(
                    "a vote without an annotator or a primary label", cure="Correct the vote."
                )
            values = attributes.read(tuple(cells) or NO_CELLS, line, name)
            yield name, worker, (primary, secondary), values


def _text_rows(path: Path, log: ConversionLog) -> Iterator[VoteRow]:
    """`labels.txt`: a head line with the file's name, then a line per annotator."""
    attributes = AttributeCells(SCALES, path, log)
    turn = None
    for number, line in numbered_lines(path):
        first = line.partition(";")[0].strip()
        if line.isspace() or first.endswith(".wav"):
            # A blank line ends a file's block, so the votes below a broken head belong to no turn.
            turn = first or None
            continue
        with log.part(path, number, of=turn):
            if turn is None:
                raise InputError(f"annotator's line {line.strip()[:60]!r} before any file's name")
            rater, words, cells = _parse_plain(line) or _parse_detail(line)
            yield turn, rater, words, attributes.read(cells, number, turn)


def _parse_plain(detail: str) -> RawVote | None:
    """Reads the usual form without a pattern, which saves seconds over a million votes."""
    rater, _, rest = detail.partition(";")
    rater = rater.strip()
    text, _, scores = rest.partition("; A:")
    words, cells = _split_words(text), _split_scores(scores)
    return (rater, words, cells) if words and rater and cells else None


# Annotators choose from few scores and words, so the same tuple serves many votes.
@cache
def _split_scores(text: str) -> Cells | None:
    match = _SCORES.fullmatch(text)
    return match.groups() if match else None


#: What follows "; A:".
_SCORES = re.compile(r"([^;]*); V:([^;]*); D:([^;]*)(?:;[^;]*)?")


@cache
def _split_words(text: str) -> Words | None:
    parts = [part.strip() for part in text.split(";")]
    return (parts[0], parts[1]) if len(parts) == 2 and parts[0] else None


def _parse_detail(detail: str) -> RawVote:
    match = _DETAIL.fullmatch(detail)
    if match is None:
        raise InputError(
            f"malformed vote {detail.strip()[:60]!r}",
            cure="Expected 'WORKER; primary; secondary; A:x; V:x; D:x;'.",
        )
    rater, primary, secondary, *cells = match.groups("")
    return rater, (primary, secondary), tuple(cells)


def attribute_columns(header: Sequence[str]) -> tuple[str, ...]:
    """The columns of arousal, valence and dominance; none if the table lacks one of them."""
    return _COLUMNS if set(_COLUMNS) <= set(header) else ()


@cache
def vote_code(word: str) -> str:
    return VOTE_CODES.get(word.lower(), "O")


def _vote_form(labels: Mapping[str, Label | None]) -> Callable[[Words], Vote]:
    """Turns an annotator's words into a `Vote` without the annotator."""
    blank = Vote(rater="", primary="other", raw="")

    def primary_of(word: str) -> Label:
        return labels[vote_code(word)] or "other"

    @cache
    def vote_of(words: Words) -> Vote:
        primary, secondary = words
        names = [word.strip().lower() for word in secondary.split(",")]
        known = [primary_of(name) if name in VOTE_CODES else name for name in names if name]
        secondary_labels = tuple(dict.fromkeys(known))
        # A copy is not checked, and these are labels and text.
        return replace(blank, primary=primary_of(primary), secondary=secondary_labels, raw=primary)

    return vote_of
