"""Measure one clip with Praat, in physical units."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from whyser.io.audio import SAMPLING_RATE, Samples
from whyser.io.extras import require

#: Praat's usual range for adult speech; a wider range causes octave errors.
PITCH_FLOOR, PITCH_CEILING = 75.0, 600.0
TIME_STEP = 0.01

#: A gap is a pause when it is this far below the clip's loudest part for this long
#: (de Jong & Wempe 2009 use 25 dB and 0.3 s; acted clips are short, so the gap is shorter).
SILENCE_DB, SHORTEST_PAUSE = 25.0, 0.15

#: With fewer voiced frames (0.1 s) the voice is not measured.
FEWEST_VOICED = 10

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Acoustics:
    """Measurements of one clip; None if it does not allow one.

    `pitch` median F0 in Hz; `pitch_range` 5th to 95th percentile of F0 in semitones; `loudness`
    mean intensity of voiced frames in dB (relative to digital full scale, shifted by a constant);
    `rate` syllables of the transcript per second of speech; `pauses` share of silence between
    the first and the last sound; `loudness_range` 5th to 95th percentile of the intensity of
    voiced frames in dB.

    Measured on request only, because they take five times as long as all others: `hnr` mean
    harmonics-to-noise ratio of voiced frames in dB (Boersma 1993); `jitter` and `shimmer` (local)
    mean difference of neighbouring periods, in length and amplitude, over their mean; `tilt`
    energy of 1 to 4 kHz over that below 1 kHz in dB, high for a pressed voice and low for a soft
    or breathy one.
    """

    pitch: float | None = None
    pitch_range: float | None = None
    loudness: float | None = None
    rate: float | None = None
    pauses: float | None = None
    loudness_range: float | None = None
    hnr: float | None = None
    jitter: float | None = None
    shimmer: float | None = None
    tilt: float | None = None


def measure(samples: Samples, transcript: str, *, voice_quality: bool = False) -> Acoustics:
    """Measures a 16 kHz mono clip, shape (frames,), in [-1, 1].

    Args: `voice_quality` adds the slower measures (`hnr`, `jitter`, `shimmer`, `tilt`).
    Raises: `WhyserError` if the extra `acoustics` is not installed.
    """
    sound = _praat().Sound(samples.astype(np.float64), SAMPLING_RATE)
    if sound.duration < 6.4 / PITCH_FLOOR:
        # Praat's intensity needs a window of 6.4 periods of the lowest pitch.
        return Acoustics()
    pitch = sound.to_pitch_ac(
        time_step=TIME_STEP, pitch_floor=PITCH_FLOOR, pitch_ceiling=PITCH_CEILING
    )
    intensity = sound.to_intensity(minimum_pitch=PITCH_FLOOR, time_step=TIME_STEP)
    f0: Floats = pitch.selected_array["frequency"]
    loud: Floats = intensity.values[0]
    voiced = f0 > 0
    sounding = _sounding(loud)
    speech_seconds = float(sounding.sum()) * TIME_STEP
    syllables = count_syllables(transcript)
    whole = Acoustics(
        rate=syllables / speech_seconds if syllables and speech_seconds > 0 else None,
        pauses=1.0 - float(sounding.mean()) if len(sounding) else None,
    )
    if int(voiced.sum()) < FEWEST_VOICED:
        return whole
    voiced_loud = np.interp(pitch.xs()[voiced], intensity.xs(), loud)
    return replace(
        whole,
        pitch=float(np.median(f0[voiced])),
        pitch_range=float(12 * np.log2(np.divide(*np.percentile(f0[voiced], [95, 5])))),
        loudness=_mean_db(voiced_loud),
        loudness_range=float(np.subtract(*np.percentile(voiced_loud, [95, 5]))),
        **(_voice_quality(sound, pitch) if voice_quality else {}),
    )


#: Praat's defaults: shortest and longest period in seconds, the largest factor between two
#: neighbours that are periods of one voice, and the same for their amplitudes.
_PERIODS, _AMPLITUDES = (0.0001, 0.02, 1.3), (1.6,)
#: Praat's mark of a frame without harmonicity.
_NO_HARMONICITY = -200.0


def _voice_quality(sound: Any, pitch: Any) -> dict[str, float | None]:
    call = _praat().praat.call
    pulses = call([sound, pitch], "To PointProcess (cc)")
    jitter = call(pulses, "Get jitter (local)", 0, 0, *_PERIODS)
    shimmer = call([sound, pulses], "Get shimmer (local)", 0, 0, *_PERIODS, *_AMPLITUDES)
    harmonicity: Floats = sound.to_harmonicity_cc(
        time_step=TIME_STEP, minimum_pitch=PITCH_FLOOR
    ).values[0]
    harmonic = harmonicity[harmonicity > _NO_HARMONICITY]
    spectrum = sound.to_spectrum()
    low, high = (spectrum.get_band_energy(*band) for band in ((0, 1000), (1000, 4000)))
    return {
        "hnr": float(harmonic.mean()) if len(harmonic) else None,
        "jitter": _number(jitter),
        "shimmer": _number(shimmer),
        "tilt": float(10 * np.log10(high / low)) if low > 0 and high > 0 else None,
    }


def _number(value: float) -> float | None:
    """Praat returns NaN if there are too few periods."""
    return None if np.isnan(value) else float(value)


def _praat() -> Any:
    require("measuring the sound", acoustics=["parselmouth"])
    import parselmouth

    return parselmouth


def _mean_db(levels: Floats) -> float:
    """Averages power, not decibels."""
    return float(10 * np.log10(np.mean(10 ** (levels / 10))))


def _sounding(loud: Floats) -> npt.NDArray[np.bool_]:
    """Whether each frame has sound, from the first to the last one; short gaps count as sound."""
    sounding: npt.NDArray[np.bool_] = loud > loud.max() - SILENCE_DB
    positions = np.flatnonzero(sounding)
    sounding = sounding[positions[0] : positions[-1] + 1]
    edges = np.flatnonzero(np.diff(sounding.astype(np.int8))) + 1
    for begin, end in zip(edges[::2], edges[1::2], strict=False):
        if (end - begin) * TIME_STEP < SHORTEST_PAUSE:
            sounding[begin:end] = True
    return sounding


def count_syllables(text: str) -> int:
    """Counts the vowel groups of English text, without a silent final e; at least one per word.

    This is precise enough for a rate in three levels relative to the same speaker.

    >>> count_syllables("The airplane is almost full")
    7
    """
    total = 0
    for word in re.findall(r"[a-z']+", text.lower()):
        stem = re.sub(r"(?<=[^aeiouyl])e(?:s|d)?$", "", word)
        total += max(1, len(re.findall(r"[aeiouy]+", stem)))
    return total
