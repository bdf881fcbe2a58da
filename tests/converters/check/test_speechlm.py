"""`check` on runs of a model that brings its code, compared with PEFT and LLaMA-Factory."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from whyser.io.errors import InputError
from whyser_converters.check.clips import judge
from whyser_converters.check.findings import CheckFault
from whyser_converters.check.model import QWEN2_AUDIO, Hearing, hearing_of, module_names
from whyser_converters.check.run import run_faults

LAYER = "layers.0.self_attn"
CONNECTORS = "content_connector,emotion_connector"
WEIGHTS = [
    "speech_encoder.model.conv1.weight",
    *(f"speech_encoder.model.{LAYER}.{one}_proj.weight" for one in ("q", "k", "v", "out")),
    "speech_encoder.model.layers.0.fc1.weight",
    "emotion_encoder.model.encoder.layer_norm.weight",
    "emotion_encoder.model.encoder.layers.0.attention.q_proj.weight",
    *(f"content_connector.compression.{one}.weight" for one in ("up", "down")),
    *(f"emotion_connector.compression.{one}.weight" for one in ("up", "down")),
    *("content_connector.scale", "emotion_connector.scale"),
    *("language_model.lm_head.weight", "language_model.model.norm.weight"),
    *(f"language_model.model.{LAYER}.{one}_proj.weight" for one in "qkvo"),
    *(f"language_model.model.layers.0.mlp.{one}_proj.weight" for one in ("gate", "up", "down")),
]


@pytest.fixture(params=["header", "index"])
def model(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The small files of a checkpoint, and the names of its weights."""
    folder = tmp_path / "model"
    folder.mkdir()
    if request.param == "index":
        index = {"weight_map": dict.fromkeys(WEIGHTS, "model-1-of-2.safetensors")}
        _write(folder / "model.safetensors.index.json", index)
    else:
        entry = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
        header = json.dumps(dict.fromkeys(WEIGHTS, entry)).encode()
        weights = len(header).to_bytes(8, "little") + header
        (folder / "model.safetensors").write_bytes(weights)
    _write(folder / "config.json", {"model_type": "whyser_speechlm"})
    hearing = {"num_audio_tokens": 50, "max_duration": 6.0}
    _write(folder / "preprocessor_config.json", hearing)
    return folder


def _write(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value), encoding="utf-8")


def faults(model: Path, **settings: Any) -> list[CheckFault]:
    common = {"trust_remote_code": True, "template": "qwen2_audio", "do_train": True}
    return list(run_faults({"model_name_or_path": str(model), **common, **settings}))


def errors(model: Path, **settings: Any) -> list[str]:
    found = [fault for fault in faults(model, **settings) if not fault.warns]
    return [f"{fault.what}. {fault.cure}" for fault in found]


def warnings(model: Path, **settings: Any) -> list[str]:
    return [fault.what for fault in faults(model, **settings) if fault.warns]


FREEZE = {"finetuning_type": "freeze", "freeze_trainable_layers": 0}


@pytest.mark.parametrize(
    "settings",
    [
        {"lora_target": "o_proj,gate_proj,up_proj,down_proj,lm_head"},
        {"lora_target": [f"language_model.model.{LAYER}.q_proj"]},
        {"lora_target": "o_proj", "additional_target": "compression"},
        {**FREEZE, "freeze_extra_modules": CONNECTORS, "lora_target": "all"},
        {**FREEZE, "freeze_extra_modules": ["content_connector", "emotion_connector", "norm"]},
        {"finetuning_type": "full"},
        {"do_train": False, "do_predict": True, "lora_target": "all"},
        {"do_train": False, "finetuning_type": "freeze"},
    ],
    ids=str,
)
def test_what_is_right_is_left_alone(model: Path, settings: Mapping[str, Any]) -> None:
    assert faults(model, **{"additional_target": CONNECTORS, **settings}) == []


@pytest.mark.parametrize("trusts", [None, False, "yes"])
def test_code_of_its_own_must_be_trusted_even_to_predict(model: Path, trusts: Any) -> None:
    [said] = errors(model, trust_remote_code=trusts, do_train=False)
    assert said.endswith("without trust_remote_code. Write trust_remote_code: true.")


@pytest.mark.parametrize("template", [None, "qwen"])
def test_another_template_is_named(model: Path, template: Any) -> None:
    [said] = errors(model, template=template, do_train=False)
    assert said.startswith(f"template is {template!r}") and "Write template: qwen2_audio" in said


@pytest.mark.parametrize(
    ("target", "encoders"),
    [
        ("q_proj", "emotion_encoder and speech_encoder"),
        (f"model.{LAYER}.v_proj", "speech_encoder"),
        ("fc1", "speech_encoder"),
        ("all", "emotion_encoder and speech_encoder"),
        (None, "emotion_encoder and speech_encoder"),
    ],
)
def test_a_target_within_an_encoder_is_named(model: Path, target: Any, encoders: str) -> None:
    [said] = errors(model, lora_target=target, additional_target=CONNECTORS)
    assert said.startswith(
        f"lora_target {target or 'all'!r} reaches into {encoders}, and encoders never train. "
    )
    assert "o_proj,gate_proj,up_proj,down_proj,lm_head" in said
    assert "language_model.model.layers.0.self_attn.q_proj" in said


def test_every_fault_of_a_list_is_told(model: Path) -> None:
    said = errors(model, lora_target="k_proj,down,o_porj,lm_head", additional_target=CONNECTORS)
    assert len(said) == 3
    assert "names 'o_porj'" in said[0] and "Did you mean 'o_proj'?" in said[0]
    assert "'k_proj' reaches into speech_encoder," in said[1]
    assert "'down' names no module of the language model" in said[2]


def test_a_tied_head_may_be_named_alone(model: Path) -> None:
    names = [name for name in WEIGHTS if "lm_head" not in name]
    _write(model / "model.safetensors.index.json", {"weight_map": dict.fromkeys(names, "x")})
    assert errors(model, lora_target="lm_head", additional_target=CONNECTORS) == []


@pytest.mark.parametrize(
    ("added", "said"),
    [
        ("content_conector", "Did you mean 'content_connector'?"),
        ("speech_encoder", "'speech_encoder' reaches into speech_encoder, and encoders never"),
        # PEFT takes any end of a name: the language model's norm, and an encoder's layer_norm.
        ("norm", "'norm' reaches into emotion_encoder, and"),
    ],
)
def test_what_else_trains_is_looked_at(model: Path, added: str, said: str) -> None:
    [found] = errors(model, lora_target="o_proj", additional_target=f"{CONNECTORS},{added}")
    assert "additional_target" in found and said in found


def test_a_connector_that_is_left_out_is_warned_of(model: Path) -> None:
    said = warnings(model, lora_target="o_proj", additional_target="emotion_connector")
    assert said == ["additional_target leaves out content_connector, which then does not train"]
    assert len(warnings(model, lora_target="o_proj")) == 2
    assert warnings(model, lora_target="o_proj", additional_target="connector") == []
    assert warnings(model, lora_target="o_proj", additional_target="down") == []
    said = warnings(model, **FREEZE, freeze_extra_modules="content_connector")
    assert said == ["freeze_extra_modules leaves out emotion_connector, which then does not train"]


@pytest.mark.parametrize(
    ("module", "said"),
    [
        ("content_conector", "Did you mean 'content_connector'?"),
        # Holds no weight itself.
        ("compression", "has no such module"),
        ("conv1", "'conv1' reaches into speech_encoder, and encoders never train"),
        ("speech_encoder", "'speech_encoder' reaches into speech_encoder, and"),
        # LLaMA-Factory looks outside of lists of layers alone.
        ("mlp", "has no such module"),
    ],
)
def test_freezing_all_but_what_is_not_there(model: Path, module: str, said: str) -> None:
    [found] = errors(model, **FREEZE, freeze_extra_modules=f"{CONNECTORS},{module}")
    assert said in found


def test_layers_that_train_by_default_are_warned_of(model: Path) -> None:
    settings = {"finetuning_type": "freeze", "freeze_extra_modules": CONNECTORS}
    [said] = warnings(model, **settings)
    assert "2 layers of the language model would train" in said
    assert faults(model, **settings, freeze_trainable_layers=1) == []


def test_an_adapter_that_is_trained_on_keeps_its_modules(model: Path) -> None:
    on = {"adapter_name_or_path": str(model), "lora_target": "q_proj"}
    assert faults(model, **on) == []
    assert len(errors(model, **on, create_new_adapter=True)) == 1


# ---- what it hears ------------------------------------------------------------------------


def test_tokens_of_a_clip_are_those_of_the_model(
    model: Path, tmp_path: Path, write_noise: Callable[..., Path]
) -> None:
    hearing = hearing_of(model)
    assert hearing == Hearing(6.0, 50)
    for seconds in (0.01, 6.0, 8.0):
        clip = judge(str(write_noise(tmp_path / "a.wav", seconds)), hearing)
        assert clip.tokens == 50
        said = [fault.what for fault in clip.faults if fault.warns]
        assert len(clip.faults) == len(said) == (seconds > 6)
    assert said[0].endswith("only the first 6 s of 8.0 s are heard")


def test_sound_after_the_window_is_none(
    model: Path, tmp_path: Path, write_noise: Callable[..., Path]
) -> None:
    import numpy as np
    import soundfile

    samples = np.concatenate([np.zeros(6 * 16_000), 0.1 * np.ones(8_000), -0.1 * np.ones(8_000)])
    soundfile.write(tmp_path / "a.wav", samples, 16_000)
    of_ours, of_qwen = (
        [fault.kind for fault in judge(str(tmp_path / "a.wav"), hearing).faults]
        for hearing in (hearing_of(model), QWEN2_AUDIO)
    )
    assert "silent clips" in of_ours and of_qwen == []


def test_a_model_of_another_kind_or_of_a_hub_hears_as_qwen2_audio(tmp_path: Path) -> None:
    assert hearing_of(None) == hearing_of(tmp_path) == QWEN2_AUDIO
    _write(tmp_path / "config.json", {"model_type": "qwen2_audio"})
    assert hearing_of(tmp_path) == QWEN2_AUDIO
    small = {"model_type": "qwen2_audio", "audio_config": {"max_source_positions": 300}}
    _write(tmp_path / "config.json", small)
    assert hearing_of(tmp_path) == Hearing(seconds=6.0)
    hub = {"model_name_or_path": "owner/name", "do_train": True, "lora_target": "all"}
    assert list(run_faults(hub)) == []


@pytest.mark.parametrize(
    "given",
    [{}, {"num_audio_tokens": 0, "max_duration": 6}, {"num_audio_tokens": 5, "max_duration": "6"}],
)
def test_a_model_that_does_not_say_is_named(model: Path, given: Any) -> None:
    _write(model / "preprocessor_config.json", given)
    with pytest.raises(InputError, match=r"preprocessor_config\.json: max_duration is "):
        hearing_of(model)


def test_what_it_hears_is_found_where_transformers_5_keeps_it(model: Path) -> None:
    file = model / "preprocessor_config.json"
    hearing = json.loads(file.read_text())
    file.unlink()
    _write(model / "processor_config.json", {"feature_extractor": hearing})
    assert hearing_of(model) == Hearing(6.0, 50)
    _write(model / "processor_config.json", {})
    with pytest.raises(InputError, match=r"/processor_config\.json: max_duration is None"):
        hearing_of(model)


def test_a_broken_config_is_named(model: Path) -> None:
    _write(model / "config.json", [])
    with pytest.raises(InputError, match=r"config\.json: holds no settings"):
        faults(model)


def test_the_command_tells_all_at_once(
    convert: Callable[..., Any],
    dataset: Callable[..., Path],
    row: Callable[..., Any],
    model: Path,
    tmp_path: Path,
) -> None:
    table = dataset([row()])
    settings = {
        **{"model_name_or_path": str(model), "do_train": True, "stage": "sft"},
        **{"dataset": "d", "dataset_dir": str(table.parent), "template": "qwen2_audio"},
        **{"lora_target": "q_proj", "additional_target": "content_conector"},
        # 11 of the template's system prompt, 10 around the turn, 2 around the clip; 5 bytes asked
        # are 2 and 43 answered 11: 36 of text, and 50 of sound.
        "cutoff_len": 85,
    }
    path = tmp_path / "run.yaml"
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    outcome = convert("check", path)
    assert outcome.status == 1
    for said in (
        "Write trust_remote_code: true",
        "'q_proj' reaches into emotion_encoder and speech_encoder",
        "Did you mean 'content_connector'?",
        "row 0: 50 audio tokens and about 36 of text and template do not fit cutoff_len 85",
        "4 problems in ",
    ):
        assert said in outcome.err
    mended = ("trust_remote_code=true", "lora_target=o_proj", f"additional_target={CONNECTORS}")
    outcome = convert("check", path, *mended, "cutoff_len=86")
    assert outcome.status == 0, outcome.err


def test_two_models_hear_the_same_clip_each_in_its_way(
    convert: Callable[..., Any],
    dataset: Callable[..., Path],
    row: Callable[..., Any],
    model: Path,
    tmp_path: Path,
) -> None:
    table = dataset([row()])
    paths = []
    for name in (str(model), "owner/name"):
        paths.append(tmp_path / f"{len(paths)}.yaml")
        settings = {
            **{"model_name_or_path": name, "eval_dataset": "d", "template": "qwen2_audio"},
            **{"dataset_dir": str(table.parent), "trust_remote_code": True},
        }
        paths[-1].write_text(yaml.safe_dump(settings), encoding="utf-8")
    outcome = convert("check", *paths)
    assert outcome.status == 0, outcome.err
    rows = [line.split("│") for line in outcome.out.splitlines() if "│ d " in line]
    # A second is 25 tokens of Qwen2-Audio.
    assert [cells[4].strip() for cells in rows] == ["50", "25"]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"model": "MODEL"}, "vLLM does not know"),
        ({"model_name_or_path": "MODEL", "infer_backend": "vllm"}, "vLLM does not know"),
        (
            {"model_name_or_path": "MODEL", "infer_backend": "huggingface"},
            "Write trust_remote_code: true",
        ),
        (
            {
                **{"model_name_or_path": "MODEL", "infer_backend": "huggingface"},
                **{"trust_remote_code": True, "template": "qwen2_audio"},
            },
            "",
        ),
    ],
    ids=str,
)
def test_serving(
    convert: Callable[..., Any],
    model: Path,
    tmp_path: Path,
    settings: Mapping[str, Any],
    said: str,
) -> None:
    given = {key: str(model) if value == "MODEL" else value for key, value in settings.items()}
    path = tmp_path / "serve.yaml"
    path.write_text(yaml.safe_dump(given), encoding="utf-8")
    outcome = convert("check", path)
    assert (outcome.status, said in outcome.err) == (1 if said else 0, True), outcome.err


# ---- as PEFT and LLaMA-Factory have it ----------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [
        {"lora_target": "all"},
        {"lora_target": "q_proj", "additional_target": CONNECTORS},
        {"lora_target": "o_proj,lm_head", "additional_target": "emotion_connector"},
        {"lora_target": "o_proj,up_proj", "additional_target": "connector"},
        {"lora_target": "o_proj", "additional_target": f"{CONNECTORS},norm"},
        {"finetuning_type": "freeze", "freeze_extra_modules": CONNECTORS},
        {**FREEZE, "freeze_extra_modules": "emotion_connector"},
        {"finetuning_type": "full"},
    ],
    ids=str,
)
def test_what_is_said_is_what_would_train(
    speechlm: Path, tmp_path: Path, settings: dict[str, Any]
) -> None:
    training = _training(speechlm, tmp_path, settings)
    said = "\n".join(fault.what for fault in faults(speechlm, **settings))
    assert ("_encoder" in said) == any(name.endswith("_encoder") for name in training)
    for connector in CONNECTORS.split(","):
        assert (f"leaves out {connector}" in said) == (connector not in training)
    by_default = "2 layers of the language model would train" in said
    if settings.get("finetuning_type") == "freeze":
        assert by_default == ("language_model" in training)


def _training(folder: Path, tmp_path: Path, settings: dict[str, Any]) -> set[str]:
    """The parts of the model of which something trains, when LLaMA-Factory has loaded it."""
    from llamafactory.hparams import get_train_args
    from llamafactory.model import load_model, load_tokenizer

    common = {
        **{"model_name_or_path": str(folder), "trust_remote_code": True, "do_train": True},
        **{"template": "qwen2_audio", "dataset": "d", "output_dir": str(tmp_path / "out")},
        **{"stage": "sft", "use_cpu": True, "report_to": "none"},
    }
    model_args, _, _, finetuning_args, _ = get_train_args({**common, **settings})
    tokenizer = load_tokenizer(model_args)["tokenizer"]
    model = load_model(tokenizer, model_args, finetuning_args, is_trainable=True)
    names = {name for name, weight in model.named_parameters() if weight.requires_grad}
    return {name.removeprefix("base_model.model.").partition(".")[0] for name in names}


@pytest.mark.slow
def test_a_built_model_says_what_it_is(speechlm: Path) -> None:
    assert hearing_of(speechlm) == Hearing(6.0, 10)
    assert "content_connector.compression.up" in module_names(speechlm)
