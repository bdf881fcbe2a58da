"""LLaMA-Factory's own parser reads every YAML; rows 10 and 11 follow the paper; a variant differs
only in the keys that it declares."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from whyser_converters.datasets.dataset_info import STANDARD_NAMES

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "llamafactory_configs"
#: What is served lies in a folder of its own.
CONFIGS = [path for path in sorted(FOLDER.rglob("*.yaml")) if path.parent.name != "serving"]


def name_of(path: Path) -> str:
    """A configuration's family and file name, such as qwen2audio/lora_sft_reason."""
    return path.relative_to(FOLDER).with_suffix("").as_posix()


SETTINGS = {name_of(path): yaml.safe_load(path.read_text(encoding="utf-8")) for path in CONFIGS}

Settings = dict[str, Any]
Command = tuple[dict[str, str], list[str]]
Manual = Callable[[Path], dict[str, list[Command]]]
Ask = Callable[..., dict[str, Any]]

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

#: Reads command lines as llamafactory-cli does and tells all arguments. bf16 is refused without a
#: GPU unless use_cpu says that a CPU is meant, so it is added; it changes nothing else.
READER = """
import json, sys
from omegaconf import OmegaConf
from llamafactory.hparams import get_infer_args, get_train_args
plain = (str, int, float, bool, list, type(None))
for verb, path, *overrides in json.loads(sys.argv[1]):
    given = [OmegaConf.load(path), OmegaConf.from_cli(overrides)]
    if verb == "train":
        given.append({"use_cpu": True})
    settings = OmegaConf.to_container(OmegaConf.merge(*given))
    found = {}
    for arguments in (get_train_args if verb == "train" else get_infer_args)(settings):
        found.update({k: v for k, v in vars(arguments).items() if isinstance(v, plain)})
    found = {k: getattr(v, "value", v) for k, v in found.items()}
    print("ANSWER", json.dumps([" ".join([verb, path, *overrides]), found]))
"""
#: A process group of one: DeepSpeed's YAMLs are refused outside of one.
ALONE = {
    **{"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1"},
    **{"MASTER_PORT": "29517", "DS_ACCELERATOR": "cpu"},
}


def shown(manual: Manual, path: Path) -> list[list[str]]:
    """The file as it is, and every command of its header, without llamafactory-cli."""
    verb = "export" if "export_dir" in SETTINGS[name_of(path)] else "train"
    commands = [words[1:] for found in manual(path).values() for _, words in found]
    return [[verb, f"llamafactory_configs/{name_of(path)}.yaml"], *commands]


def check_read(answers: dict[str, Settings], paths: list[Path]) -> None:
    for path in paths:
        verb = "export" if "export_dir" in SETTINGS[name_of(path)] else "train"
        found = answers[f"{verb} llamafactory_configs/{name_of(path)}.yaml"]
        for key, value in SETTINGS[name_of(path)].items():
            got = found[key]
            if isinstance(got, list):
                got = ",".join(map(str, got))
            if key == "report_to":
                continue  # "none" becomes an empty list
            assert got == value, f"{name_of(path)}: {key} is {got!r}, written as {value!r}"


@pytest.mark.slow
def test_llamafactory_reads_every_yaml_and_every_shown_command(ask: Ask, manual: Manual) -> None:
    paths = [path for path in CONFIGS if "deepspeed" not in SETTINGS[name_of(path)]]
    answers = ask(READER, *(words for path in paths for words in shown(manual, path)))
    check_read(answers, paths)
    for target, row in (("label", 10), ("reason", 11)):
        found = answers[f"train llamafactory_configs/qwen2audio/lora_sft_{target}.yaml"]
        assert {key: found[key] for key in PAPER} == PAPER, f"row {row}"
        assert found["dataset"] == [f"whyser_train_{target}"]
    for line, found in answers.items():
        if "_predict" in line:
            assert (found["do_sample"], found["max_new_tokens"]) == (False, 512), line
            assert found["predict_with_generate"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "path", [path for path in CONFIGS if "deepspeed" in SETTINGS[name_of(path)]], ids=name_of
)
def test_llamafactory_reads_every_deepspeed_yaml(
    needs: Callable[[str, str], None], ask: Ask, manual: Manual, path: Path
) -> None:
    needs("deepspeed", "pip install 'whyser[deepspeed]'")
    # The group is of this machine's CPU, where the default backend has no place.
    words = [[*words, "ddp_backend=gloo"] for words in shown(manual, path)]
    answers = ask(READER, words[0][:2], *words, **ALONE)
    check_read(answers, [path])


# ---- what a variant differs in -----------------------------------------------------------------

BASE = "qwen2audio/lora_sft_reason"
TRAINING = [name for name, settings in SETTINGS.items() if settings.get("do_train")]
#: Families of models that are so small that their settings are their own.
SMALL = ("small/", "tiny/")
VARIANTS = [name for name in TRAINING if name != BASE and not name.startswith(SMALL)]

#: Nothing else may differ from row 11, in any training YAML.
FREE = {
    # what is trained, on what, how much of it
    *("model_name_or_path", "adapter_name_or_path", "template", "dataset", "eval_dataset"),
    *("max_samples", "mix_strategy", "output_dir", "stage", "finetuning_type"),
    # LoRA's own, where there is none; the preference's own, where there is one
    *("lora_rank", "lora_alpha", "lora_target", "create_new_adapter", "pref_loss", "pref_beta"),
    # the engine
    *("deepspeed", "ray_num_workers", "gradient_accumulation_steps"),
    *("quantization_bit", "quantization_method", "double_quantization"),
    # blocks for epochs; a second stage is short and gentle
    *("num_train_epochs", "disable_shuffling", "learning_rate"),
}


#: The related architectures bring their code, and train connectors that begin as noise.
SPEECHLM = FREE | {
    *("trust_remote_code", "freeze_vision_tower", "freeze_multi_modal_projector"),
    *("additional_target", "freeze_trainable_layers", "freeze_extra_modules"),
    *(
        "ddp_find_unused_parameters",
        "use_reentrant_gc",
        "per_device_train_batch_size",
        "per_device_eval_batch_size",
    ),
}


def brings_code(name: str) -> bool:
    """Whether it is of a related architecture, whose code comes with its weights."""
    return name.startswith("speechlm/")


def differences(name: str) -> set[str]:
    base, own = SETTINGS[BASE], SETTINGS[name]
    return {key for key in base | own if base.get(key) != own.get(key)}


@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_shares_every_other_value_with_row_11(name: str) -> None:
    assert "output_dir" in differences(name)
    assert differences(name) <= (SPEECHLM if brings_code(name) else FREE)
    batch = SETTINGS[name]["gradient_accumulation_steps"]
    # Contrast is within what one device sees at once.
    at_once = 32 if "_align" in name else 1
    assert SETTINGS[name]["per_device_train_batch_size"] == at_once
    assert batch * at_once in (8, 32) or "8 GPUs" in header(FOLDER / f"{name}.yaml")
    if brings_code(name):
        assert SETTINGS[name]["learning_rate"] == 1e-4
    elif "dpo" not in name:
        assert SETTINGS[name]["learning_rate"] == SETTINGS[BASE]["learning_rate"]


def test_predictions_differ_in_what_is_asked_alone() -> None:
    base = SETTINGS["qwen2audio/lora_predict"]
    free = {"model_name_or_path", "adapter_name_or_path", "finetuning_type", "template"}
    for name, own in SETTINGS.items():
        if "_predict" in name and not name.startswith(SMALL):
            differ = {key for key in base | own if base.get(key) != own.get(key)}
            trusts = {"trust_remote_code"} if brings_code(name) else set()
            assert differ <= free | trusts | {"eval_dataset", "output_dir"}, name


def test_every_run_can_be_resumed_and_ends_with_its_best() -> None:
    for name in (BASE, *VARIANTS):
        found = SETTINGS[name]
        # With it LLaMA-Factory starts over; without, it finds the last checkpoint.
        assert "overwrite_output_dir" not in found
        assert found["load_best_model_at_end"] and found["early_stopping_steps"]
        assert found["save_steps"] % found["eval_steps"] == 0
        assert "_dev_" in found["eval_dataset"] and found["seed"] == 42


def test_no_two_runs_write_into_one_folder() -> None:
    folders = [SETTINGS[name]["output_dir"] for name in TRAINING]
    assert len(set(folders)) == len(folders)


# ---- names, manuals, the table -----------------------------------------------------------------


@pytest.mark.parametrize("name", SETTINGS)
def test_a_yaml_names_datasets_of_the_table(name: str) -> None:
    found = SETTINGS[name]
    given = [found[key].split(",") for key in ("dataset", "eval_dataset") if key in found]
    names = {one for names in given for one in names}
    assert bool(names) != ("export_dir" in found)
    assert names <= set(STANDARD_NAMES)
    if trained := found.get("dataset"):
        assert "test" not in trained


def header(path: Path) -> str:
    return path.read_text(encoding="utf-8").split("### ")[0]


@pytest.mark.parametrize("path", CONFIGS, ids=name_of)
def test_every_header_is_a_manual(path: Path, manual: Manual) -> None:
    text = header(path)
    words = ["Reproduces", "Hardware", "Data", "Launch", "Override", "Cannot"]
    if name_of(path) in (BASE, *VARIANTS):
        words.append("Resume")
    for word in words:
        assert re.search(rf"^# {word}  ", text, re.MULTILINE), f"{name_of(path)}: no {word}"
    name = name_of(path)
    assert {words[1] for words in shown(manual, path)} == {f"llamafactory_configs/{name}.yaml"}
    assert SETTINGS[name]["trust_remote_code"] is brings_code(name)
    ((settings, _),) = manual(path)["Launch"]
    assert ("FORCE_TORCHRUN" in settings) == ("deepspeed" in SETTINGS[name])
    assert ("USE_RAY" in settings) == ("ray_num_workers" in SETTINGS[name])


@pytest.mark.parametrize("path", CONFIGS, ids=name_of)
def test_a_name_says_what_the_yaml_does(path: Path) -> None:
    kind, stage, *_ = path.stem.split("_")
    found = SETTINGS[name_of(path)]
    assert kind == {True: "qlora"}.get("quantization_bit" in found, kind)
    if kind not in ("qlora", "base"):
        assert kind == found["finetuning_type"]
    if found.get("do_train"):
        assert stage == found["stage"]
    else:
        assert stage == ("export" if "export_dir" in found else "predict")
    assert path.parent.parent == FOLDER
    assert path.parent.name in ("qwen2audio", "qwen25omni", "small", "speechlm", "tiny")


@pytest.mark.parametrize("path", CONFIGS, ids=name_of)
def test_a_header_names_configurations_that_exist(path: Path) -> None:
    for other in re.findall(r"[\w./]+\.yaml", header(path)):
        assert (ROOT / other).is_file() or (path.parent / other).is_file(), other


PREDICTIONS = [path for path in CONFIGS if "_predict" in path.stem]


@pytest.mark.parametrize("path", PREDICTIONS, ids=name_of)
def test_a_prediction_shows_the_overrides_of_the_closed_form(path: Path, manual: Manual) -> None:
    commands, own = manual(path), SETTINGS[name_of(path)]
    ((_, launch),), ((_, closed),) = commands["Launch"], commands["Closed"]
    assert closed[: len(launch)] == launch
    assert closed[len(launch) :] == [
        f"{key}={own[key].replace('whyser_test_open', 'whyser_test_closed')}"
        for key in ("eval_dataset", "output_dir")
    ]


def test_every_deepspeed_file_is_named_and_leaves_the_batch_to_the_yaml() -> None:
    files = {path.name for path in (FOLDER / "deepspeed").glob("*.json")}
    named = {found["deepspeed"] for found in SETTINGS.values() if "deepspeed" in found}
    assert named == {f"llamafactory_configs/deepspeed/{name}" for name in files}
    for name in named:
        engine = json.loads((ROOT / name).read_text(encoding="utf-8"))
        assert "train_batch_size" not in engine
        assert engine["train_micro_batch_size_per_gpu"] == "auto"


def table() -> str:
    """The README's table, as the headers and the values give it."""
    lines = ["| file | what | hardware | unlike row 11 |", "|---|---|---|---|"]
    for path in CONFIGS:
        text = header(path)
        what = text.splitlines()[0].removeprefix("# ").rstrip(".")
        (hardware,) = re.findall(r"^# Hardware +([^.;(:]+)", text, re.MULTILINE)
        unlike = "-"
        if name_of(path) in VARIANTS:
            unlike = ", ".join(f"`{key}`" for key in sorted(differences(name_of(path))))
        if name_of(path) in VARIANTS and brings_code(name_of(path)):
            unlike = "another model"
        name = name_of(path)
        lines.append(f"| [{name}]({name}.yaml) | {what} | {hardware.strip()} | {unlike} |")
    return "\n".join(lines)


def test_the_readme_shows_every_yaml() -> None:
    page = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert table() in page, f"write this into llamafactory_configs/README.md:\n{table()}"
