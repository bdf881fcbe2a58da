"""Conditions that spoil a clean recording, for `cue_reliability.py`.

Every condition takes and returns 16 kHz mono samples, float64, shape (frames,). Noise is scaled to
a signal-to-noise ratio of the whole clip. Whisper and creak are resynthesised by WORLD.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.util import find_spec

import numpy as np
import numpy.typing as npt
import scipy.signal

Floats = npt.NDArray[np.float64]
Condition = Callable[[Floats, np.random.Generator], Floats]

RATE = 16_000


def conditions() -> Mapping[str, Condition]:
    """All conditions for which this machine has the programs."""
    found: dict[str, Condition] = {
        **{f"white noise, {snr} dB": _with(_white, snr) for snr in (20, 10, 5)},
        "pink noise, 10 dB": _with(_pink, 10),
        "music, 10 dB": _with(_music, 10),
        "telephone band": _telephone,
        "reverberation, 0.6 s": _reverberant,
        "clipped at a quarter": lambda clip, _: np.clip(clip, *_limits(clip, 4)),
        "overdriven sixfold": lambda clip, _: 6 * np.clip(clip, *_limits(clip, 6)),
    }
    if shutil.which("ffmpeg"):
        found["mp3, 8 kbit/s"] = _mp3
    if find_spec("pyworld"):
        found |= {
            "whisper": _whisper,
            "creak in the last part": _creak_at_the_end,
            "creak throughout": _creak_throughout,
            "every second pulse weaker": _weak_pulses,
        }
    return found


def _with(noise: Callable[[int, np.random.Generator], Floats], snr: float) -> Condition:
    def add(clip: Floats, rng: np.random.Generator) -> Floats:
        sound = noise(len(clip), rng)
        ratio = np.mean(clip**2) / np.mean(sound**2) / 10 ** (snr / 10)
        return np.asarray(clip + sound * np.sqrt(ratio))

    return add


def _white(frames: int, rng: np.random.Generator) -> Floats:
    return rng.normal(size=frames)


def _pink(frames: int, rng: np.random.Generator) -> Floats:
    spectrum = np.fft.rfft(rng.normal(size=frames))
    return np.fft.irfft(
        spectrum / np.sqrt(np.maximum(np.fft.rfftfreq(frames, 1 / RATE), 20)), frames
    )


def _music(frames: int, rng: np.random.Generator) -> Floats:
    """Chords, a melody and a drum, a beat every 0.4 s."""
    beat = int(0.4 * RATE)
    sound, time = np.zeros(frames + 2 * beat), np.arange(2 * beat) / RATE
    for number, start in enumerate(range(0, frames, beat)):
        root = (220.0, 196.0, 174.6, 246.9)[number // 4 % 4]
        notes = (0, 4, 7) if number % 2 == 0 else (12 + int(rng.choice([0, 4, 7, 12])),)
        for note in notes:
            tone = sum(
                np.sin(2 * np.pi * root * 2 ** (note / 12) * k * time) / k**1.3 for k in range(1, 9)
            )
            sound[start : start + 2 * beat] += (
                tone * np.exp(-2.5 * time) * np.minimum(1, 100 * time)
            )
        sound[start : start + 2 * beat] += 0.6 * rng.normal(size=2 * beat) * np.exp(-40 * time)
    return sound[:frames]


def _telephone(clip: Floats, _: np.random.Generator) -> Floats:
    band = scipy.signal.butter(4, [300, 3400], "band", fs=RATE, output="sos")
    return np.asarray(scipy.signal.sosfiltfilt(band, clip))


def _reverberant(clip: Floats, rng: np.random.Generator) -> Floats:
    frames = int(0.6 * RATE)
    response = rng.normal(size=frames) * 10 ** (-3 * np.arange(frames) / frames)
    response[: RATE // 400] = 0
    # The direct sound is 6 dB above the reverberation.
    response *= 0.5 / np.linalg.norm(response)
    response[0] = 1
    return np.asarray(scipy.signal.fftconvolve(clip, response)[: len(clip)])


def _limits(clip: Floats, times: float) -> tuple[float, float]:
    limit = float(np.abs(clip).max()) / times
    return -limit, limit


def _mp3(clip: Floats, _: np.random.Generator) -> Floats:
    raw = ["-f", "s16le", "-ar", str(RATE), "-ac", "1"]
    encode = [*raw, "-i", "-", "-ar", "8000", "-b:a", "8k", "-f", "mp3", "-"]
    decode = ["-f", "mp3", "-i", "-", *raw, "-"]
    sound = (32767 * np.clip(clip, -1, 1)).astype("<i2").tobytes()
    for arguments in (encode, decode):
        command = ["ffmpeg", "-v", "error", *arguments]
        sound = subprocess.run(command, input=sound, capture_output=True, check=True).stdout
    return np.frombuffer(sound, "<i2") / 32768


def _resynthesised(
    clip: Floats, change: Callable[[Floats], Floats], *, breath: bool = False
) -> Floats:
    """The clip with its pitch changed, and only noise in place of a voice if `breath` is set."""
    pyworld = import_module("pyworld")

    clip = np.ascontiguousarray(clip)
    rough, times = pyworld.dio(clip, RATE, f0_floor=65, f0_ceil=700)
    f0 = pyworld.stonemask(clip, rough, times, RATE)
    envelope = pyworld.cheaptrick(clip, f0, times, RATE)
    noise = pyworld.d4c(clip, f0, times, RATE)
    noise = np.ones_like(noise) if breath else noise
    made = pyworld.synthesize(change(f0), envelope, noise, RATE)
    return np.pad(made, (0, max(0, len(clip) - len(made))))[: len(clip)]


def _whisper(clip: Floats, _: np.random.Generator) -> Floats:
    return _resynthesised(clip, np.zeros_like, breath=True)


def _creak_at_the_end(clip: Floats, rng: np.random.Generator) -> Floats:
    """Half the pitch, irregular, in the last two fifths of the voiced frames."""

    def halved(f0: Floats) -> Floats:
        voiced = np.flatnonzero(f0)
        last = voiced[int(0.6 * len(voiced)) :]
        f0 = f0.copy()
        f0[last] *= 0.5 * 2 ** rng.normal(0, 0.08, len(last))
        return f0

    return _resynthesised(clip, halved)


def _creak_throughout(clip: Floats, rng: np.random.Generator) -> Floats:
    return _resynthesised(clip, lambda f0: 0.5 * f0 * 2 ** rng.normal(0, 0.05, len(f0)))


def _weak_pulses(clip: Floats, _: np.random.Generator) -> Floats:
    return _resynthesised(clip, lambda f0: f0) + _resynthesised(clip, lambda f0: f0 / 2)
