"""MSP-Podcast, releases 1.6 to 2.0: 207,136 speaking turns of podcasts in 1.12, 324 h.

Licence   academic licence between an institution and the MSP lab; commercial licence separate.
Source    https://lab-msp.com/MSP/MSP-Podcast.html
Layout    Labels/labels_consensus.csv   class, speaker, gender and split of every turn; where it
                                        is missing its .json twin, or the heads of labels.txt
          Labels/labels_detailed.csv    one rater's choice a row, in one of two schemas: a column
                                        a field (1.6, 2.0), or FileName,EmoDetail (the others);
                                        where it is missing labels.txt, or the .json twin
          Audios/<stem>.wav             16 kHz mono
          Transcripts/<stem>.txt        optional
          Partition(s).txt              split of every file; read where Split_Set names none,
                                        and never against it
          Folders and files are spelt differently in older releases (label/, labels_concensus.csv,
          Audio/).
Splits    Official: train, dev, test1, test2, test3. Of Test3 the labels, transcripts and speakers
          are withheld: its turns are converted without them.
Votes     Every rater's primary choice and the secondary ones; five raters or more a turn. A
          secondary list is split at commas; a free-text Other with a comma inside gives one word
          more.
Labels    The published consensus, by name. It is recomputed from the votes (unique plurality over
          the eight classes and Other, all its free texts pooled) and differences are listed.
          O  Other, with or without free text: `other`
          X  no agreement
"""

from __future__ import annotations

import os
import re
from codecs import BOM_UTF8
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from whyser.io.errors import InputError, did_you_mean
from whyser.io.files import read_json
from whyser.labels.classes import Label
from whyser.records.utterance import RESERVED, Utterance
from whyser_converters.corpora.source import (
    Account,
    files_in,
    open_text,
    read_header,
    read_table,
    transcript_text,
)
from whyser_converters.corpora.spec import CorpusSpec, official

LABELS: Mapping[str, Label | None] = {
    "A": "angry",
    "S": "sad",
    "H": "happy",
    "U": "surprise",
    "F": "fear",
    "D": "disgust",
    "C": "contempt",
    "N": "neutral",
    "O": "other",
    "X": None,  # no agreement
}

#: The raters' words and their code; every other word is Other.
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

SPLITS = {
    "Train": "train",
    "Development": "dev",
    "Validation": "dev",  # before release 1.11
    "Test1": "test1",
    "Test2": "test2",
    "Test3": "test3",
}

_DETAIL = re.compile(
    r"\s*(\w+)\s*;\s*([^;\s][^;]*?)\s*;\s*"
    r"(?:(.*?)\s*;\s*)?"  # some rows lack the secondary choices, so what follows is found by name
    r"A:[^;]*;\s*V:[^;]*;\s*D:[^;]*;?\s*"
)
_TEST3 = re.compile(r"MSP-PODCAST_test3_\d+\.wav", re.IGNORECASE)

_UNKNOWN = {"", "NA", "Unknown"}
_NO_AGREEMENT = {code: None for code, label in LABELS.items() if label is None}

# Bytes; a turn lasts twelve seconds at most.
_LONGEST_TRANSCRIPT = 1 << 20

_AUDIO_FOLDERS = ("audios", "audio")
_TRANSCRIPT_FOLDERS = ("transcripts", "transcript")
_LABEL_FOLDERS = ("labels", "label")
# Misspelt in releases up to 1.9.
_CONSENSUS_TABLES = ("labels_consensus.csv", "labels_concensus.csv")
_CONSENSUS_TWINS = ("labels_consensus.json", "labels_concensus.json")
_PARTITION_FILES = ("partitions.txt", "partition.txt")

#: A primary choice and the secondary ones, as one rater wrote them.
_Words = tuple[str, str]

#: A rater and the words.
_Choice = tuple[str, _Words]


class _Consensus(NamedTuple):
    """What is published of a turn; fields that a release lacks are empty."""

    file: Path
    line: int | None
    name: str
    code: str
    speaker: str = ""
    gender: str = ""
    split_set: str = ""


def prepare_msp_podcast(
    corpus_dir: Path,
    *,
    labels: Mapping[str, Label | None] = LABELS,
    account: Account | None = None,
) -> Iterator[Utterance]:
    """MSP-Podcast's turns, in the order of the consensus file; Test3 last.

    Raises: `InputError` for a missing file or column, and for any fault without an account.
    """
    account = account or Account(corpus_dir, strict=True)
    folder = _find(corpus_dir, _LABEL_FOLDERS) or corpus_dir / "Labels"
    sound = _find(corpus_dir, _AUDIO_FOLDERS) or corpus_dir / "Audios"
    partition = _read_partition(_find(corpus_dir, _PARTITION_FILES), account)
    unlisted = {name: "test3" for name in files_in(sound, ".wav") if _TEST3.fullmatch(name)}
    unlisted |= partition
    choices = _read_choices(folder, account)
    transcripts = _Transcripts(_find(corpus_dir, _TRANSCRIPT_FOLDERS), account)
    fields_of = _vote_fields(labels)
    unrated = unknown = 0

    for turn in _read_consensus(folder, account):
        name = turn.name
        unlisted.pop(name, None)
        with account.candidate(turn.file, turn.line):
            rated = choices.pop(name, [])
            # First, or a second entry of the name outlives a fault of the first, without votes.
            utterance_id = _new_id(account, name, turn.line)
            account.refuse_spoiled(name)
            split = _split(turn, partition)
            if split == "test3":
                yield _withheld(utterance_id, name, sound)
                continue
            label = _label(turn.code, labels)
            utterance = Utterance(
                id=utterance_id,
                corpus="msp_podcast",
                split=split,
                audio=f"{sound.name}/{name}",
                duration=None,
                sampling_rate=None,
                channels=None,
                transcript=transcripts.read(name),
                speaker=None if turn.speaker in _UNKNOWN else f"msp_podcast/{turn.speaker}",
                gender=turn.gender.lower() if turn.gender in {"Male", "Female"} else None,
                label=label,
                label_raw=turn.code,
                # Plain, as checking them with the utterance takes half the time of a Vote each.
                votes=[{"rater": rater, **fields_of(words)} for rater, words in rated],
            )
            codes = [_vote_code(primary) for _, (primary, _) in rated]
            account.compare_consensus(utterance_id, _NO_AGREEMENT.get(turn.code, turn.code), codes)
            unrated += not rated
            unknown += turn.speaker in _UNKNOWN
            yield utterance
    yield from _unlisted(account, unlisted, sound)
    transcripts.note()
    account.note_count(unrated, "turns without votes")
    account.note_count(unknown, "turns of an unknown speaker")
    account.leave_unused("vote line of a turn without a consensus", sum(map(len, choices.values())))


def _find(folder: Path, names: tuple[str, ...]) -> Path | None:
    """The entry with one of the names, in whatever case; the first name has precedence."""
    if not folder.is_dir():
        return None
    entries = {entry.name.lower(): entry for entry in sorted(folder.iterdir(), reverse=True)}
    return next((entries[name] for name in names if name in entries), None)


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Numbered lines. Free text has been through several encodings, hence "replace"."""
    with open_text(path, errors="replace", newline=None) as stream:
        yield from enumerate(stream, start=1)


# ---- splits and consensus -----------------------------------------------------------------


def _read_partition(path: Path | None, account: Account) -> dict[str, str]:
    """File name -> split, from lines such as `Train; MSP-PODCAST_0001_0008.wav`."""
    partition: dict[str, str] = {}
    if path is None:
        return partition
    for number, line in _lines(path):
        if line.isspace():
            continue
        split, _, name = (part.strip() for part in line.partition(";"))
        with account.part(path, number, of=name):
            if split not in SPLITS or not name:
                cure = f"Expected '<split>; <file>'. {did_you_mean(split, SPLITS)}"
                raise InputError(f"malformed line {line.strip()[:60]!r}", cure=cure)
            if partition.setdefault(name, SPLITS[split]) != SPLITS[split]:
                raise InputError(f"{name!r} is in {partition[name]} and in {SPLITS[split]}")
    return partition


def _split(turn: _Consensus, partition: Mapping[str, str]) -> str:
    listed, own = partition.get(turn.name), SPLITS.get(turn.split_set)
    if own is None and turn.split_set not in _UNKNOWN:
        cure = did_you_mean(turn.split_set, SPLITS)
        raise InputError(f"bad Split_Set {turn.split_set!r}", cure=cure)
    if own is None and listed is None:
        cure = "Name it in Split_Set, or in Partitions.txt."
        raise InputError(f"{turn.name!r} has no split", cure=cure)
    if own and listed and own != listed:
        raise InputError(f"Split_Set says {own}, the partition file {listed}")
    return own or str(listed)


def _read_consensus(folder: Path, account: Account) -> Iterator[_Consensus]:
    table = _find(folder, _CONSENSUS_TABLES)
    twin = _find(folder, _CONSENSUS_TWINS)
    text = _find(folder, ("labels.txt",))
    if table is not None:
        yield from _consensus_rows(table, account)
    elif twin is not None:
        account.note(f"no labels_consensus.csv: the consensus is read from {twin.name}")
        yield from _consensus_entries(twin, account)
    elif text is not None:
        account.note("no labels_consensus.csv: read from the heads of labels.txt, no speakers")
        yield from _consensus_heads(text, account)
    else:
        raise InputError(
            "no such file", file=folder / "labels_consensus.csv", cure="Check the corpus folder."
        )


def _consensus_rows(table: Path, account: Account) -> Iterator[_Consensus]:
    columns = ["FileName", "EmoClass", "SpkrID", "Gender"]
    if "Split_Set" in read_header(table):
        columns.append("Split_Set")
    for line, cells in read_table(table, columns, account.lost_candidate):
        yield _Consensus(table, line, *(cell.strip() for cell in cells))


def _consensus_entries(twin: Path, account: Account) -> Iterator[_Consensus]:
    keys = ("EmoClass", "SpkrID", "Gender", "Split_Set")
    for name, entry in _entries(twin):
        if isinstance(entry, dict):
            yield _Consensus(twin, None, name, *(_text(entry.get(key)) for key in keys))
        else:
            account.lost_candidate(InputError(f"{name!r}: expected an object", file=twin))


def _consensus_heads(text: Path, account: Account) -> Iterator[_Consensus]:
    for number, line in _lines(text):
        name, _, rest = line.partition(";")
        if name.strip().endswith(".wav"):
            yield _Consensus(text, number, name.strip(), rest.partition(";")[0].strip())


def _text(value: object) -> str:
    """A field of a JSON twin; null is a field that is empty and not the word None."""
    return "" if value is None else str(value).strip()


def _entries(path: Path) -> Iterator[tuple[str, Any]]:
    entries = read_json(path)
    if not isinstance(entries, dict):
        raise InputError("expected an object with an entry a file", file=path)
    yield from entries.items()


# ---- votes --------------------------------------------------------------------------------


def _read_choices(folder: Path, account: Account) -> dict[str, list[_Choice]]:
    """Every rater's choice, by file name."""
    choices: defaultdict[str, list[_Choice]] = defaultdict(list)
    for name, choice in _choice_rows(folder, account):
        # As the consensus' names are.
        choices[name.strip()].append(choice)
    return dict(choices)


def _choice_rows(folder: Path, account: Account) -> Iterator[tuple[str, _Choice]]:
    table = _find(folder, ("labels_detailed.csv",))
    twin = _find(folder, ("labels_detailed.json",))
    text = _find(folder, ("labels.txt",))
    if table is not None:
        columns = read_header(table)
        rater = next((name for name in ("WorkerID", "Workers") if name in columns), None)
        yield from (
            _detail_rows(table, account) if rater is None else _field_rows(table, rater, account)
        )
    elif text is not None:
        account.note("no labels_detailed.csv: votes are read from labels.txt")
        yield from _text_rows(text, account)
    elif twin is not None:
        account.note(f"no labels_detailed.csv: votes are read from {twin.name}")
        yield from _twin_rows(twin, account)
    else:
        account.note("neither labels_detailed.csv nor labels.txt: the turns have no votes")


def _detail_rows(path: Path, account: Account) -> Iterator[tuple[str, _Choice]]:
    """The schema of releases 1.7 to 1.12: a line of `labels.txt` in a cell."""
    for line, (name, detail) in read_table(path, ("FileName", "EmoDetail"), account.lost_part):
        if choice := _parse_plain(detail):
            yield name, choice
            continue
        with account.part(path, line, of=name):
            yield name, _parse_detail(detail)


def _field_rows(path: Path, rater: str, account: Account) -> Iterator[tuple[str, _Choice]]:
    """The schema of releases 1.6 (`Workers`) and 2.0 (`WorkerID`)."""
    columns = ("FileName", rater, "EmoClass_Major", "EmoClass_Second")
    for line, (name, worker, primary, secondary) in read_table(path, columns, account.lost_part):
        with account.part(path, line, of=name):
            yield name, _parsed(worker, primary, secondary)


def _text_rows(path: Path, account: Account) -> Iterator[tuple[str, _Choice]]:
    """`labels.txt`: a head line with the file's name, then a line a rater."""
    turn = None
    for number, line in _lines(path):
        first = line.partition(";")[0].strip()
        if line.isspace() or first.endswith(".wav"):
            # A blank line ends a file's block, so that a broken head gives its votes to nobody.
            turn = first or None
            continue
        with account.part(path, number, of=turn):
            if turn is None:
                raise InputError(f"rater's line {line.strip()[:60]!r} before any file's name")
            yield turn, _parse_plain(line) or _parse_detail(line)


def _twin_rows(path: Path, account: Account) -> Iterator[tuple[str, _Choice]]:
    for name, workers in _entries(path):
        for worker, entry in workers.items() if isinstance(workers, dict) else [("", None)]:
            with account.part(path, None, of=name):
                if not isinstance(entry, dict):
                    raise InputError(f"{name!r}: expected an object of raters, each an object")
                keys = ("EmoClass_Major", "EmoClass_Second")
                yield name, _parsed(worker, *(_text(entry.get(key)) for key in keys))


def _parsed(rater: str, primary: str, secondary: str) -> _Choice:
    if not rater.strip() or not primary.strip():
        raise InputError("a vote without a rater or a primary choice", cure="Mend the vote.")
    return rater.strip(), (primary.strip(), secondary.strip())


def _parse_plain(detail: str) -> _Choice | None:
    """Nearly every vote is of this form, and a million patterns would take seconds more."""
    rater, _, rest = detail.partition(";")
    rater = rater.strip()
    text, _, scores = rest.partition("; A:")
    words = _split_words(text)
    if words and rater and "; V:" in scores and "; D:" in scores and scores.count(";") <= 3:
        return rater, words
    return None


# Raters choose from few words, so that the same tuple serves many votes.
@cache
def _split_words(text: str) -> _Words | None:
    parts = [part.strip() for part in text.split(";")]
    return (parts[0], parts[1]) if len(parts) == 2 and parts[0] else None


def _parse_detail(detail: str) -> _Choice:
    match = _DETAIL.fullmatch(detail)
    if match is None:
        raise InputError(
            f"malformed vote {detail.strip()[:60]!r}",
            cure="Expected 'WORKER; primary; secondary; A:x; V:x; D:x;'.",
        )
    rater, primary, secondary = match.groups("")
    return rater, (primary, secondary)


class _Transcripts:
    """Transcripts by file name; what is missing or unreadable is counted, for it is optional."""

    def __init__(self, folder: Path | None, account: Account) -> None:
        self.folder, self.account = folder or Path(), account
        self.names = set(files_in(folder, ".txt")) if folder else set()
        self.missing = self.empty = self.garbled = 0

    def read(self, name: str) -> str:
        """One line of text, empty without a transcript.

        Raises: `InputError` for a file that cannot be read, and for a reserved mark.
        """
        file = f"{name.removesuffix('.wav')}.txt"
        if file not in self.names:
            self.missing += 1
            return ""
        try:
            data = _read_bytes(f"{self.folder}/{file}")
        except OSError as error:
            cure = "Fetch the file again, or remove it: a transcript is optional."
            what = f"transcript cannot be read ({error.strerror})"
            raise InputError(what, file=self.folder / file, cure=cure) from None
        # Some transcripts of the release are malformed.
        text = data.removeprefix(BOM_UTF8).decode(errors="replace")
        self.garbled += "\ufffd" in text
        self.empty += not text.strip()
        try:
            return transcript_text(text)
        except InputError as problem:
            lines = enumerate(text.split("\n"), 1)
            # A mark may span a line break; the first line is then as good as any.
            bad = next((number for number, line in lines if RESERVED.search(line)), 1)
            raise problem.at(self.folder / file, bad) from None

    def note(self) -> None:
        self.account.note_count(self.missing, "turns with no transcript")
        self.account.note_count(self.empty, "turns with an empty transcript")
        what = "turns with a transcript that is not UTF-8, its bad bytes replaced"
        self.account.note_count(self.garbled, what)


def _read_bytes(path: str) -> bytes:
    """200,000 small files: a buffered stream takes three times as long to set up as to read."""
    handle = os.open(path, os.O_RDONLY)
    try:
        return os.read(handle, _LONGEST_TRANSCRIPT)
    finally:
        os.close(handle)


@cache
def _vote_code(word: str) -> str:
    return VOTE_CODES.get(word.lower(), "O")


def _vote_fields(labels: Mapping[str, Label | None]) -> Callable[[_Words], dict[str, object]]:
    """What makes a `Vote` of a rater's words, but for the rater."""

    def primary_of(word: str) -> Label:
        return labels[_vote_code(word)] or "other"

    @cache
    def fields_of(words: _Words) -> dict[str, object]:
        primary, secondary = words
        names = [word.strip().lower() for word in secondary.split(",")]
        known = [primary_of(name) if name in VOTE_CODES else name for name in names if name]
        return {
            "primary": primary_of(primary),
            "secondary": tuple(dict.fromkeys(known)),
            "raw": primary,
        }

    return fields_of


def _label(code: str, labels: Mapping[str, Label | None]) -> Label | None:
    if code not in labels:
        raise InputError(f"bad EmoClass {code!r}", cure=did_you_mean(code, labels))
    return labels[code]


def _new_id(account: Account, name: str, line: int | None = None) -> str:
    return account.once(f"msp_podcast/{name.removesuffix('.wav')}", line)


def _withheld(utterance_id: str, name: str, sound: Path) -> Utterance:
    """A turn of Test3, of which only the sound is published."""
    return Utterance(
        id=utterance_id,
        corpus="msp_podcast",
        split="test3",
        audio=f"{sound.name}/{name}",
        duration=None,
        sampling_rate=None,
        channels=None,
        transcript="",
        speaker=None,
        gender=None,
        label=None,
        label_raw="",
    )


def _unlisted(account: Account, unlisted: dict[str, str], sound: Path) -> Iterator[Utterance]:
    """Turns that the consensus file lacks: Test3's, and others that can only be counted."""
    for name in sorted(unlisted):
        if unlisted[name] != "test3":
            account.leave_unused("turn of the partition file without a consensus")
            continue
        with account.candidate(sound / name):
            account.refuse_spoiled(name)
            yield _withheld(_new_id(account, name), name, sound)


SPEC = CorpusSpec(
    name="msp_podcast",
    title="MSP-Podcast",
    licence="academic licence of the MSP lab, UT Dallas",
    source="https://lab-msp.com/MSP/MSP-Podcast.html",
    prepare=prepare_msp_podcast,
    labels=LABELS,
    markers=(
        "Labels/labels_consensus.csv",
        # In other cases, and misspelt up to release 1.9.
        "[Ll][Aa][Bb][Ee][Ll]*/[Ll]abels_[Cc]on[sc]ensus.*",
        "[Ll][Aa][Bb][Ee][Ll]*/[Ll]abels.txt",
    ),
    size=207_136,
    split_schemes=official("train, dev and three test sets of the MSP lab"),
)
