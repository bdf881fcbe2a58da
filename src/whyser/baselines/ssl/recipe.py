"""How a classifier is trained: the corpus paper's recipe, unless told otherwise.

Focal loss, 20 epochs, learning rate 1e-5 throughout, batches of 32 and Adam are of the corpus
paper (arXiv 2509.09791); what it leaves open is ours.
"""

from __future__ import annotations

import math
import os
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

from whyser.baselines.ssl.losses import Loss, Target
from whyser.baselines.ssl.pooling import Pooling
from whyser.io.errors import InputError
from whyser.speechlm.encoders import Tuned

Schedule: TypeAlias = Literal["constant", "linear", "cosine"]
Precision: TypeAlias = Literal["auto", "fp32", "fp16", "bf16"]


@dataclass(frozen=True)
class TrainingRecipe:
    """All that decides the weights, besides the encoder and the clips.

    Args:
        hidden: Width of the head; None for the encoder's.
        loss: None for focal, and cross-entropy where the target is the votes.
        batch_size: Clips an update, over all processes and parts.
        parts: In how many portions a process computes an update, to save memory.
        warmup: Share of all updates during which the rate rises.
        longest: Seconds; a longer training clip is cropped at random.
        patience: Epochs without a better dev Macro-F1 that end the training; None for none.

    Raises: `InputError` for a value that nothing can be trained with.
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
        """Clips that a process computes at a time.

        Raises: `InputError` where the batch cannot be shared out evenly.
        """
        portion, left = divmod(self.batch_size, self.parts * processes)
        if left or not portion:
            raise InputError(
                f"a batch of {self.batch_size} cannot be shared out to {processes} processes in "
                f"{self.parts} parts each",
                cure=f"Give --batch-size a multiple of {processes * self.parts}.",
            )
        return portion

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def processes() -> int:
    """How many torchrun or accelerate started; 1 without them."""
    return int(os.environ.get("WORLD_SIZE", "1"))
