from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from whyser.prompting.prompts import TRAINED

ROOT = Path(__file__).resolve().parents[3]
SHIPPED = ROOT / "llamafactory_configs/serving/qwen2audio_vllm_serve.yaml"
OFFICIAL = (
    "{% for one in messages %}{% if loop.first and one['role'] != 'system' %}<|im_start|>system\n"
    "You are a helpful assistant.<|im_end|>\n{% endif %}<|im_start|>{{ one['role'] }}\n"
    "{% if one['content'] is string %}{{ one['content'] }}<|im_end|>\n{% else %}"
    "{% for part in one['content'] %}{% if part['type'] == 'audio' %}"
    "Audio 1: <|audio_bos|><|AUDIO|><|audio_eos|>\n{% else %}{{ part['text'] }}{% endif %}"
    "{% endfor %}<|im_end|>\n{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)

Convert = Callable[..., Any]


@pytest.fixture
def model(tmp_path: Path) -> Callable[..., Path]:
    def call(template: str | None = OFFICIAL, **generation: Any) -> Path:
        folder = tmp_path / "model"
        folder.mkdir()
        (folder / "config.json").write_text("{}", encoding="utf-8")
        (folder / "generation_config.json").write_text(json.dumps(generation), encoding="utf-8")
        if template is not None:
            (folder / "chat_template.jinja").write_text(template, encoding="utf-8")
        return folder

    return call


@pytest.fixture
def warnings(convert: Convert, tmp_path: Path) -> Callable[..., list[str]]:
    """What the check warns of; it never fails for a prompt."""

    def call(target: str | Path) -> list[str]:
        if isinstance(target, str):
            # The nearest constraints hold: none.
            (tmp_path / "constraints.txt").write_text("", encoding="utf-8")
            (tmp_path / "x.yaml").write_text(target, encoding="utf-8")
            target = tmp_path / "x.yaml"
        outcome = convert("check", target)
        assert outcome.status == 0, outcome.err
        return [line for line in outcome.err.splitlines() if line.startswith("warning: ")]

    return call


Warnings = Callable[[str | Path], list[str]]
Model = Callable[..., Path]


def test_an_official_template_is_warned_of_with_both_texts(
    warnings: Warnings, model: Model
) -> None:
    (warning,) = warnings(model())
    assert "its chat template writes 'Audio 1: <|audio_bos|>" in warning
    assert "where training wrote '<|audio_bos|><|AUDIO|><|audio_eos|>What emotion" in warning
    assert "Run whyser-convert servable" in warning


def test_a_sound_without_its_marks_is_warned_of(warnings: Warnings, model: Model) -> None:
    """vLLM up to 0.16 puts them there, later ones do not."""
    old = TRAINED.with_name("chat_template_vllm_0.16.jinja").read_text("utf-8")
    (warning,) = warnings(model(old))
    assert "leaves out the marks around a sound, which only vLLM up to 0.16 adds" in warning


def test_a_difference_in_the_second_turn_is_warned_of(warnings: Warnings, model: Model) -> None:
    trained = TRAINED.read_text("utf-8")
    (warning,) = warnings(model("{% if messages|length > 1 %}!{% endif %}" + trained))
    assert "writes '!<|im_start|>system" in warning


def test_no_template_is_the_processors_own(warnings: Warnings, model: Model) -> None:
    (warning,) = warnings(model(None))
    assert "has no chat template" in warning


def test_a_template_that_fails_is_a_warning(warnings: Warnings, model: Model) -> None:
    (warning,) = warnings(model("{{ messages.__class__.__mro__ }}"))
    assert "cannot be rendered (SecurityError" in warning


def test_ours_in_other_words_is_right(warnings: Warnings, model: Model) -> None:
    assert warnings(model(TRAINED.read_text("utf-8") + "{# another comment #}")) == []


def test_sampling_is_warned_of(warnings: Warnings, model: Model) -> None:
    folder = model(TRAINED.read_text("utf-8"), repetition_penalty=1.1, eos_token_id=[1])
    (warning,) = warnings(folder)
    assert "generation_config.json adds repetition_penalty 1.1 to every request" in warning


def test_a_broken_folder_ends_with_status_1(convert: Convert, model: Model) -> None:
    folder = model(None)
    (folder / "chat_template.json").write_text("{", encoding="utf-8")
    outcome = convert("check", folder)
    assert outcome.status == 1
    assert "chat_template.json:1: not valid JSON" in outcome.err


# ---- YAMLs ----------------------------------------------------------------------------------


def test_the_shipped_yaml_is_right(
    warnings: Warnings, monkeypatch: pytest.MonkeyPatch, convert: Convert
) -> None:
    monkeypatch.chdir(ROOT)
    assert warnings(SHIPPED.read_text("utf-8")) == []
    said = convert("check", SHIPPED).err
    assert "note: " in said and "'saves/" in said and "is not a model's folder" in said


def test_a_yaml_for_vllm_is_right_with_its_own_template_or_the_models(
    warnings: Warnings, model: Model
) -> None:
    folder = model(temperature=0.7)
    ours = f"model: {folder}\nchat_template: {TRAINED}\n"
    assert warnings(ours + "generation_config: vllm\n") == []
    (decoding,) = warnings(ours)
    assert "adds temperature 0.7 to every request. Write 'generation-config: vllm'" in decoding
    (prompt,) = warnings(f"model: {folder}\ngeneration-config: vllm\n")
    assert "writes 'Audio 1: " in prompt
    (folder / "chat_template.jinja").write_text(TRAINED.read_text("utf-8"), encoding="utf-8")
    assert warnings(f"model: {folder}\ngeneration-config: vllm\n") == []


def test_a_template_given_in_the_yaml_itself_is_read(warnings: Warnings) -> None:
    (warning,) = warnings("model: hub/name\nchat-template: '{{ messages[0].role }}'\n")
    assert "its chat template writes 'user' where" in warning


def test_a_template_that_is_missing_ends_with_status_1(convert: Convert, tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    for given in ("gone.jinja", "5"):
        path.write_text(f"model: hub/name\nchat-template: {given}\n", encoding="utf-8")
        outcome = convert("check", path)
        assert outcome.status == 1
        assert f"{given}: no such file" in outcome.err


def test_vllms_own_placement_of_the_sound_is_warned_of(warnings: Warnings) -> None:
    text = f"model: hub/name\nchat-template: {TRAINED}\nchat-template-content-format: string\n"
    (warning,) = warnings(text)
    assert "vLLM itself writes 'Audio 1: '" in warning


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("template: qwen2_audio\ninfer_backend: huggingface", None),
        ("template: qwen2_audio\ninfer_backend: vllm", "marks the start and end of a sound twice"),
        ("template: qwen\ninfer_backend: huggingface", "template is 'qwen', but training used"),
        ("infer_backend: huggingface", "template is None, but training used"),
    ],
)
def test_a_yaml_for_llamafactorys_api(
    warnings: Warnings, settings: str, message: str | None
) -> None:
    found = warnings(f"model_name_or_path: hub/name\n{settings}\n")
    assert len(found) == (message is not None)
    assert all(message in warning for warning in found if message)


def test_llamafactorys_api_falls_back_to_the_models_decoding(
    warnings: Warnings, model: Model
) -> None:
    """It asks for `do_sample: false`, which transformers takes for nothing said."""
    text = f"model_name_or_path: {model(do_sample=True)}\ntemplate: qwen2_audio\n"
    (warning,) = warnings(text + "infer_backend: huggingface\n")
    assert "adds do_sample True to every request" in warning


def test_a_training_yaml_stays_one(convert: Convert, tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("dataset: d\ninfer_backend: huggingface\n", encoding="utf-8")
    outcome = convert("check", path, "--dataset-dir", tmp_path)
    assert outcome.status == 1
    assert "dataset_info.json: no such file" in outcome.err
