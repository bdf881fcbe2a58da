"""The pitch of a clip from Praat's candidates, without stray frames and jumps by an octave.

Frames of noise, breath and music get a pitch too, and creaky voice gets half of it. Only firmly
voiced frames well above the background count, and all in one octave. How many frames another
octave fits as well is counted, since the pitch of such a clip cannot be told.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np

from whyser.evidence.speech_level import Flags, Floats, SpeechLevel

#: Praat's usual range for adult speech; a wider range causes octave errors.
PITCH_FLOOR, PITCH_CEILING = 75.0, 600.0

#: Autocorrelation from which a frame is firmly voiced: 3.7 dB more periodic than aperiodic.
#: A whisper's frames rarely reach it.
FIRM = 0.7
#: In dB: the pitch of frames nearer to the background may be that of the background.
_ABOVE_BACKGROUND = 9.0

#: In semitones around the clip's median: what is outside, is taken for another octave.
_LOWEST, _HIGHEST = -9.0, 12.0
#: A run is voice of this many frames at least, without a gap or step larger than these (frames,
#: semitones); within this gap no voice jumps so far.
_SHORTEST_RUN, _GAP, _STEP = 3, 2, 4.0
_JUMP_GAP, _JUMP = 4, 8.5
#: Frames at the end of a run whose median decides about a jump.
_EDGE = 5

#: The octave of the pitch is doubtful where this share of frames is in another octave (outside of
#: the clip's, or on the other side of a jump), or is nearly (within 0.3 of the autocorrelation) as
#: periodic at twice the frequency: every second pulse of a creaky voice is weaker. The range is
#: doubtful sooner, since the frames that it lacks are often the lowest.
_MOST_MOVED, _MOST_DOUBLED = 0.35, 1 / 3
_MOST_MOVED_FOR_RANGE = 0.2
_NEARLY = 0.3


@dataclass(frozen=True)
class PitchTrack:
    """`semitones` (above 1 Hz) of the firmly voiced frames in the clip's octave, shape (frames,);
    `voiced` their share of the frames that have speech; `octaves` the share of frames that fit
    another octave. `is_doubtful`: so many do that the pitch may be wrong by an octave."""

    semitones: Floats
    voiced: float
    octaves: float
    is_doubtful: bool = False
    has_doubtful_range: bool = False


def pitch_track(pitch: Any, level: SpeechLevel) -> PitchTrack:
    """Args: `pitch` of parselmouth, with its candidates."""
    frequency, strength = (pitch.selected_array[name] for name in ("frequency", "strength"))
    decibels = np.interp(pitch.xs(), level.times, level.decibels)
    spoken: Flags = decibels > level.line(above=_ABOVE_BACKGROUND)
    firm = spoken & (frequency > 0) & (strength > FIRM)
    share = float(firm.sum() / max(1, spoken.sum()))
    if not firm.any():
        return PitchTrack(np.zeros(0), share, 0.0)
    candidates = pitch.to_array()
    low, high = np.median(frequency[firm]) * 2 ** (np.array([_LOWEST, _HIGHEST]) / 12)
    outside = (frequency < low) | (frequency > high)
    doubled = float(_is_doubled(candidates, frequency, strength)[firm].mean())
    moved, moved_strength = _strongest(candidates, low, high)
    frequency = np.where(outside, moved, frequency)
    strength = np.where(outside, moved_strength, strength)
    places = np.flatnonzero(spoken & (pitch.selected_array["frequency"] > 0) & (strength > FIRM))
    semitones, jumped = _in_one_octave(places, 12 * np.log2(frequency[places]))
    moved_share = max(float(outside[firm].mean()), jumped)
    doubtful = moved_share > _MOST_MOVED or doubled >= _MOST_DOUBLED
    return PitchTrack(
        semitones,
        share,
        max(moved_share, doubled),
        is_doubtful=doubtful,
        has_doubtful_range=doubtful or moved_share > _MOST_MOVED_FOR_RANGE,
    )


def _is_doubled(candidates: Any, frequency: Floats, strength: Floats) -> Flags:
    """Whether each frame has a candidate at twice its frequency that is nearly as strong."""
    found, strengths = candidates["frequency"], candidates["strength"]
    with np.errstate(divide="ignore", invalid="ignore"):
        is_twice = np.abs(12 * np.log2(found / (2 * frequency))) < 1
    twice: Flags = np.where(is_twice, strengths, 0).max(axis=0) > strength - _NEARLY
    return twice


def _strongest(candidates: Any, low: float, high: float) -> tuple[Floats, Floats]:
    """Frequency and strength of each frame's best candidate in a range of frequencies."""
    found = candidates["frequency"]
    strengths = np.where((found >= low) & (found <= high), candidates["strength"], 0)
    best = strengths.argmax(axis=0), np.arange(found.shape[1])
    return found[best], strengths[best]


def _in_one_octave(places: Any, semitones: Floats) -> tuple[Floats, float]:
    """The frames of the octave that most frames have, and the share of the others."""
    steps = np.flatnonzero((np.diff(places) > _GAP) | (np.abs(np.diff(semitones)) > _STEP)) + 1
    runs = [run for run in np.split(np.arange(len(places)), steps) if len(run) >= _SHORTEST_RUN]
    if not runs:
        return np.zeros(0), 0.0
    octave = [0]
    for before, after in itertools.pairwise(runs):
        jump = np.median(semitones[after[:_EDGE]]) - np.median(semitones[before[-_EDGE:]])
        is_near = places[after[0]] - places[before[-1]] <= _JUMP_GAP
        octave.append(octave[-1] + int(np.sign(jump) * (is_near and abs(jump) >= _JUMP)))
    of_frames = np.repeat(octave, [len(run) for run in runs])
    values, counts = np.unique(of_frames, return_counts=True)
    kept = of_frames == values[counts.argmax()]
    return semitones[np.concatenate(runs)[kept]], 1 - float(kept.mean())
