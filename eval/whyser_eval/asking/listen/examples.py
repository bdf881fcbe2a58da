"""Examples to ask about: the demo's synthetic voices, spoken when somebody wants to hear them."""

from __future__ import annotations

import io
import threading
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np

from whyser.io.extras import is_installed

#: Emotion, voice and sentence of each; a synthesiser is no actor, so the name says so.
_EXAMPLES = (
    ("angry", "miguel", "male", "Don't forget a jacket."),
    ("sad", "f4", "female", "I think I've seen this before."),
    ("happy", "shelby", "female", "We'll stop in a couple of minutes."),
    ("fear", "m5", "male", "I wonder what this is about."),
)


@dataclass(frozen=True)
class SpokenExample:
    """`gender` is that of the voice."""

    title: str
    gender: str


class Examples:
    """The examples; none without the extra `demo`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.sound = cache(self._sound)

    @cached_property
    def listed(self) -> list[SpokenExample]:
        if not is_installed("espeakng_loader"):
            return []
        return [
            SpokenExample(f"synthetic voice, {emotion}", gender)
            for emotion, _, gender, _ in _EXAMPLES
        ]

    def _sound(self, number: int) -> bytes:
        """A wav file; `IndexError` for an unknown number."""
        import soundfile

        from whyser.demo.emotions import CENTRES
        from whyser.demo.voices import SAMPLING_RATE, Voice

        emotion, variant, gender, text = _EXAMPLES[number]
        with self._lock:
            samples = self._synthesizer.speak(
                text, Voice(variant, gender), np.asarray(CENTRES[emotion])
            )
        buffer = io.BytesIO()
        soundfile.write(buffer, samples, SAMPLING_RATE, format="WAV", subtype="PCM_16")
        return buffer.getvalue()

    @cached_property
    def _synthesizer(self) -> Any:
        from whyser.demo.voices import Synthesizer

        return Synthesizer()
