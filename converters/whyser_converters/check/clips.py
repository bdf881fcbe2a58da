"""Checks one sound file: whether it exists, can be read to its end, and is audible."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from whyser.io import audio
from whyser.io.console import track
from whyser.io.errors import InputError
from whyser_converters.check.findings import CheckFault
from whyser_converters.check.model import Hearing

#: Steps of 16 bit. The quietest of 360 clips of RAVDESS peaks at 150; below 16 is dither at most.
SILENT_PEAK = 16
FULL_SCALE = 32_767

#: A peak that an encoder's overshoot does not reach; 1 is full scale.
LOUD = 2.0

#: Share of samples at full scale in runs of 3 or more. Loud speech reaches full scale for a
#: sample or two; a longer plateau shows that the wave was cut off.
CLIPPED_SHARE = 0.001

#: Starting other processes takes longer than reading few clips; too many slow down the disk.
FEW_CLIPS, MOST_PROCESSES = 1_000, 8

MISSING = "missing or unreadable sound files"
TOO_LONG = "clips longer than the model hears"
CLIPPED = "clipped clips"
SILENT = "silent clips"
TOO_LOUD = "clips above full scale"

Samples = npt.NDArray[Any]


@dataclass(frozen=True)
class CheckedClip:
    """A sound file as training uses it: `tokens` of audio, and its length in `seconds`."""

    seconds: float = 0.0
    tokens: int = 0
    faults: tuple[CheckFault, ...] = ()


def judge_all(paths: Collection[str], hearing: Hearing) -> dict[str, CheckedClip]:
    """Reads every file once, in several processes if that is faster.

    A few windows would show silence, but not a NaN or a broken frame in the middle, so all samples
    are read. Times for 15,000 clips of 6 s on two cores, from the page cache and from a disk: one
    process 3.4 s and 10.4 s, two processes 1.7 s and 6.7 s, two threads 7.2 s and 7.8 s, because
    decoding such short files is mostly Python, in which threads wait for each other.
    """
    if len(paths) < FEW_CLIPS:
        return {path: judge(path, hearing) for path in track(paths, "sound", len(paths))}
    with ProcessPoolExecutor(min(MOST_PROCESSES, os.cpu_count() or 1)) as pool:
        clips = track(
            pool.map(partial(judge, hearing=hearing), paths, chunksize=64), "sound", len(paths)
        )
        return dict(zip(paths, clips, strict=True))


def judge(path: str, hearing: Hearing) -> CheckedClip:
    """Reads every sample of the file; an unreadable file has neither length nor tokens."""
    try:
        info, samples = audio.read(Path(path))
    except InputError as error:
        return CheckedClip(faults=(CheckFault(MISSING, f"{path}: {error.what}", error.cure or ""),))
    tokens = info.tokens(hearing.seconds) if hearing.tokens is None else hearing.tokens
    heard = round(hearing.seconds * info.sampling_rate)
    # In steps of 16 bit.
    steps = samples if samples.dtype == np.int16 else samples * 32_768
    faults = (
        *length_faults(info, tokens, hearing.seconds),
        *_sound_faults(steps, steps[:heard]),
    )
    return CheckedClip(info.duration, tokens, tuple(fault.of(path) for fault in faults))


def length_faults(info: audio.AudioInfo, tokens: int, heard: float) -> Iterator[CheckFault]:
    """`heard` is the model's window in seconds."""
    if tokens == 0:
        what = f"{info.duration:.3f} s gives no audio token, so training would crash"
        yield CheckFault("clips without an audio token", what, "Leave the clip out.")
    if info.duration > heard:
        what = f"only the first {heard:g} s of {info.duration:.1f} s are heard"
        yield CheckFault(TOO_LONG, what, "Cut it, or leave it out.", warns=True)


def _sound_faults(samples: Samples, heard: Samples) -> Iterator[CheckFault]:
    if not len(samples):
        return
    # max and min propagate NaN, so these two show it for any sample.
    if not np.isfinite([samples.max(), samples.min()]).all():
        what = "contains NaN or infinite samples, so the loss would be NaN"
        yield CheckFault("clips with NaN", what, "Convert the clip again, or leave it out.")
        return
    peak = float(np.abs([samples.max(), samples.min()], dtype=np.float64).max()) / 32_768
    if (full := audio.full_scale(peak)) > 1:
        what = f"has samples above full scale: a peak of {peak:,.1f} instead of at most 1"
        # An encoder's overshoot is harmless; samples in steps of 16 bit are another sound.
        yield CheckFault(TOO_LOUD, what, f"Divide it by {full:,.5g}.", warns=peak <= LOUD)
    if _is_silent(heard):
        what = f"is silent (a peak below {SILENT_PEAK} steps of 16 bit)"
        yield CheckFault(SILENT, what, "Leave the clip out.")
    if (share := _clipped_share(samples)) > CLIPPED_SHARE:
        what = f"is clipped: {share:.1%} of its samples are at full scale"
        yield CheckFault(CLIPPED, what, "Record or export it at a lower level.", warns=True)


def _is_silent(samples: Samples) -> bool:
    """Whether the mean of the channels, which the model hears, hardly changes.

    The peak is half the distance from the lowest to the highest sample, without constant offset.
    """
    heard = samples.mean(axis=1) if samples.shape[1] > 1 else samples
    return int(heard.max()) - int(heard.min()) < 2 * SILENT_PEAK


def _clipped_share(samples: Samples) -> float:
    at_limit = (samples >= FULL_SCALE) | (samples <= -FULL_SCALE)
    if not at_limit.any():
        return 0.0
    same = samples[1:] == samples[:-1]
    third = at_limit[2:] & same[1:] & same[:-1]
    in_run = np.zeros_like(at_limit)
    for offset in range(3):
        in_run[offset : len(in_run) - 2 + offset] |= third
    return float(in_run.mean())
