"""A voice that Praat measures, and a system that answers as a test says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from whyser.io.errors import WhyserError
from whyser.prompting.answer import render_answer
from whyser.prompting.prompts import OPEN
from whyser_eval.asking.systems import RawAnswer

RATE = 16_000

#: What the system of `system` answers.
REASON = (
    'The words "call me" are few. The voice is loud, the pitch is high, and the pace is fast. '
    "It sounds angry."
)


def voiced(hertz: float = 120.0, seconds: float = 2.0, level: float = 0.3):
    """Pulses of a steady pitch in syllables of 0.2 s, shape (frames,)."""
    time = np.arange(round(seconds * RATE)) / RATE
    tone = sum(np.sin(2 * np.pi * hertz * number * time) / number for number in range(1, 12))
    return level * tone / np.abs(tone).max() * (0.55 - 0.45 * np.cos(2 * np.pi * 4 * time))


@pytest.fixture
def speak(tmp_path):
    """Writes a clip and returns its path."""

    def call(name="clip.wav", samples=None, **how) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, voiced(**how) if samples is None else samples, RATE)
        return path

    return call


class FakeSystem:
    """Keeps the samples that it hears; `text` may be an error."""

    name, window, is_local, question = "tiny", 30.0, True, OPEN

    def __init__(self):
        self.text = render_answer("angry", transcript="Call me", rationale=REASON)
        self.shares = {"angry": 0.7, "sad": 0.2}
        self.is_cut = False
        self.heard = []

    def ask(self, sound):
        samples, rate = soundfile.read(sound)
        assert rate == RATE and samples.ndim == 1
        self.heard.append(samples)
        if isinstance(self.text, WhyserError):
            raise self.text
        return RawAnswer(self.text, self.is_cut, self.shares)

    def close(self):
        pass


@pytest.fixture
def system():
    return FakeSystem()
