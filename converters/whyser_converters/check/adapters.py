"""The modules that a YAML puts LoRA into, against those that its checkpoint has.

PEFT complains only where not one of the names is found: of a list with a slip the rest trains.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from whyser.errors import InputError, did_you_mean
from whyser.files import read_json
from whyser_converters.check.findings import Fault

_KEYS = ("lora_target", "additional_target")
_NAME = re.compile(r"[\w.]+")
#: Not among the weights of a checkpoint that ties it to the embeddings.
_MAY_BE_TIED = {"lm_head"}


def adapter_faults(settings: Mapping[str, Any]) -> Iterator[Fault]:
    """A fault for each named module that the checkpoint lacks; a checkpoint on a hub is not seen.

    A regular expression and `all` are left to PEFT.
    """
    folder = Path(str(settings.get("model_name_or_path", "")))
    modules = module_names(folder) if settings.get("finetuning_type", "lora") == "lora" else set()
    if not modules:
        return
    ends = {module.rpartition(".")[2] for module in modules}
    for key in _KEYS:
        for name in _names(settings.get(key)):
            if name in _MAY_BE_TIED or any(f".{one}".endswith(f".{name}") for one in modules):
                continue
            what = f"{key} names {name!r}, and {folder} has no such module: the others would train"
            close = did_you_mean(name, ends).partition("]. ")[2]
            yield Fault("modules that do not exist", what, close or "Take the name out.")


def _names(value: Any) -> list[str]:
    given = value if isinstance(value, list) else str(value or "").split(",")
    names = (str(name).strip() for name in given)
    return [name for name in names if name != "all" and _NAME.fullmatch(name)]


def module_names(folder: Path) -> set[str]:
    """Modules with weights of a checkpoint in safetensors, by its index or its headers.

    Raises: `InputError` for a file that is none.

    Source: the safetensors format: 8 bytes with the length of a JSON object of all tensors.
    """
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        tensors = set(read_json(index)["weight_map"])
    else:
        tensors = {name for file in folder.glob("*.safetensors") for name in _header(file)}
    return {name.rpartition(".")[0] for name in tensors - {"__metadata__"}}


def _header(file: Path) -> Mapping[str, Any]:
    try:
        with file.open("rb") as stream:
            (length,) = struct.unpack("<Q", stream.read(8))
            header: Mapping[str, Any] = json.loads(stream.read(length))
    except (struct.error, ValueError, OverflowError, MemoryError):
        cure = "It may be cut short: fetch or export the model again."
        raise InputError("is no safetensors file", file=file, cure=cure) from None
    return header
