"""The small student by the shipped YAMLs: built of parts, one step of each stage, answers.

The parts are the real ones that `WHYSER_REAL_PARTS` names, or tiny ones of the published classes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ..parts import LLM, SPEECH, real_parts, write_parts

pytestmark = pytest.mark.slow

Launch = Callable[..., Path]
Cli = Callable[..., str]

STEP = ("max_steps=1", "max_samples=8", "warmup_ratio=0", "learning_rate=1e-2")


@dataclass
class Student:
    built: Path
    projected: Path
    adapted: Path


@pytest.fixture(scope="module")
def student(
    cli: Cli, launch: Launch, workplace: Path, tmp_path_factory: pytest.TempPathFactory
) -> Student:
    """One step of both stages."""
    parts = real_parts() or write_parts(tmp_path_factory.mktemp("parts"))
    built = workplace / "models" / "small"
    cli(
        *("whyser-speechlm", "build", "qwen2_audio", "--speech", parts / SPEECH),
        *("--llm", parts / LLM, "--add-tokens", "--window", "6", "--output", built),
        cwd=workplace,
    )
    name = "small/freeze_sft_projector"
    start = f"model_name_or_path={built}"
    projected = launch(name, start, *STEP, output="out/small_projector")
    start = f"model_name_or_path={projected}"
    name = "small/lora_sft_reason"
    return Student(built, projected, launch(name, start, *STEP, output="out/small_adapter"))


def weights(folder: Path) -> dict[str, Any]:
    from safetensors.numpy import load_file

    (file,) = folder.glob("*model.safetensors")
    return load_file(file)


def test_the_first_stage_trains_the_projector_and_nothing_else(student: Student) -> None:
    before, after = weights(student.built), weights(student.projected)
    moved = {name for name in before if (before[name] != after[name]).any()}
    assert {name.rpartition(".")[0] for name in moved} == {"multi_modal_projector.linear"}


def test_the_second_stage_trains_lora_in_the_language_model_and_the_projector(
    student: Student,
) -> None:
    found = weights(student.adapted)
    assert not [name for name in found if "audio_tower" in name]
    parts = {
        re.sub(r"layers\.\d+", "layers.N", name)
        for name in found
        # PEFT also saves the head as it was.
        if ".base_layer." not in name
    }
    inside = "base_model.model.language_model"
    assert parts == {
        f"{inside}.{module}.lora_{half}.weight"
        for module in (
            *(f"model.layers.N.self_attn.{one}_proj" for one in "qkvo"),
            "lm_head",
        )
        for half in "AB"
    } | {f"base_model.model.multi_modal_projector.linear.{kind}" for kind in ("weight", "bias")}


def test_it_answers(student: Student, launch: Launch) -> None:
    folder = launch(
        "small/lora_predict",
        *(f"model_name_or_path={student.projected}", f"adapter_name_or_path={student.adapted}"),
        *("max_samples=2", "max_new_tokens=5"),
        output=f"{student.adapted}_answers",
    )
    lines = (folder / "generated_predictions.jsonl").read_text(encoding="utf-8").splitlines()
    answers = [json.loads(line)["predict"] for line in lines]
    assert len(answers) == 2 and all(answers)


def test_check_finds_no_fault_and_names_clips_longer_than_the_window(
    student: Student, cli: Cli, workplace: Path
) -> None:
    yaml = "llamafactory_configs/small/freeze_sft_projector.yaml"
    said = cli("whyser-convert", "check", yaml, f"model_name_or_path={student.built}",
               cwd=workplace)  # fmt: skip
    assert "no problem found" in said


def test_our_tokens_are_those_of_llamafactory(
    student: Student, cli: Cli, workplace: Path, tmp_path: Path
) -> None:
    """`tokenize` counts the tokens of a clip, of which LLaMA-Factory computes the mels."""
    from datasets import load_from_disk

    own = (f"model_name_or_path={student.built}", "max_samples=4", "use_cpu=true")
    yaml = "llamafactory_configs/small/lora_sft_reason.yaml"
    cli("whyser-convert", "tokenize", yaml, *own, "--output", tmp_path / "ours", cwd=workplace)
    cli("llamafactory-cli", "train", yaml, *own, f"tokenized_path={tmp_path / 'theirs'}",
        f"output_dir={tmp_path / 'out'}", "preprocessing_num_workers=1", cwd=workplace)  # fmt: skip
    ours, theirs = (load_from_disk(str(tmp_path / name))["train"] for name in ("ours", "theirs"))
    assert ours["input_ids"] == theirs["input_ids"]
