"""Hugging Face's Trainer with our batches, our loss, and an end at the first loss that is none."""

from __future__ import annotations

import importlib.util
import sys
import warnings
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader
from transformers import (
    EarlyStoppingCallback,
    EvalPrediction,
    PrinterCallback,
    ProgressCallback,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)

from whyser.baselines.ssl.batches import Buckets
from whyser.baselines.ssl.recipe import Precision, Recipe, processes
from whyser.baselines.ssl.sounds import Collator, Sounds
from whyser.console import say
from whyser.errors import WhyserError
from whyser.predictions import listed

Report: TypeAlias = Literal["none", "tensorboard", "wandb"]

#: What the best epoch is chosen by, on dev.
METRIC = "f1_macro"


def to_train(
    recipe: Recipe, folder: Path, *, workers: int | None = None, report: Report = "none"
) -> TrainingArguments:
    """Trainer's settings for the recipe on this machine; checkpoints go to `folder`.

    Raises: `WhyserError` where what reports is not installed or the precision is not there;
    `InputError` as `Recipe.portion`.
    """
    if report != "none" and importlib.util.find_spec(report) is None:
        raise WhyserError(f"--report {report} needs the package: pip install {report}")
    schedule = "constant_with_warmup" if recipe.schedule == "constant" else recipe.schedule
    return _arguments(
        folder,
        recipe.portion(processes()),
        recipe.precision,
        workers,
        num_train_epochs=recipe.epochs,
        learning_rate=recipe.lr,
        lr_scheduler_type=schedule,
        warmup_ratio=recipe.warmup,
        weight_decay=recipe.weight_decay,
        gradient_accumulation_steps=recipe.parts,
        seed=recipe.seed,
        eval_strategy="epoch",
        save_strategy="epoch",
        logging_strategy="epoch",
        # Of checkpoints the best and the last are kept.
        save_total_limit=1,
        load_best_model_at_end=True,
        metric_for_best_model=METRIC,
        greater_is_better=True,
        # The loss is looked at by ourselves.
        logging_nan_inf_filter=False,
        report_to=report,
        ddp_find_unused_parameters=True,
    )


def to_answer(
    folder: Path, *, batch_size: int, precision: Precision, workers: int | None = None
) -> TrainingArguments:
    """Trainer's settings where nothing is trained.

    Raises: `WhyserError` as `to_train`.
    """
    return _arguments(folder, batch_size, precision, workers, report_to="none")


def _arguments(
    folder: Path, portion: int, precision: Precision, workers: int | None, **more: Any
) -> TrainingArguments:
    """Args: `workers`, processes that read sound; None for 4 beside a GPU and none without."""
    with_gpu = torch.cuda.is_available()
    digits = _precision(precision)
    given = TrainingArguments(
        output_dir=str(folder),
        per_device_train_batch_size=portion,
        per_device_eval_batch_size=portion,
        bf16=digits == "bf16",
        fp16=digits == "fp16",
        disable_tqdm=not sys.stderr.isatty(),
        remove_unused_columns=False,
        label_names=["labels"],
        dataloader_num_workers=(4 if with_gpu else 0) if workers is None else workers,
        dataloader_pin_memory=with_gpu,
        **more,
    )
    if given.n_gpu > 1:
        # Otherwise it would share each batch out to all of them by itself, in one slow process.
        say(f"note: one GPU of {given.n_gpu} is used; start with torchrun to use all")
        given._n_gpu = 1
    return given


def _precision(asked: Precision) -> Precision:
    if torch.cuda.is_available():
        best: Precision = "bf16" if torch.cuda.is_bf16_supported() else "fp16"
        return best if asked == "auto" else asked
    if asked == "fp16":
        raise WhyserError("--precision fp16 needs a GPU. Give --precision fp32.")
    return "fp32" if asked == "auto" else asked


class ClassifierTrainer(Trainer):
    """Trains a `Network` on `Sounds`; without a criterion it only answers."""

    def __init__(
        self,
        network: nn.Module,
        args: TrainingArguments,
        *,
        floor: int = 0,
        criterion: nn.Module | None = None,
        train: Sounds | None = None,
        dev: Sounds | None = None,
        patience: int | None = None,
    ) -> None:
        super().__init__(
            network,
            args,
            data_collator=Collator(floor),
            train_dataset=train,
            eval_dataset=dev,
            compute_metrics=_metrics,
        )
        self.criterion = criterion
        # It would print every log as a dictionary.
        self.remove_callback(PrinterCallback)
        if train is not None:
            self.buckets = Buckets(
                train.lengths,
                args.per_device_train_batch_size,
                seed=args.seed,
                processes=args.world_size,
            )
            self.add_callback(_Epochs(self.buckets))
        if patience is not None:
            self.add_callback(EarlyStoppingCallback(patience))
        if not args.disable_tqdm:
            # One bar, without the dictionary of every log.
            self.remove_callback(ProgressCallback)
            self.add_callback(_Bar())

    def get_train_dataloader(self) -> DataLoader[Any]:
        workers = self.args.dataloader_num_workers
        loader: DataLoader[Any] = DataLoader(
            self.train_dataset,
            batch_sampler=self.buckets,  # type: ignore[arg-type]
            collate_fn=self.data_collator,
            num_workers=workers,
            pin_memory=self.args.dataloader_pin_memory,
            persistent_workers=workers > 0,
        )
        return self.accelerator.prepare(loader)  # type: ignore[no-any-return]

    def compute_loss(
        self,
        model: nn.Module,
        inputs: dict[str, Tensor],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        logits, loss = self._heard(model, inputs)
        if loss is None or not torch.isfinite(loss):
            raise self._diverged(inputs, loss)
        return (loss, {"logits": logits}) if return_outputs else loss

    def prediction_step(
        self,
        model: nn.Module,
        inputs: dict[str, Tensor],
        prediction_loss_only: bool,
        ignore_keys: list[str] | None = None,
    ) -> tuple[Tensor | None, Tensor, Tensor | None]:
        inputs = self._prepare_inputs(inputs)
        with torch.no_grad():
            logits, loss = self._heard(model, inputs)
        return loss, logits, inputs.get("labels")

    def _heard(self, model: nn.Module, inputs: dict[str, Tensor]) -> tuple[Tensor, Tensor | None]:
        logits = model(inputs["sound"], inputs["lengths"]).float()
        if self.criterion is None or "targets" not in inputs:
            return logits, None
        return logits, self.criterion(logits, inputs["targets"])

    def _diverged(self, inputs: dict[str, Tensor], loss: Tensor | None) -> WhyserError:
        train: Any = self.train_dataset
        ids = [train.probed[number].clip.id for number in inputs["numbers"].tolist()]
        value = "missing" if loss is None else loss.item()
        return WhyserError(
            f"the loss is {value} at update {self.state.global_step + 1} of "
            f"{self.state.max_steps}, on {listed(ids)}. Lower --lr, or compute in more digits: "
            "--precision bf16 rather than fp16, fp32 rather than either; then --restart. Where "
            "that does not help, hear these clips."
        )


class _Epochs(TrainerCallback):
    """Tells the batches their epoch, and the person who waits what came of it."""

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


class _Bar(ProgressCallback):
    def on_log(self, *_: Any, **__: Any) -> None:
        pass


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


def _metrics(found: EvalPrediction) -> dict[str, float]:
    logits: Any = found.predictions
    return {METRIC: macro_f1(np.asarray(found.label_ids), logits.argmax(1), logits.shape[1])}


def macro_f1(
    labels: npt.NDArray[np.int64], answers: npt.NDArray[np.int64], classes: int
) -> float:
    """The mean over classes of 2 TP / (items of the class + answers of the class), 0 for a class
    that is in neither.

    >>> round(macro_f1(np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1]), 2), 4)  # (2/3 + 4/5) / 2
    0.7333
    """
    right = np.bincount(labels[labels == answers], minlength=classes)
    both = np.bincount(labels, minlength=classes) + np.bincount(answers, minlength=classes)
    return float(np.mean(2 * right / np.maximum(both, 1)))


def probabilities(trainer: Trainer, sounds: Sounds) -> npt.NDArray[np.float64]:
    """float64[n, C], rows sum to 1: what the trainer's network makes of each clip."""
    # By length, so that little is padding; and back into the order that was asked.
    order = np.argsort(sounds.lengths, kind="stable")[::-1]
    ranked = Sounds([sounds.probed[place] for place in order], sounds.ear, sounds.longest)
    found: Any = trainer.predict(ranked).predictions  # type: ignore[arg-type]
    logits = np.empty_like(found, dtype=np.float64)
    logits[order] = found
    shares = np.exp(logits - logits.max(1, keepdims=True))
    given: npt.NDArray[np.float64] = shares / shares.sum(1, keepdims=True)
    return given


def quiet() -> None:
    """Without the remarks of the libraries about each other."""
    warnings.filterwarnings("ignore", category=UserWarning, module=r"torch\.|transformers\.")
    warnings.filterwarnings("ignore", category=FutureWarning)
