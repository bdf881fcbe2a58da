"""The hyperparameters of a classifier; the defaults are the corpus paper's recipe.

The corpus paper (arXiv 2509.09791) gives focal loss, 20 epochs, a constant learning rate of 1e-5,
batches of 32, and Adam. We chose the rest.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import Literal, TypeAlias

from whyser.baselines.ssl.losses import Loss, Target
from whyser.baselines.ssl.pooling import Pooling
from whyser.io.errors import InputError
from whyser.speechlm.encoders import Tuned

Schedule: TypeAlias = Literal["constant", "linear", "cosine"]
Precision: TypeAlias = Literal["auto", "fp32", "fp16", "bf16"]


@dataclass(frozen=True)
class TrainingRecipe:
    """All settings that influence the weights.

    Args:
        hidden: Width of the head; None for the encoder's.
        loss: None for cross-entropy if the target is the votes, else focal.
        batch_size: Clips an update, over all processes and parts.
        parts: Forward passes of a process for an update; more need less memory.
        warmup: Share of the updates in which the learning rate rises.
        longest: Seconds to which a longer training clip is cropped at random.
        patience: Epochs without a better dev Macro-F1 after which training stops; None for never.

    Raises: `InputError` for a value out of range.
    """

    tuned: Tuned = "layers"
    pooling: Pooling = "attentive"
    hidden: int | None = None
    dropout: float = 0.2
    target: Target = "majority"
    loss: Loss | None = None
    gamma: float = 2.0
    epochs: int = 20
    lr: float = 1e-5
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
        limits = {"lr": self.lr, "gamma": self.gamma, "max-duration": self.longest}
        for option, value in limits.items():
            if not (math.isfinite(value) and value >= 0) or (value == 0 and option != "gamma"):
                raise InputError(f"--{option} is {value}", cure="Give a number above 0.")

    @property
    def criterion(self) -> Loss:
        return self.loss or ("focal" if self.target == "majority" else "cross-entropy")

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
