"""Connectors map an encoder's states to a fixed number of tokens for the language model.

There are three kinds: an MLP over pooled states; the same with a variational bottleneck, whose
inner layer is sampled; and a Q-Former, whose queries attend to the states.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, rms_norm
from transformers import Blip2QFormerConfig, Blip2QFormerModel

from .configuration_speechlm import BranchConfig

#: The initial log variance of a bottleneck; 0.02 is almost no noise.
_FIRST_LOG_VARIANCE = -4.0
#: Outside this range, a variance in half precision is 0 or infinite.
_LOG_VARIANCES = (-10.0, 10.0)


class Connector(nn.Module):
    """Averages the layers, compresses them to tokens, and scales these like the language model's
    embeddings.

    Args:
        branch: Its settings.
        states: The number of layers, each `width` wide.
        text_width: Width of the language model's embeddings.
        scale: Root mean square of the language model's embeddings.
    """

    def __init__(
        self, branch: BranchConfig, *, states: int, width: int, text_width: int, scale: float
    ) -> None:
        super().__init__()
        self.is_weighted = branch.layers == "weighted"
        if self.is_weighted:
            self.layer_weights = nn.Parameter(torch.zeros(states))
        self.compression: Any = COMPRESSIONS[branch.connector](branch, width, text_width)
        # A parameter of this module itself, so that LLaMA-Factory's freeze tuning finds the module.
        self.scale = nn.Parameter(torch.full((text_width,), scale))

    def forward(self, states: Sequence[Tensor], frames: Tensor) -> tuple[Tensor, Tensor]:
        """
        Args: `states`, float[B, T, W] a layer; `frames`, bool[B, T], true for sound.
        Returns: float[B, N, text_width], and the KL term of each clip, float[B].
        """
        tokens, divergence = self.compression(self.weighed(states), frames)
        normed = rms_norm(tokens.float(), tokens.shape[-1:], eps=1e-6)
        return normed * self.scale, divergence

    def weighed(self, states: Sequence[Tensor]) -> Tensor:
        """float[B, T, W], in this connector's precision."""
        states = [state.to(self.scale.dtype) for state in states]
        return weighted_mean(self.layer_weights, states) if self.is_weighted else states[-1]


class MLP(nn.Module):
    """An MLP with one inner layer over N pooled states."""

    def __init__(self, branch: BranchConfig, width: int, text_width: int) -> None:
        super().__init__()
        self.tokens = branch.tokens
        self.down = nn.Linear(width, branch.width)
        self.up = nn.Linear(branch.width, text_width)

    def forward(self, states: Tensor, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Args: float[B, T, W] and bool[B, T]. Returns: as for `Connector`."""
        inner, divergence = self.inner(pooled(states, frames, self.tokens))
        return self.up(gelu(inner)), divergence

    def inner(self, states: Tensor) -> tuple[Tensor, Tensor]:
        """float[B, N, width], and the KL term, float[B], which is 0."""
        return self.down(states), states.new_zeros(len(states))


class VAE(MLP):
    """An MLP whose inner layer is a normal distribution with the mean `down`.

    In training the layer is sampled, and its KL divergence from N(0, 1) is a loss, so information
    that the answer does not need is dropped. With beta 0 it is the MLP.

    Source: the variational information bottleneck (Alemi et al., 2017), as in Chen et al. (2025).
    """

    def __init__(self, branch: BranchConfig, width: int, text_width: int) -> None:
        super().__init__(branch, width, text_width)
        self.beta = branch.beta
        self.log_variance = nn.Linear(width, branch.width)

    def inner(self, states: Tensor) -> tuple[Tensor, Tensor]:
        mean = self.down(states)
        if not self.beta:
            return mean, states.new_zeros(len(states))
        # An offset, since transformers overwrites the initial bias.
        log_variance = (self.log_variance(states) + _FIRST_LOG_VARIANCE).clamp(*_LOG_VARIANCES)
        drawn = mean
        if self.training:
            drawn = mean + torch.randn_like(mean) * (0.5 * log_variance).exp()
        return drawn, divergence(mean, log_variance).mean(1)


class QFormer(nn.Module):
    """Learnt queries that attend to each other and to the states.

    Source: BLIP-2 (Li et al., 2023), as in SEmoLLM.
    """

    def __init__(self, branch: BranchConfig, width: int, text_width: int) -> None:
        super().__init__()
        self.model = Blip2QFormerModel(
            Blip2QFormerConfig(
                hidden_size=branch.width,
                num_hidden_layers=branch.depth,
                num_attention_heads=branch.heads,
                intermediate_size=4 * branch.width,
                encoder_hidden_size=width,
                cross_attention_frequency=2,
                # The first stage reads text with the same layers.
                use_qformer_text_input=True,
            )
        )
        self.queries = nn.Embedding(branch.tokens, branch.width)
        self.up = nn.Linear(branch.width, text_width)

    def forward(self, states: Tensor, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Args and returns: as for `MLP`."""
        return self.up(self.asked(states, frames)), states.new_zeros(len(states))

    def asked(
        self,
        states: Tensor,
        frames: Tensor,
        text: Tensor | None = None,
        attention_mask: Tensor | None = None,
    ) -> Tensor:
        """The queries' outputs, float[B, N, Q], followed by those of `text`, float[B, M, Q].

        `attention_mask` is [B, N + M] or [B, N + M, N + M].
        """
        queries = self.queries.weight.expand(len(states), -1, -1)
        asking = queries if text is None else torch.cat([queries, text], 1)
        return self.model(
            asking,
            query_length=queries.shape[1],
            attention_mask=attention_mask,
            encoder_hidden_states=states,
            encoder_attention_mask=frames.to(states.dtype),
        ).last_hidden_state

    def read(self, text: Tensor, attention_mask: Tensor) -> Tensor:
        """float[B, M, Q], the outputs of text without queries or sound."""
        return self.model(text, query_length=0, attention_mask=attention_mask).last_hidden_state


COMPRESSIONS: dict[str, type[nn.Module]] = {"mlp": MLP, "vae": VAE, "qformer": QFormer}


def weighted_mean(weights: Tensor, states: Sequence[Tensor]) -> Tensor:
    """The mean of all layers weighted by softmax(weights).

    Source: Yang et al. (2021), SUPERB.
    """
    shares = weights.softmax(0)
    total = shares[0] * states[0]
    for share, state in zip(shares[1:], states[1:], strict=True):
        total = total + share * state
    return total


def pooled(states: Tensor, frames: Tensor, count: int) -> Tensor:
    """float[B, count, W]: the means of equal parts of each clip's frames, without padding.

    Part i of T frames is [floor(i T / count), ceil((i + 1) T / count)), as in adaptive pooling; if
    T < count, neighbouring parts share a frame.

    >>> pooled(torch.tensor([[[1.0], [3.0], [5.0], [9.0]]]), torch.ones(1, 4).bool(), 2).tolist()
    [[[2.0], [7.0]]]
    >>> pooled(torch.tensor([[[1.0], [3.0], [5.0], [9.0]]]), torch.arange(4)[None] < 1, 2).tolist()
    [[[1.0], [1.0]]]
    """
    lengths = frames.sum(1, keepdim=True)
    parts = torch.arange(count, device=states.device)[None]
    starts = parts * lengths // count
    ends = -(-(parts + 1) * lengths // count)
    places = torch.arange(states.shape[1], device=states.device)
    within = (places >= starts[..., None]) & (places < ends[..., None])
    shares = within / within.sum(2, keepdim=True)
    # Padding may be NaN, and 0 times NaN is NaN.
    return shares.to(states.dtype) @ states.masked_fill(~frames[..., None], 0)


def divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(mean, variance) || N(0, 1)), summed over the last axis.

    >>> round(divergence(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 0.0])).item(), 3)
    0.5
    """
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(-1)
