"""Sound as it comes from outside a studio: with noise, through a telephone, from far away.

A system that listens should hold its score on it. The parameters are fixed, because they decide the
score; `NAMES` has them for its signature. Whoever changes one changes its name and the score.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from whyser.io.audio import SAMPLING_RATE, Samples, load, write

Degradation: TypeAlias = Literal["noise", "codec", "gain"]

#: Speech in a busy room or a car: everyone still understands every word, so a lower score is the
#: system's own fault. Most papers that test with noise have this level among theirs.
SNR_DB = 10
#: Everyday noise falls with frequency. White noise of the same level would lie above the pitch and
#: the first formants and leave both as they are. Below 50 Hz pink noise is not heard, but counts.
NOISE_FROM_HZ = 50
#: ITU-T G.712: the band of a telephone line. G.711 codes it in 8 bits at 8 kHz.
BAND_HZ, LINE_RATE = (300, 3400), 8_000
#: A speaker at ten times the distance. No sample is cut off, and 16 bits hold what is left of all
#: but the quietest speech.
GAIN_DB = -20

#: Degradation -> its parameters, for signatures and records.
NAMES: Mapping[Degradation, str] = {
    "noise": f"pink{SNR_DB}dB",
    "codec": "g711-mulaw-8kHz",
    "gain": f"{GAIN_DB}dB",
}

#: Level of speech without its pauses: frames of 20 ms, at most 15.9 dB below it (ITU-T P.56).
_FRAME, _MARGIN_DB = SAMPLING_RATE // 50, 15.9


def degradation(control: str) -> Degradation | None:
    """The degradation of this name; None for any other control."""
    return next((one for one in NAMES if one == control), None)


def degraded(samples: Samples, how: Degradation, seed: bytes) -> Samples:
    """The same sound, degraded; as many samples, in [-1, 1].

    Args:
        samples: 16 kHz mono in [-1, 1], shape (frames,).
        seed: Random bytes of this clip, for its noise.

    >>> quiet = degraded(np.array([0.5, -1.0], dtype=np.float32), "gain", b"")
    >>> [round(float(one), 6) for one in quiet]
    [0.05, -0.1]
    """
    if how == "noise":
        return _with_noise(samples, np.random.default_rng(int.from_bytes(seed)))
    if how == "codec":
        return _by_telephone(samples)
    return samples * np.float32(10 ** (GAIN_DB / 20))


def degraded_file(source: Path, how: Degradation, seed: bytes, folder: Path) -> Path:
    """The degraded sound of a file as a 16 kHz mono wav in the folder, written once.

    Its name depends on the source with its size and time, on the parameters and on the seed.

    Raises: `InputError` for a sound that cannot be read.
    """
    status = source.stat() if source.is_file() else None
    facts = f"{source.absolute()} {NAMES[how]}"
    if status is not None:
        facts += f" {status.st_size} {status.st_mtime_ns}"
    name = hashlib.sha256(facts.encode(errors="surrogatepass") + seed).hexdigest()[:16]
    path = folder / f"{how}_{name}.wav"
    if status is None or not path.exists():
        # Reading explains what is wrong with a missing file.
        write(path, degraded(load(source), how, seed))
    return path


def speech_level(samples: npt.NDArray[Any]) -> float:
    """Level of the speech in dB relative to full scale, without pauses; -inf for silence.

    The most frames whose quietest is at most 15.9 dB below the mean power of all of them.

    Source: ITU-T P.56, method B, by frames of 20 ms instead of an envelope.
    """
    padded = np.pad(samples.astype(np.float64), (0, -len(samples) % _FRAME))
    powers = np.sort((padded.reshape(-1, _FRAME) ** 2).mean(axis=1))[::-1]
    means = np.cumsum(powers) / np.arange(1, len(powers) + 1)
    active = powers * 10 ** (_MARGIN_DB / 10) >= means
    with np.errstate(divide="ignore"):
        return float(10 * np.log10(means[active][-1])) if active.any() else -np.inf


def _with_noise(samples: Samples, generator: np.random.Generator) -> Samples:
    level = speech_level(samples)
    if not np.isfinite(level):
        return samples
    noise = _pink(len(samples), generator)
    power = 10 ** ((level - SNR_DB) / 10)
    noisy = samples + noise * np.sqrt(power / np.mean(noise**2))
    # Loud clips would be cut off, which is another fault than noise.
    scaled: Samples = (noisy / max(1.0, float(np.abs(noisy).max()))).astype(np.float32)
    return scaled


def _pink(count: int, generator: np.random.Generator) -> npt.NDArray[np.float64]:
    """Noise whose power falls by 3 dB an octave; at least one sample is not 0."""
    spectrum = np.fft.rfft(generator.standard_normal(max(count, _FRAME)))
    frequencies = np.fft.rfftfreq(max(count, _FRAME), 1 / SAMPLING_RATE)
    heard = frequencies >= NOISE_FROM_HZ
    spectrum[~heard] = 0
    spectrum[heard] /= np.sqrt(frequencies[heard])
    return np.fft.irfft(spectrum, max(count, _FRAME))[:count]


def _by_telephone(samples: Samples) -> Samples:
    import soundfile
    import soxr
    from scipy.signal import butter, sosfilt

    line = soxr.resample(samples, SAMPLING_RATE, LINE_RATE)
    line = sosfilt(butter(4, BAND_HZ, "bandpass", fs=LINE_RATE, output="sos"), line)
    coded = io.BytesIO()
    # libsndfile codes by G.711; beyond full scale it would turn the sign.
    soundfile.write(coded, np.clip(line, -1, 1), LINE_RATE, format="WAV", subtype="ULAW")
    coded.seek(0)
    decoded, _ = soundfile.read(coded, dtype="float32")
    heard = soxr.resample(decoded, LINE_RATE, SAMPLING_RATE)[: len(samples)]
    return np.clip(np.pad(heard, (0, len(samples) - len(heard))), -1, 1).astype(np.float32)
