"""Checks the settings of a YAML that do not concern the rows: checkpoints, engine, keys."""

from __future__ import annotations

import ast
import importlib.util
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from whyser.io.extras import install, is_installed, listed
from whyser.io.text import parse_json
from whyser_converters.check.adapters import adapter_faults, rename_or_remove
from whyser_converters.check.findings import CheckFault
from whyser_converters.check.model import names_in
from whyser_converters.check.speechlm import speechlm_faults

_MODELS = ("model_name_or_path", "ref_model", "reward_model")
_ADAPTERS = ("adapter_name_or_path", "ref_model_adapters", "reward_model_adapters")
_CHECKPOINTS = (*_MODELS, *_ADAPTERS, "resume_from_checkpoint")
#: A model's id on a hub looks like a path of two parts; these are the folders of our runs.
_HUB_ID = re.compile(r"(?!(saves|data|results|out|output)/)[A-Za-z0-9][\w.-]*(/[\w.-]+)?")

#: Where LLaMA-Factory's keys are declared: package, files in it. Files are read, not imported.
_DECLARED = {"llamafactory": "hparams/*_args.py", "transformers": "training_args*.py"}


def run_faults(settings: Mapping[str, Any]) -> Iterator[CheckFault]:
    """Faults that would stop or spoil the run, whatever the rows are."""
    yield from _library_faults(settings)
    yield from _key_faults(settings)
    yield from _checkpoint_faults(settings)
    yield from adapter_faults(settings)
    yield from speechlm_faults(settings)
    yield from _engine_faults(settings)
    if settings.get("packing") and not settings.get("neat_packing"):
        what = "with packing, rows of one sequence attend to each other's sound and answer"
        yield CheckFault("rows that hear each other", what, "Set packing to false.", warns=True)


def _library_faults(settings: Mapping[str, Any]) -> Iterator[CheckFault]:
    """Only a warning without LLaMA-Factory: the run is probably meant for another machine."""
    needed = {"train": "llamafactory"}
    if settings.get("quantization_bit") and settings.get("quantization_method", "bnb") == "bnb":
        needed["qlora"] = "bitsandbytes"
    if settings.get("deepspeed"):
        needed["deepspeed"] = "deepspeed"
    if settings.get("ray_num_workers"):
        needed["ray"] = "ray"
    missing = {extra: library for extra, library in needed.items() if not is_installed(library)}
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        what = f"the run needs {listed(missing.values())}, which {verb} not installed here"
        yield CheckFault("missing libraries", what, install(missing), warns="train" in missing)


def _key_faults(settings: Mapping[str, Any]) -> Iterator[CheckFault]:
    known = known_keys()
    for key in settings:
        if known and str(key) not in known:
            what = f"LLaMA-Factory refuses the key {key!r}"
            yield CheckFault("unknown keys", what, rename_or_remove(str(key), known))


@cache
def known_keys() -> frozenset[str]:
    """Every key of the installed LLaMA-Factory; none if it is not installed.

    Reading its source and that of transformers takes a tenth of a second, importing them ten.
    """
    found: set[str] = set()
    for package, files in _DECLARED.items():
        spec = importlib.util.find_spec(package)
        if spec is None or spec.origin is None:
            return frozenset()
        for file in Path(spec.origin).parent.glob(files):
            tree = ast.parse(file.read_text(encoding="utf-8"))
            classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
            fields = [line for each in classes for line in each.body]
            targets = [line.target for line in fields if isinstance(line, ast.AnnAssign)]
            found.update(target.id for target in targets if isinstance(target, ast.Name))
    return frozenset(found)


def _checkpoint_faults(settings: Mapping[str, Any]) -> Iterator[CheckFault]:
    for key in _CHECKPOINTS:
        value = settings.get(key)
        # `resume_from_checkpoint: true` resumes from the last existing checkpoint.
        for name in () if isinstance(value, bool) else names_in(value):
            if Path(name).expanduser().exists():
                continue
            what = f"{key} names {name!r}, and there is no such folder"
            # Every adapter on a hub has an owner; a few old models have none.
            may_be_on_a_hub = key in _MODELS or (key in _ADAPTERS and "/" in name)
            if not (may_be_on_a_hub and _HUB_ID.fullmatch(name)):
                cure = "Train it first, or correct the path; a model on a hub is 'owner/name'."
                yield CheckFault("checkpoints that do not exist", what, cure)
            elif key in _ADAPTERS:
                what = f"{what}: it would be fetched from a hub"
                cure = "If it is a path, correct it."
                yield CheckFault("adapters on a hub", what, cure, warns=True)


def _engine_faults(settings: Mapping[str, Any]) -> Iterator[CheckFault]:
    kind = "DeepSpeed settings"
    engine = given = settings.get("deepspeed")
    if given is None:
        return
    if isinstance(given, str):
        if not Path(given).is_file():
            what = f"deepspeed names {given!r}, and there is no such file"
            yield CheckFault(kind, what, "Ours are in llamafactory_configs/deepspeed/.")
            return
        try:
            # Not `read_json`: LLaMA-Factory accepts no byte-order mark.
            engine = parse_json(Path(given).read_text(encoding="utf-8"))
        except ValueError as error:
            yield CheckFault(kind, f"{given} is not valid JSON ({error})", "Correct that line.")
            return
    zero = engine.get("zero_optimization", {}) if isinstance(engine, dict) else None
    if not isinstance(zero, dict):
        what = f"{given} holds no object of settings, or none under 'zero_optimization'"
        yield CheckFault(kind, what, "Ours are in llamafactory_configs/deepspeed/.")
    elif zero.get("stage") == 3:
        if settings.get("predict_with_generate"):
            what = "ZeRO-3 cannot predict: LLaMA-Factory refuses predict_with_generate"
            yield CheckFault(kind, what, "Predict on one GPU, without 'deepspeed'.")
        if settings.get("adapter_name_or_path") and settings.get("create_new_adapter"):
            what = "ZeRO-3 continues training the given adapter instead of merging it for a new one"
            cure = "Use ZeRO-2, or merge the adapter first with llamafactory-cli export."
            yield CheckFault(kind, what, cure)
