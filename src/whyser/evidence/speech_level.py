"""Where a clip has speech and how loud it is, and how far the background is below it.

The level is that of 300 to 3400 Hz, the band that every channel transmits. A telephone then
changes neither the level of a voice nor the places where it pauses.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from whyser.io.audio import SAMPLING_RATE, Samples

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

#: Seconds between two frames, here and in the pitch track.
TIME_STEP = 0.01
_HOP, _WINDOW = 160, 512

#: In Hz: the telephone band (ITU-T G.712), and the edges of the parts in which the background is
#: estimated. Speech is never in all parts at once, so each shows its background in some frames.
BAND = (300, 3400)
_PARTS = (300, 500, 700, 1000, 1400, 1900, 2500, 3400)

#: The quietest tenth of the frames is background.
_BACKGROUND_PERCENTILE = 10
#: With fewer unvoiced frames (0.1 s) a clip shows no background: a held vowel is no noise.
_FEWEST_UNVOICED = 10

#: A gap is a pause when it is this far below the clip's loudest part for this long
#: (de Jong & Wempe 2009 use 25 dB and 0.3 s; acted clips are short, so the gap is shorter).
SILENCE_DB, SHORTEST_PAUSE = 25.0, 0.15
#: Speech is this far above the background, in dB.
_ABOVE_BACKGROUND = 5.0

#: Decibels as Praat gives them: relative to 2e-5, so that full scale (RMS 1) is 94 dB.
_REFERENCE = 2e-5
_SILENT = 1e-12

#: Music and other voices rise and fall: where the background is within 55 dB of the loudest part,
#: and the quieter frames (10th to 30th percentile) differ by more than 1.5 dB, the length of the
#: speech must not depend on the line between the two. From 15 to 25 dB below the loudest part it
#: may grow by 57 % (0.45 in the logarithm), as trimmed speech without any background does.
_QUIET_BACKGROUND, _STEADY, _QUIETER = 55.0, 1.5, (30, 10)
_OTHER_LINE, _MOST_GROWTH = 15.0, 0.45


@dataclass(frozen=True)
class SpeechLevel:
    """Power of the band, shape (frames,), and of its background, as mean squares of full scale.

    `times` in seconds, shape (frames,).
    """

    times: Floats
    power: Floats
    background: float

    @cached_property
    def decibels(self) -> Floats:
        return decibels(self.power)

    @cached_property
    def headroom(self) -> float:
        """How far the background is below the loudest frame, in dB."""
        return float(self.decibels.max() - decibels(self.background))

    def line(self, below: float = SILENCE_DB, above: float = _ABOVE_BACKGROUND) -> float:
        """What is above this level, in dB, is speech: `below` the loudest frame, and `above` the
        background."""
        return float(max(self.decibels.max() - below, decibels(self.background) + above))

    def sounding(self, below: float = SILENCE_DB) -> Flags:
        """Whether each frame has speech, from the first to the last one; short gaps count as
        speech."""
        return _without_short_gaps(self.decibels > self.line(below))

    @cached_property
    def has_other_sounds(self) -> bool:
        """Whether the background rises and falls, so that speech cannot be told from it."""
        is_steady = np.subtract(*np.percentile(self.decibels, _QUIETER)) <= _STEADY
        if self.headroom >= _QUIET_BACKGROUND or is_steady:
            return False
        longer, shorter = (self.sounding(line).sum() for line in (SILENCE_DB, _OTHER_LINE))
        return bool(np.log(longer / shorter) > _MOST_GROWTH)

    @cached_property
    def speech(self) -> float | None:
        """Level of the speech in dB: the mean power of its frames without that of the background.

        None if the background is as strong.
        """
        power = self.power[self.decibels > self.line()].mean() - self.background
        return float(decibels(power)) if power > 0 else None


def decibels(power: Floats | float) -> Floats:
    """Averages of levels are taken of powers, never of decibels.

    >>> float(decibels(1.0).round(2))
    93.98
    """
    return np.asarray(10 * np.log10((np.asarray(power) + _SILENT) / _REFERENCE**2))


def speech_level(samples: Samples, voiced: Flags) -> SpeechLevel:
    """The level of a 16 kHz mono clip with at least one window of 32 ms.

    Args: `voiced` says for each frame of the pitch track whether it is voiced, shape (any,).
    """
    window = np.hanning(_WINDOW).astype(np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(samples, _WINDOW)[::_HOP] * window
    spectrum = np.abs(np.fft.rfft(frames)) ** 2 / (_WINDOW * float((window**2).sum()) / 2)
    edges = [round(edge * _WINDOW / SAMPLING_RATE) for edge in _PARTS]
    parts = np.add.reduceat(spectrum[:, : edges[-1]], edges[:-1], axis=1)
    shows_background = int((~voiced).sum()) >= _FEWEST_UNVOICED
    background = np.percentile(parts, _BACKGROUND_PERCENTILE, axis=0) if shows_background else 0.0
    times = (np.arange(len(frames)) * _HOP + _WINDOW / 2) / SAMPLING_RATE
    return SpeechLevel(times, parts.sum(axis=1), float(np.sum(background)))


def _without_short_gaps(sounding: Flags) -> Flags:
    positions = np.flatnonzero(sounding)
    filled = sounding[positions[0] : positions[-1] + 1].copy()
    edges = np.flatnonzero(np.diff(filled.astype(np.int8))) + 1
    for begin, end in zip(edges[::2], edges[1::2], strict=False):
        if (end - begin) * TIME_STEP < SHORTEST_PAUSE:
            filled[begin:end] = True
    return filled


#: Of the largest amplitude: samples from `_TOP` up are clipped where they are many, and many times
#: those of `_BELOW`. A pure tone has more samples near its peak too, but gradually.
_TOP, _BELOW, _TIMES_MORE = 0.95, (0.8, 0.9), 3.0


def clipped_share(samples: Samples) -> float:
    """Share of samples that an overload cut off at one amplitude.

    >>> tone = np.sin(np.arange(16_000) * 0.1).astype(np.float32)
    >>> clipped_share(tone), round(clipped_share(np.clip(tone, -0.5, 0.5)), 2)
    (0.0, 0.68)
    """
    size = np.abs(samples)
    largest = float(size.max())
    top = float((size >= _TOP * largest).mean())
    below = float(((size >= _BELOW[0] * largest) & (size < _BELOW[1] * largest)).mean())
    return top if top > _TIMES_MORE * below else 0.0
