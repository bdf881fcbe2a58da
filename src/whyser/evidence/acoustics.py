"""Praat's measurements of one clip, in physical units."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from whyser.audio import SAMPLING_RATE, Samples
from whyser.errors import WhyserError

#: Praat's usual range for adult speech; a wider one invites octave errors.
PITCH_FLOOR, PITCH_CEILING = 75.0, 600.0
TIME_STEP = 0.01

#: A gap is a pause when it is this far below the clip's loudest part for this long
#: (de Jong & Wempe 2009 use 25 dB and 0.3 s; acted clips are short, so the gap is shorter).
SILENCE_DB, SHORTEST_PAUSE = 25.0, 0.15

#: Fewer voiced frames than this (0.1 s) say nothing about a voice.
FEWEST_VOICED = 10

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Acoustics:
    """Measurements of one clip; None where the clip does not show them.

    `pitch` median F0 in Hz; `pitch_range` 5th to 95th percentile of F0 in semitones; `loudness`
    mean intensity of voiced frames in dB (relative to digital full scale, shifted by a constant);
    `rate` syllables of the transcript per second of speech; `pauses` share of silence between
    the first and the last sound.
    """

    pitch: float | None
    pitch_range: float | None
    loudness: float | None
    rate: float | None
    pauses: float | None


def measure(samples: Samples, transcript: str) -> Acoustics:
    """Measures a 16 kHz mono clip, shape (frames,), in [-1, 1].

    Raises: `WhyserError` when the extra `acoustics` is not installed.
    """
    sound = _praat().Sound(samples.astype(np.float64), SAMPLING_RATE)
    if sound.duration < 6.4 / PITCH_FLOOR:
        # Praat's intensity needs a window of 6.4 periods of the lowest pitch.
        return Acoustics(None, None, None, None, None)
    pitch = sound.to_pitch_ac(
        time_step=TIME_STEP, pitch_floor=PITCH_FLOOR, pitch_ceiling=PITCH_CEILING
    )
    intensity = sound.to_intensity(minimum_pitch=PITCH_FLOOR, time_step=TIME_STEP)
    f0: Floats = pitch.selected_array["frequency"]
    loud: Floats = intensity.values[0]
    voiced = f0 > 0
    sounding = _sounding(loud)
    speech_seconds = float(sounding.sum()) * TIME_STEP
    is_voiced = int(voiced.sum()) >= FEWEST_VOICED
    return Acoustics(
        pitch=float(np.median(f0[voiced])) if is_voiced else None,
        pitch_range=_range_in_semitones(f0[voiced]) if is_voiced else None,
        loudness=_mean_db(np.interp(pitch.xs()[voiced], intensity.xs(), loud))
        if is_voiced
        else None,
        rate=_rate(transcript, speech_seconds),
        pauses=1.0 - float(sounding.mean()) if len(sounding) else None,
    )


def _praat() -> Any:
    try:
        import parselmouth
    except ImportError:
        raise WhyserError(
            "measuring the sound needs Praat's library. Install it: pip install 'whyser[acoustics]'"
        ) from None
    return parselmouth


def _range_in_semitones(f0: Floats) -> float:
    low, high = np.percentile(f0, [5, 95])
    return float(12 * np.log2(high / low))


def _mean_db(levels: Floats) -> float:
    """The mean of intensities is taken over power, not over decibels."""
    return float(10 * np.log10(np.mean(10 ** (levels / 10))))


def _sounding(loud: Floats) -> npt.NDArray[np.bool_]:
    """Whether each frame sounds, first to last sound; a gap too short for a pause does."""
    sounding: npt.NDArray[np.bool_] = loud > loud.max() - SILENCE_DB
    positions = np.flatnonzero(sounding)
    sounding = sounding[positions[0] : positions[-1] + 1]
    edges = np.flatnonzero(np.diff(sounding.astype(np.int8))) + 1
    for begin, end in zip(edges[::2], edges[1::2], strict=False):
        if (end - begin) * TIME_STEP < SHORTEST_PAUSE:
            sounding[begin:end] = True
    return sounding


def _rate(transcript: str, speech_seconds: float) -> float | None:
    syllables = count_syllables(transcript)
    return syllables / speech_seconds if syllables and speech_seconds > 0 else None


def count_syllables(text: str) -> int:
    """Vowel groups of English text, a silent final e left out; every word has at least one.

    Enough for a rate judged in three levels against the same speaker.

    >>> count_syllables("The airplane is almost full")
    7
    """
    total = 0
    for word in re.findall(r"[a-z']+", text.lower()):
        stem = re.sub(r"(?<=[^aeiouyl])e(?:s|d)?$", "", word)
        total += max(1, len(re.findall(r"[aeiouy]+", stem)))
    return total
