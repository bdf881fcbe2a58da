"""Checks a run of a `whyser-speechlm` model: encoders stay frozen, connectors train.

LLaMA-Factory keeps LoRA out of encoders only in models that it knows, and it does not know these.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from whyser_converters.check.adapters import MATCHES, MAY_BE_TIED, names_of, rename_or_remove
from whyser_converters.check.findings import CheckFault
from whyser_converters.check.model import folder_of, is_speechlm, module_names, weight_names

_MODULES = "modules that do not exist"
_CURE = (
    "Name only modules of the language model, o_proj,gate_proj,up_proj,down_proj,lm_head, or "
    "whole names such as language_model.model.layers.0.self_attn.q_proj."
)


def speechlm_faults(settings: Mapping[str, Any]) -> Iterator[CheckFault]:
    """Faults of settings that such a model does not support; none for any other model."""
    folder = folder_of(settings)
    if folder is None or not is_speechlm(folder):
        return
    yield from trust_faults(folder, settings.get("trust_remote_code"))
    if (template := settings.get("template")) != "qwen2_audio":
        what = f"template is {template!r}, but the model expects the sound as qwen2_audio has it"
        yield CheckFault("templates of other models", what, "Write template: qwen2_audio.")
    if not settings.get("do_train"):
        return
    if settings.get("quantization_bit"):
        what = "quantization_bit also quantises the connectors, which then cannot train"
        yield CheckFault("connectors that cannot train", what, "Remove it.")
    how = settings.get("finetuning_type", "lora")
    if how == "freeze":
        yield from _freeze_faults(folder, settings)
    # An adapter that is trained on keeps its modules, whatever the YAML names.
    elif how == "lora" and (
        not settings.get("adapter_name_or_path") or settings.get("create_new_adapter")
    ):
        yield from _lora_faults(folder, settings)


def trust_faults(folder: Path, trusts: Any) -> Iterator[CheckFault]:
    if trusts is not True and is_speechlm(folder):
        what = f"{folder} comes with its own code, which does not run without trust_remote_code"
        yield CheckFault("models with their own code", what, "Write trust_remote_code: true.")


def _lora_faults(folder: Path, settings: Mapping[str, Any]) -> Iterator[CheckFault]:
    """`adapter_faults` reports names that are in no module."""
    modules = module_names(folder)
    learning: set[str] = set()
    for target in names_of(settings.get("lora_target")) or ["all"]:
        found = modules if target == "all" else MATCHES["lora_target"](target, modules)
        if heard := _of("encoder", found):
            yield _encoder_fault(f"lora_target {target!r}", heard, _CURE)
        elif found and not _of("model", found) and target not in MAY_BE_TIED:
            what = f"lora_target {target!r} names no module of the language model"
            yield CheckFault(_MODULES, what, _CURE)
        learning |= found
    for name in names_of(settings.get("additional_target")):
        found = MATCHES["additional_target"](name, modules)
        if heard := _of("encoder", found):
            yield _encoder_fault(f"additional_target {name!r}", heard, "Name the connectors.")
        learning |= found
    yield from _connector_faults("additional_target", modules, learning)


def _freeze_faults(folder: Path, settings: Mapping[str, Any]) -> Iterator[CheckFault]:
    """LLaMA-Factory accepts the name of a module that directly holds a weight outside of any list
    of layers, and unfreezes all weights whose names contain it.

    Weights that are frozen already stay frozen, so no encoder trains.

    Source: `_setup_freeze_tuning` of llamafactory/model/adapter.py, 0.9.5.
    """
    weights = weight_names(folder)
    holders = {name.split(".")[-2] for name in weights if not re.search(r"\.\d+\.", name)}
    free: set[str] = set()
    for name in names_of(settings.get("freeze_extra_modules")):
        found = {weight for weight in weights if name in weight}
        if found and found == _of("encoder", found):
            yield _encoder_fault(f"freeze_extra_modules {name!r}", found, "Name the connectors.")
        elif name not in holders:
            what = f"freeze_extra_modules names {name!r}, but {folder} has no such module"
            yield CheckFault(_MODULES, what, rename_or_remove(name, holders))
        free |= found
    yield from _connector_faults("freeze_extra_modules", weights, free)
    if settings.get("freeze_trainable_layers") is None:
        what = "freeze_trainable_layers is not set: 2 layers of the language model would train"
        cure = "Write freeze_trainable_layers: 0 to train only the connectors."
        yield CheckFault("layers that train by default", what, cure, warns=True)


def _encoder_fault(who: str, names: set[str], cure: str) -> CheckFault:
    encoders = " and ".join(sorted(_parts(names)))
    what = f"{who} reaches into {encoders}, and encoders never train"
    return CheckFault("modules of encoders", what, cure)


def _connector_faults(key: str, names: set[str], learning: set[str]) -> Iterator[CheckFault]:
    for connector in sorted(_parts(_of("connector", names)) - _parts(learning)):
        what = f"{key} leaves out {connector}, which then does not train"
        yield CheckFault(
            "connectors that do not train", what, "Name it, unless this is intended.", warns=True
        )


def _parts(names: set[str]) -> set[str]:
    """The model's parts, whose names end with their kind: `speech_encoder.model.conv1` is in
    `speech_encoder`, an encoder."""
    return {name.partition(".")[0] for name in names}


def _of(kind: str, names: set[str]) -> set[str]:
    return {name for name in names if name.partition(".")[0].endswith(f"_{kind}")}
