from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from safetensors import safe_open


@pytest.fixture
def given(part: Any, tmp_path: Path) -> list[object]:
    parts = ["--emotion", part("hubert"), "--llm", part("qwen2")]
    small = ["--width", 16, "--depth", 2, "--heads", 2, "--emotion-tokens", 3]
    return ["build", "semollm", *parts, *small, "--output", tmp_path / "built"]


def test_parts_as_json_add_up_to_what_was_written(
    given: list[object], speechlm: Any, tmp_path: Path
) -> None:
    status, out, told = speechlm(*given, "--json")
    assert status == 0, told
    rows = json.loads(out)
    assert [row["name"] for row in rows] == [
        "emotion_encoder",
        "emotion_connector",
        "alignment_head",
        "language_model",
    ]
    with safe_open(tmp_path / "built" / "model.safetensors", "pt") as weights:
        written = sum(weights.get_tensor(key).numel() for key in weights.keys())  # noqa: SIM118
    assert sum(row["parameters"] for row in rows) == written
    assert "trust_remote_code: true; its connectors are emotion_connector." in told


def test_parts_as_a_table_say_what_trains(given: list[object], speechlm: Any) -> None:
    status, out, _ = speechlm(*given)
    assert status == 0
    assert "semollm: 3 tokens a clip" in out
    rows = re.findall(
        r"^\W*(\w+)\W+([\d,]+)\W*?((?:[a-zA-Z, ])*?)\W*$", out.partition("clip")[2], re.M
    )
    assert {name: trains.strip() for name, _, trains in rows} == {
        "emotion_encoder": "never",
        "emotion_connector": "in every stage",
        "alignment_head": "in the first stage",
        "language_model": "by LoRA, after the connectors",
        "all": "",
    }
    counts = {name: int(count.replace(",", "")) for name, count, _ in rows}
    assert counts.pop("all") == sum(counts.values())


def test_what_does_not_fit_ends_with_a_status_and_a_cure(
    given: list[object], speechlm: Any, tmp_path: Path
) -> None:
    for wrong, cure in (
        (["--width", 15], "multiple of the heads"),
        (["--content-tokens", 3], "Leave --content-tokens out"),
        (["--speech", "x"], "Leave --speech out"),
    ):
        status, out, told = speechlm(*given, *wrong)
        assert status == 1 and cure in " ".join(told.split()) and not out
    status, _, told = speechlm("build", "semolm", *given[2:])
    assert status == 1 and "Did you mean 'semollm'?" in told
    assert list(tmp_path.iterdir()) == []


def test_help_shows_defaults_and_an_example_without_loading_torch() -> None:
    script = (
        "import sys\nfrom whyser.assembly.cli import main\n"
        "try:\n    main()\nfinally:\n"
        "    assert not {'torch', 'transformers', 'numpy'} & set(sys.modules)\n"
    )
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", script, "build", "--help"],
        env=os.environ | {"COLUMNS": "120"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "Example: whyser-speechlm build dual_encoder" in " ".join(done.stdout.split())
    assert "default: 0" in " ".join(done.stdout.split())
    # Half a second by a clock; room for busy cores.
    assert time.perf_counter() - start < 5


def test_it_runs_as_a_module() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "whyser.assembly.cli", "build"], capture_output=True, text=True
    )
    assert done.returncode == 2 and "Missing" in done.stderr
