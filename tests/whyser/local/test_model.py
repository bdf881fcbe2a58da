"""A checkpoint on this disk, asked through its process."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from whyser.io.errors import InputError, WhyserError
from whyser.local.model import LocalModel, template_of, window_of

QUESTION = "What emotion do you think the audio expresses?"


@pytest.fixture(scope="session")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sound") / "tone.wav"
    soundfile.write(path, 0.3 * np.sin(np.arange(16_000) * 0.1), 16_000)
    return path


@pytest.fixture(scope="module")
def model(part: Callable[[str], Path]) -> Iterator[LocalModel]:
    with LocalModel(part("qwen2_audio"), "whyser") as loaded:
        yield loaded


def test_it_answers_as_transformers_does_on_the_prompt_of_training(
    model: LocalModel, part: Callable[[str], Path], sound: Path
) -> None:
    import torch
    import transformers

    from whyser.io import audio

    reply = model.answer(sound, QUESTION, max_tokens=8)
    hub: Any = transformers
    folder = part("qwen2_audio")
    processor = hub.AutoProcessor.from_pretrained(folder)
    prompt = (
        "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n"
        f"<|audio_bos|><|AUDIO|><|audio_eos|>{QUESTION}<|im_end|>\n<|im_start|>assistant\n"
    )
    given = processor(
        text=prompt, audio=[audio.load(sound)], sampling_rate=16_000, return_tensors="pt"
    )
    with torch.inference_mode():
        network = hub.Qwen2AudioForConditionalGeneration.from_pretrained(folder).eval()
        ids = network.generate(**given, max_new_tokens=8, do_sample=False)
    new = ids[0, given["input_ids"].shape[1] :]
    assert reply.text == processor.tokenizer.decode(new, skip_special_tokens=True)
    assert (reply.prompt_tokens, reply.completion_tokens) == (given["input_ids"].shape[1], len(new))
    assert reply.is_cut


def test_it_continues_an_answer_and_weighs_its_tokens(model: LocalModel, sound: Path) -> None:
    whole = model.answer(sound, QUESTION, max_tokens=2, alternatives=5)
    (first, second) = whole.tokens
    assert first.text + second.text == whole.text
    for token in whole.tokens:
        values = [value for _, value in token.alternatives]
        assert values == sorted(values, reverse=True) and sum(np.exp(values)) < 1
        # It decodes greedily: the chosen token is the likeliest.
        assert token.alternatives[0] == (token.text, pytest.approx(token.logprob))
    rest = model.answer(sound, QUESTION, begun=first.text, max_tokens=1, alternatives=1)
    assert rest.text == second.text


@pytest.mark.slow
def test_settings_of_the_checkpoint_that_sample_do_not_count(
    model: LocalModel, part: Callable[[str], Path], sound: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(part("qwen2_audio"), folder)
    settings = {"do_sample": True, "temperature": 9.0, "repetition_penalty": 9.0}
    (folder / "generation_config.json").write_text(json.dumps(settings))
    with LocalModel(folder, "whyser") as other:
        answers = [one.answer(sound, QUESTION, max_tokens=6).text for one in (model, other)]
    assert answers[0] == answers[1]


@pytest.mark.slow
def test_a_related_architecture_is_loaded_with_the_installed_code(
    checkpoint: Callable[..., Path], sound: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(checkpoint("dual_encoder"), folder)
    for code in folder.glob("*.py"):
        code.write_text("raise SystemExit('code of the folder was executed')")
    with LocalModel(folder, "whyser") as model:
        assert model.answer(sound, QUESTION, max_tokens=3).completion_tokens > 0


@pytest.mark.slow
def test_an_adapter_is_loaded_with_its_model(
    part: Callable[[str], Path], sound: Path, tmp_path: Path
) -> None:
    import transformers
    from peft import LoraConfig, get_peft_model

    hub: Any = transformers
    base = part("qwen2_audio")
    network = hub.Qwen2AudioForConditionalGeneration.from_pretrained(base)
    # Its weights are those of the model until it is trained.
    get_peft_model(network, LoraConfig(target_modules=["q_proj"])).save_pretrained(tmp_path)
    with LocalModel(tmp_path) as model, LocalModel(base, "whyser") as whole:
        assert template_of(tmp_path) == "whyser"
        answers = [one.answer(sound, QUESTION, max_tokens=4).text for one in (model, whole)]
    assert answers[0] == answers[1]


@pytest.mark.slow
def test_another_kind_of_model_is_named(tmp_path: Path, sound: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    with (
        LocalModel(tmp_path) as model,
        pytest.raises(InputError, match=r"is a model of the kind 'llama'.*--endpoint"),
    ):
        model.answer(sound, QUESTION)


@pytest.mark.slow
def test_a_checkpoint_without_weights_is_named(
    part: Callable[[str], Path], tmp_path: Path, sound: Path
) -> None:
    shutil.copy(part("qwen2_audio") / "config.json", tmp_path)
    with LocalModel(tmp_path) as model:
        with pytest.raises(InputError, match="cannot be loaded") as error:
            model.answer(sound, QUESTION)
        # A second question says the same, and not that the process ended.
        with pytest.raises(InputError) as again:
            model.answer(sound, QUESTION)
        assert again.value is error.value


@pytest.mark.slow
def test_a_checkpoint_with_half_of_its_weights_is_named(
    part: Callable[[str], Path], tmp_path: Path, sound: Path
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(part("qwen2_audio"), folder)
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with LocalModel(folder) as model, pytest.raises(InputError, match=r"cannot be loaded.*whole"):
        model.answer(sound, QUESTION)


def test_a_folder_without_a_model_is_refused_before_anything_loads(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no model"):
        LocalModel(tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        LocalModel(tmp_path / "nowhere")


def test_a_folder_of_several_trainings_names_them(tmp_path):
    for name in ("small_freeze", "small_lora", "checkpoints"):
        (tmp_path / name).mkdir()
    (tmp_path / "small_freeze" / "config.json").write_text("{}")
    (tmp_path / "small_lora" / "adapter_config.json").write_text("{}")
    with pytest.raises(InputError) as raised:
        LocalModel(tmp_path)
    assert raised.value.cure == "Give one of its folders: small_freeze, small_lora."


@pytest.mark.slow
def test_a_process_that_ends_is_an_error(part: Callable[[str], Path], sound: Path) -> None:
    with LocalModel(part("qwen2_audio")) as model:
        model._process.kill()
        with pytest.raises(WhyserError, match=r"the process of the model ended.*memory"):
            model.answer(sound, QUESTION)


def test_what_a_model_hears_and_how_it_is_asked(
    part: Callable[[str], Path], tmp_path: Path
) -> None:
    assert window_of(part("qwen2_audio")) == 6
    assert window_of(tmp_path) == 30
    assert template_of(part("qwen2_audio")) == "official"
    (tmp_path / "trainer_state.json").touch()
    assert template_of(tmp_path) == "whyser"
