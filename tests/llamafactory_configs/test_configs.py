"""Every YAML is read by LLaMA-Factory's own parser; rows 10 and 11 are the paper's."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = sorted((ROOT / "llamafactory_configs").rglob("*.yaml"))

#: What the paper states of rows 10 and 11 (3.1, Experiment Setup).
PAPER = {
    "stage": "sft",
    "finetuning_type": "lora",
    "lora_rank": 8,
    "lora_alpha": 16,
    "lora_target": ["q_proj", "k_proj", "v_proj", "o_proj", "lm_head"],
    "additional_target": None,
    "freeze_vision_tower": True,
    "freeze_multi_modal_projector": True,
    "template": "qwen2_audio",
    "cutoff_len": 2048,
    "max_samples": 15_000,
    "learning_rate": 1e-5,
    "num_train_epochs": 2.0,
    "lr_scheduler_type": "cosine",
    "warmup_ratio": 0.1,
    "bf16": True,
    "per_device_train_batch_size": 1,
    "gradient_accumulation_steps": 8,
    "model_name_or_path": "Qwen/Qwen2-Audio-7B-Instruct",
    # Only the assistant's tokens carry the loss.
    "train_on_prompt": False,
}

#: Reads YAMLs as `llamafactory-cli train` does and prints all arguments as JSON. bf16 is refused
#: without a GPU unless use_cpu says that a CPU is meant, so it is added; it changes nothing else.
READER = """
import json, sys
from omegaconf import OmegaConf
from llamafactory.hparams import get_train_args
plain = (str, int, float, bool, list, type(None))
for path in sys.argv[1:]:
    settings = OmegaConf.to_container(OmegaConf.merge(OmegaConf.load(path), {"use_cpu": True}))
    found = {}
    for arguments in get_train_args(settings):
        found.update({k: v for k, v in vars(arguments).items() if isinstance(v, plain)})
    print("ARGUMENTS", json.dumps([path, {k: getattr(v, "value", v) for k, v in found.items()}]))
"""


@pytest.fixture(scope="module")
def arguments() -> dict[str, dict[str, Any]]:
    """All arguments of every YAML, as LLaMA-Factory resolves them."""
    assert CONFIGS
    done = subprocess.run(
        [sys.executable, "-c", READER, *map(str, CONFIGS)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    lines = [line for line in done.stdout.splitlines() if line.startswith("ARGUMENTS ")]
    read = [json.loads(line.removeprefix("ARGUMENTS ")) for line in lines]
    return {Path(path).stem: found for path, found in read}


@pytest.mark.llamafactory
def test_llamafactory_reads_every_yaml(arguments: dict[str, dict[str, Any]]) -> None:
    for path in CONFIGS:
        found = arguments[path.stem]
        for key, value in yaml.safe_load(path.read_text(encoding="utf-8")).items():
            got = found[key]
            if isinstance(got, list):
                got = ",".join(map(str, got))
            if key == "report_to":
                continue  # "none" becomes an empty list
            assert got == value, f"{path.name}: {key} is {got!r}, written as {value!r}"


@pytest.mark.llamafactory
@pytest.mark.parametrize("target", ["label", "reason"])
def test_rows_10_and_11_are_the_papers(arguments: dict[str, Any], target: str) -> None:
    found = arguments[f"qwen2audio_lora_sft_{target}"]
    assert {key: found[key] for key in PAPER} == PAPER
    assert found["dataset"] == [f"whyser_train_{target}"]


@pytest.mark.llamafactory
def test_predictions_are_greedy_with_512_new_tokens(arguments: dict[str, Any]) -> None:
    for name, found in arguments.items():
        if "_predict_" in name:
            assert (found["do_sample"], found["max_new_tokens"]) == (False, 512), name
            assert found["predict_with_generate"]


def test_every_yaml_names_datasets_of_the_table() -> None:
    table = json.loads((ROOT / "dataset_info.json").read_text(encoding="utf-8"))
    for path in CONFIGS:
        settings = yaml.safe_load(path.read_text(encoding="utf-8"))
        names = [settings[key] for key in ("dataset", "eval_dataset") if key in settings]
        assert names, path.name
        assert set(names) <= set(table), path.name


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_header_is_a_manual(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    header = text[: text.index("### model")]
    for word in ("Reproduces", "Hardware", "Data", "Launch", "Override", "Cannot"):
        assert re.search(rf"^# {word}  ", header, re.MULTILINE), f"{path.name}: no {word}"
    launched = re.findall(r"llamafactory-cli train (\S+)", header)
    assert set(launched) == {f"llamafactory_configs/{path.name}"}
    assert "trust_remote_code: false" in text
