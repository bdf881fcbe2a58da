"""Real runs of the shipped YAMLs on the tiny model: their launch lines, made small."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.llamafactory

Launch = Callable[..., Path]


def weights(folder: Path) -> dict[str, Any]:
    from safetensors.numpy import load_file

    return load_file(folder / "adapter_model.safetensors")


def moved(folder: Path) -> set[str]:
    """Modules whose adapter was really trained: lora_B starts at zero."""
    found = {name for name, value in weights(folder).items() if "lora_B" in name and value.any()}
    return {re.sub(r"^base_model\.model\.|\.lora_B\.weight$", "", name) for name in found}


def losses(folder: Path) -> list[float]:
    """The loss of every step, as training logged it."""
    state = json.loads((folder / "trainer_state.json").read_text(encoding="utf-8"))
    return [entry["loss"] for entry in state["log_history"] if "loss" in entry]


QKVO_AND_HEAD = {"language_model.lm_head"} | {
    f"language_model.model.layers.{layer}.self_attn.{projection}_proj"
    for layer in range(3)
    for projection in "qkvo"
}


@pytest.mark.parametrize("target", ["label", "reason"])
def test_rows_10_and_11_train_exactly_qkvo_and_the_head(launch: Launch, target: str) -> None:
    # Evaluated and saved in every step, so that early stopping and load-best are passed through.
    folder = launch(f"qwen2audio_lora_sft_{target}", "eval_steps=1", "save_steps=1")
    assert moved(folder) == QKVO_AND_HEAD
    assert len(losses(folder)) == 2
    state = json.loads((folder / "trainer_state.json").read_text(encoding="utf-8"))
    assert state["best_model_checkpoint"] and "EarlyStoppingCallback" in state["stateful_callbacks"]
