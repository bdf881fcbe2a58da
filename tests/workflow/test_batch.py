from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml

from whyser.io.errors import InputError
from whyser_workflow.batch import accumulation, gpu_count, processes_of, written_for


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """A shell in which LLaMA-Factory is told nothing."""
    for name in ("USE_RAY", "FORCE_TORCHRUN", "NPROC_PER_NODE"):
        monkeypatch.delenv(name, raising=False)


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
    ("settings", "processes"),
    [
        ({}, 1),
        ({"deepspeed": "zero2.json"}, 8),
        ({"ray_num_workers": 4}, 4),
        ({"ray_num_workers": 4, "deepspeed": "zero2.json"}, 4),
        ({"deepspeed": None, "ray_num_workers": None}, 1),
        ({"deepspeed": "zero2.json", "use_cpu": True}, 1),
    ],
)
def test_the_processes_that_a_configuration_is_written_for(
    settings: dict[str, object], processes: int
) -> None:
    assert written_for(settings) == processes
    batch = of(2, 4) | settings
    assert accumulation(batch, processes) == 4
    assert accumulation(batch, 1) == 4 * processes


def test_shipped_configurations_have_8_rows_a_step_on_the_gpus_of_their_headers(root: Path) -> None:
    seen = set()
    for path in (root / "llamafactory_configs/qwen2audio").glob("*.yaml"):
        text = path.read_text(encoding="utf-8")
        settings = yaml.safe_load(text)
        if not settings.get("do_train"):
            continue
        (hardware,) = [line for line in text.splitlines() if line.startswith("# Hardware")]
        gpus = 8 if hardware.split()[2] == "8" else 1
        assert written_for(settings) == gpus, path.name
        for processes in (1, 2, 4, 8):
            steps = accumulation(settings, processes)
            assert settings["per_device_train_batch_size"] * steps * processes == 8, path.name
        seen.add(gpus)
    assert seen == {1, 8}


@pytest.mark.parametrize(
    ("visible", "told", "count"),
    [
        ("0,1,2,3", {}, 4),
        ("0,1,2,3", {"NPROC_PER_NODE": "2"}, 2),
        # LLaMA-Factory starts one process by itself then.
        ("0", {"NPROC_PER_NODE": "2"}, 1),
        ("0", {"NPROC_PER_NODE": "2", "FORCE_TORCHRUN": "1"}, 2),
        ("0", {"FORCE_TORCHRUN": "1"}, 1),
        ("", {"USE_RAY": "1"}, 6),
        ("0,1,2,3", {"USE_RAY": "0"}, 4),
    ],
)
def test_processes_are_those_that_llamafactory_starts(
    visible: str, told: dict[str, str], count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    assert processes_of({"ray_num_workers": 6}) == count
    assert processes_of({"use_cpu": True}) == 1


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
