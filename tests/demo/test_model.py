from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from whyser.demo.model import SPECIAL_TOKENS, write_model

RATIONALE = (
    "<asr>The airplane is almost full.</asr><answer>I think the emotion is surprise</answer>"
    "<reason>The pitch is clearly higher than usual for this speaker, and it moves a lot, while "
    "the loudness is moderate and the rate slow.</reason>"
)


@pytest.fixture(scope="module")
def processor(model: Path) -> Any:
    from transformers import AutoProcessor

    return AutoProcessor.from_pretrained(model)


def test_the_same_seed_writes_the_same_bytes(model: Path, tmp_path: Path) -> None:
    write_model(tmp_path / "again", seed=0)
    names = sorted(path.name for path in model.iterdir())
    assert names == sorted(path.name for path in (tmp_path / "again").iterdir())
    for name in names:
        first, second = ((folder / name).read_bytes() for folder in (model, tmp_path / "again"))
        assert hashlib.sha256(first).digest() == hashlib.sha256(second).digest(), name


def test_the_processor_is_qwen2_audios(processor: Any) -> None:
    assert type(processor).__name__ == "Qwen2AudioProcessor"
    tokenizer = processor.tokenizer
    assert type(tokenizer).__name__.startswith("Qwen2Tokenizer")
    assert list(tokenizer("hello")) == ["input_ids", "attention_mask"]
    for token in SPECIAL_TOKENS:
        assert len(tokenizer(token).input_ids) == 1
    chat = [{"role": "user", "content": [{"type": "audio", "audio_url": "a.wav"}]}]
    text = processor.apply_chat_template(chat, add_generation_prompt=True, tokenize=False)
    assert "Audio 1: <|audio_bos|><|AUDIO|><|audio_eos|>\n" in text


def test_a_rationale_costs_few_tokens_and_survives(processor: Any) -> None:
    ids = processor.tokenizer(RATIONALE).input_ids
    assert len(ids) < 2 * len(RATIONALE.split())
    assert processor.tokenizer.decode(ids) == RATIONALE
    strange = "Zwölf Boxkämpfer \u2014 naïve, 東京"
    assert processor.tokenizer.decode(processor.tokenizer(strange).input_ids) == strange


def test_it_is_small_loads_and_has_a_finite_loss(model: Path, processor: Any) -> None:
    import torch
    from transformers import Qwen2AudioForConditionalGeneration

    network = Qwen2AudioForConditionalGeneration.from_pretrained(model)
    assert 0.5e6 < sum(weights.numel() for weights in network.parameters()) < 2e6
    sound = np.random.default_rng(0).normal(0, 0.1, 32_000).astype(np.float32)
    text = f"<|audio_bos|><|AUDIO|><|audio_eos|>{RATIONALE}<|im_end|>"
    inputs = processor(text=text, audio=[sound], sampling_rate=16_000, return_tensors="pt")
    assert "token_type_ids" not in inputs
    assert inputs["input_features"].shape == (1, 128, 600)
    with torch.no_grad():
        loss = network(**inputs, labels=inputs["input_ids"]).loss
        silent = processor(text=text, audio=[0 * sound], sampling_rate=16_000, return_tensors="pt")
        other = network(**silent, labels=inputs["input_ids"]).loss
    assert torch.isfinite(loss)
    assert loss != other, "the sound changes nothing"


def test_generation_stops_at_the_end_of_a_turn(model: Path, processor: Any) -> None:
    from transformers import GenerationConfig

    ends = GenerationConfig.from_pretrained(model).eos_token_id
    assert processor.tokenizer.convert_tokens_to_ids("<|im_end|>") in ends
