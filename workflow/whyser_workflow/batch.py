"""Keeps the global batch of a configuration on any number of GPUs."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from typing import Any

from whyser.io.errors import InputError
from whyser_workflow.serving import has_gpu

#: Processes that a configuration with `deepspeed` is written for: the headers name 8 GPUs.
SHARDED = 8


def processes_of(settings: Mapping[str, Any]) -> int:
    """The processes that LLaMA-Factory would start here: one per GPU, or as many as it is told."""
    if settings.get("use_cpu"):
        return 1
    if is_on("USE_RAY"):
        return int(settings.get("ray_num_workers") or 1)
    gpus = gpu_count()
    told = os.environ.get("NPROC_PER_NODE") if gpus > 1 or is_on("FORCE_TORCHRUN") else None
    return int(told or max(gpus, 1))


def is_on(name: str) -> bool:
    """Whether LLaMA-Factory takes this environment variable for yes."""
    return os.environ.get(name, "").lower() in {"true", "y", "1"}


def gpu_count() -> int:
    """The GPUs that LLaMA-Factory would train on; 0 without any."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return len([one for one in visible.split(",") if one.strip() not in {"", "-1"}])
    if not has_gpu():
        return 0
    done = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=False)
    return done.stdout.count("GPU ")


def written_for(settings: Mapping[str, Any]) -> int:
    """The processes that a configuration's batch is written for.

    As the "Hardware" lines of the shipped ones say: Ray's workers with `ray_num_workers`, 8 GPUs
    with `deepspeed`, and otherwise one process, as always on a CPU.
    """
    if settings.get("use_cpu"):
        return 1
    return int(settings.get("ray_num_workers") or (SHARDED if settings.get("deepspeed") else 1))


def accumulation(settings: Mapping[str, Any], processes: int) -> int:
    """The steps of accumulation that keep the configured global batch on so many processes.

    The configured global batch is `per_device_train_batch_size` x `gradient_accumulation_steps` x
    the processes that the configuration is written for (`written_for`).

    Raises: `InputError` when the batch cannot be divided.

    >>> accumulation({"per_device_train_batch_size": 1, "gradient_accumulation_steps": 8}, 4)
    2
    """
    each = int(settings.get("per_device_train_batch_size", 8))
    steps_written = int(settings.get("gradient_accumulation_steps", 1))
    batch = each * steps_written * written_for(settings)
    steps, rest = divmod(batch, each * processes)
    if rest or not steps:
        raise InputError(
            f"a global batch of {batch} rows cannot be shared by {processes} GPUs that take "
            f"{each} at a time",
            cure="Set per_device_train_batch_size and gradient_accumulation_steps with --set so "
            "that it can, or show fewer GPUs with CUDA_VISIBLE_DEVICES.",
        )
    return steps
