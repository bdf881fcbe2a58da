"""What is told of an epoch, and by what the best one is chosen."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from transformers import EvalPrediction, ProgressCallback, TrainerCallback

from whyser.baselines.ssl.batches import Buckets
from whyser.io.console import say

#: What the best epoch is chosen by, on dev.
METRIC = "f1_macro"


class Epochs(TrainerCallback):
    """Tells the batches their epoch, and the person who waits what came of the last one."""

    def __init__(self, buckets: Buckets) -> None:
        self.buckets = buckets

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.buckets.epoch = int(state.epoch)

    def on_evaluate(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.is_world_process_zero:
            row = epochs_of(state.log_history)[-1]
            say(
                f"epoch {row['epoch']} of {args.num_train_epochs:.0f}: loss {row['loss']:.4f}, "
                f"dev Macro-F1 {row['dev_f1_macro']:.4f}"
            )


class StopWithoutGain(TrainerCallback):
    """Ends the training after so many epochs without a better one.

    Unlike Trainer's own it counts in what was logged, so a run that goes on counts the same.
    """

    def __init__(self, patience: int) -> None:
        self.patience = patience

    def on_evaluate(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if is_exhausted(state.log_history, self.patience):
            control.should_training_stop = True


class Bar(ProgressCallback):
    """The bar alone, without the dictionary of every log."""

    def on_log(self, *_: Any, **__: Any) -> None:
        pass


def is_exhausted(history: list[dict[str, float]], patience: int | None) -> bool:
    """Whether the last so many epochs were no better than an earlier one."""
    found = [row["dev_f1_macro"] for row in epochs_of(history)]
    return patience is not None and bool(found) and _since_best(found) >= patience


def _since_best(found: list[float]) -> int:
    return len(found) - 1 - found.index(max(found))


def epochs_of(history: list[dict[str, float]]) -> list[dict[str, Any]]:
    """Of Trainer's log, a row an epoch: the training loss, and loss and Macro-F1 on dev."""
    losses = {round(row["epoch"]): row["loss"] for row in history if "loss" in row}
    return [
        {
            "epoch": (epoch := round(row["epoch"])),
            "loss": losses.get(epoch, float("nan")),
            "dev_loss": row["eval_loss"],
            "dev_f1_macro": row[f"eval_{METRIC}"],
        }
        for row in history
        if f"eval_{METRIC}" in row
    ]


def metrics(found: EvalPrediction) -> dict[str, float]:
    """As Trainer asks for them: of logits, float[n, C], and labels, int[n]."""
    logits: Any = found.predictions
    return {METRIC: macro_f1(np.asarray(found.label_ids), logits.argmax(1), logits.shape[1])}


def macro_f1(labels: npt.NDArray[np.int64], answers: npt.NDArray[np.int64], classes: int) -> float:
    """The mean over classes of 2 TP / (items of the class + answers of the class), 0 for a class
    that is in neither.

    >>> round(macro_f1(np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1]), 2), 4)  # (2/3 + 4/5) / 2
    0.7333
    """
    right = np.bincount(labels[labels == answers], minlength=classes)
    both = np.bincount(labels, minlength=classes) + np.bincount(answers, minlength=classes)
    return float(np.mean(2 * right / np.maximum(both, 1)))
