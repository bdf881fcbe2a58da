"""The Slurm script under a simulated Slurm, in which this machine plays both nodes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from ..programs import QUIET

#: Both nodes at once, each with its number, as srun does with one task a node.
SRUN = """#!/usr/bin/env bash
set -u
[[ $1 == --kill-on-bad-exit=1 ]] && shift
SLURM_NODEID=0 "$@" & first=$!
SLURM_NODEID=1 "$@" & second=$!
wait $first && wait $second
"""
#: In parts, as a long list comes: whoever reads the first line alone must not break the pipe.
SCONTROL = """#!/usr/bin/env bash
[[ "$*" == "show hostnames node[1-2]" ]] && echo 127.0.0.1 && sleep 0.2 && echo node2
"""


@pytest.fixture
def slurm(tmp_path: Path) -> dict[str, str]:
    """The environment of a job of two nodes."""
    for name, text in {"srun": SRUN, "scontrol": SCONTROL}.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    return {
        **os.environ,
        "PATH": f"{tmp_path}:{QUIET['PATH']}",
        "OMP_NUM_THREADS": "1",
        "NPROC_PER_NODE": "1",
        "SLURM_JOB_ID": str(os.getpid()),
        "SLURM_JOB_NODELIST": "node[1-2]",
        "SLURM_NNODES": "2",
    }


def submit(
    folder: Path, environment: dict[str, str], *words: str
) -> subprocess.CompletedProcess[str]:
    script = "llamafactory_configs/slurm/train.sbatch"
    return subprocess.run(
        ["bash", script, *words],
        cwd=folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.slow
def test_two_nodes_train_as_one(
    workplace: Path, small: tuple[str, ...], slurm: dict[str, str]
) -> None:
    yaml = "llamafactory_configs/qwen2audio/lora_sft_label.yaml"
    given = ("gradient_accumulation_steps=4", "ddp_backend=gloo", "output_dir=out/slurm")
    done = submit(workplace, slurm, yaml, *small, *given)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    assert "no problem found" in done.stderr
    results = json.loads((workplace / "out/slurm/train_results.json").read_text("utf-8"))
    # Two steps of 8 rows: 4 on each node, not 8.
    assert round(results["train_runtime"] * results["train_samples_per_second"]) == 16


def test_srun_gets_the_cores_of_the_job(root: Path, tmp_path: Path, slurm: dict[str, str]) -> None:
    """Since Slurm 22.05 srun does not take --cpus-per-task from the job."""
    programs = {"whyser-convert": "true", "llamafactory-cli": 'echo "$SRUN_CPUS_PER_TASK cores"'}
    for name, line in programs.items():
        (tmp_path / name).write_text(f"#!/usr/bin/env bash\n{line}\n")
        (tmp_path / name).chmod(0o755)
    shutil.copytree(root / "llamafactory_configs/slurm", tmp_path / "llamafactory_configs/slurm")
    (tmp_path / "a.yaml").write_text("stage: sft\n")
    done = submit(tmp_path, slurm | {"SLURM_CPUS_PER_TASK": "32"}, "a.yaml")
    assert (done.returncode, done.stdout) == (0, "32 cores\n32 cores\n"), done.stderr


def test_what_the_check_refuses_is_not_started(root: Path, slurm: dict[str, str]) -> None:
    done = submit(root, slurm, "llamafactory_configs/qwen2audio/lora_sft_label.yaml",
                  "dataset=nonsense")  # fmt: skip
    assert done.returncode == 1
    assert "no dataset 'nonsense'" in done.stderr


def test_a_job_without_a_yaml_is_wrong_usage(root: Path, slurm: dict[str, str]) -> None:
    for words in ((), ("gone.yaml",)):
        done = submit(root, slurm, *words)
        assert done.returncode == 2
        assert done.stderr.startswith("Usage: sbatch ")


def test_the_script_is_clean(root: Path) -> None:
    if shutil.which("shellcheck") is None:
        pytest.skip("shellcheck is not installed")
    for script in sorted((root / "llamafactory_configs").rglob("*.sbatch")):
        done = subprocess.run(
            ["shellcheck", str(script)], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout
