"""Compares the modules that a YAML names for LoRA with those of its checkpoint.

PEFT complains only where it finds none of the names: with one name misspelt, the others train.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from whyser.io.errors import did_you_mean
from whyser_converters.check.findings import CheckFault
from whyser_converters.check.model import folder_of, module_names, with_parents

_NAME = re.compile(r"[\w.]+")
#: A checkpoint that ties it to the embeddings has no weights of this name.
MAY_BE_TIED = {"lm_head"}


def adapter_faults(settings: Mapping[str, Any]) -> Iterator[CheckFault]:
    """A fault for each named module that the checkpoint lacks.

    A checkpoint on a hub, a regular expression and `all` are not checked.
    """
    folder = folder_of(settings)
    if folder is None or settings.get("finetuning_type", "lora") != "lora":
        return
    if not (modules := module_names(folder)):
        return
    ends = {module.rpartition(".")[2] for module in modules}
    for key, found in MATCHES.items():
        for name in names_of(settings.get(key)):
            if name == "all" or not _NAME.fullmatch(name) or name in MAY_BE_TIED:
                continue
            if found(name, modules):
                continue
            what = f"{key} names {name!r}, and {folder} has no such module: the others would train"
            close = did_you_mean(name, ends).partition("]. ")[2]
            yield CheckFault("modules that do not exist", what, close or "Take the name out.")


def names_of(value: Any) -> list[str]:
    """A list, or names with commas between them."""
    given = value if isinstance(value, list) else str(value or "").split(",")
    return [name for name in (str(name).strip() for name in given) if name]


def _targeted(name: str, modules: set[str]) -> set[str]:
    return {module for module in modules if f".{module}".endswith(f".{name}")}


def _added(name: str, modules: set[str]) -> set[str]:
    return {module for module in with_parents(modules) if module.endswith(name)}


#: The modules that a name is of, as PEFT looks for them: whole parts of the name of one with
#: weights, any end of any module's.
MATCHES: Mapping[str, Callable[[str, set[str]], set[str]]] = {
    "lora_target": _targeted,
    "additional_target": _added,
}
