"""Measure one clip with Praat, in physical units, and say what it does not show reliably."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from whyser.evidence.pitch_track import FIRM, PITCH_CEILING, PITCH_FLOOR, PitchTrack, pitch_track
from whyser.evidence.speech_level import TIME_STEP, SpeechLevel, clipped_share, speech_level
from whyser.io.audio import SAMPLING_RATE, Samples
from whyser.io.extras import require

#: With fewer voiced frames (0.1 s) the voice is not measured.
FEWEST_VOICED = 10

#: In seconds: fewer periods of the lowest pitch show neither pitch nor level.
_SHORTEST = 6.4 / PITCH_FLOOR

#: Share of the speech that is firmly voiced: at least 0.29 in real clips, at most 0.14 whispered.
LEAST_VOICED = 0.2

#: Voices move within fewer semitones in a phrase; a wider range is one of tracking errors.
WIDEST_RANGE = 18.0

#: In dB, how far the background must be below the loudest frame: for anything at all, for rate,
#: pauses and the range of the pitch, and for the quality and the quiet frames of the voice.
LOUDEST_BACKGROUND, BACKGROUND_FOR_GAPS, BACKGROUND_FOR_QUALITY = 15.0, 22.0, 31.0

#: Share of clipped samples from which the level is not that of the voice, and from which quiet
#: sounds are raised so far that pauses fill.
MOST_CLIPPED, MOST_CLIPPED_FOR_GAPS = 0.01, 0.05

Floats = npt.NDArray[np.float64]

#: Why a measure is missing. `octave jumps`: creaky voice halves the pitch, or the tracker errs.
Reason = Literal[
    "unreadable", "too short", "silence", "no words", "background noise", "hardly voiced",
    "octave jumps", "clipping",
]  # fmt: skip


@dataclass(frozen=True)
class Conditions:
    """What decides whether a measure is reliable.

    `headroom` of the loudest part over the background in dB; `voiced` share of the speech that is
    firmly voiced; `octaves` share of the voiced frames that fit another octave as well; `clipped`
    share of samples that an overload cut off.
    """

    headroom: float
    voiced: float
    octaves: float
    clipped: float


@dataclass(frozen=True)
class Acoustics:
    """Measurements of one clip; None if it does not allow one, with the reason in `unmeasured`.

    `pitch` median F0 in Hz; `pitch_range` 5th to 95th percentile of F0 in semitones; `loudness`
    mean level of the speech in dB (300 to 3400 Hz, relative to digital full scale, shifted by a
    constant); `rate` syllables of the transcript per second of speech; `pauses` share of silence
    between the first and the last sound; `loudness_range` 5th to 95th percentile of the level of
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
    unmeasured: Mapping[str, Reason] = field(default_factory=dict)
    conditions: Conditions | None = None


_OF_GAPS = ("rate", "pauses")
_OF_PITCH = ("pitch", "pitch_range")
_OF_LEVEL = ("loudness", "loudness_range")
_OF_QUALITY = ("hnr", "jitter", "shimmer", "tilt")
_ALL = (*_OF_PITCH, "loudness", *_OF_GAPS, "loudness_range")


def nothing(reason: Reason, *, voice_quality: bool = False) -> Acoustics:
    """No measure at all."""
    wanted = (*_ALL, *_OF_QUALITY) if voice_quality else _ALL
    return Acoustics(unmeasured=dict.fromkeys(wanted, reason))


def measure(samples: Samples, transcript: str, *, voice_quality: bool = False) -> Acoustics:
    """Measures a 16 kHz mono clip, shape (frames,), in [-1, 1].

    A measure that the clip does not show reliably is None, and `unmeasured` has the reason.

    Args: `voice_quality` adds the slower measures (`hnr`, `jitter`, `shimmer`, `tilt`).
    Raises: `WhyserError` if the extra `acoustics` is not installed.
    """
    sound = _praat().Sound(samples.astype(np.float64), SAMPLING_RATE)
    if sound.duration < _SHORTEST:
        return nothing("too short", voice_quality=voice_quality)
    if not samples.any():
        return nothing("silence", voice_quality=voice_quality)
    pitch = _pitch_of(sound)
    level = speech_level(samples, pitch.selected_array["frequency"] > 0)
    if level.headroom < LOUDEST_BACKGROUND or level.speech is None:
        return nothing("background noise", voice_quality=voice_quality)
    track = pitch_track(pitch, level)
    conditions = Conditions(level.headroom, track.voiced, track.octaves, clipped_share(samples))
    syllables = count_syllables(transcript)
    found: dict[str, Any] = {
        **_gaps(level, syllables),
        **_pitch(track),
        "loudness": level.speech,
        "loudness_range": _level_range(pitch, level),
        **(_voice_quality(sound, pitch) if voice_quality else {}),
    }
    unmeasured: dict[str, Reason] = {
        name: reason
        for names, reason in _unreliable(level, track, conditions, syllables)
        for name in names
        if name in found
    }
    kept = {name: value for name, value in found.items() if name not in unmeasured}
    # Praat gives no number where there are too few periods.
    unmeasured |= {name: "hardly voiced" for name, value in kept.items() if value is None}
    return replace(Acoustics(**kept), unmeasured=unmeasured, conditions=conditions)


def pitch_contour(samples: Samples) -> Iterable[tuple[float, float]]:
    """Seconds and Hz of the firmly voiced frames of a 16 kHz mono clip, to be drawn.

    Raises: `WhyserError` if the extra `acoustics` is not installed.
    """
    sound = _praat().Sound(samples.astype(np.float64), SAMPLING_RATE)
    if sound.duration < _SHORTEST or not samples.any():
        return
    pitch = _pitch_of(sound)
    chosen = pitch.selected_array
    is_firm = (chosen["frequency"] > 0) & (chosen["strength"] > FIRM)
    for time, hertz in zip(pitch.xs()[is_firm], chosen["frequency"][is_firm], strict=True):
        yield round(float(time), 2), round(float(hertz), 1)


def _pitch_of(sound: Any) -> Any:
    return sound.to_pitch_ac(
        time_step=TIME_STEP, pitch_floor=PITCH_FLOOR, pitch_ceiling=PITCH_CEILING
    )


def _unreliable(
    level: SpeechLevel, track: PitchTrack, conditions: Conditions, syllables: int
) -> Iterable[tuple[Iterable[str], Reason]]:
    """Measures and the reason why the clip does not show them; the last reason counts."""
    if not syllables:
        yield ("rate",), "no words"
    is_wide = len(track.semitones) and np.subtract(*_spread(track.semitones)) > WIDEST_RANGE
    if is_wide or track.has_doubtful_range:
        yield ("pitch_range",), "octave jumps"
    if track.is_doubtful:
        yield (*_OF_PITCH, "jitter", "shimmer"), "octave jumps"
    if conditions.clipped >= MOST_CLIPPED:
        yield (*_OF_LEVEL, *_OF_QUALITY), "clipping"
    if conditions.clipped >= MOST_CLIPPED_FOR_GAPS:
        yield _OF_GAPS, "clipping"
    if track.voiced < LEAST_VOICED or len(track.semitones) < FEWEST_VOICED:
        yield (*_OF_PITCH, "loudness_range", *_OF_QUALITY), "hardly voiced"
    if conditions.headroom < BACKGROUND_FOR_QUALITY:
        yield ("loudness_range", *_OF_QUALITY), "background noise"
    if conditions.headroom < BACKGROUND_FOR_GAPS or level.has_other_sounds:
        yield (*_OF_GAPS, "pitch_range"), "background noise"


def _gaps(level: SpeechLevel, syllables: int) -> dict[str, float]:
    sounding = level.sounding()
    return {
        "rate": syllables / (float(sounding.sum()) * TIME_STEP),
        "pauses": 1.0 - float(sounding.mean()),
    }


def _pitch(track: PitchTrack) -> dict[str, float | None]:
    if not len(track.semitones):
        return dict.fromkeys(_OF_PITCH)
    return {
        "pitch": float(2 ** (np.median(track.semitones) / 12)),
        "pitch_range": float(np.subtract(*_spread(track.semitones))),
    }


def _level_range(pitch: Any, level: SpeechLevel) -> float | None:
    voiced = pitch.selected_array["frequency"] > 0
    if not voiced.any():
        return None
    return float(np.subtract(*_spread(np.interp(pitch.xs()[voiced], level.times, level.decibels))))


def _spread(values: Floats) -> Floats:
    """95th and 5th percentile."""
    return np.asarray(np.percentile(values, [95, 5]), dtype=np.float64)


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
