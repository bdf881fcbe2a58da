"""The weights that each training YAML trains and the tokens that carry its loss, according to
LLaMA-Factory's own loader on tiny models of the two architectures."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import yaml

from whyser_converters.datasets.dataset_info import entry

from ..programs import start

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = {
    f"{path.parent.name}/{path.stem}": yaml.safe_load(path.read_text(encoding="utf-8"))
    for path in sorted((ROOT / "llamafactory_configs").glob("qwen*/*.yaml"))
}
TRAINING = {name: found for name, found in SETTINGS.items() if found.get("do_train")}

QUESTION = "What emotion do you think is conveyed?"
ANSWER = "<asr>It is eleven o'clock.</asr><answer>I think the emotion is sad</answer>"
WORSE = "<answer>I think the emotion is happy</answer>"

LOADER = """
import json, sys
from omegaconf import OmegaConf
from llamafactory.data import get_dataset, get_template_and_fix_tokenizer
from llamafactory.hparams import get_train_args
from llamafactory.model import load_model, load_tokenizer
for name, own in json.loads(sys.argv[1]):
    given = OmegaConf.load(f"llamafactory_configs/{name}.yaml")
    arguments = get_train_args(OmegaConf.to_container(OmegaConf.merge(given, own)))
    model_args, data_args, training_args, finetuning_args, _ = arguments
    tools = load_tokenizer(model_args)
    model = load_model(tools["tokenizer"], model_args, finetuning_args, is_trainable=True)
    answer = {"trains": [n for n, one in model.named_parameters() if one.requires_grad],
              "all": [n for n, _ in model.named_parameters()]}
    if tools["processor"] is not None:
        template = get_template_and_fix_tokenizer(tools["tokenizer"], data_args)
        stage = {"dpo": "rm"}.get(finetuning_args.stage, finetuning_args.stage)
        rows = get_dataset(template, model_args, data_args, training_args, stage=stage, **tools)
        row = rows["train_dataset"][0]
        answer["learnt"] = [tools["tokenizer"].decode([token for token in row[key] if token >= 0])
                            for key in ("labels", "chosen_labels", "rejected_labels") if key in row]
    print("ANSWER", json.dumps([name, answer]))
"""

#: A Qwen2.5-Omni of a quarter of a million weights; its processor is not needed to load it.
OMNI = """
import sys
import torch, transformers
out, tiny = sys.argv[1:]
text = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 4, "vocab_size": 2000}
hears = {"d_model": 32, "encoder_layers": 2, "encoder_attention_heads": 4, "encoder_ffn_dim": 64,
         "output_dim": 32}
sees = {"depth": 2, "hidden_size": 32, "intermediate_size": 64, "num_heads": 4,
        "out_hidden_size": 32}
config = transformers.Qwen2_5OmniConfig(
    thinker_config={"audio_config": hears, "vision_config": sees, "text_config": text},
    enable_audio_output=False,
)
transformers.Qwen2_5OmniForConditionalGeneration(config).save_pretrained(out)
torch.save({}, f"{out}/spk_dict.pt")
transformers.AutoTokenizer.from_pretrained(tiny).save_pretrained(out)
"""


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """By YAML: the names of all weights, of those that train, and the text that is learnt."""
    from whyser.demo.model import write_model

    folder = tmp_path_factory.mktemp("loaded")
    (folder / "llamafactory_configs").symlink_to(ROOT / "llamafactory_configs")
    write_model(folder / "qwen2audio")
    made = start(["python", "-c", OMNI, "qwen25omni", "qwen2audio"], folder)
    assert made.returncode == 0, made.stderr[-3000:]
    write_rows(folder)
    asked = [(name, made_small(name, found)) for name, found in TRAINING.items()]
    done = start(["python", "-c", LOADER, json.dumps(asked)], folder)
    assert done.returncode == 0, done.stderr[-3000:]
    lines = [line for line in done.stdout.splitlines() if line.startswith("ANSWER ")]
    return dict(json.loads(line.removeprefix("ANSWER ")) for line in lines)


def made_small(name: str, found: dict[str, Any]) -> dict[str, Any]:
    """Another checkpoint and no engine; what trains, and on which tokens, stays the YAML's."""
    own = {
        **{"model_name_or_path": name.split("/")[0], "adapter_name_or_path": None},
        **{"deepspeed": None, "quantization_bit": None, "use_cpu": True, "bf16": False},
        **{"dataset": "pairs" if found["stage"] == "dpo" else "rows", "eval_dataset": None},
        **{"eval_strategy": "no", "load_best_model_at_end": False, "early_stopping_steps": None},
        **{"preprocessing_num_workers": 1},
    }
    return own


def write_rows(folder: Path) -> None:
    soundfile.write(folder / "a.wav", np.random.default_rng(0).uniform(-0.1, 0.1, 16_000), 16_000)
    asked = {"role": "user", "content": f"<audio>{QUESTION}"}
    good, bad = ({"role": "assistant", "content": text} for text in (ANSWER, WORSE))
    row = {"messages": [asked, good], "audios": ["a.wav"]}
    pair = {"messages": [asked], "chosen": good, "rejected": bad, "audios": ["a.wav"]}
    table = {"rows": entry("rows.json"), "pairs": {**entry("pairs.json"), "ranking": True}}
    table["pairs"]["columns"] = {
        **table["rows"]["columns"],
        **{"chosen": "chosen", "rejected": "rejected"},
    }
    for name, content in {"rows": [row], "pairs": [pair], "dataset_info": table}.items():
        (folder / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")


@pytest.mark.parametrize("name", TRAINING)
def test_nothing_that_hears_or_sees_is_trained(
    loaded: dict[str, dict[str, Any]], name: str
) -> None:
    found = loaded[name]
    senses = ("audio_tower", "multi_modal_projector", "visual")
    assert any(sense in one for one in found["all"] for sense in senses)
    assert found["trains"]
    assert not [one for one in found["trains"] if any(sense in one for sense in senses)]


@pytest.mark.parametrize(
    "name", [name for name, found in TRAINING.items() if found["finetuning_type"] == "lora"]
)
def test_lora_is_on_qkvo_of_every_layer_and_the_head(
    loaded: dict[str, dict[str, Any]], name: str
) -> None:
    found = loaded[name]
    layers = {int(one) for text in found["all"] for one in re.findall(r"model\.layers\.(\d+)", text)
              if "audio_tower" not in text}  # fmt: skip
    modules = {re.sub(r".*?((layers\.\d+\.self_attn\.\w+|lm_head)\.lora_[AB]).*", r"\1", one)
               for one in found["trains"]}  # fmt: skip
    assert modules == {f"lm_head.lora_{half}" for half in "AB"} | {
        f"layers.{layer}.self_attn.{projection}_proj.lora_{half}"
        for layer in layers
        for projection in "qkvo"
        for half in "AB"
    }


def test_full_fine_tuning_trains_the_whole_language_model(
    loaded: dict[str, dict[str, Any]],
) -> None:
    found = loaded["qwen2audio/full_sft_reason"]
    assert set(found["trains"]) == {
        one for one in found["all"] if one.startswith("language_model.")
    }


@pytest.mark.parametrize("name", [name for name in TRAINING if "omni" not in name])
def test_the_loss_touches_the_assistants_tokens_only(
    loaded: dict[str, dict[str, Any]], name: str
) -> None:
    expected = [ANSWER, WORSE] if TRAINING[name]["stage"] == "dpo" else [ANSWER]
    assert [text.rstrip("\n") for text in loaded[name]["learnt"]] == [
        f"{text}<|im_end|>" for text in expected
    ]
