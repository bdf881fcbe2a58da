"""CREMA-D: 7,442 acted clips, 5.26 h, 91 actors (48 male, 43 female), twelve sentences.

Licence   ODbL 1.0 (database), DbCL 1.0 (contents).
Source    https://github.com/CheyneyComputerScience/CREMA-D (audio by Git LFS: run `git lfs pull`)
Layout    AudioWAV/1001_IEO_ANG_HI.wav           actor _ sentence _ acted emotion _ level
          processedResults/tabulatedVotes.csv    six counts a clip, for voice, face and both
          VideoDemographics.csv                  actor -> sex
Splits    None are official. `speakers` (default): audEERING's published 56/18/17 actors.
          `train`: all of it, as the paper pools it.
Votes     The voice-only counts, each expanded into anonymous raters, since models hear only.
Labels    `label_source`:
          intended (default)  the acted emotion, as EmoBox and most papers take it
          voice, multimodal   unique plurality of the raters' votes, a tie is no agreement;
                              more than half of the voice labels differ from the acted ones
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from whyser.errors import InputError, did_you_mean
from whyser.labels import Label
from whyser.utterance import Utterance, Vote
from whyser.votes import majority
from whyser_converters.source import Account, files_in, number, read_table

#: Six emotions were acted, and the same six offered to the raters; none is left over.
LABELS: Mapping[str, Label | None] = {
    "ANG": "angry",
    "DIS": "disgust",
    "FEA": "fear",
    "HAP": "happy",
    "NEU": "neutral",
    "SAD": "sad",
}

#: The letters of tabulatedVotes.csv.
VOTE_CODES = {"A": "ANG", "D": "DIS", "F": "FEA", "H": "HAP", "N": "NEU", "S": "SAD"}

SENTENCES = {
    "IEO": "It's eleven o'clock",
    "TIE": "That is exactly what happened",
    "IOM": "I'm on my way to the meeting",
    "IWW": "I wonder what this is about",
    "TAI": "The airplane is almost full",
    "MTI": "Maybe tomorrow it will be cold",
    "IWL": "I would like a new alarm clock",
    "ITH": "I think I have a doctor's appointment",
    "DFA": "Don't forget a jacket",
    "ITS": "I think I've seen this before",
    "TSI": "The surface is slick",
    "WSI": "We'll stop in a couple of minutes",
}

# audEERING's speaker-disjoint lists; actors 1001 to 1091, training takes the rest.
_DEV = {1049, 1053, 1054, 1055, 1058, 1059, 1061, 1062, 1063}
_DEV |= {1064, 1065, 1066, 1067, 1068, 1070, 1075, 1080, 1085}
_TEST = {1048, 1069, 1071, 1074, 1076, 1077, 1078, 1079, 1082}
_TEST |= {1083, 1084, 1086, 1087, 1088, 1089, 1090, 1091}
SPLITS = {
    str(actor): "dev" if actor in _DEV else "test" if actor in _TEST else "train"
    for actor in range(1001, 1092)
}

BAD_AUDIO = {"crema_d/1076_MTI_SAD_XX": "silent in the published corpus"}

TABLE = "processedResults/tabulatedVotes.csv"
MARKERS = (TABLE, "AudioWAV/1[0-9][0-9][0-9]_*.wav")

_NAME = re.compile(r"(\d{4})_([A-Z]{3})_([A-Z]{3})_(?:LO|MD|HI|XX)")
_MODALITIES = {1: "voice", 2: "face", 3: "multimodal"}
_COLUMNS = ("", *VOTE_CODES, "fileName", "numResponses")


@dataclass
class _Clip:
    """A clip, where it was read, its sound's stem, and modality -> letter -> votes."""

    name: str
    file: Path
    line: int | None = None
    wav: str | None = None
    counts: dict[str, dict[str, int]] = field(default_factory=dict)


def prepare_crema_d(
    corpus_dir: Path,
    *,
    label_source: str = "intended",
    split_scheme: str = "speakers",
    labels: Mapping[str, Label | None] = LABELS,
    account: Account | None = None,
) -> Iterator[Utterance]:
    """CREMA-D's utterances, in the order of its vote table (file names without one).

    Raises: `InputError` without an account, or when the label source needs a missing table.
    """
    account = account or Account(corpus_dir, strict=True)
    genders = _read_genders(corpus_dir / "VideoDemographics.csv", account)
    for clip in _read_clips(corpus_dir, label_source, account):
        with account.row(clip.file, clip.line):
            actor, sentence, code = _parse_name(clip.name)
            label, label_raw = _label(clip, code, label_source, labels)
            yield Utterance(
                id=account.once(f"crema_d/{clip.name}", clip.line),
                corpus="crema_d",
                split="train" if split_scheme == "train" else SPLITS[actor],
                audio=f"AudioWAV/{clip.wav or clip.name}.wav",
                duration=None,
                sampling_rate=None,
                channels=None,
                transcript=SENTENCES[sentence],
                speaker=f"crema_d/{actor}",
                gender=genders.get(actor),
                label=label,
                label_raw=label_raw,
                votes=tuple(_voice_votes(clip, labels)),
            )


def _read_genders(path: Path, account: Account) -> dict[str, str]:
    if not path.is_file():
        account.note(f"no {path.name}: the gender of every actor is unknown")
        return {}
    return {actor: sex.lower() for _, (actor, sex) in read_table(path, ("ActorID", "Sex"), account)}


def _read_clips(corpus_dir: Path, label_source: str, account: Account) -> list[_Clip]:
    table = corpus_dir / TABLE
    stems = [name.removesuffix(".wav") for name in files_in(corpus_dir / "AudioWAV", ".wav")]
    # Old clones have 1040_ITH_SAD_X, with a single X.
    wavs = {re.sub("_X$", "_XX", stem): stem for stem in stems}
    if table.is_file():
        clips = _read_table(table, account)
        for name, clip in clips.items():
            clip.wav = wavs.pop(name, None)
        account.drop(f"sound without a row in {table.name}", len(wavs))
        return list(clips.values())
    if label_source != "intended":
        raise InputError(
            f"label source {label_source!r} needs the raters' votes, and there is no such file",
            file=table,
            cure="Fetch processedResults, or take --label-source intended.",
        )
    account.note(f"no {TABLE}: clips are taken from the file names, without votes")
    folder = corpus_dir / "AudioWAV"
    return [_Clip(name, folder / f"{stem}.wav", wav=stem) for name, stem in wavs.items()]


def _read_table(table: Path, account: Account) -> dict[str, _Clip]:
    clips: dict[str, _Clip] = {}
    for line, (row, *counts, name, total) in read_table(table, _COLUMNS, account):
        with account.row(table, line):
            # The row's name is 100000 x modality + the clip's number.
            modality = _MODALITIES.get(number(row, "row name") // 100_000)
            if modality is None:
                raise InputError(f"bad row name {row!r}, expected 1xxxxx, 2xxxxx or 3xxxxx")
            clip = clips.setdefault(name, _Clip(name, table, line))
            if modality in clip.counts:
                raise InputError(f"{name!r} has a second row of {modality} votes")
            clip.counts[modality] = _read_counts(counts, total)
    return clips


def _read_counts(cells: list[str], total: str) -> dict[str, int]:
    counts = {letter: number(cell, "count") for letter, cell in zip(VOTE_CODES, cells, strict=True)}
    if sum(counts.values()) != number(total, "numResponses"):
        raise InputError(
            f"counts add up to {sum(counts.values())}, but numResponses is {total}",
            cure="Mend the row, or fetch the table again.",
        )
    return counts


def _parse_name(name: str) -> tuple[str, str, str]:
    """Actor, sentence and emotion code of a clip's name."""
    match = _NAME.fullmatch(name)
    if match is None:
        raise InputError(f"bad clip name {name!r}", cure="Expected one like 1001_IEO_ANG_HI.")
    actor, sentence, code = match.groups()
    for value, known, what in ((sentence, SENTENCES, "sentence"), (code, LABELS, "emotion")):
        if value not in known:
            cure = did_you_mean(value, known)
            raise InputError(f"bad {what} code {value!r} in {name!r}", cure=cure)
    if actor not in SPLITS:
        raise InputError(f"unknown actor {actor!r} in {name!r}", cure="Expected 1001 to 1091.")
    return actor, sentence, code


def _voice_votes(clip: _Clip, labels: Mapping[str, Label | None]) -> Iterator[Vote]:
    letters = [letter for letter, n in clip.counts.get("voice", {}).items() for _ in range(n)]
    for position, letter in enumerate(letters, start=1):
        primary = labels[VOTE_CODES[letter]] or "other"
        yield Vote(rater=f"crema_voice_{position}", primary=primary, raw=letter)


def _label(
    clip: _Clip, code: str, label_source: str, labels: Mapping[str, Label | None]
) -> tuple[Label | None, str]:
    """The label and what it was read from: an emotion code, or the top letters as in `A:D`."""
    if label_source == "intended":
        return labels[code], code
    counts = clip.counts.get(label_source)
    if not counts:
        raise InputError(f"{clip.name!r} has no row of {label_source} votes")
    letters = [letter for letter, n in counts.items() for _ in range(n)]
    top = max(counts.values())
    return (
        majority([labels[VOTE_CODES[letter]] or "other" for letter in letters]),
        ":".join(letter for letter, n in counts.items() if n == top),
    )
