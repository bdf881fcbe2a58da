"""What a classifier answers, in the form that every score, control and table takes."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from whyser.baselines.clips import Clip
from whyser.derangement import derangement
from whyser.labels import EmotionClass
from whyser.predictions import Control, Prediction, write_predictions

Floats = npt.NDArray[np.float64]

#: A classifier is asked nothing; it chooses among classes, as the closed form does.
FORM, PROMPT = "closed", "none"

NAME = "predictions.jsonl"


def write_answers(
    folder: Path,
    clips: Sequence[Clip],
    probabilities: Floats,
    classes: Sequence[EmotionClass],
    *,
    system: str,
    seed: int = 0,
) -> Path:
    """Writes the answers, and the control with them: what each clip gets by another one's sound.

    A classifier knows the sound alone, so under shuffled sound its answers are only dealt anew.

    Args: `probabilities`, float[n, C], rows sum to 1.
    """
    path = folder / NAME
    place = {clip.id: number for number, clip in enumerate(clips)}
    heard = [(place[one], place[other]) for one, other in derangement(place, random.Random(seed))]
    own = [(number, number) for number in place.values()]

    def answers(pairs: Sequence[tuple[int, int]], control: Control) -> Iterator[Prediction]:
        for number, sound in pairs:
            row = probabilities[sound]
            yield Prediction(
                id=clips[number].id,
                form=FORM,
                prompt=PROMPT,
                model=system,
                control=control,
                text=classes[int(row.argmax())],
                probabilities=dict(zip(classes, row.tolist(), strict=True)),
            )

    # A corpus with one clip has no other to hear, and its control would lack an answer.
    shuffled = answers(sorted(heard), "shuffled") if len(heard) == len(clips) else iter(())
    write_predictions(path, (*answers(own, "none"), *shuffled))
    return path
