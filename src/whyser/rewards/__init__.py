"""Rewards for reinforcement learning that anybody can recompute.

Each is a plain function `reward(completions, **columns) -> list[float]`, as TRL's `GRPOTrainer`
calls it; `recipes/grpo/plugin.py` registers the same functions for ms-swift. `whyser-convert grpo`
writes the columns. docs/rewards.md says what each one pays, and how it could be gamed.
"""

from whyser.rewards.functions import (
    WEIGHTS,
    annotators_share,
    eq_1_format,
    groundedness,
    majority_label,
    transcript_match,
    weighted_sum,
)

__all__ = [
    "WEIGHTS",
    "annotators_share",
    "eq_1_format",
    "groundedness",
    "majority_label",
    "transcript_match",
    "weighted_sum",
]
