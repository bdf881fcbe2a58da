from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from whyser.io.errors import InputError
from whyser_converters.check.adapters import adapter_faults
from whyser_converters.check.model import module_names

NAMES = [f"model.layers.{layer}.self_attn.{one}_proj" for layer in (0, 1) for one in "qkvo"]


@pytest.fixture(params=["header", "index"])
def model(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A checkpoint's names, without its weights."""
    tensors = [f"{name}.weight" for name in NAMES]
    if request.param == "index":
        index = {"weight_map": dict.fromkeys(tensors, "model-1-of-2.safetensors")}
        (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    else:
        entry = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
        header = json.dumps({"__metadata__": {}, **dict.fromkeys(tensors, entry)}).encode()
        (tmp_path / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    return tmp_path


def told(model: Path, **settings: Any) -> list[str]:
    faults = adapter_faults({"model_name_or_path": str(model), **settings})
    return [f"{fault.what}. {fault.cure}" for fault in faults]


def test_the_names_are_those_of_the_modules(model: Path) -> None:
    assert module_names(model) == set(NAMES)


def test_a_slip_among_good_names_is_named(model: Path) -> None:
    (found,) = told(model, lora_target="q_proj,k_proj,v_porj,o_proj,lm_head")
    assert "lora_target names 'v_porj'" in found
    assert "Did you mean 'v_proj'?" in found


@pytest.mark.parametrize(
    "target",
    ["all", "q_proj,k_proj", ["q_proj", "lm_head"], "self_attn.q_proj", r"model\..*_proj", None],
)
def test_what_the_model_has_is_taken(model: Path, target: Any) -> None:
    assert told(model, lora_target=target) == []


def test_the_end_of_a_name_is_no_name(model: Path) -> None:
    assert told(model, lora_target="proj") != []


def test_another_kind_of_training_and_a_model_of_a_hub_are_left_alone(model: Path) -> None:
    assert told(model, lora_target="x", finetuning_type="full") == []
    assert told(Path("Qwen/Qwen2-Audio-7B-Instruct"), lora_target="x") == []


@pytest.mark.parametrize("content", [b"", b"1234567", b"\x05" + bytes(7) + b"{]}{]", b"\xff" * 40])
def test_a_broken_checkpoint_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.safetensors").write_bytes(content)
    with pytest.raises(InputError, match="is not a safetensors file"):
        told(tmp_path, lora_target="q_proj")
