"""A sound drawn: its waveform and its pitch."""

from __future__ import annotations

from typing import TypedDict

import numpy as np

from whyser.evidence.acoustics import pitch_contour
from whyser.io.audio import SAMPLING_RATE, Samples

#: Columns of the waveform.
COLUMNS = 400


class Sketch(TypedDict):
    """`wave`: the peak of each column, 0 to 100, of the loudest column; `pitch`: seconds and Hz of
    each voiced frame, empty where nothing can be measured; `seconds` that are drawn."""

    wave: list[int]
    pitch: list[tuple[float, float]]
    seconds: float


def sketch(samples: Samples, *, measures: bool = True) -> Sketch:
    """Args: `samples` at 16 kHz; `measures` whether Praat is installed.

    >>> sketch(np.array([0.0, 0.1, -0.2, 0.05], dtype=np.float32), measures=False)["wave"]
    [0, 50, 100, 25]
    """
    columns = np.array_split(np.abs(samples), min(COLUMNS, len(samples)))
    peaks = np.array([column.max() for column in columns])
    top = float(peaks.max()) or 1.0
    return {
        "wave": [round(100 * float(peak) / top) for peak in peaks],
        "pitch": list(pitch_contour(samples)) if measures else [],
        "seconds": round(len(samples) / SAMPLING_RATE, 3),
    }
