"""Targets, distributions over the classes, and losses of the logits against them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from whyser.labels import votes
from whyser.labels.classes import EmotionClass
from whyser.records.corpus import Clip

#: The majority label, or the distribution of the annotators' votes.
Target: TypeAlias = Literal["majority", "votes"]
Loss: TypeAlias = Literal["focal", "cross-entropy", "balanced"]


def targets(
    clips: Sequence[Clip], classes: Sequence[EmotionClass], kind: Target
) -> npt.NDArray[np.float32]:
    """float[n, C], whose rows sum to 1.

    Votes outside the classes do not count; without a vote inside them the target is the label.
    """
    return np.array([_target(clip, classes, kind) for clip in clips], np.float32)


def _target(clip: Clip, classes: Sequence[EmotionClass], kind: Target) -> list[float]:
    utterance = clip.utterance
    shares = votes.distribution(utterance.primaries) if kind == "votes" else {}
    given = [shares.get(name, 0.0) for name in classes]
    if not (total := sum(given)):
        return [float(name == utterance.label) for name in classes]
    return [share / total for share in given]


def class_weights(clips: Sequence[Clip], classes: Sequence[EmotionClass]) -> Tensor:
    """n / (C n_c), the inverse frequency as in scikit-learn's `balanced`; its mean over clips is 1.

    The effective number of Cui et al. (2019) would need a beta, and near 1 it gives the same.
    """
    counts = Counter(clip.utterance.label for clip in clips)
    return torch.tensor([len(clips) / (len(classes) * counts[name]) for name in classes])


class Criterion(nn.Module):
    """The mean over clips of -sum_c w_c t_c (1 - p_c)^gamma log p_c, with t the target.

    `focal` has gamma and no weights (Lin et al., 2017), `balanced` has weights and no gamma,
    `cross-entropy` has neither. If t is the votes, each class counts by its share.
    """

    weights: Tensor

    def __init__(self, kind: Loss, weights: Tensor, gamma: float = 2.0) -> None:
        super().__init__()
        self.gamma = gamma if kind == "focal" else 0.0
        self.register_buffer("weights", weights if kind == "balanced" else torch.ones_like(weights))

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Args: `logits` and `targets`, float[B, C]. Returns: a scalar."""
        logs = logits.float().log_softmax(1)
        # At 0 the gradient of a power below 1 is infinite.
        missed = (1 - logs.exp()).clamp(min=1e-7) ** self.gamma if self.gamma else 1.0
        each = -(self.weights.to(logs.device) * targets * missed * logs).sum(1)
        return each.mean()
