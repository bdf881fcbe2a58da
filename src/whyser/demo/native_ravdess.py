"""RAVDESS in miniature: two statements, eight codes, one label, no votes.

The five clips that are stereo in the corpus are stereo here; some files have a filler chunk before
the samples.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from whyser.demo import sentences
from whyser.demo.emotions import Generator, draw
from whyser.demo.raters import at_least
from whyser.demo.voices import Synthesizer, cast
from whyser.demo.wav import resample, write_wav

EMOTIONS = {
    "01": "neutral",
    "02": "calm",
    "03": "happy",
    "04": "sad",
    "05": "angry",
    "06": "fear",
    "07": "disgust",
    "08": "surprise",
}
STRENGTHS = {"01": 0.85, "02": 1.15}
"""How strongly normal and strong intensity are acted."""

ACTORS = {"test": (1, 11, 20, 21), "dev": (4, 10, 12, 14), "train": (2, 3, 5, 6, 7, 8, 9, 13)}
"""EmoBox's folds 1 and 2, and actors of the other four; odd numbers are men."""

STEREO = (
    "03-01-02-01-01-02-01",
    "03-01-08-01-02-02-01",
    "03-01-02-01-02-02-05",
    "03-01-03-01-02-01-20",
    "03-01-06-01-01-02-20",
)
CLIPS = 8
"""Per actor."""
SAMPLING_RATE = 48_000


def write_ravdess(directory: Path, *, seed: int, scale: float, done: Callable[[], None]) -> None:
    """Write the corpus; the arguments are those of `whyser.demo.corpora.write_corpora`."""
    rng = np.random.default_rng([seed, 50])
    with Synthesizer(done) as synthesizer:
        for part, actors in ACTORS.items():
            genders = "".join("m" if actor % 2 else "f" for actor in actors)
            voices = cast(part, len(actors), rng, genders=genders)
            for actor, voice in zip(actors, voices, strict=True):
                for stem in _stems(actor, at_least(CLIPS, scale, 2), rng):
                    _, _, code, intensity, statement, _, _ = stem.split("-")
                    point = draw(EMOTIONS[code], rng, strength=STRENGTHS[intensity])
                    spoken = synthesizer.speak(sentences.RAVDESS[statement], voice, point)
                    samples = resample(spoken, SAMPLING_RATE)
                    if stem in STEREO:
                        samples = np.stack([samples, samples], axis=1)
                    filler = 4044 if rng.random() < 0.2 else 0
                    path = directory / f"Actor_{actor:02d}" / f"{stem}.wav"
                    write_wav(path, samples, SAMPLING_RATE, filler=filler)


def _stems(actor: int, count: int, rng: Generator) -> list[str]:
    """Choose an actor's clips: the emotion in turn, the rest of the name at random."""
    stems = {stem for stem in STEREO if stem.endswith(f"-{actor:02d}")}
    codes = list(EMOTIONS)
    for index in range(count):
        code = codes[(actor + index) % len(codes)]
        # Neutral was never acted strongly.
        intensity = "01" if code == "01" else f"{rng.integers(1, 3):02d}"
        statement, repetition = rng.integers(1, 3, 2)
        stems.add(f"03-01-{code}-{intensity}-{statement:02d}-{repetition:02d}-{actor:02d}")
    return sorted(stems)
