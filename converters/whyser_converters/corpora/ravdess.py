"""RAVDESS, speech part: 1,440 acted clips, 1.48 h, 24 actors, two sentences.

Licence   CC BY-NC-SA 4.0 (Livingstone and Russo 2018).
Source    https://zenodo.org/records/1188976, Audio_Speech_Actors_01-24.zip
Layout    Actor_01/03-01-06-01-02-01-12.wav
          modality - channel - emotion - intensity - statement - repetition - actor
          Kaggle's copy has every file twice; song (channel 02) may be mixed with speech.
          48 kHz, five files in stereo: written as 16 kHz mono.
Splits    None are official. `emobox_1` (default) to `emobox_6`: EmoBox's speaker-disjoint folds;
          fold k is the test set, the next one (after 6 comes 1) is dev, the other four are for
          training. `train`: all utterances, as the paper pools them.
Votes     None: of ten ratings a file only aggregates were published.
Labels    The acted emotion, by name. `calm` has no class and stays `other`; it is near neutral,
          but was added by the authors because actors make neutral sound mildly negative, so
          `--merge calm=neutral` is a choice and not the default.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from whyser.io.errors import InputError
from whyser.labels.classes import Label
from whyser.records.utterance import Utterance
from whyser_converters.corpora.conversion_log import ConversionLog
from whyser_converters.corpora.spec import POOLED, CorpusSpec, by_speaker

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

#: EmoBox's six folds of actors.
FOLDS = (
    ("01", "11", "20", "21"),
    ("04", "10", "12", "14"),
    ("08", "09", "19", "23"),
    ("03", "05", "07", "24"),
    ("02", "15", "16", "18"),
    ("06", "13", "17", "22"),
)

# Copies that have been on a memory card have .WAV.
_WAVS = ("Actor_[0-9][0-9]/*.[Ww][Aa][Vv]", "[Aa]udio_*/Actor_[0-9][0-9]/*.[Ww][Aa][Vv]")
MARKERS = (
    "Actor_[0-9][0-9]/0?-0?-*.wav",
    *(pattern.replace("/*.", "/0?-0?-*.") for pattern in _WAVS),
)

# 03-01-06-01-02-01-12
_NAME = re.compile(r"(\d\d)-(\d\d)-(\d\d)-(\d\d)-(\d\d)-(\d\d)-(\d\d)")


def fold_splits(test: int) -> dict[str, str]:
    """Actor -> split; fold `test` (1 to 6) is the test set, the next one is dev.

    >>> fold_splits(6)["06"], fold_splits(6)["01"], fold_splits(6)["04"]
    ('test', 'dev', 'train')
    """
    of_fold = {test - 1: "test", test % len(FOLDS): "dev"}
    return {
        actor: of_fold.get(number, "train")
        for number, actors in enumerate(FOLDS)
        for actor in actors
    }


_DEFAULT_SPLITS = fold_splits(1)


def prepare_ravdess(
    corpus_dir: Path,
    *,
    labels: Mapping[str, Label | None] = LABELS,
    log: ConversionLog | None = None,
) -> Iterator[Utterance]:
    """RAVDESS' spoken utterances, in the order of their names; some of the actors are enough.

    Raises: `InputError` for any fault without a log.
    """
    log = log or ConversionLog(strict=True)
    seen: set[str] = set()
    for path in _find_wavs(corpus_dir):
        if reason := _why_unused(path, seen):
            log.leave_unused(reason)
            continue
        seen.add(path.stem)
        with log.candidate(path):
            emotion, statement, actor = _parse_name(path.stem)
            yield Utterance(
                id=log.once(f"ravdess/{path.stem}"),
                corpus="ravdess",
                split=_DEFAULT_SPLITS[actor],
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


def _find_wavs(corpus_dir: Path) -> list[Path]:
    """Sorted by file name; of two copies the one in the shallower folder comes first."""
    found = [path for pattern in _WAVS for path in sorted(corpus_dir.glob(pattern))]
    return sorted(
        (path for path in found if not path.name.startswith(".")), key=lambda path: path.stem
    )


def _why_unused(path: Path, seen: Collection[str]) -> str | None:
    stem = path.stem
    if stem in seen:
        return "second copy of a file in the doubled Kaggle tree"
    if not re.fullmatch(r"[\d-]+", stem):
        return "wav whose name is not of RAVDESS' form"
    if stem.startswith(("01-", "02-")):
        return "sound track of a video file"
    return "song" if stem[3:5] == "02" else None


def _parse_name(stem: str) -> tuple[str, str, str]:
    """Emotion, statement and actor from a file's name."""
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


SPEC = CorpusSpec(
    name="ravdess",
    title="RAVDESS (speech)",
    licence="CC BY-NC-SA 4.0",
    source="https://zenodo.org/records/1188976",
    prepare=prepare_ravdess,
    labels=LABELS,
    markers=MARKERS,
    size=1_440,
    split_schemes={
        f"emobox_{fold}": by_speaker(f"EmoBox's fold {fold} is the test set", fold_splits(fold))
        for fold in range(1, len(FOLDS) + 1)
    }
    | POOLED,
)
