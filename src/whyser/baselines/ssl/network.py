"""The classifier: an encoder, weighted layers, pooling, and a head of two layers."""

from __future__ import annotations

from torch import Tensor, nn

from whyser.baselines.ssl.pooling import POOLINGS, LayerWeights, Pooling
from whyser.speechlm.encoders import Encoder, Tuned


class Network(nn.Module):
    """Maps sound to a logit a class; `hidden` is the width between the head's two layers."""

    def __init__(
        self, encoder: Encoder, classes: int, *, pooling: Pooling, hidden: int, dropout: float
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.layers = LayerWeights(encoder.states)
        self.pooling = POOLINGS[pooling](encoder.width)
        self.head = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(self.pooling.width, hidden),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, classes),
        )
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
        states, frames = self.encoder(sound, lengths)
        return self.head(self.pooling(self.layers(states), frames))
