"""A native Qwen2-Audio of published parts: what is in it, and what is refused before it is read."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers

from whyser.assembly import native
from whyser.assembly.build import parts_of
from whyser.assembly.native import build_native
from whyser.assembly.tokens import TOKENS
from whyser.baselines.ssl.pretrained import load
from whyser.io.audio import audio_tokens
from whyser.io.errors import InputError
from whyser.prompting.prompts import TRAINED


@pytest.fixture
def instructed(part: Callable[[str], Path], tmp_path: Path) -> Callable[..., Path]:
    """A language model of the parts with a chat template, and other values in its config.json."""

    def copy(name: str, **values: Any) -> Path:
        folder = tmp_path / "parts" / f"{name} {'-'.join(values)}".strip()
        shutil.copytree(part(name), folder)
        (folder / "chat_template.jinja").write_text("{{ messages[0]['content'] }}")
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(config | values))
        return folder

    return copy


@pytest.fixture
def assemble(part: Callable[[str], Path], tmp_path: Path) -> Callable[..., Any]:
    """Builds it into a folder, and loads it with `transformers` alone."""

    def make(llm: Path, *, speech: Path | None = None, **options: Any) -> Any:
        parts = {"speech": str(speech or part("whisper")), "llm": str(llm)}
        settings: dict[str, Any] = {"window": None, "adds_tokens": True, "seed": 0} | options
        build_native(parts, tmp_path / "built", **settings)
        return transformers.Qwen2AudioForConditionalGeneration.from_pretrained(
            tmp_path / "built", output_loading_info=True, dtype="auto"
        )

    return make


def logits(model: Any, ids: list[int]) -> torch.Tensor:
    with torch.inference_mode():
        found: torch.Tensor = model(torch.tensor([ids])).logits
    return found


# ---- what is in it -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["llama", "qwen2", "bfloat16", "qwen2_audio"])
def test_the_language_model_answers_as_before_to_the_bit(
    name: str, instructed: Any, assemble: Any
) -> None:
    source = instructed(name)
    model, loading = assemble(source)
    assert not any(loading[kind] for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    kind = transformers.AutoModelForCausalLM
    if name == "qwen2_audio":
        kind = transformers.Qwen2AudioForConditionalGeneration
    own = kind.from_pretrained(source, dtype="auto")
    before = logits(getattr(own, "language_model", own), [5, 6, 7])
    after = logits(model.language_model, [5, 6, 7])
    assert after[..., : before.shape[-1]].equal(before)
    assert model.config.text_config.model_type == "qwen2"
    assert {weights.dtype for weights in model.parameters()} == {before.dtype}


def test_the_encoder_is_whisper_s(instructed: Any, assemble: Any, part: Any) -> None:
    own = load(str(part("whisper"))).encoder.state_dict()
    found = assemble(instructed("llama"))[0].audio_tower.state_dict()
    assert {f"model.{key}" for key in found} == own.keys()
    assert all(own[f"model.{key}"].equal(weights) for key, weights in found.items())


def test_a_tied_head_is_untied(instructed: Any, assemble: Any) -> None:
    model, _ = assemble(instructed("qwen2"))
    head, words = model.get_output_embeddings().weight, model.get_input_embeddings().weight
    assert head.equal(words) and head.data_ptr() != words.data_ptr()
    assert not model.config.text_config.tie_word_embeddings


def test_added_tokens_are_single_and_its_turns_end(
    instructed: Any, assemble: Any, tmp_path: Path
) -> None:
    model, _ = assemble(instructed("llama"))
    processor = transformers.AutoProcessor.from_pretrained(tmp_path / "built")
    tokenizer = processor.tokenizer
    assert type(processor).__name__ == "Qwen2AudioProcessor"
    assert all(len(tokenizer.encode(token, add_special_tokens=False)) == 1 for token in TOKENS)
    assert model.config.audio_token_index == tokenizer.convert_tokens_to_ids("<|AUDIO|>")
    assert tokenizer.eos_token == "<|im_end|>"
    assert tokenizer.eos_token_id in model.generation_config.eos_token_id
    assert not model.generation_config.do_sample
    assert processor.chat_template == TRAINED.read_text(encoding="utf-8")
    assert model.get_input_embeddings().weight.shape[0] == len(tokenizer)


@pytest.mark.parametrize("seconds", [0.5, 1.99, 2.0, 3.5])
def test_all_agree_about_the_tokens_of_a_window(
    seconds: float, instructed: Any, assemble: Any, tmp_path: Path
) -> None:
    model, _ = assemble(instructed("llama"), window=2)
    processor = transformers.AutoProcessor.from_pretrained(tmp_path / "built")
    sound = np.random.default_rng(0).normal(0, 0.1, round(16_000 * seconds)).astype(np.float32)
    text = "<|audio_bos|><|AUDIO|><|audio_eos|>What?"
    inputs = processor(text=text, audio=[sound], sampling_rate=16_000, return_tensors="pt")
    heard = (inputs["input_ids"] == model.config.audio_token_index).sum()
    assert heard == audio_tokens(len(sound), window=2) <= 50
    assert inputs["input_features"].shape[-1] == 200
    # The model refuses another number than that of its own states.
    with torch.inference_mode():
        assert model(**inputs).logits.isfinite().all()


def test_a_state_of_sound_is_as_large_as_a_word(instructed: Any, assemble: Any) -> None:
    model, _ = assemble(instructed("llama"))
    with torch.inference_mode():
        states = model.audio_tower(torch.randn(1, 16, 3000)).last_hidden_state
        sizes = model.multi_modal_projector(states).square().mean().sqrt()
        words = model.get_input_embeddings().weight.square().mean().sqrt()
    assert sizes.item() == pytest.approx(words.item(), rel=0.3)


def test_the_projector_begins_by_the_seed_alone(instructed: Any, assemble: Any) -> None:
    source = instructed("llama")
    first, again, other = (
        assemble(source, seed=seed)[0].multi_modal_projector.linear.weight for seed in (0, 0, 1)
    )
    assert first.equal(again) and not first.equal(other)


def test_its_parts_add_up_and_say_when_they_train(
    instructed: Any, part: Any, tmp_path: Path
) -> None:
    parts = {"speech": str(part("whisper")), "llm": str(instructed("llama"))}
    model = build_native(parts, tmp_path / "built", window=2, adds_tokens=True, seed=0)
    found = {one.name: one for one in parts_of(model)}
    assert sum(one.parameters for one in found.values()) == model.num_parameters()
    assert {name: one.trains for name, one in found.items()} == {
        "audio_tower": "never",
        "multi_modal_projector": "in every stage",
        "language_model": "by LoRA, after the connectors",
    }
    record = json.loads((tmp_path / "built" / "speechlm.json").read_text())
    assert record == {"recipe": "qwen2_audio", "parts": parts, "window": 2}
    assert not list((tmp_path / "built").glob("*.py"))


# ---- what is refused, before any weights are read ------------------------------------------------


def _refused(make: Callable[[], Any], told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def opened(*_: Any, **__: Any) -> None:
        pytest.fail("weights were read")

    monkeypatch.setattr(native, "load_encoder", opened)
    monkeypatch.setattr(native, "load_decoder", opened)
    with pytest.raises(InputError, match=f"(?s){told}"):
        make()


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"head_dim": 8}, "its heads are 16 wide, those of a Qwen2 32"),
        ({"attention_bias": True}, "has biases that a Qwen2 lacks.*SmolLM2"),
        ({"mlp_bias": True}, "has biases that a Qwen2 lacks"),
        ({"model_type": "mistral"}, "'mistral', and that of a Qwen2-Audio is a Qwen2.*dual_enc"),
        ({"model_type": "hubert"}, "'hubert', no decoder-only language model"),
    ],
)
def test_another_language_model_is_named(
    values: dict[str, Any], told: str, instructed: Any, assemble: Any, monkeypatch: Any
) -> None:
    source = instructed("llama", **values)
    _refused(lambda: assemble(source), told, monkeypatch)


@pytest.mark.parametrize(
    ("speech", "told"),
    [
        ("hubert", "is a hubert, and the encoder of a Qwen2-Audio is Whisper's"),
        ("llama", "'llama', no speech encoder"),
    ],
)
def test_another_encoder_is_named(
    speech: str, told: str, instructed: Any, assemble: Any, part: Any, monkeypatch: Any
) -> None:
    source = instructed("llama")
    _refused(lambda: assemble(source, speech=part(speech)), told, monkeypatch)


def test_mels_that_differ_are_named(
    instructed: Any, assemble: Any, part: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    speech = Path(shutil.copytree(part("whisper"), tmp_path / "whisper"))
    own = json.loads((speech / "preprocessor_config.json").read_text())
    (speech / "preprocessor_config.json").write_text(json.dumps(own | {"feature_size": 80}))
    source = instructed("llama")
    told = "feature_size 80, the encoder takes 16"
    _refused(lambda: assemble(source, speech=speech), told, monkeypatch)


def test_a_window_that_the_encoder_lacks_is_named(
    instructed: Any, assemble: Any, monkeypatch: Any
) -> None:
    source = instructed("llama")
    _refused(lambda: assemble(source, window=31), "window is 30 s.*--window", monkeypatch)


def test_a_tokenizer_without_turns_is_named(
    instructed: Any, assemble: Any, part: Any, monkeypatch: Any
) -> None:
    told = "no chat template.*instruction-tuned"
    _refused(lambda: assemble(part("llama")), told, monkeypatch)
    source = instructed("llama")
    told = r"lacks the qwen2_audio template's token <\|im_start\|>.*--add-tokens"
    _refused(lambda: assemble(source, adds_tokens=False), told, monkeypatch)


def test_the_command_builds_it_and_refuses_settings_of_other_recipes(
    instructed: Any, part: Any, speechlm: Any, tmp_path: Path
) -> None:
    given = ["--speech", part("whisper"), "--llm", instructed("llama"), "--add-tokens"]
    output = tmp_path / "built"
    command = ["build", "qwen2_audio", *given, "--output", output]
    for more, cure in (
        (["--width", 16], "Leave --width out"),
        (["--content-tokens", 3], "Leave --content-tokens out"),
        (["--no-alternate"], "Leave --alternate out"),
        (["--emotion", part("hubert")], "Leave --emotion out"),
    ):
        status, out, told = speechlm(*command, *more)
        assert status == 1 and cure in " ".join(told.split()) and not out, told
    status, out, told = speechlm(*command, "--window", 2, "--json")
    assert status == 0, told
    assert [one["name"] for one in json.loads(out)] == [
        *("audio_tower", "multi_modal_projector", "language_model"),
    ]
    assert "Train its multi_modal_projector first" in told
    status, _, told = speechlm("build", "semollm", *command[2:], "--window", 2)
    assert status == 1 and "Leave --window out" in " ".join(told.split())
