"""Every family: padding changes nothing, and the number of frames equals the model's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from whyser.baselines.ssl.network import Network
from whyser.baselines.ssl.pretrained import Pretrained, load
from whyser.baselines.ssl.sounds import Collator, Ear
from whyser.speechlm.encoders import KINDS, MEL, WAVEFORM

#: Samples; the last gives one frame of the tiny encoders.
LENGTHS = (16_000, 4_800, 9_137, 400)


def batch_of(pretrained: Pretrained, lengths: tuple[int, ...] = LENGTHS) -> list[dict[str, Any]]:
    random = np.random.default_rng(0)
    ear = Ear.of(pretrained)
    return [
        {
            "sound": ear.prepare(random.standard_normal(length).astype(np.float32)),
            "lengths": length,
        }
        for length in lengths
    ]


def network_on(pretrained: Pretrained, pooling: Any = "attentive") -> Network:
    torch.manual_seed(0)
    return Network(pretrained.encoder, 3, pooling=pooling, hidden=8, dropout=0.5).eval()


@pytest.mark.parametrize("pooling", ["mean", "attentive"])
@pytest.mark.parametrize("family", KINDS)
def test_a_clip_alone_is_the_clip_in_a_batch(
    family: str, pooling: Any, encoder: Callable[[str], Path]
) -> None:
    pretrained = load(str(encoder(family)))
    network, rows = network_on(pretrained, pooling), batch_of(pretrained)
    with torch.no_grad():
        together = network(**Collator()(rows))
        wider = network(**Collator(floor=20_000)(rows))
        alone = torch.cat([network(**Collator()([row])) for row in rows])
    assert torch.allclose(together, alone, atol=1e-5)
    assert torch.allclose(wider, alone, atol=1e-5)
    assert alone.std(0).min() > 1e-4, "all clips sound alike"


@pytest.mark.parametrize("family", WAVEFORM)
def test_alone_it_is_what_transformers_computes(
    family: str, encoder: Callable[[str], Path]
) -> None:
    from transformers import AutoModel

    pretrained = load(str(encoder(family)))
    theirs = AutoModel.from_pretrained(encoder(family)).eval()
    (row,) = batch_of(pretrained, (9_137,))
    batch = Collator()([row])
    with torch.no_grad():
        states, frames = pretrained.encoder.eval()(**batch)
        expected = theirs(batch["sound"], output_hidden_states=True).hidden_states
    assert frames.all()
    assert len(states) == len(expected) == pretrained.encoder.states
    for ours, other in zip(states, expected, strict=True):
        assert torch.allclose(ours, other, atol=1e-5)


@pytest.mark.parametrize("family", WAVEFORM)
def test_frames_are_those_of_the_convolutions(family: str, encoder: Callable[[str], Path]) -> None:
    pretrained = load(str(encoder(family)))
    # (n - 160) // 80 + 1, then (n - 4) // 4 + 1: 199 and 49, 59 and 14, 113 and 28, 4 and 1.
    _, frames = pretrained.encoder(**Collator()(batch_of(pretrained)))
    assert frames.sum(1).tolist() == [49, 14, 28, 1]
    # The fewest samples for 4 of the first, which make one of the second: 3 * 80 + 160.
    assert pretrained.encoder.shortest == 400


@pytest.mark.parametrize("family", MEL)
def test_of_a_window_only_the_clip_is_pooled(family: str, encoder: Callable[[str], Path]) -> None:
    pretrained = load(str(encoder(family)))
    assert pretrained.encoder.window == 2 * 16_000
    _, frames = pretrained.encoder(**Collator()(batch_of(pretrained)))
    # Mel frames of 10 ms, 100, 30, 58 and 3, two of which make one; Qwen2-Audio's last layer
    # makes one of two of these.
    whole, own = {"whisper": (100, [50, 15, 29, 2]), "qwen2_audio_encoder": (50, [25, 7, 14, 1])}[
        family
    ]
    assert frames.shape == (4, whole)
    assert frames.sum(1).tolist() == own


@pytest.mark.parametrize("family", KINDS)
def test_what_is_tuned(family: str, encoder: Callable[[str], Path]) -> None:
    def changed(tuned: Any) -> set[str]:
        pretrained = load(str(encoder(family)))
        network = network_on(pretrained).train()
        network.freeze(tuned)
        rows = batch_of(pretrained)
        network(**Collator(pretrained.encoder.floor)(rows)).square().sum().backward()
        return {
            name
            for name, weights in network.named_parameters()
            if weights.grad is not None and weights.grad.abs().sum() > 0
        }

    convolutions = ("encoder.model.feature_extractor", "encoder.model.conv")
    everything, layers, nothing = map(changed, ("all", "layers", "nothing"))
    assert any(name.startswith(convolutions) for name in everything)
    assert layers == {name for name in everything if not name.startswith(convolutions)}
    assert nothing == {name for name in everything if not name.startswith("encoder.")}
    assert nothing
