"""Waveforms as PCM16 wav files: the same samples give the same bytes."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from whyser.demo.voices import SAMPLING_RATE, Waveform


def resample(samples: Waveform, sampling_rate: int) -> Waveform:
    """Convert speech from the synthesiser's sampling rate to another, in Hz."""
    import soxr

    return np.asarray(soxr.resample(samples, SAMPLING_RATE, sampling_rate), dtype=np.float32)


def write_wav(path: Path, samples: Waveform, sampling_rate: int, *, filler: int = 0) -> None:
    """Write a PCM16 wav file.

    Args:
        path: Output file; its folder is created.
        samples: Shape (frames,) or (frames, channels), in [-1, 1].
        sampling_rate: In Hz.
        filler: Bytes of a `FLLR` chunk before the samples, as some recorders write it; the
            duration then does not follow from the size of the file.
    """
    frames: NDArray[np.int16] = np.round(np.clip(samples, -1, 1) * 32767).astype("<i2")
    channels = 1 if frames.ndim == 1 else frames.shape[1]
    step = 2 * channels
    header = struct.pack("<HHIIHH", 1, channels, sampling_rate, sampling_rate * step, step, 16)
    chunks = [(b"fmt ", header)]
    if filler:
        chunks.append((b"FLLR", bytes(filler)))
    chunks.append((b"data", frames.tobytes()))
    body = b"".join(name + struct.pack("<I", len(data)) + data for name, data in chunks)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WAVE" + body)
