"""MSP-Podcast, release 1.12: 207,136 speaking turns of podcasts, 324 h, five or more raters each.

Licence   academic licence between an institution and the MSP lab; commercial licence separate.
Source    https://lab-msp.com/MSP/MSP-Podcast.html
Layout    Labels/labels_consensus.csv   class, speaker, gender and split of every turn
          Labels/labels_detailed.csv    one rater's choice a row, in one of two schemas:
                                        FileName,EmoDetail (1.7 to 1.12), or a column a field
          Labels/labels.txt             the same; read where the CSV is missing
          Audios/<stem>.wav             16 kHz mono
          Transcripts/<stem>.txt        optional
          Partition(s).txt              split of every file; read where Split_Set names none
          Folders and files are spelt differently in older releases.
Splits    Official: train, dev, test1, test2, test3. Of Test3 the labels, transcripts and speakers
          are withheld: its turns are converted without them.
Votes     Every rater's primary choice and the secondary ones. A secondary list is split at
          commas; a free-text Other with a comma inside gives one word more.
Labels    The published consensus (unique plurality over the eight classes and Other), by name.
          O  Other, with or without free text: `other`
          X  no agreement
"""

from __future__ import annotations

import os
import re
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path

from whyser.errors import InputError, did_you_mean
from whyser.files import read_text
from whyser.labels import Label
from whyser.utterance import RESERVED, Utterance, Vote
from whyser_converters.source import Account, files_in, read_header, read_table, transcript_text

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

# [sc] for the misspelt labels_concensus.csv of releases up to 1.9.
MARKERS = ("[Ll]abel*/labels_con[sc]ensus.csv",)

_DETAIL = re.compile(
    r"\s*(\w+)\s*;\s*([^;\s][^;]*?)\s*;\s*"
    r"(?:(.*?)\s*;\s*)?"  # some rows lack the secondary choices, so what follows is found by name
    r"A:[^;]*;\s*V:[^;]*;\s*D:[^;]*;?\s*"
)
_TEST3 = re.compile(r"MSP-PODCAST_test3_\d+\.wav", re.IGNORECASE)

_UNKNOWN = {"", "NA", "Unknown"}

# Bytes; a turn lasts twelve seconds at most.
_LONGEST_TRANSCRIPT = 1 << 20

#: Rater, primary choice, secondary choices.
_Choice = tuple[str, str, str]


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
    table = _find(corpus_dir, MARKERS[0]) or corpus_dir / "Labels/labels_consensus.csv"
    sound = _find(corpus_dir, "[Aa]udio*/") or corpus_dir / "Audios"
    partition = _read_partition(_find(corpus_dir, "[Pp]artition*.txt"), account)
    unlisted = {name: "test3" for name in files_in(sound, ".wav") if _TEST3.fullmatch(name)}
    unlisted |= partition
    choices = _read_choices(table.parent, account)
    transcripts = _Transcripts(_find(corpus_dir, "[Tt]ranscript*/"), account)
    make_votes = _vote_maker(labels)
    unrated = 0

    for line, name, code, speaker, gender, split_set in _read_consensus(table, account):
        unlisted.pop(name, None)
        with account.row(table, line):
            split = SPLITS.get(split_set) or partition.get(name)
            if split is None:
                raise InputError(
                    f"bad Split_Set {split_set!r}", cure=did_you_mean(split_set, SPLITS)
                )
            if split == "test3":
                yield _withheld(account, name, sound, line)
                continue
            rated = choices.pop(name, [])
            unrated += not rated
            yield Utterance(
                id=_new_id(account, name, line),
                corpus="msp_podcast",
                split=split,
                audio=f"{sound.name}/{name}",
                duration=None,
                sampling_rate=None,
                channels=None,
                transcript=transcripts.read(name),
                speaker=None if speaker in _UNKNOWN else f"msp_podcast/{speaker}",
                gender=gender.lower() if gender in {"Male", "Female"} else None,
                label=_label(code, labels),
                label_raw=code,
                votes=make_votes(rated),
            )
    yield from _unlisted(account, unlisted, sound)
    transcripts.note()
    if unrated:
        account.note(f"turns without votes: {unrated:,}")
    account.drop("vote line of a turn without a consensus", sum(map(len, choices.values())))


def _find(corpus_dir: Path, pattern: str) -> Path | None:
    # Path.glob matches files too where the pattern ends in a slash.
    found = sorted(path for path in corpus_dir.glob(pattern.rstrip("/")))
    return next((path for path in found if path.is_dir() or not pattern.endswith("/")), None)


def _read_partition(path: Path | None, account: Account) -> dict[str, str]:
    """File name -> split, from lines such as `Train; MSP-PODCAST_0001_0008.wav`."""
    partition: dict[str, str] = {}
    if path is None:
        return partition
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if not line.strip():
            continue
        with account.row(path, number):
            split, _, name = (part.strip() for part in line.partition(";"))
            if split not in SPLITS or not name:
                cure = f"Expected '<split>; <file>'. {did_you_mean(split, SPLITS)}"
                raise InputError(f"malformed line {line[:60]!r}", cure=cure)
            partition[name] = SPLITS[split]
    return partition


def _read_choices(folder: Path, account: Account) -> dict[str, list[_Choice]]:
    """Every rater's choice, by file name; interned, as there are few distinct words."""
    choices: defaultdict[str, list[_Choice]] = defaultdict(list)
    intern = sys.intern
    for name, rater, primary, secondary in _choice_rows(folder, account):
        choices[name].append((intern(rater), intern(primary), intern(secondary)))
    return dict(choices)


def _choice_rows(folder: Path, account: Account) -> Iterator[tuple[str, str, str, str]]:
    detailed, text = folder / "labels_detailed.csv", folder / "labels.txt"
    if detailed.is_file():
        header = read_header(detailed)
        rater = next((name for name in ("WorkerID", "Workers") if name in header), None)
        if rater is None:
            yield from _detail_rows(detailed, account)
        else:
            columns = ("FileName", rater, "EmoClass_Major", "EmoClass_Second")
            for line, (name, worker, primary, secondary) in read_table(detailed, columns, account):
                with account.row(detailed, line):
                    if not primary.strip():
                        raise InputError("a vote without a primary choice", cure="Mend the row.")
                    yield name, worker, primary.strip(), secondary
    elif text.is_file():
        account.note(f"no {detailed.name}: votes are read from {text.name}")
        yield from _text_rows(text, account)
    else:
        account.note(f"neither {detailed.name} nor {text.name}: the turns have no votes")


def _detail_rows(path: Path, account: Account) -> Iterator[tuple[str, str, str, str]]:
    for line, (name, detail) in read_table(path, ("FileName", "EmoDetail"), account):
        with account.row(path, line):
            yield name, *_parse_detail(detail)


def _text_rows(path: Path, account: Account) -> Iterator[tuple[str, str, str, str]]:
    """`labels.txt`: a head line with the file's name, then a line a rater."""
    turn = None
    with path.open(encoding="utf-8-sig", errors="replace") as stream:
        for number, line in enumerate(stream, start=1):
            with account.row(path, number):
                first = line.partition(";")[0].strip()
                if first.endswith(".wav"):
                    turn = first
                elif first and turn is None:
                    raise InputError(f"rater's line {line.strip()[:60]!r} before any file's name")
                elif first and turn is not None:
                    yield turn, *_parse_detail(line)


def _parse_detail(detail: str) -> _Choice:
    # Nearly every vote is of the plain form, and a million patterns take a second more.
    parts = detail.split("; ")
    if len(parts) == 6 and parts[3][:2] == "A:" and parts[5][:2] == "D:":
        rater, primary, secondary = (part.strip() for part in parts[:3])
        if rater and primary:
            return rater, primary, secondary
    match = _DETAIL.fullmatch(detail)
    if match is None:
        raise InputError(
            f"malformed vote {detail.strip()[:60]!r}",
            cure="Expected 'WORKER; primary; secondary; A:x; V:x; D:x;'.",
        )
    rater, primary, secondary = match.groups("")
    return rater, primary, secondary


class _Transcripts:
    """Transcripts by file name; what is missing or unreadable is counted, for it is optional."""

    def __init__(self, folder: Path | None, account: Account) -> None:
        self.folder, self.account = folder or Path(), account
        self.names = set(files_in(folder, ".txt")) if folder else set()
        self.missing = self.empty = 0

    def read(self, name: str) -> str:
        """One line of text, empty without a transcript; `InputError` for a reserved mark."""
        file = f"{name.removesuffix('.wav')}.txt"
        if file not in self.names:
            self.missing += 1
            return ""
        # Some transcripts of the release are malformed, hence "replace". 200,000 small files: a
        # buffered stream takes three times as long to set up as the bytes take to read.
        handle = os.open(f"{self.folder}/{file}", os.O_RDONLY)
        try:
            text = os.read(handle, _LONGEST_TRANSCRIPT).decode("utf-8-sig", errors="replace")
        finally:
            os.close(handle)
        self.empty += not text.strip()
        try:
            return transcript_text(text)
        except InputError as problem:
            lines = enumerate(text.split("\n"), 1)
            # A mark may span a line break; the first line is then as good as any.
            bad = next((number for number, line in lines if RESERVED.search(line)), 1)
            raise problem.at(self.folder / file, bad) from None

    def note(self) -> None:
        for count, what in ((self.missing, "no"), (self.empty, "an empty")):
            if count:
                self.account.note(f"turns with {what} transcript: {count:,}")


def _vote_maker(
    labels: Mapping[str, Label | None],
) -> Callable[[list[_Choice]], tuple[Vote, ...]]:
    @cache
    def primary_of(word: str) -> Label:
        return labels[VOTE_CODES.get(word.lower(), "O")] or "other"

    @cache
    def secondary_of(words: str) -> tuple[str, ...]:
        names = (word.strip().lower() for word in words.split(","))
        return tuple(
            dict.fromkeys(
                primary_of(name) if name in VOTE_CODES else name for name in names if name
            )
        )

    def make(choices: list[_Choice]) -> tuple[Vote, ...]:
        return tuple(
            Vote(
                rater=rater,
                primary=primary_of(primary),
                secondary=secondary_of(secondary),
                raw=primary,
            )
            for rater, primary, secondary in choices
        )

    return make


def _read_consensus(table: Path, account: Account) -> Iterator[tuple[int, str, str, str, str, str]]:
    """Line, file name, class, speaker, gender and split (empty without the column)."""
    columns = ["FileName", "EmoClass", "SpkrID", "Gender"]
    has_split = "Split_Set" in read_header(table)
    for line, cells in read_table(table, [*columns, *["Split_Set"] * has_split], account):
        name, code, speaker, gender, *split = (cell.strip() for cell in cells)
        yield line, name, code, speaker, gender, split[0] if split else ""


def _label(code: str, labels: Mapping[str, Label | None]) -> Label | None:
    if code not in labels:
        raise InputError(f"bad EmoClass {code!r}", cure=did_you_mean(code, labels))
    return labels[code]


def _new_id(account: Account, name: str, line: int | None) -> str:
    return account.once(f"msp_podcast/{name.removesuffix('.wav')}", line)


def _withheld(account: Account, name: str, sound: Path, line: int | None = None) -> Utterance:
    """A turn of Test3, of which only the sound is published."""
    return Utterance(
        id=_new_id(account, name, line),
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
            account.drop("turn of the partition file without a consensus")
            continue
        with account.row(sound / name):
            yield _withheld(account, name, sound)
