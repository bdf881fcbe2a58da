"""A sound that somebody asks about: its first seconds, which the model hears, as 16 kHz mono."""

from __future__ import annotations

import math
import mimetypes
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from whyser.io import audio
from whyser.io.errors import InputError

#: Seconds; no word is shorter, and a model gets no token of a few frames.
SHORTEST = 0.25

#: In dB below full scale: what never is louder, is silence or a microphone that is switched off.
SILENT = -60.0

#: Names of files that a folder may hold besides its clips end otherwise.
_SUFFIXES = frozenset(
    f".{kind}"
    for kinds in ("aac aif aiff au flac m4a mp3 ogg opus wav", "avi m4v mkv mov mp4 webm")
    for kind in kinds.split()
)


@dataclass(frozen=True)
class HeardClip:
    """`samples` of what the model hears, `duration` of the file in seconds, and remarks on both."""

    path: Path
    samples: audio.Samples
    duration: float
    notes: tuple[str, ...] = ()

    @property
    def heard(self) -> float:
        """Seconds."""
        return len(self.samples) / audio.SAMPLING_RATE


def read_clip(path: Path, window: float) -> HeardClip:
    """Reads the first `window` seconds of a sound file or of a video's sound.

    Raises: `InputError` for a file without readable sound, a clip that is too short for a word,
        and silence.
    """
    if not path.is_file():
        if path.exists() or str(path) == "-":
            cure = "Save the sound to a file first, and give its name."
            raise InputError("is not a file", file=path, cure=cure)
        raise InputError("no such file", file=path, cure="Check its name.")
    duration = audio.probe(path).duration
    if duration < SHORTEST:
        what = f"lasts {duration:.2f} s, which is too short for a word"
        raise InputError(what, file=path, cure=f"Give a clip of at least {SHORTEST:g} s.")
    samples = audio.load(path, end=window)
    peak = float(np.abs(samples).max(initial=0.0))
    if peak <= 10 ** (SILENT / 20):
        where = f"its first {window:g} s, which the model hears, are" if duration > window else "is"
        level = f"its peak is at {20 * math.log10(peak):.0f} dB" if peak else "digital silence"
        cure = "Check the microphone, or give a clip with speech."
        raise InputError(f"{where} silent ({level})", file=path, cure=cure)
    return HeardClip(path, samples, duration, tuple(_notes(path, duration, window)))


def _notes(path: Path, duration: float, window: float) -> Iterator[str]:
    if (mimetypes.guess_type(path.name)[0] or "").startswith("video/"):
        yield "This is a video: only its sound is heard."
    # A tenth of a second at the end of a recording is nothing that anybody would miss.
    if duration > window + 0.1:
        yield (
            f"The model hears the first {window:g} s of {length(duration)}; "
            "cut the clip to have another part heard."
        )


def length(seconds: float) -> str:
    """A length as people say it.

    >>> length(3.25), length(3600), length(75)
    ('3.2 s', '1:00:00', '1:15')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def find_clips(given: Iterable[Path]) -> list[Path]:
    """The files, and those of the folders, in order of their names.

    Raises: `InputError` for a folder without a sound file.
    """
    found: list[Path] = []
    for path in given:
        if not path.is_dir():
            found.append(path)
            continue
        own = sorted(one for one in path.rglob("*") if _is_clip(one))
        if not own:
            cure = f"Give one with {', '.join(sorted(_SUFFIXES))} files."
            raise InputError("has no sound file", file=path, cure=cure)
        found += own
    return list(dict.fromkeys(found))


def _is_clip(path: Path) -> bool:
    return path.suffix.lower() in _SUFFIXES and not path.name.startswith(".") and path.is_file()
