"""The classifier: an encoder, weighted layers, pooling, and a head of two layers."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from whyser.baselines.ssl.pooling import (
    AttentiveStatistics,
    LayerStatistics,
    LayerWeights,
    MeanPooling,
    Pooling,
    layer_statistics,
)
from whyser.speechlm.encoders import Encoder, Tuned, before


class Classifier(nn.Module):
    """What is above an encoder: it maps what is kept of frozen states to a logit a class.

    Args: `states`, the encoder's layers, each `width` wide; `hidden`, the width between the head's
        two layers. On statistics it is one layer.
    """

    def __init__(
        self,
        states: int,
        width: int,
        classes: int,
        *,
        pooling: Pooling,
        hidden: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.pooling: AttentiveStatistics | MeanPooling | LayerStatistics
        self.head: nn.Module
        if pooling == "statistics":
            self.pooling = LayerStatistics(states, width)
            self.head = nn.Linear(self.pooling.width, classes)
            # A fit that has one minimum needs no chance.
            nn.init.zeros_(self.head.weight)
            nn.init.zeros_(self.head.bias)
            return
        self.layers = LayerWeights(states)
        self.pooling = (MeanPooling if pooling == "mean" else AttentiveStatistics)(width)
        self.head = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(self.pooling.width, hidden),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, classes),
        )

    def forward(self, sound: Tensor, lengths: Tensor) -> Tensor:
        """
        Args: `sound`, for attentive pooling the states, float[B, S, T, W], of which `lengths`
            frames are sound, int[B]; for the others float[B, S, 2 W] of `layer_statistics`.
        Returns: float[B, C].
        """
        if sound.dim() == 4:
            return self.of_states(sound.unbind(1), before(lengths, sound.shape[2]))
        return self.of_statistics(sound)

    def of_states(self, states: Sequence[Tensor], frames: Tensor) -> Tensor:
        if isinstance(self.pooling, LayerStatistics):
            return self.of_statistics(layer_statistics(states, frames))
        return self.head(self.pooling(self.layers(states), frames))

    def of_statistics(self, statistics: Tensor) -> Tensor:
        if isinstance(self.pooling, LayerStatistics):
            return self.head(self.pooling(statistics))
        # The mean of weighted layers is the weighted mean of their means.
        means = statistics[..., : statistics.shape[-1] // 2]
        return self.head(self.layers(means.unbind(1)))


class Network(Classifier):
    """Maps sound to a logit a class."""

    def __init__(
        self, encoder: Encoder, classes: int, *, pooling: Pooling, hidden: int, dropout: float
    ) -> None:
        super().__init__(
            encoder.states,
            encoder.width,
            classes,
            pooling=pooling,
            hidden=hidden,
            dropout=dropout,
        )
        self.encoder = encoder
        self.is_frozen = False

    def freeze(self, tuned: Tuned) -> None:
        self.encoder.freeze(tuned)
        self.is_frozen = tuned == "nothing"
        self.train(self.training)

    def train(self, mode: bool = True) -> Network:
        super().train(mode)
        # A frozen encoder needs no dropout.
        if self.is_frozen:
            self.encoder.eval()
        return self

    def forward(self, sound: Tensor, lengths: Tensor) -> Tensor:
        """Args: as for the encoder. Returns: float[B, C]."""
        return self.of_states(*self.encoder(sound, lengths))
