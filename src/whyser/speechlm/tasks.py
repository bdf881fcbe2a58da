"""Which branch a sample trains, which depends on its answer."""

from __future__ import annotations

import torch
from torch import Tensor

from .configuration_speechlm import CONTENT, EMOTION, SpeechLMConfig

IGNORED = -100
"""The label of a token without loss."""


def learners(labels: Tensor, config: SpeechLMConfig) -> dict[str, Tensor]:
    """Whether each sample trains a branch, bool[B], by branch; `labels` are int[B, T].

    An answer that is only a transcript trains the content branch. All others, also those that begin
    with a transcript, train the emotion branch. The task follows from the answer's tokens, so the
    trainer needs no column for it.
    """
    says = [_is_transcript(row[row != IGNORED].tolist(), config) for row in labels]
    transcribes = torch.tensor(says, dtype=torch.bool, device=labels.device)
    return {CONTENT: transcribes, EMOTION: ~transcribes}


def taught(features: Tensor, learns: Tensor) -> Tensor:
    """The same values, with a gradient only where `learns`, bool[B].

    If no sample learns, they are detached: with a gradient of zero, an optimizer with momentum or
    weight decay would still change the weights.
    """
    if not learns.any():
        return features.detach()
    return torch.where(learns.view(-1, *[1] * (features.dim() - 1)), features, features.detach())


def _is_transcript(answer: list[int], config: SpeechLMConfig) -> bool:
    turn = answer.index(config.turn_end) if config.turn_end in answer else len(answer)
    start, end = config.transcript_start, config.transcript_end
    return answer[: len(start)] == start and answer[:turn][-len(end) :] == end
