"""Which branch a sample trains: that of what its answer says."""

from __future__ import annotations

import torch
from torch import Tensor

from .configuration_speechlm import CONTENT, EMOTION, SpeechLMConfig

IGNORED = -100
"""The label of a token that is not trained on."""


def learners(labels: Tensor, config: SpeechLMConfig) -> dict[str, Tensor]:
    """bool[B] a branch, whether each sample trains it.

    An answer that is a transcript and nothing else trains the content branch. Every other is of an
    emotion task, one that begins with the transcript included, and trains the emotion branch. The
    task is read from the answer's tokens, so it needs no column that the trainer would have to
    carry.

    Args: `labels`, int[B, T].
    """
    says = [_is_transcript(row[row != IGNORED].tolist(), config) for row in labels]
    transcribes = torch.tensor(says, dtype=torch.bool, device=labels.device)
    return {CONTENT: transcribes, EMOTION: ~transcribes}


def taught(features: Tensor, learns: Tensor) -> Tensor:
    """The same values, with a gradient only where `learns`, bool[B].

    Where nothing learns they are cut off: a gradient of zero would still let an optimizer with
    momentum or weight decay move the weights.
    """
    if not learns.any():
        return features.detach()
    return torch.where(learns.view(-1, *[1] * (features.dim() - 1)), features, features.detach())


def _is_transcript(answer: list[int], config: SpeechLMConfig) -> bool:
    turn = answer.index(config.turn_end) if config.turn_end in answer else len(answer)
    start, end = config.transcript_start, config.transcript_end
    return answer[: len(start)] == start and answer[:turn][-len(end) :] == end
