"""Callbacks of an epoch, and the metric that chooses the best one."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from transformers import EvalPrediction, ProgressCallback, TrainerCallback

from whyser.baselines.ssl.batches import Buckets
from whyser.io.console import say

#: The dev metric that chooses the best epoch.
METRIC = "f1_macro"


class Epochs(TrainerCallback):
    """Passes the epoch to the batch sampler, and prints the results of each epoch."""

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
    """Ends the training after `patience` epochs without a better one.

    Unlike Trainer's callback it counts in the log, so a resumed run stops at the same epoch.
    """

    def __init__(self, patience: int) -> None:
        self.patience = patience

    def on_evaluate(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if is_exhausted(state.log_history, self.patience):
            control.should_training_stop = True


class Bar(ProgressCallback):
    """The progress bar without the dictionary of every log."""

    def on_log(self, *_: Any, **__: Any) -> None:
        pass


def is_exhausted(history: list[dict[str, float]], patience: int | None) -> bool:
    """Whether none of the last `patience` epochs was better than all before."""
    found = [row["dev_f1_macro"] for row in epochs_of(history)]
    if patience is None or not found:
        return False
    return len(found) - 1 - found.index(max(found)) >= patience


def epochs_of(history: list[dict[str, float]]) -> list[dict[str, Any]]:
    """Trainer's log as a row an epoch: the training loss, and loss and Macro-F1 on dev."""
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
    """Trainer's `compute_metrics`, of logits, float[n, C], and labels, int[n]."""
    logits: Any = found.predictions
    return {METRIC: macro_f1(np.asarray(found.label_ids), logits.argmax(1), logits.shape[1])}


def macro_f1(labels: npt.NDArray[np.int64], answers: npt.NDArray[np.int64], classes: int) -> float:
    """The mean over classes of 2 TP / (labels of the class + answers of the class), 0 for a class
    without either.

    >>> round(macro_f1(np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1]), 2), 4)  # (2/3 + 4/5) / 2
    0.7333
    """
    right = np.bincount(labels[labels == answers], minlength=classes)
    both = np.bincount(labels, minlength=classes) + np.bincount(answers, minlength=classes)
    return float(np.mean(2 * right / np.maximum(both, 1)))
