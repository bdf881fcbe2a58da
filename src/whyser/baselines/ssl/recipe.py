"""The hyperparameters of a classifier; the defaults are the corpus paper's recipe.

The corpus paper (arXiv 2509.09791) gives focal loss, 20 epochs, a constant learning rate of 1e-5,
batches of 32, and Adam. We chose the rest.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, fields
from typing import Literal, TypeAlias

from whyser.baselines.ssl.losses import Loss, Target
from whyser.baselines.ssl.pooling import Pooling
from whyser.baselines.ssl.reference import Reference
from whyser.io.errors import InputError
from whyser.speechlm.encoders import Tuned

Schedule: TypeAlias = Literal["constant", "linear", "cosine"]
Precision: TypeAlias = Literal["auto", "fp32", "fp16", "bf16"]

#: Settings of a training in epochs.
_OF_EPOCHS = frozenset(
    ("hidden", "dropout", "epochs", "lr", "schedule", "warmup", "weight_decay", "patience")
)


@dataclass(frozen=True)
class TrainingRecipe:
    """All settings that influence the weights.

    Args:
        reference: Whether statistics are relative to the speaker's own clips.
        hidden: Width of the head; None for the encoder's.
        loss: None for cross-entropy if the target is the votes, else balanced on statistics, else
            focal.
        lr: None for 1e-5, or 1e-3 if only the head is trained.
        batch_size: Clips an update, over all processes and parts.
        parts: Forward passes of a process for an update; more need less memory.
        warmup: Share of the updates in which the learning rate rises.
        longest: Seconds to which a longer training clip is cropped at random.
        patience: Epochs without a better dev Macro-F1 after which training stops; None for never.

    Raises: `InputError` for a value out of range.
    """

    tuned: Tuned = "layers"
    pooling: Pooling = "attentive"
    reference: Reference = "none"
    hidden: int | None = None
    dropout: float = 0.2
    target: Target = "majority"
    loss: Loss | None = None
    gamma: float = 2.0
    epochs: int = 20
    lr: float | None = None
    schedule: Schedule = "constant"
    warmup: float = 0.0
    weight_decay: float = 0.0
    batch_size: int = 32
    parts: int = 1
    longest: float = 12.0
    precision: Precision = "auto"
    patience: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.pooling == "statistics" and self.tuned != "nothing":
            raise InputError(
                "--pooling statistics needs a frozen encoder", cure="Give --tune nothing too."
            )
        if self.reference == "speaker" and self.pooling != "statistics":
            raise InputError(
                "--reference speaker needs the statistics of a frozen encoder",
                cure="Give --tune nothing and --pooling statistics too.",
            )
        limits = {"lr": self.learning_rate, "gamma": self.gamma, "max-duration": self.longest}
        for option, value in limits.items():
            if not (math.isfinite(value) and value >= 0) or (value == 0 and option != "gamma"):
                raise InputError(f"--{option} is {value}", cure="Give a number above 0.")

    @property
    def criterion(self) -> Loss:
        if self.loss or self.target == "votes":
            return self.loss or "cross-entropy"
        return "balanced" if self.pooling == "statistics" else "focal"

    @property
    def learning_rate(self) -> float:
        if self.lr is not None:
            return self.lr
        return 1e-3 if self.tuned == "nothing" else 1e-5

    @property
    def fits_at_once(self) -> bool:
        """Whether the head is a logistic regression, which is not trained in epochs."""
        return self.pooling == "statistics"

    @property
    def unused(self) -> list[str]:
        """The options that were given, but that a fit on statistics does not have."""
        if not self.fits_at_once:
            return []
        changed = [one for one in fields(self) if getattr(self, one.name) != one.default]
        return [f"--{one.name.replace('_', '-')}" for one in changed if one.name in _OF_EPOCHS]

    def portion(self, processes: int) -> int:
        """Clips of a forward pass in one process.

        Raises: `InputError` if the batch cannot be divided evenly.
        """
        portion, left = divmod(self.batch_size, self.parts * processes)
        if left or not portion:
            raise InputError(
                f"a batch of {self.batch_size} cannot be divided by {processes} processes and "
                f"{self.parts} parts",
                cure=f"Give --batch-size a multiple of {processes * self.parts}.",
            )
        return portion


def processes() -> int:
    """The number of processes that torchrun or accelerate started; 1 without them."""
    return int(os.environ.get("WORLD_SIZE", "1"))
