from __future__ import annotations

import os
from pathlib import Path

import pytest

from whyser.io.errors import InputError
from whyser_workflow.batch import accumulation, gpu_count, processes_of


def of(each: int, steps: int) -> dict[str, int]:
    return {"per_device_train_batch_size": each, "gradient_accumulation_steps": steps}


@pytest.mark.parametrize(
    ("each", "steps", "processes", "kept"),
    [(1, 8, 1, 8), (1, 8, 2, 4), (1, 8, 8, 1), (2, 6, 3, 2), (16, 1, 1, 1)],
)
def test_the_global_batch_stays(each: int, steps: int, processes: int, kept: int) -> None:
    assert accumulation(of(each, steps), processes) == kept
    assert each * kept * processes == each * steps


@pytest.mark.parametrize(("each", "steps", "processes"), [(1, 8, 3), (1, 8, 16), (8, 1, 2)])
def test_what_cannot_be_shared_is_refused(each: int, steps: int, processes: int) -> None:
    with pytest.raises(InputError) as caught:
        accumulation(of(each, steps), processes)
    assert str(caught.value).startswith(
        f"a global batch of {each * steps} rows cannot be shared by {processes} GPUs that take "
        f"{each} at a time. Set per_device_train_batch_size and gradient_accumulation_steps"
    )


def test_llamafactorys_defaults_hold() -> None:
    assert accumulation({}, 1) == 1
    assert accumulation({"gradient_accumulation_steps": 4}, 4) == 1


@pytest.mark.parametrize(
    ("visible", "count"), [("0,1,2,3", 4), ("5", 1), ("", 0), ("-1", 0), ("GPU-a, GPU-b", 2)]
)
def test_gpus_that_are_shown(visible: str, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert gpu_count() == count
    assert processes_of({}) == max(count, 1)
    assert processes_of({"use_cpu": True}) == 1


def test_gpus_that_the_driver_lists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert gpu_count() == 0
    tool = tmp_path / "nvidia-smi"
    tool.write_text('#!/bin/sh\necho "GPU 0: H200 (UUID: GPU-1)"\necho "GPU 1: H200 (UUID: x)"\n')
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/bin")
    assert gpu_count() == 2
