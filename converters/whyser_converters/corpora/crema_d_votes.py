"""Reads CREMA-D's clips and their votes: every annotator's answer, or the published counts."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from whyser.io.audio import is_lfs_pointer
from whyser.io.errors import InputError
from whyser.labels.attributes import Scales
from whyser_converters.corpora.attribute_values import AttributeCells, Values
from whyser_converters.corpora.conversion_log import ConversionLog
from whyser_converters.corpora.tables import files_in, number, read_header, read_table

#: The letters of tabulatedVotes.csv.
VOTE_CODES = {"A": "ANG", "D": "DIS", "F": "FEA", "H": "HAP", "N": "NEU", "S": "SAD"}

#: The slider of the annotators' answers.
SCALES: Scales = {"intensity": (0, 100)}

#: Its level says how strong an emotion is, which means nothing for a neutral voice.
_NEUTRAL = "N"

TABLE = "processedResults/tabulatedVotes.csv"

# 1040_ITH_SAD_X, in old clones with a single X
_NAME_IN_A_ROW = re.compile(r"\d{4}_[A-Z]{3}_[A-Z]{3}_[A-Z]{1,2}")
_MODALITIES = {1: "voice", 2: "face", 3: "multimodal"}
_COLUMNS = ("", *VOTE_CODES, "fileName", "numResponses")

#: The published tables leave out answers whose first click took longer.
_SLOW_MS = 10_000


@dataclass
class VotedClip:
    """A clip, where it was read, the stem of its sound, and the annotators' answers.

    `counts` maps modality -> letter -> number of votes; `published` is the table's majority vote
    on the voice, ties joined by ":".
    """

    name: str
    file: Path
    line: int | None = None
    wav: str | None = None
    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    published: str | None = None

    def letters(self, modality: str) -> list[str]:
        counts = self.counts.get(modality, {})
        return [letter for letter, votes in counts.items() for _ in range(votes)]


#: An annotator, the letter of the answer, and the intensity of the emotion.
Answer = tuple[str, str, Values]

#: Clip -> modality -> every answer.
Responses = dict[str, dict[str, list[Answer]]]


def read_responses(corpus_dir: Path, log: ConversionLog) -> Responses:
    """Every annotator's answer, without those that the published tables leave out."""
    path = corpus_dir / "finishedResponses.csv"
    responses: Responses = {}
    if not _is_there(path, "votes are the table's counts, without annotators", log):
        return responses
    slow_ones = _read_slow(corpus_dir / "finishedEmoResponses.csv", log)
    slow = 0
    attributes = AttributeCells(SCALES, path, log)
    has_levels = "respLevel" in read_header(path)
    columns = ["clipName", "localid", "respEmo", "queryType", "sessionNums", "questNum"]
    columns += ["respLevel"] * has_levels
    rows = read_table(path, columns, log.lost_part, name=_NAME_IN_A_ROW)
    for line, (clip, rater, letter, *key) in rows:
        level = key.pop() if has_levels else ""
        name = clip.partition(".")[0]
        if name.endswith("_practice"):
            continue
        with log.part(path, line, of=name):
            modality, session, question = (number(cell, "number") for cell in key)
            if letter not in VOTE_CODES or modality not in _MODALITIES or not rater.strip():
                raise InputError(
                    f"bad answer {letter[:60]!r} of annotator {rater[:60]!r}, "
                    f"query type {modality}",
                    cure=f"Expected a letter of [{', '.join(VOTE_CODES)}], query type 1 to 3.",
                )
            if (modality, session, question) in slow_ones:
                slow += 1
                continue
            answers = responses.setdefault(name, defaultdict(list))
            values = {} if letter == _NEUTRAL else attributes.read((level,), line, name)
            answers[_MODALITIES[modality]].append((f"crema_d/{rater.strip()}", letter, values))
    log.leave_unused("answer after more than ten seconds", slow)
    return responses


def _read_slow(path: Path, log: ConversionLog) -> set[tuple[int, int, int]]:
    """Query type, session and question of every answer whose first click came too late."""
    slow: set[tuple[int, int, int]] = set()
    if not _is_there(path, "slow answers are not left out as in the published tables", log):
        return slow
    columns = ("ttr", "queryType", "sessionNums", "questNum")
    for line, (time, *key) in read_table(path, columns, log.lost_part):
        with log.part(path, line, of=None):
            # Some answers have no time; the authors' own script counts them as quick.
            if time.strip().isdecimal() and int(time) > _SLOW_MS:
                modality, session, question = (number(cell, "number") for cell in key)
                slow.add((modality, session, question))
    return slow


def _is_there(path: Path, otherwise: str, log: ConversionLog) -> bool:
    if not path.is_file():
        log.note(f"no {path.name}: {otherwise}")
    elif is_lfs_pointer(path):
        log.note(f"{path.name} is a Git LFS pointer ('git lfs pull' fetches it): {otherwise}")
    else:
        return True
    return False


def read_clips(
    corpus_dir: Path, label_source: str, responses: Responses, log: ConversionLog
) -> list[VotedClip]:
    """All clips, in the order of the vote table, or without one of the file names.

    Raises: `InputError` if the label source needs votes and there are none.
    """
    table = corpus_dir / TABLE
    stems = [name.removesuffix(".wav") for name in files_in(corpus_dir / "AudioWAV", ".wav")]
    # Old clones have 1040_ITH_SAD_X, with a single X.
    wavs = {re.sub("_X$", "_XX", stem): stem for stem in stems}
    log.leave_unused("second sound of a clip, named with a single X", len(stems) - len(wavs))
    if table.is_file():
        rated = _read_table(table, log)
        for name, clip in rated.items():
            clip.wav = wavs.pop(name, None)
        log.leave_unused(f"sound without a row in {table.name}", len(wavs))
        return list(rated.values())
    if label_source != "intended" and not responses:
        raise InputError(
            f"label source {label_source!r} needs the annotators' votes, and there is no such file",
            file=table,
            cure="Fetch processedResults, or use --label-source intended.",
        )
    log.note(f"no {TABLE}: clips are listed from the file names")
    clips = []
    for name, stem in wavs.items():
        clip = VotedClip(name, corpus_dir / "AudioWAV" / f"{stem}.wav", wav=stem)
        for modality, answers in responses.get(name, {}).items():
            given = Counter(letter for _, letter, _ in answers)
            clip.counts[modality] = {letter: given[letter] for letter in VOTE_CODES}
        clips.append(clip)
    return clips


def _read_table(table: Path, log: ConversionLog) -> dict[str, VotedClip]:
    clips: dict[str, VotedClip] = {}
    # Older tables may lack the vote.
    vote_column = ["emoVote"] * ("emoVote" in read_header(table))
    columns = (*_COLUMNS, *vote_column)
    for line, (row, *cells) in read_table(table, columns, log.lost_part):
        counts, (name, total, *vote) = cells[: len(VOTE_CODES)], cells[len(VOTE_CODES) :]
        clip = clips.setdefault(name, VotedClip(name, table, line))
        with log.part(table, line, of=name):
            # The row's name is 100000 x modality + the clip's number.
            modality = _MODALITIES.get(number(row, "row name") // 100_000)
            if modality is None:
                raise InputError(f"bad row name {row!r}, expected 1xxxxx, 2xxxxx or 3xxxxx")
            if modality in clip.counts:
                raise InputError(f"{name!r} has a second row of {modality} votes")
            clip.counts[modality] = _read_counts(counts, total)
            if modality == "voice" and vote:
                clip.published = vote[0]
    return clips


def _read_counts(cells: list[str], total: str) -> dict[str, int]:
    counts = {letter: number(cell, "count") for letter, cell in zip(VOTE_CODES, cells, strict=True)}
    if sum(counts.values()) != number(total, "numResponses"):
        raise InputError(
            f"counts add up to {sum(counts.values())}, but numResponses is {total}",
            cure="Correct the row, or fetch the table again.",
        )
    return counts


def voice_votes(clip: VotedClip, responses: Responses) -> list[Answer]:
    """The answers to the voice; anonymous, and without intensity, if only the counts are known.

    Raises: `InputError` if the vote table has no row for the voice.
    """
    if clip.line is not None and "voice" not in clip.counts:
        raise InputError(f"{clip.name!r} has no row of voice votes")
    known = responses.get(clip.name, {}).get("voice")
    if known:
        return known
    return [(f"crema_voice_{n}", letter, {}) for n, letter in enumerate(clip.letters("voice"), 1)]
