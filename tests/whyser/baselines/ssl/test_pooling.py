"""Layer weights and both poolings compared with calculations by hand."""

from __future__ import annotations

import math

import pytest

pytest.importorskip("torch")

import torch

from whyser.baselines.ssl.pooling import (
    AttentiveStatistics,
    LayerStatistics,
    LayerWeights,
    MeanPooling,
    layer_statistics,
)

#: Three frames of width 1, the last of which is padding that holds no number.
STATES = torch.tensor([[[2.0], [4.0], [math.nan]]])
FRAMES = torch.tensor([[True, True, False]])


def test_layer_weights() -> None:
    weights = LayerWeights(2)
    states = [torch.full((1, 1, 1), 4.0), torch.full((1, 1, 1), 8.0)]
    # Equal at the start: (4 + 8) / 2.
    assert weights(states).item() == pytest.approx(6)
    with torch.no_grad():
        weights.weights.copy_(torch.tensor([0.0, math.log(3)]))
    # Shares 1/4 and 3/4: 1 + 6.
    assert weights(states).item() == pytest.approx(7)


def test_layer_weights_are_learnt() -> None:
    weights = LayerWeights(2)
    weights([torch.full((1, 1, 1), 4.0), torch.full((1, 1, 1), 8.0)]).sum().backward()
    # The slope of a share s_k is s_k (h_k - mean): 1/2 (4 - 6) and 1/2 (8 - 6).
    assert weights.weights.grad.tolist() == pytest.approx([-1, 1])


def test_the_mean_is_of_sound_alone() -> None:
    assert MeanPooling(1)(STATES, FRAMES).tolist() == [[3]]


def test_attention_without_preference() -> None:
    pooling = AttentiveStatistics(1)
    with torch.no_grad():
        for weights in pooling.parameters():
            weights.zero_()
    # Weights 1/2 each: mean 3, variance ((2 - 3)^2 + (4 - 3)^2) / 2 = 1.
    assert pooling(STATES, FRAMES).tolist() == [pytest.approx([3, 1])]


def test_attention_with_preference() -> None:
    pooling = AttentiveStatistics(1)
    with torch.no_grad():
        for weights in pooling.parameters():
            weights.zero_()
        # One unit: score = ln 3 tanh(h), so 0 for h = 0 and ln 3 for h = 20; weights 1/4 and 3/4.
        pooling.scores[0].weight[0] = 1
        pooling.scores[2].weight[0, 0] = math.log(3)
    states = torch.tensor([[[0.0], [20.0], [7.0]]])
    # Mean 3/4 * 20 = 15; variance 1/4 * 15^2 + 3/4 * 5^2 = 75.
    assert pooling(states, FRAMES).tolist() == [pytest.approx([15, math.sqrt(75)])]


def test_a_clip_of_one_frame_has_a_slope() -> None:
    pooling = AttentiveStatistics(1)
    states = torch.tensor([[[2.0]]], requires_grad=True)
    pooling(states, torch.tensor([[True]])).sum().backward()
    assert torch.isfinite(states.grad).all()


def test_statistics_of_every_layer() -> None:
    # Layer 1: mean 3, variance ((2 - 3)^2 + (4 - 3)^2) / 2 = 1; layer 2 is twice as large.
    found = layer_statistics([STATES, 2 * STATES], FRAMES)
    assert found.tolist() == [[[3, 1], [6, 2]]]
    pooling = LayerStatistics(2, 1)
    assert pooling.width == 4
    pooling.centre.copy_(torch.tensor([[1.0, 0.0], [0.0, 0.0]]))
    pooling.scale.copy_(torch.tensor([[2.0, 1.0], [3.0, 4.0]]))
    # (3 - 1) / 2, 1 / 1, 6 / 3, 2 / 4.
    assert pooling(found).tolist() == [[1, 1, 2, 0.5]]
