"""RAVDESS, speech part: 1,440 acted clips, 1.48 h, 24 actors, two sentences.

Licence   CC BY-NC-SA 4.0 (Livingstone and Russo 2018).
Source    https://zenodo.org/records/1188976, Audio_Speech_Actors_01-24.zip
Layout    Actor_01/03-01-06-01-02-01-12.wav
          modality - channel - emotion - intensity - statement - repetition - actor
          Kaggle's copy holds every file twice; song (channel 02) may lie beside speech.
          48 kHz, five files in stereo: written as 16 kHz mono.
Splits    None are official. `speakers` (default): EmoBox's speaker-disjoint folds, test = fold 1,
          dev = fold 2, train = folds 3 to 6. `train`: all of it, as the paper pools it.
Votes     Ten ratings a file were published as aggregates only; so none.
Labels    The acted emotion, by name. `calm` has no class and stays `other`; it is near neutral,
          but was added by the authors because actors make neutral sound mildly negative, so
          `--merge calm=neutral` is a choice and not the default.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from whyser.errors import InputError
from whyser.labels import Label
from whyser.utterance import Utterance
from whyser_converters.source import Account

EMOTIONS = {
    "01": "neutral",
    "02": "calm",
    "03": "happy",
    "04": "sad",
    "05": "angry",
    "06": "fearful",
    "07": "disgust",
    "08": "surprised",
}

LABELS: Mapping[str, Label | None] = {
    "neutral": "neutral",
    "calm": "other",  # none of the eight
    "happy": "happy",
    "sad": "sad",
    "angry": "angry",
    "fearful": "fear",
    "disgust": "disgust",
    "surprised": "surprise",
}

STATEMENTS = {"01": "Kids are talking by the door", "02": "Dogs are sitting by the door"}

#: EmoBox's folds 1 and 2; the other sixteen actors train.
TEST_ACTORS = ("01", "11", "20", "21")
DEV_ACTORS = ("04", "10", "12", "14")

MARKERS = ("Actor_[0-9][0-9]/0?-0?-*.wav", "[Aa]udio_*/Actor_[0-9][0-9]/0?-0?-*.wav")

_NAME = re.compile(r"(\d\d)-(\d\d)-(\d\d)-(\d\d)-(\d\d)-(\d\d)-(\d\d)")


def prepare_ravdess(
    corpus_dir: Path,
    *,
    split_scheme: str = "speakers",
    labels: Mapping[str, Label | None] = LABELS,
    account: Account | None = None,
) -> Iterator[Utterance]:
    """RAVDESS' spoken utterances, in the order of their names; some of the actors will do.

    Raises: `InputError` without an account.
    """
    account = account or Account(corpus_dir, strict=True)
    for path in _find_speech(corpus_dir, account):
        with account.row(path):
            emotion, statement, actor = _parse_name(path.stem)
            yield Utterance(
                id=account.once(f"ravdess/{path.stem}"),
                corpus="ravdess",
                split="train" if split_scheme == "train" else _split(actor),
                audio=path.relative_to(corpus_dir).as_posix(),
                duration=None,
                sampling_rate=None,
                channels=None,
                transcript=STATEMENTS[statement],
                speaker=f"ravdess/{actor}",
                gender="male" if int(actor) % 2 else "female",
                label=labels[emotion],
                label_raw=emotion,
            )


def _find_speech(corpus_dir: Path, account: Account) -> list[Path]:
    """One path a file name, sorted by it; what is left out is counted."""
    found: dict[str, Path] = {}
    # The shallower tree first, so that it is the nested copy that is left out.
    for pattern in ("Actor_[0-9][0-9]/*.wav", "[Aa]udio_*/Actor_[0-9][0-9]/*.wav"):
        for path in sorted(corpus_dir.glob(pattern)):
            if path.name.startswith("."):
                continue
            if path.name in found:
                account.drop("second copy of a file in the doubled Kaggle tree")
            elif reason := _reason_to_drop(path.stem):
                account.drop(reason)
            else:
                found[path.name] = path
    return [found[name] for name in sorted(found)]


def _reason_to_drop(stem: str) -> str | None:
    if not re.fullmatch(r"[\d-]+", stem):
        return "wav whose name is not of RAVDESS' form"
    if stem.startswith(("01-", "02-")):
        return "sound track of a video file"
    return "song" if stem[3:5] == "02" else None


def _parse_name(stem: str) -> tuple[str, str, str]:
    """Emotion, statement and actor of a file's name."""
    match = _NAME.fullmatch(stem)
    if match is None:
        cure = "Expected seven two-digit fields, as in 03-01-06-01-02-01-12.wav."
        raise InputError(f"bad file name {stem!r}", cure=cure)
    modality, channel, emotion, intensity, statement, repetition, actor = match.groups()
    for value, known, what in (
        (modality, ["01", "02", "03"], "modality"),
        (channel, ["01", "02"], "channel"),
        (emotion, list(EMOTIONS), "emotion"),
        (intensity, ["01", "02"], "intensity"),
        (statement, list(STATEMENTS), "statement"),
        (repetition, ["01", "02"], "repetition"),
        (actor, [f"{number:02}" for number in range(1, 25)], "actor"),
    ):
        if value not in known:
            cure = f"Expected {known[0]} to {known[-1]}."
            raise InputError(f"bad {what} code {value!r} in {stem!r}", cure=cure)
    return EMOTIONS[emotion], statement, actor


def _split(actor: str) -> str:
    return "test" if actor in TEST_ACTORS else "dev" if actor in DEV_ACTORS else "train"
