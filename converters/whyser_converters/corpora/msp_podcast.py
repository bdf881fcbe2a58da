"""MSP-Podcast, releases 1.6 to 2.0: 207,136 speaking turns of podcasts in 1.12, 324 h.

Licence   academic licence between an institution and the MSP lab; commercial licence separate.
Source    https://lab-msp.com/MSP/MSP-Podcast.html
Layout    Labels/labels_consensus.csv   class, speaker, gender and split of every turn
          Labels/labels_detailed.csv    one vote a row, in one of two schemas: a column a field
                                        (1.6, 2.0), or FileName,EmoDetail (the others); labels.txt
                                        has the same lines and is read if the CSV is missing
          Audios/<stem>.wav             16 kHz mono
          Transcripts/<stem>.txt        optional
          Partition(s).txt              split of every file; read if Split_Set names none;
                                        a contradiction between the two drops the turn
          Older releases spell folders and files differently (label/, labels_concensus.csv,
          Audio/). The .json files repeat the CSVs and are not read.
Splits    Official: train, dev, test1, test2, test3. Labels, transcripts and speakers of Test3
          are withheld, so its turns are converted without them.
Votes     Every annotator's primary and secondary labels; five annotators or more a turn. A
          secondary list is split at commas; a free-text Other with a comma inside gives one word
          more.
          Arousal (A, EmoAct), valence and dominance of every vote, on seven manikins. Their
          published means are compared with those of the votes, and differences are listed; they
          are kept only where a turn has no votes.
Labels    The published majority label, by name. It is recomputed from the votes (unique plurality
          over the eight classes and Other, all its free texts pooled) and differences are listed.
          O  Other, with or without free text: `other`
          X  no agreement
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from whyser.io.errors import InputError, did_you_mean
from whyser.labels.classes import Label
from whyser.records.utterance import Utterance
from whyser_converters.corpora.attribute_values import AttributeCells, with_released_means
from whyser_converters.corpora.conversion_log import ConversionLog
from whyser_converters.corpora.msp_podcast_votes import (
    NO_CELLS,
    SCALES,
    attribute_columns,
    read_votes,
    vote_code,
)
from whyser_converters.corpora.spec import CorpusSpec, official
from whyser_converters.corpora.tables import (
    files_in,
    find_entry,
    label_of,
    numbered_lines,
    read_header,
    read_table,
)
from whyser_converters.corpora.transcripts import TranscriptFolder

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

SPLITS = {
    "Train": "train",
    "Development": "dev",
    "Validation": "dev",  # before release 1.11
    "Test1": "test1",
    "Test2": "test2",
    "Test3": "test3",
}

_TEST3 = re.compile(r"MSP-PODCAST_test3_\d+\.wav", re.IGNORECASE)

_UNKNOWN = {"", "NA", "Unknown"}
_NO_AGREEMENT = {code: None for code, label in LABELS.items() if label is None}

_AUDIO_FOLDERS = ("audios", "audio")
_TRANSCRIPT_FOLDERS = ("transcripts", "transcript")
_LABEL_FOLDERS = ("labels", "label")
# Misspelt in releases up to 1.9.
_CONSENSUS_TABLES = ("labels_consensus.csv", "labels_concensus.csv")
_PARTITION_FILES = ("partitions.txt", "partition.txt")


class _ConsensusRow(NamedTuple):
    """The published data of a turn; `split_set` is empty if a release lacks the column.

    `means` are the cells of arousal, valence and dominance.
    """

    line: int
    name: str
    code: str
    speaker: str
    gender: str
    means: tuple[str, ...]
    split_set: str = ""


def prepare_msp_podcast(
    corpus_dir: Path,
    *,
    labels: Mapping[str, Label | None] = LABELS,
    log: ConversionLog | None = None,
) -> Iterator[Utterance]:
    """MSP-Podcast's turns, in the order of the consensus file; Test3 last.

    Raises: `InputError` for a missing file or column, and for any fault without a log.
    """
    log = log or ConversionLog(strict=True)
    folder = find_entry(corpus_dir, _LABEL_FOLDERS) or corpus_dir / "Labels"
    table = find_entry(folder, _CONSENSUS_TABLES) or folder / _CONSENSUS_TABLES[0]
    sound = find_entry(corpus_dir, _AUDIO_FOLDERS) or corpus_dir / "Audios"
    partition = _read_partition(find_entry(corpus_dir, _PARTITION_FILES), log)
    unlisted = {name: "test3" for name in files_in(sound, ".wav") if _TEST3.fullmatch(name)}
    unlisted |= partition
    votes = read_votes(folder, labels, log)
    transcripts = TranscriptFolder(find_entry(corpus_dir, _TRANSCRIPT_FOLDERS), log)
    published = AttributeCells(SCALES, table, log)
    unrated = unknown = 0

    for row in _read_consensus(table, log):
        name = row.name
        unlisted.pop(name, None)
        with log.candidate(table, row.line):
            rated = votes.pop(name, [])
            # First, or a duplicate would be kept without votes although the first was faulty.
            utterance_id = _new_id(log, name, row.line)
            log.refuse_spoiled(name)
            split = _split(row, partition)
            if split == "test3":
                yield _withheld(utterance_id, name, sound)
                continue
            means = published.read(row.means, row.line, name)
            utterance = Utterance(
                id=utterance_id,
                corpus="msp_podcast",
                split=split,
                audio=f"{sound.name}/{name}",
                duration=None,
                sampling_rate=None,
                channels=None,
                transcript=transcripts.read(name),
                speaker=None if row.speaker in _UNKNOWN else f"msp_podcast/{row.speaker}",
                gender=row.gender.lower() if row.gender in {"Male", "Female"} else None,
                label=label_of(row.code, labels, "EmoClass"),
                label_raw=row.code,
                votes=tuple(rated),
            )
            utterance = with_released_means(utterance, means, log)
            codes = [vote_code(vote.raw) for vote in rated]
            log.compare_consensus(utterance_id, _NO_AGREEMENT.get(row.code, row.code), codes)
            unrated += not rated
            unknown += row.speaker in _UNKNOWN
            yield utterance
    yield from _unlisted(log, unlisted, sound)
    transcripts.note()
    log.note_count(unrated, "turns without votes")
    log.note_count(unknown, "turns of an unknown speaker")
    log.leave_unused("vote line of a turn without a consensus", sum(map(len, votes.values())))


def _read_partition(path: Path | None, log: ConversionLog) -> dict[str, str]:
    """File name -> split, from lines such as `Train; MSP-PODCAST_0001_0008.wav`."""
    partition: dict[str, str] = {}
    if path is None:
        return partition
    for number, line in numbered_lines(path):
        split, _, name = map(str.strip, line.partition(";"))
        own = SPLITS.get(split)
        if line.isspace() or (own and name and partition.setdefault(name, own) == own):
            continue
        with log.part(path, number, of=name):
            if own and name:
                raise InputError(f"{name!r} is in {partition[name]} and in {own}")
            cure = f"Expected '<split>; <file>'. {did_you_mean(split, SPLITS)}"
            raise InputError(f"malformed line {line.strip()[:60]!r}", cure=cure)
    return partition


def _split(row: _ConsensusRow, partition: Mapping[str, str]) -> str:
    listed, own = partition.get(row.name), SPLITS.get(row.split_set)
    if own is None and row.split_set not in _UNKNOWN:
        cure = did_you_mean(row.split_set, SPLITS)
        raise InputError(f"bad Split_Set {row.split_set!r}", cure=cure)
    if own is None and listed is None:
        cure = "Name it in Split_Set, or in Partitions.txt."
        raise InputError(f"{row.name!r} has no split", cure=cure)
    if own and listed and own != listed:
        raise InputError(f"Split_Set says {own}, the partition file {listed}")
    return own or str(listed)


def _read_consensus(table: Path, log: ConversionLog) -> Iterator[_ConsensusRow]:
    header = read_header(table)
    attributes = attribute_columns(header)
    columns = ["FileName", "EmoClass", "SpkrID", "Gender", *attributes]
    if "Split_Set" in header:
        columns.append("Split_Set")
    for line, row in read_table(table, columns, log.lost_candidate):
        name, code, speaker, gender, *cells = map(str.strip, row)
        means, split = tuple(cells[: len(attributes)]), cells[len(attributes) :]
        yield _ConsensusRow(line, name, code, speaker, gender, means or NO_CELLS, *split)


def _new_id(log: ConversionLog, name: str, line: int | None = None) -> str:
    return log.once(f"msp_podcast/{name.removesuffix('.wav')}", line)


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


def _unlisted(log: ConversionLog, unlisted: dict[str, str], sound: Path) -> Iterator[Utterance]:
    """Turns that the consensus file lacks: those of Test3; all others are counted as unused."""
    for name in sorted(unlisted):
        if unlisted[name] != "test3":
            log.leave_unused("turn of the partition file without a consensus")
            continue
        with log.candidate(sound / name):
            log.refuse_spoiled(name)
            yield _withheld(_new_id(log, name), name, sound)


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
    attributes=SCALES,
    size=207_136,
    split_schemes=official("train, dev and three test sets of the MSP lab"),
)
