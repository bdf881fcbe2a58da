"""Five miniature corpora, one directory each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from whyser.demo.native_crema_d import write_crema_d
from whyser.demo.native_iemocap import write_iemocap
from whyser.demo.native_meld import write_meld
from whyser.demo.native_msp_podcast import write_msp_podcast
from whyser.demo.native_ravdess import write_ravdess
from whyser.demo.staging import DemoError, fresh_directory

WRITERS = {
    "msp_podcast": write_msp_podcast,
    "iemocap": write_iemocap,
    "meld": write_meld,
    "crema_d": write_crema_d,
    "ravdess": write_ravdess,
}


def write_corpora(
    directory: Path, *, seed: int = 0, scale: float = 1.0, done: Callable[[], None] = lambda: None
) -> None:
    """Write all five corpora in their native layouts.

    Args:
        directory: Output folder; an earlier demo in it is replaced.
        seed: Fixes every byte.
        scale: Scales the number of utterances; every quirk and split remains.
        done: Called after each clip, for a progress display.

    Raises:
        DemoError: The directory contains files that the demo did not write, or the scale is off.
    """
    if not 0 < scale <= 10:
        raise DemoError(f"Bad scale {scale}, expected a number above 0, at most 10.")
    with fresh_directory(directory) as staging:
        for name, write in WRITERS.items():
            write(staging / name, seed=seed, scale=scale, done=done)
