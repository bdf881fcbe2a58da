from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from whyser.assembly.parts import load_encoder


def _heard(pretrained: Any, clips: list[Any]) -> tuple[Any, Any]:
    encoder = pretrained.encoder.eval()
    lengths = torch.tensor([len(clip) for clip in clips])
    padding = "max_length" if encoder.is_mel else "longest"
    sound = pretrained.extractor(clips, sampling_rate=16_000, padding=padding, return_tensors="pt")
    with torch.no_grad():
        return encoder(sound["input_features" if encoder.is_mel else "input_values"], lengths)


@pytest.mark.parametrize("samples", [640, 1600, 16_000, 50_000, 95_999, 96_000])
def test_frames_of_qwen2_audio_follow_its_closed_form(
    samples: int, part: Callable[[str], Path]
) -> None:
    states, frames = _heard(load_encoder(str(part("qwen2_audio"))), [np.zeros(samples, "f4")])
    mels = min(600, -(-samples // 160))
    assert frames.sum() == ((mels - 1) // 2 + 1 - 2) // 2 + 1
    assert frames.shape == (1, 150) and states[0].shape == (1, 150, 128)


@pytest.mark.parametrize("samples", [160, 1600, 50_000, 480_000])
def test_a_frame_of_whisper_is_two_of_its_spectrogram(
    samples: int, part: Callable[[str], Path]
) -> None:
    states, frames = _heard(load_encoder(str(part("whisper"))), [np.zeros(samples, "f4")])
    assert frames.sum() == -(-samples // 320)
    assert [state.shape for state in states] == [(1, 1500, 16)] * 3


@pytest.mark.parametrize("family", ["wavlm", "hubert", "wav2vec2", "whisper", "qwen2_audio"])
def test_a_clip_in_a_batch_is_heard_as_alone(
    family: str, part: Callable[[str], Path], noise: Any
) -> None:
    pretrained = load_encoder(str(part(family)))
    short, long = noise(0.5, 1), noise(2, 2)
    together, frames = _heard(pretrained, [short, long])
    alone, own = _heard(pretrained, [short])
    count = int(own.sum())
    assert frames.sum(1)[0] == count > 0
    assert len(together) == len(alone) == pretrained.encoder.states
    for one, other in zip(together, alone, strict=True):
        assert one.shape[2] == pretrained.encoder.width
        torch.testing.assert_close(one[0, :count], other[0, :count], atol=1e-5, rtol=1e-4)
