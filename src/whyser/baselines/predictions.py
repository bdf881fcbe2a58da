"""Writes a classifier's answers as predictions, with the shuffled control."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from whyser.io.console import say
from whyser.labels.classes import EmotionClass
from whyser.records.corpus import Clip
from whyser.records.derangement import derangement
from whyser.records.predictions import Control, Prediction, write_predictions

Floats = npt.NDArray[np.float64]

NAME = "predictions.jsonl"


def write_answers(
    path: Path,
    clips: Sequence[Clip],
    probabilities: Floats,
    classes: Sequence[EmotionClass],
    *,
    system: str,
    reference: str = "none",
    seed: int = 0,
) -> None:
    """Writes the answers, and those of the shuffled control.

    A classifier uses only the sound, so in the control each clip gets another clip's answer.

    Args: `probabilities`, float[n, C], whose rows sum to 1; `reference`, what features are relative
        to, where "none" means that each answer used one clip.
    """
    place = {clip.id: number for number, clip in enumerate(clips)}
    dealt = dict(derangement(place, random.Random(seed)))
    heard = [(place[one], place[other]) for one, other in dealt.items()]
    own = [(number, number) for number in place.values()]

    def answers(pairs: Sequence[tuple[int, int]], control: Control) -> Iterator[Prediction]:
        for number, sound in pairs:
            row = probabilities[sound]
            yield Prediction(
                id=clips[number].id,
                # A classifier has no prompt; it chooses among classes, as the closed form does.
                form="closed",
                prompt="none",
                model=system,
                control=control,
                adapted="" if reference == "none" else "speaker",
                text=classes[int(row.argmax())],
                probabilities=dict(zip(classes, row.tolist(), strict=True)),
            )

    shuffled = answers(sorted(heard), "shuffled")
    if alone := place.keys() - dealt.keys():
        # A control that lacks an answer cannot be scored.
        say(f"note: no shuffled control: {min(alone)} is the only clip of its corpus")
        shuffled = iter(())
    write_predictions(path, (*answers(own, "none"), *shuffled))
