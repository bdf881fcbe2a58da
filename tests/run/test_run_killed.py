"""A run that is killed anywhere goes on with the same command, to the same end."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ..programs import QUIET

pytestmark = pytest.mark.slow

#: As many as a full check wants; the suite takes a few.
KILLS = int(os.environ.get("WHYSER_KILLS", "4"))
#: Steps between two checkpoints of the training.
INTERVAL = 5
SHORT = (
    *("--set", "max_steps=20", "save_strategy=steps", f"save_steps={INTERVAL}"),
    *("logging_steps=1", "per_device_train_batch_size=4", "max_samples=200"),
    *("--set-predict", "max_new_tokens=8"),
)


def start(folder: Path, name: str) -> subprocess.Popen[bytes]:
    words = [sys.executable, "-m", "whyser_workflow", "--name", name, *SHORT]
    with (folder / f"{name}.log").open("ab") as log:
        return subprocess.Popen(
            words,
            cwd=folder,
            env={**os.environ, **QUIET},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def finish(folder: Path, name: str) -> None:
    assert start(folder, name).wait() == 0, (folder / f"{name}.log").read_text()[-3000:]


def kill(process: subprocess.Popen[bytes]) -> None:
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def results(folder: Path, name: str) -> dict[str, str]:
    """What must not differ, with the run's name and place taken out."""
    files = [
        *(folder / "data" / name / "utterances").glob("*/utterances.jsonl"),
        *(folder / "data" / name / "rationales").glob("*/*.jsonl"),
        *(folder / "data" / name / "sharegpt").glob("*.json*"),
        *(folder / "results" / name / "predictions").glob("*.jsonl"),
        folder / "results" / name / "scores.json",
        folder / "results" / name / "samples.jsonl",
    ]
    texts = {str(file.relative_to(folder)): file.read_text() for file in files}
    return {key.replace(name, "RUN"): text.replace(name, "RUN") for key, text in texts.items()}


def steps(folder: Path, name: str) -> list[int]:
    """The steps that were trained, each as often as it was."""
    lines = (folder / "saves" / name / "trainer_log.jsonl").read_text().splitlines()
    found = [json.loads(line) for line in lines if line.strip()]
    return [one["current_steps"] for one in found if "loss" in one]


def test_a_run_that_is_killed_anywhere_ends_as_one_that_is_not(checkout: Path) -> None:
    began = time.monotonic()
    finish(checkout, "whole")
    lasted = time.monotonic() - began
    chance = random.Random(17)
    killed = [0]
    while sum(killed) < KILLS:
        name = f"killed-{len(killed)}"
        process = start(checkout, name)
        time.sleep(chance.uniform(1, lasted / 3))
        if process.poll() is None:
            kill(process)
            killed[-1] += 1
        else:
            # It came to its end before the next kill.
            assert process.returncode == 0, (checkout / f"{name}.log").read_text()[-3000:]
            killed.append(0)
    for number, kills in enumerate(killed, 1):
        name = f"killed-{number}"
        finish(checkout, name)
        assert results(checkout, name) == results(checkout, "whole")
        weights = [checkout / "saves" / one / "model.safetensors" for one in ("whole", name)]
        assert weights[0].read_bytes() == weights[1].read_bytes()
        repeated = len(steps(checkout, name)) - len(steps(checkout, "whole"))
        assert repeated <= kills * INTERVAL
