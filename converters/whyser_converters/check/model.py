"""Reads a model's folder: its kind, what it hears, the names of its modules.

No model is loaded: the settings are in small files, the names at the start of large files.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from whyser.io.audio import MEL_HOP, SAMPLING_RATE, WINDOW_S
from whyser.io.errors import InputError
from whyser.io.files import read_json
from whyser.io.text import parse_json

#: The kind of the related architectures.
SPEECHLM = "whyser_speechlm"
#: The kind of Qwen2-Audio and its smaller siblings.
NATIVE = "qwen2_audio"


@dataclass(frozen=True)
class Hearing:
    """What a model hears of a clip: its first `seconds`, as this many `tokens`.

    Where `tokens` is None they follow from the length, see `whyser.io.audio.audio_tokens`.
    """

    seconds: float
    tokens: int | None = None


QWEN2_AUDIO = Hearing(seconds=WINDOW_S)


def folder_of(settings: Mapping[str, Any]) -> Path | None:
    """The folder of the model that a YAML names; None for a model on a hub."""
    name = settings.get("model_name_or_path")
    folder = Path(str(name)) if name else None
    return folder if folder and folder.is_dir() else None


def names_in(value: Any) -> list[str]:
    """The names of a setting: a list, or a text with commas between the names."""
    given = value if isinstance(value, list) else str(value).split(",") if value else []
    return [str(name).strip() for name in given]


def is_speechlm(folder: Path) -> bool:
    return _config(folder).get("model_type") == SPEECHLM


def hearing_of(folder: Path | None) -> Hearing:
    """What a model hears, as its folder says; a model on a hub is Qwen2-Audio.

    Raises: `InputError` for a model of `whyser-speechlm` whose folder does not say it.
    """
    if folder is None:
        return QWEN2_AUDIO
    if not is_speechlm(folder):
        return _window(folder)
    file = folder / "preprocessor_config.json"
    if file.is_file():
        settings = _read(file)
    else:
        # transformers 5 keeps the settings of the feature extractor there.
        file = folder / "processor_config.json"
        settings = _read(file).get("feature_extractor", {})
    seconds, tokens = settings.get("max_duration"), settings.get("num_audio_tokens")
    if not isinstance(seconds, int | float) or type(tokens) is not int or tokens < 1:
        what = f"max_duration is {seconds!r} and num_audio_tokens {tokens!r}, expected numbers"
        raise InputError(what, file=file, cure="Build the model again with whyser-speechlm build.")
    return Hearing(float(seconds), tokens)


def _window(folder: Path) -> Hearing:
    """That of a Qwen2-Audio: two mel frames make a position of its encoder."""
    config = _config(folder)
    encoder = config.get("audio_config")
    positions = encoder.get("max_source_positions") if isinstance(encoder, dict) else None
    if config.get("model_type") != NATIVE or not isinstance(positions, int):
        return QWEN2_AUDIO
    return Hearing(2 * positions * MEL_HOP / SAMPLING_RATE)


def _config(folder: Path) -> Mapping[str, Any]:
    file = folder / "config.json"
    return _read(file) if file.is_file() else {}


def _read(file: Path) -> Mapping[str, Any]:
    settings = read_json(file)
    if not isinstance(settings, dict):
        raise InputError("holds no settings", file=file, cure="Fetch or build the model again.")
    return settings


def weight_names(folder: Path) -> set[str]:
    """Names of the weights of a safetensors checkpoint, from its index or its headers.

    Raises: `InputError` for a file that is not safetensors.

    Source: a safetensors file begins with 8 bytes for the length of a JSON object of all tensors.
    """
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        names = set(read_json(index)["weight_map"])
    else:
        names = {name for file in folder.glob("*.safetensors") for name in read_header(file)}
    return names - {"__metadata__"}


def module_names(folder: Path) -> set[str]:
    """Names of the modules that have weights; it raises what `weight_names` does."""
    return {name.rpartition(".")[0] for name in weight_names(folder)}


def with_parents(modules: set[str]) -> set[str]:
    """The modules and all their parents.

    >>> sorted(with_parents({"connector.up"}))
    ['connector', 'connector.up']
    """
    parts = [name.split(".") for name in modules]
    return {".".join(one[:end]) for one in parts for end in range(1, len(one) + 1)}


def read_header(file: Path) -> Mapping[str, Any]:
    """The entries of a safetensors file by name, and its `__metadata__`.

    Raises: `InputError` for a file that is not safetensors.
    """
    try:
        with file.open("rb") as stream:
            (length,) = struct.unpack("<Q", stream.read(8))
            header: Mapping[str, Any] = parse_json(stream.read(length).decode())
    except (struct.error, ValueError, OverflowError, MemoryError):
        cure = "It may be cut short: fetch or export the model again."
        raise InputError("is not a safetensors file", file=file, cure=cure) from None
    return header
