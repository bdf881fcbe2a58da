"""Checks the settings of a YAML that do not concern the rows: checkpoints, engine, keys."""

from __future__ import annotations

import ast
import importlib.util
import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from whyser.io.errors import did_you_mean
from whyser.io.extras import install, is_installed, listed
from whyser_converters.check.adapters import adapter_faults
from whyser_converters.check.findings import CheckFault
from whyser_converters.check.speechlm import speechlm_faults

_MODELS = ("model_name_or_path", "ref_model", "reward_model")
_ADAPTERS = ("adapter_name_or_path", "ref_model_adapters", "reward_model_adapters")
_CHECKPOINTS = (*_MODELS, *_ADAPTERS, "resume_from_checkpoint")
#: A model's id on a hub looks like a path of two parts; these are the folders of our runs.
_HUB_ID = re.compile(r"(?!(saves|data|results|out|output)/)[A-Za-z0-9][\w.-]*(/[\w.-]+)?")

#: Where LLaMA-Factory's keys are declared: package, files in it. Files are read, not imported.
_DECLARED = {
    "llamafactory": "hparams/*_args.py",
    "transformers": "training_args*.py",
}


def run_faults(settings: Mapping[str, Any]) -> Iterator[CheckFault]:
    """Faults that would end or spoil the run, whatever the rows are."""
    yield from _library_faults(settings)
    yield from _key_faults(settings)
    yield from _checkpoint_faults(settings)
    yield from adapter_faults(settings)
    yield from speechlm_faults(settings)
    yield from _engine_faults(settings)
    if settings.get("packing") and not settings.get("neat_packing"):
        what = "packing: rows that share a sequence attend to each other's sound and answer"
        yield CheckFault("rows that hear each other", what, "Set packing to false.", warns=True)


def _library_faults(settings: Mapping[str, Any]) -> Iterator[CheckFault]:
    """A warning where LLaMA-Factory is missing: the run is probably meant for another machine."""
    needed = {"train": "llamafactory"} | dict(_engines(settings))
    missing = {extra: library for extra, library in needed.items() if not is_installed(library)}
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        what = f"the run needs {listed(missing.values())}, which {verb} not installed here"
        yield CheckFault("missing libraries", what, install(missing), warns="train" in missing)


def _engines(settings: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The extra and the library of every engine that the settings turn on."""
    if settings.get("quantization_bit") and settings.get("quantization_method", "bnb") == "bnb":
        yield "qlora", "bitsandbytes"
    if settings.get("deepspeed"):
        yield "deepspeed", "deepspeed"
    if settings.get("ray_num_workers"):
        yield "ray", "ray"


def _key_faults(settings: Mapping[str, Any]) -> Iterator[CheckFault]:
    known = known_keys()
    for key in settings:
        if known and str(key) not in known:
            close = did_you_mean(str(key), known).partition("]. ")[2]
            what = f"LLaMA-Factory refuses the key {key!r}"
            yield CheckFault("unknown keys", what, close or "Remove it.")


@cache
def known_keys() -> frozenset[str]:
    """Every key of the installed LLaMA-Factory; none where it is not installed.

    They are read from its source and that of transformers in a tenth of a second; importing the
    two takes ten.
    """
    found: set[str] = set()
    for package, files in _DECLARED.items():
        spec = importlib.util.find_spec(package)
        if spec is None or spec.origin is None:
            return frozenset()
        for file in Path(spec.origin).parent.glob(files):
            found.update(_fields(ast.parse(file.read_text(encoding="utf-8"))))
    return frozenset(found)


def _fields(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            for line in node.body:
                if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name):
                    yield line.target.id


def _checkpoint_faults(settings: Mapping[str, Any]) -> Iterator[CheckFault]:
    for key in _CHECKPOINTS:
        for name in _checkpoint_names(settings.get(key)):
            if Path(name).expanduser().exists():
                continue
            what = f"{key} names {name!r}, and there is no such folder"
            # Every adapter on a hub has an owner; a few old models have none.
            may_be_of_a_hub = key in _MODELS or (key in _ADAPTERS and "/" in name)
            if not (may_be_of_a_hub and _HUB_ID.fullmatch(name)):
                cure = "Train it first, or correct the path; a model of a hub is 'owner/name'."
                yield CheckFault("checkpoints that do not exist", what, cure)
            elif key in _ADAPTERS:
                what = f"{what}: it would be fetched from a hub"
                yield CheckFault(
                    "adapters of a hub", what, "If it is a path, correct it.", warns=True
                )


def _checkpoint_names(value: Any) -> list[str]:
    """None for `resume_from_checkpoint: true`, which takes the last existing checkpoint."""
    if not value or isinstance(value, bool):
        return []
    given = value if isinstance(value, list) else str(value).split(",")
    return [str(name).strip() for name in given]


def _engine_faults(settings: Mapping[str, Any]) -> Iterator[CheckFault]:
    kind = "DeepSpeed settings"
    given = settings.get("deepspeed")
    if given is None:
        return
    if not isinstance(given, str):
        engine = given
    elif not Path(given).is_file():
        what = f"deepspeed names {given!r}, and there is no such file"
        yield CheckFault(kind, what, "Ours are in llamafactory_configs/deepspeed/.")
        return
    else:
        try:
            engine = json.loads(Path(given).read_text(encoding="utf-8"))
        except ValueError as error:
            yield CheckFault(kind, f"{given} is not valid JSON ({error})", "Mend that line.")
            return
    zero = engine.get("zero_optimization", {}) if isinstance(engine, dict) else None
    if not isinstance(zero, dict):
        what = f"{given} holds no object of settings, or none under 'zero_optimization'"
        yield CheckFault(kind, what, "Ours are in llamafactory_configs/deepspeed/.")
    elif zero.get("stage") == 3:
        yield from _zero_3_faults(settings)


def _zero_3_faults(settings: Mapping[str, Any]) -> Iterator[CheckFault]:
    kind = "DeepSpeed settings"
    if settings.get("predict_with_generate"):
        what = "ZeRO-3 cannot predict: LLaMA-Factory refuses predict_with_generate"
        yield CheckFault(kind, what, "Predict on one GPU, without 'deepspeed'.")
    if settings.get("adapter_name_or_path") and settings.get("create_new_adapter"):
        what = "ZeRO-3 trains the given adapter on instead of merging it for a new one"
        yield CheckFault(kind, what, "Take ZeRO-2, or merge it first by llamafactory-cli export.")
