"""Clips as the encoder's input: read, cropped, prepared, padded to a batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import Dataset

from whyser.baselines.ssl.batches import Turn
from whyser.baselines.ssl.pretrained import Pretrained
from whyser.io import audio
from whyser.io.audio import SAMPLING_RATE, Samples
from whyser.io.console import track
from whyser.io.errors import Problems
from whyser.records.corpus import Clip

#: Seconds to which a longer test clip is cropped, around its middle. MSP-Podcast has none.
HEARD_S = 30.0


@dataclass(frozen=True)
class Ear:
    """Prepares sound for an encoder, without its weights: worker processes get a copy."""

    extractor: Any
    shortest: int
    floor: int
    window: int | None

    @classmethod
    def of(cls, pretrained: Pretrained) -> Ear:
        encoder = pretrained.encoder
        return cls(pretrained.extractor, encoder.shortest, encoder.floor, encoder.window)

    def fitting(self, seconds: float) -> int:
        """The samples of `seconds`, or of the window if it is shorter."""
        samples = round(seconds * SAMPLING_RATE)
        return min(samples, self.window) if self.window else samples

    def prepare(self, samples: Samples) -> npt.NDArray[np.float32]:
        """float[n], or float[mels, frames] for an encoder of spectrograms."""
        given = self.extractor(samples, sampling_rate=SAMPLING_RATE, return_tensors="np")
        prepared: npt.NDArray[np.float32] = given[self.extractor.model_input_names[0]][0]
        return prepared.astype(np.float32, copy=False)


@dataclass(frozen=True)
class Probed:
    """A clip whose header was read; it has `frames` samples at 16 kHz."""

    clip: Clip
    path: Path
    frames: int


def probe_all(clips: Sequence[Clip]) -> list[Probed]:
    """Reads every header before training.

    Raises: `BadInput` with all clips that cannot be read.
    """
    problems = Problems("the sound")
    probed = []
    for clip in track(clips, "Reading headers", total=len(clips)):
        with problems.caught():
            info = audio.probe(clip.path)
            frames = audio.resampled_frames(info.frames, info.sampling_rate)
            probed.append(Probed(clip, clip.path, frames))
    problems.raise_any()
    return probed


@dataclass
class Sounds(Dataset[dict[str, Any]]):
    """Clips with their targets.

    Args:
        longest: Samples to which a longer clip is cropped: at random by seed, epoch and clip, so
            that a resumed run repeats its crops, or around the middle if `seed` is None.
        targets: float32[n, C], or None.
        labels: int[n], or None.
    """

    probed: Sequence[Probed]
    ear: Ear
    longest: int
    seed: int | None = None
    targets: npt.NDArray[np.float32] | None = None
    labels: npt.NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.probed)

    @property
    def lengths(self) -> list[int]:
        """Samples of each clip after cropping."""
        return [min(one.frames, self.longest) for one in self.probed]

    def __getitem__(self, turn: Turn | int) -> dict[str, Any]:
        epoch, number = turn if isinstance(turn, tuple) else (0, turn)
        samples = self._cropped(audio.load(self.probed[number].path), epoch, number)
        if (missing := self.ear.shortest - len(samples)) > 0:
            samples = np.pad(samples, (0, missing))
        return self.row(number, self.ear.prepare(samples), len(samples))

    def row(self, number: int, sound: npt.NDArray[np.float32], length: int) -> dict[str, Any]:
        """What a batch needs of a clip."""
        row = {"sound": sound, "lengths": length, "numbers": number}
        if self.targets is not None:
            row["targets"] = self.targets[number]
        if self.labels is not None:
            row["labels"] = self.labels[number]
        return row

    def _cropped(self, samples: Samples, epoch: int, number: int) -> Samples:
        spare = len(samples) - self.longest
        if spare <= 0:
            return samples
        if self.seed is None:
            start = spare // 2
        else:
            start = int(np.random.default_rng([self.seed, epoch, number]).integers(spare + 1))
        return samples[start : start + self.longest]


@dataclass(frozen=True)
class Collator:
    """Makes a batch of rows of `Sounds`; waveforms are padded with zeros to the longest."""

    floor: int = 0

    def __call__(self, rows: Sequence[dict[str, Any]]) -> dict[str, Tensor]:
        batch = {
            key: torch.from_numpy(np.stack([row[key] for row in rows]))
            for key in rows[0]
            if key != "sound"
        }
        return {"sound": self._padded([row["sound"] for row in rows]), **batch}

    def _padded(self, sounds: Sequence[npt.NDArray[np.float32]]) -> Tensor:
        if sounds[0].ndim == 3:
            return _padded_states(sounds)
        # Spectrograms all have the length of the window.
        if sounds[0].ndim > 1:
            return torch.from_numpy(np.stack(sounds))
        width = max(self.floor, *map(len, sounds))
        padded = np.zeros((len(sounds), width), np.float32)
        for row, sound in zip(padded, sounds, strict=True):
            row[: len(sound)] = sound
        return torch.from_numpy(padded)


def _padded_states(states: Sequence[npt.NDArray[np.float32]]) -> Tensor:
    """Kept states, float[S, T, W] each, padded with zeros to the most frames."""
    layers, _, width = states[0].shape
    frames = max(one.shape[1] for one in states)
    padded = np.zeros((len(states), layers, frames, width), np.float32)
    for row, one in zip(padded, states, strict=True):
        row[:, : one.shape[1]] = one
    return torch.from_numpy(padded)
