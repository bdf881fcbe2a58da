"""Keeps the global batch of a configuration on any number of GPUs."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from typing import Any

from whyser.io.errors import InputError
from whyser_workflow.serving import has_gpu


def processes_of(settings: Mapping[str, Any]) -> int:
    """The processes that LLaMA-Factory would start on this machine: one per GPU."""
    return 1 if settings.get("use_cpu") else max(gpu_count(), 1)


def gpu_count() -> int:
    """The GPUs that LLaMA-Factory would train on; 0 without any."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return len([one for one in visible.split(",") if one.strip() not in {"", "-1"}])
    if not has_gpu():
        return 0
    done = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=False)
    return done.stdout.count("GPU ")


def accumulation(settings: Mapping[str, Any], processes: int) -> int:
    """The steps of accumulation that keep the configured global batch on so many processes.

    A configuration is written for one process.

    Raises: `InputError` when the batch cannot be divided.

    >>> accumulation({"per_device_train_batch_size": 1, "gradient_accumulation_steps": 8}, 4)
    2
    """
    each = int(settings.get("per_device_train_batch_size", 8))
    batch = each * int(settings.get("gradient_accumulation_steps", 1))
    steps, rest = divmod(batch, each * processes)
    if rest or not steps:
        raise InputError(
            f"a global batch of {batch} rows cannot be shared by {processes} GPUs that take "
            f"{each} at a time",
            cure="Set per_device_train_batch_size and gradient_accumulation_steps with --set so "
            "that it can, or show fewer GPUs with CUDA_VISIBLE_DEVICES.",
        )
    return steps
