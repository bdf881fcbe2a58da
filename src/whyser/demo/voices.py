"""Speech from libespeak-ng: a voice, a prosody point and a sentence become a waveform.

The synthesiser keeps hidden state between sentences (the phase of its flutter), so each corpus
loads its own copy of the library: what it says then depends on nothing said before.
"""

from __future__ import annotations

import ctypes
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from whyser.demo.emotions import LOUDNESS, PITCH, RANGE, RATE, Generator, Point
from whyser.temporary import temporary_folder

Waveform = NDArray[np.float32]
"""Mono samples in [-1, 1], shape (samples,)."""

SAMPLING_RATE = 22_050
"""The rate of libespeak-ng, in Hz."""

TRAIN_VARIANTS = {
    "female": ("f1", "steph", "linda", "belinda"),
    "male": ("m1", "m2", "m3", "m4", "Alex", "Diogo", "max", "michel", "norbert", "edward"),
}
DEV_VARIANTS = {"female": ("steph3",), "male": ("m6", "travis")}
TEST_VARIANTS = {"female": ("f4", "shelby"), "male": ("m5", "m7", "miguel", "Denis")}
"""Three disjoint sets, so that no corpus trains on a test voice. Breathy variants (f2, f3, f5 and
Alicia) are left out because their noise differs from run to run."""

VARIANTS = {"train": TRAIN_VARIANTS, "dev": DEV_VARIANTS, "test": TEST_VARIANTS}


@dataclass(frozen=True)
class Voice:
    """A speaker: an espeak variant, spoken a little higher or lower, faster or slower."""

    variant: str
    gender: str
    pitch: float = 0.0
    tempo: float = 1.0


def cast(part: str, count: int, rng: Generator, *, genders: str | None = None) -> list[Voice]:
    """Choose speakers for one part of a corpus.

    Args:
        part: `train`, `dev` or `test`, which chooses the set of variants.
        genders: One letter a speaker, `f` or `m`; alternating by default.

    Returns:
        Voices; a variant is reused, at another pitch and tempo, only after all have been used.
    """
    letters = genders or ("fm" * count)[:count]
    order = {
        gender: [str(name) for name in rng.permutation(names)]
        for gender, names in VARIANTS[part].items()
    }
    voices = []
    for index, letter in enumerate(letters):
        gender = "female" if letter == "f" else "male"
        names = order[gender]
        variant = names[letters[:index].count(letter) % len(names)]
        pitch, tempo = float(rng.uniform(-4, 4)), float(rng.uniform(0.97, 1.03))
        voices.append(Voice(variant, gender, pitch, tempo))
    return voices


_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)
_SYNCHRONOUS, _UTF8 = 2, 1
_RATE, _VOLUME, _PITCH, _RANGE = 1, 2, 3, 4
_REFERENCE = "We'll stop in a couple of minutes. It's eleven o'clock."
_REFERENCE_RMS = 0.04
_USUAL = np.zeros(4)


class Synthesizer:
    """A copy of libespeak-ng, usable as a context manager; `done` runs after each sentence."""

    def __init__(self, done: Callable[[], None] = lambda: None) -> None:
        import espeakng_loader

        self._done = done
        with temporary_folder() as folder:
            copy = shutil.copyfile(espeakng_loader.get_library_path(), folder / "espeak-ng.so")
            # Linux keeps a library that is loaded after its file is removed.
            self._library = ctypes.CDLL(str(copy))
        self._chunks: list[NDArray[np.int16]] = []
        # ctypes frees a callback that nothing holds, and the next sentence would crash.
        self._callback = _Callback(self._collect)
        data = str(espeakng_loader.get_data_path()).encode()
        if self._library.espeak_Initialize(_SYNCHRONOUS, 0, ctypes.c_char_p(data), 0) <= 0:
            raise RuntimeError("libespeak-ng did not start. Reinstall espeakng-loader.")
        self._library.espeak_SetSynthCallback(self._callback)
        self._usual_level = cache(self._measure_usual_level)

    def __enter__(self) -> Synthesizer:
        return self

    def __exit__(self, *_: object) -> None:
        self._library.espeak_Terminate()

    def _collect(self, samples: ctypes._Pointer[ctypes.c_short], count: int, _: object) -> int:
        if samples and count > 0:
            self._chunks.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0

    def speak(self, text: str, voice: Voice, point: Point) -> Waveform:
        """Say a sentence with a prosody relative to the speaker's usual one.

        Returns:
            Samples at 22,050 Hz, trimmed to 50 ms before and after the speech. All voices have the
            same usual loudness, so that loudness means the same for all.
        """
        raw = self._raw(text, voice, point) / self._usual_level(voice) * _REFERENCE_RMS
        self._done()
        return _trim(np.clip(raw, -0.999, 0.999).astype(np.float32))

    def _raw(self, text: str, voice: Voice, point: Point) -> NDArray[np.float64]:
        if self._library.espeak_SetVoiceByName(f"en-us+{voice.variant}".encode()) != 0:
            raise RuntimeError(f"libespeak-ng has no voice variant '{voice.variant}'")
        for parameter, value in parameters(voice, point).items():
            self._library.espeak_SetParameter(parameter, value, 0)
        self._chunks.clear()
        encoded = text.encode() + b"\0"
        size = ctypes.c_size_t(len(encoded))
        self._library.espeak_Synth(encoded, size, 0, 0, 0, _UTF8, None, None)
        self._library.espeak_Synchronize()
        return np.concatenate(self._chunks).astype(np.float64)

    def _measure_usual_level(self, voice: Voice) -> float:
        return float(np.sqrt(np.mean(self._raw(_REFERENCE, voice, _USUAL) ** 2)))


def parameters(voice: Voice, point: Point) -> dict[int, int]:
    """Translate prosody into espeak's own units.

    One unit of `point` is 28 % more words a minute, two to three semitones, and 5 dB.
    """
    rate = 165 * voice.tempo * 1.28 ** point[RATE]
    pitch = 50 + voice.pitch + 24 * point[PITCH]
    spread = 45 + 28 * point[RANGE]
    volume = 40 * 10 ** (5 * point[LOUDNESS] / 20)
    return {
        _RATE: round(float(np.clip(rate, 80, 300))),
        _VOLUME: round(float(np.clip(volume, 10, 100))),
        _PITCH: round(float(np.clip(pitch, 2, 98))),
        _RANGE: round(float(np.clip(spread, 2, 98))),
    }


def _trim(samples: Waveform, *, margin: float = 0.05) -> Waveform:
    """Cut the synthesiser's long silences, leaving `margin` seconds on either side."""
    loud = np.flatnonzero(np.abs(samples) > 0.02 * np.abs(samples).max())
    keep = round(margin * SAMPLING_RATE)
    first, last = max(0, loud[0] - keep), loud[-1] + keep
    spoken = samples[first : last + 1]
    return np.pad(spoken, (0, max(0, keep - (len(samples) - loud[-1]))))
