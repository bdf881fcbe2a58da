"""Compares the modules that a YAML names for LoRA with those of its checkpoint.

PEFT complains only if it finds none of the names; if one name is misspelt, it trains the others.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from whyser.io.errors import did_you_mean
from whyser_converters.check.findings import CheckFault
from whyser_converters.check.model import folder_of, module_names, names_in, with_parents

_NAME = re.compile(r"[\w.]+")
#: A checkpoint that ties this module to the embeddings has no weights for it.
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
            is_checked = name != "all" and _NAME.fullmatch(name) and name not in MAY_BE_TIED
            if not is_checked or found(name, modules):
                continue
            what = f"{key} names {name!r}, but {folder} has no such module: only the others train"
            yield CheckFault("modules that do not exist", what, rename_or_remove(name, ends))


def names_of(value: Any) -> list[str]:
    return [name for name in names_in(value) if name]


def rename_or_remove(name: str, known: Collection[str]) -> str:
    """The cure for an unknown name: the closest known one, if any is close."""
    return did_you_mean(name, known).partition("]. ")[2] or "Remove it."


def _targeted(name: str, modules: set[str]) -> set[str]:
    return {module for module in modules if f".{module}".endswith(f".{name}")}


def _added(name: str, modules: set[str]) -> set[str]:
    return {module for module in with_parents(modules) if module.endswith(name)}


#: The modules that a name selects in PEFT: for `lora_target` modules with weights whose name ends
#: with these whole parts, for `additional_target` all modules whose name ends with this text.
MATCHES: Mapping[str, Callable[[str, set[str]], set[str]]] = {
    "lora_target": _targeted,
    "additional_target": _added,
}
