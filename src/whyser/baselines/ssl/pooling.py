"""Pools the states of all layers and frames to one vector a clip."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

import torch
from torch import Tensor, nn

from whyser.speechlm.connectors import weighted_mean

Pooling: TypeAlias = Literal["mean", "attentive", "statistics"]

#: Width of the attention's hidden layer.
_ATTENTION = 128
#: Near 0 the gradient of a standard deviation is infinite.
_LEAST_VARIANCE = 1e-5


class LayerWeights(nn.Module):
    """The mean of all layers' states by learnt weights."""

    def __init__(self, states: int) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.zeros(states))

    def forward(self, states: Sequence[Tensor]) -> Tensor:
        """Args: tensors of one shape. Returns: float of that shape."""
        return weighted_mean(self.weights, states)


class MeanPooling(nn.Module):
    """The mean over a clip's own frames."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width

    def forward(self, states: Tensor, frames: Tensor) -> Tensor:
        """Args: float[B, T, W] and bool[B, T], which frames are sound. Returns: float[B, W]."""
        return _sound(states, frames).sum(1) / frames.sum(1, keepdim=True)


class AttentiveStatistics(nn.Module):
    """Mean and standard deviation over a clip's own frames, weighted by attention.

    A frame's weight is the softmax of v . tanh(W h + b). Source: Okabe et al. (2018).
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = 2 * width
        self.scores = nn.Sequential(
            nn.Linear(width, _ATTENTION), nn.Tanh(), nn.Linear(_ATTENTION, 1, bias=False)
        )

    def forward(self, states: Tensor, frames: Tensor) -> Tensor:
        """Args: as for `MeanPooling`. Returns: float[B, 2 W], means first."""
        scores = self.scores(states).squeeze(-1).float().masked_fill(~frames, -torch.inf)
        weights = scores.softmax(1)[..., None]
        states = _sound(states, frames)
        mean = (weights * states).sum(1)
        variance = (weights * (states - mean[:, None]).square()).sum(1)
        return torch.cat([mean, variance.clamp(min=_LEAST_VARIANCE).sqrt()], dim=1)


class LayerStatistics(nn.Module):
    """Mean and standard deviation of every layer, each standardised over the training clips.

    Each layer has weights of its own in the head, which therefore sees many more values than after
    another pooling. They have one scale, so that it learns from few clips.
    """

    centre: Tensor
    scale: Tensor

    def __init__(self, states: int, width: int) -> None:
        super().__init__()
        self.width = states * 2 * width
        self.register_buffer("centre", torch.zeros(states, 2 * width))
        self.register_buffer("scale", torch.ones(states, 2 * width))

    def forward(self, statistics: Tensor) -> Tensor:
        """Args: float[B, S, 2 W] of `layer_statistics`. Returns: float[B, 2 S W]."""
        return ((statistics - self.centre) / self.scale).flatten(1)


def layer_statistics(states: Sequence[Tensor], frames: Tensor) -> Tensor:
    """Mean and standard deviation of each layer over a clip's own frames.

    Args: S tensors float[B, T, W], and bool[B, T]. Returns: float[B, S, 2 W], means first.
    """
    count = frames.sum(1, keepdim=True)
    found = []
    for each in states:
        layer = _sound(each.float(), frames)
        mean = layer.sum(1) / count
        spread = _sound(layer - mean[:, None], frames).square().sum(1) / count
        found.append(torch.cat([mean, spread.sqrt()], dim=1))
    return torch.stack(found, dim=1)


def _sound(states: Tensor, frames: Tensor) -> Tensor:
    """Sets padding to zero; it may be NaN, and 0 times NaN is NaN."""
    return states.masked_fill(~frames[..., None], 0)
