"""Which branch a sample trains: that of what its answer says."""

from __future__ import annotations

import torch
from torch import Tensor

from .configuration_speechlm import CONTENT, EMOTION, SpeechLMConfig

IGNORED = -100
"""The label of a token that is not trained on."""


def learners(labels: Tensor, config: SpeechLMConfig) -> dict[str, Tensor]:
    """bool[B] a branch, whether each sample trains it.

    An answer that is a transcript and nothing else trains the content branch; one without a
    transcript the emotion branch; one that goes on after its transcript, or was cut off in it,
    both. The task is read from the answer's tokens, so it needs no column that the trainer would
    have to carry.

    Args: `labels`, int[B, T].
    """
    answers = [row[row != IGNORED].tolist() for row in labels]
    begins = [_begins(answer, config) for answer in answers]
    ends = [_ends(answer, config) for answer in answers]
    says = {
        CONTENT: begins,
        EMOTION: [not (begun and ended) for begun, ended in zip(begins, ends, strict=True)],
    }
    return {name: torch.tensor(each, device=labels.device) for name, each in says.items()}


def taught(features: Tensor, learns: Tensor) -> Tensor:
    """The same values, with a gradient only where `learns`, bool[B].

    Where nothing learns they are cut off: a gradient of zero would still let an optimizer with
    momentum or weight decay move the weights.
    """
    if not learns.any():
        return features.detach()
    return torch.where(learns.view(-1, *[1] * (features.dim() - 1)), features, features.detach())


def _begins(answer: list[int], config: SpeechLMConfig) -> bool:
    start = config.transcript_start
    return answer[: len(start)] == start


def _ends(answer: list[int], config: SpeechLMConfig) -> bool:
    turn = answer.index(config.turn_end) if config.turn_end in answer else len(answer)
    end = config.transcript_end
    return answer[:turn][-len(end) :] == end
