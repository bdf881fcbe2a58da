"""Trainer's settings for a recipe on this machine."""

from __future__ import annotations

import importlib.util
import sys
import warnings
from pathlib import Path
from typing import Any, Literal, TypeAlias

import torch
from transformers import TrainingArguments

from whyser.baselines.ssl.epochs import METRIC
from whyser.baselines.ssl.recipe import Precision, TrainingRecipe, processes
from whyser.io.console import say
from whyser.io.errors import WhyserError

Report: TypeAlias = Literal["none", "tensorboard", "wandb"]


def to_train(
    recipe: TrainingRecipe, folder: Path, *, workers: int | None = None, report: Report = "none"
) -> TrainingArguments:
    """The settings for training; checkpoints go to `folder`.

    Raises: `WhyserError` if the tracker is not installed or the machine lacks the precision;
    `InputError` as in `TrainingRecipe.portion`.
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
        learning_rate=recipe.learning_rate,
        lr_scheduler_type=schedule,
        warmup_ratio=recipe.warmup,
        weight_decay=recipe.weight_decay,
        gradient_accumulation_steps=recipe.parts,
        seed=recipe.seed,
        eval_strategy="epoch",
        save_strategy="epoch",
        logging_strategy="epoch",
        # Keep the best and the last. With 1, Trainer deletes the last at the end, and a run that is
        # stopped while it answers would repeat all epochs after the best.
        save_total_limit=2,
        load_best_model_at_end=True,
        metric_for_best_model=METRIC,
        greater_is_better=True,
        # ClassifierTrainer checks the loss.
        logging_nan_inf_filter=False,
        report_to=report,
        ddp_find_unused_parameters=True,
    )


def to_answer(
    folder: Path, *, batch_size: int, precision: Precision, workers: int | None = None
) -> TrainingArguments:
    """The settings for answering.

    Raises: `WhyserError` as in `to_train`.
    """
    return _arguments(folder, batch_size, precision, workers, report_to="none")


def _arguments(
    folder: Path, portion: int, precision: Precision, workers: int | None, **more: Any
) -> TrainingArguments:
    """Args: `workers`, processes that read sound; None for 4 with a GPU, else 0."""
    with_gpu = torch.cuda.is_available()
    digits = _precision(precision)
    given = TrainingArguments(
        output_dir=str(folder),
        per_device_train_batch_size=portion,
        per_device_eval_batch_size=portion,
        bf16=digits == "bf16",
        fp16=digits == "fp16",
        # Trainer accepts bf16 on a CPU only with use_cpu.
        use_cpu=digits == "bf16" and not with_gpu,
        disable_tqdm=not sys.stderr.isatty(),
        remove_unused_columns=False,
        label_names=["labels"],
        dataloader_num_workers=(4 if with_gpu else 0) if workers is None else workers,
        dataloader_pin_memory=with_gpu,
        **more,
    )
    if given.n_gpu > 1:
        # Otherwise Trainer would split each batch over all of them, in one slow process.
        say(f"note: one of {given.n_gpu} GPUs is used; start with torchrun to use all")
        given._n_gpu = 1
    return given


def _precision(asked: Precision) -> Precision:
    if torch.cuda.is_available():
        best: Precision = "bf16" if torch.cuda.is_bf16_supported() else "fp16"
        return best if asked == "auto" else asked
    if asked == "fp16":
        raise WhyserError("--precision fp16 needs a GPU. Give --precision fp32.")
    return "fp32" if asked == "auto" else asked


def quiet() -> None:
    """Hides warnings of the libraries about each other."""
    warnings.filterwarnings("ignore", category=UserWarning, module=r"torch\.|transformers\.")
    warnings.filterwarnings("ignore", category=FutureWarning)
