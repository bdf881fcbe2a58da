"""Loads a speech encoder and what prepares its sound: from a hub by name, or from a folder.

Weights come as safetensors, for a pickle may run code; code of a checkpoint's own is never run.
"""

from __future__ import annotations

import hashlib
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors import SafetensorError

from whyser.io.audio import MEL_HOP, SAMPLING_RATE
from whyser.io.console import say
from whyser.io.errors import InputError
from whyser.io.files import read_text
from whyser.records.provenance import file_hash
from whyser.speechlm.encoders import (
    KINDS,
    MEL,
    QWEN2_AUDIO,
    WHISPER,
    Encoder,
    encoder_of,
    model_class,
)

#: Its classes are only partly annotated.
_hub: Any = transformers

#: Where a checkpoint that also speaks keeps what listens.
_LISTENS = {WHISPER: "encoder", QWEN2_AUDIO: "audio_tower"}

#: Missing in some checkpoints: what masked frames are set to in training.
_MAY_BE_MISSING = "masked_spec_embed"

_PREPARES = "preprocessor_config.json"
#: Where transformers 5 keeps the same, for a checkpoint that also reads text.
_PREPARES_ALL = "processor_config.json"


@dataclass(frozen=True)
class Pretrained:
    """An encoder and its feature extractor; `identity` changes when the weights do."""

    encoder: Encoder
    extractor: Any
    identity: str


def load(name: str) -> Pretrained:
    """The encoder of that name or in that folder.

    Raises: `InputError` for a folder without configuration or weights, a model that is no speech
    encoder, weights that are not its own, and a feature extractor that does not fit.
    """
    # What is missing is named below, in our words.
    _hub.utils.logging.set_verbosity_error()
    if not sys.stderr.isatty():
        _hub.utils.logging.disable_progress_bar()
    config = _config(name)
    model = _weights(name, config)
    encoder = KINDS[config.model_type](model)
    identity = _identity(name, config)
    return Pretrained(encoder, load_extractor(name, encoder.config), identity)


def untrained(folder: Path) -> Encoder:
    """The encoder that a configuration describes, its weights still to be filled in."""
    config = _config(str(folder))
    try:
        return encoder_of(config)
    # Sizes that fit nothing end in whatever the first layer that meets them raises.
    except Exception as error:
        raise not_loaded(str(folder), error) from None


def load_extractor(name: str, config: Any) -> Any:
    """What prepares the sound: the checkpoint's own, or its family's where it has none.

    Raises: `InputError` for one that is broken, or does not fit the encoder.
    """
    extractor = _own_extractor(name)
    if extractor is None:
        # Whether loud stays loud depends on it, so nobody should have to guess.
        say(
            f"note: {name} has no {_PREPARES}; sound is prepared as {config.model_type} mostly does"
        )
        extractor = _default_extractor(config)
    for key, value in _wanted(config).items():
        if (found := getattr(extractor, key, None)) != value:
            raise InputError(
                f"its feature extractor has {key} {found}, the encoder takes {value}",
                file=name,
                cure=f"Take {_PREPARES} from where the weights come from, or leave it out.",
            )
    return extractor


def _own_extractor(name: str) -> Any:
    folder = Path(name)
    if folder.is_dir() and not _has_extractor(folder):
        return None
    try:
        return _hub.AutoFeatureExtractor.from_pretrained(name, trust_remote_code=False)
    except Exception as error:
        if folder.is_dir():
            cure = "Take it from where the weights come from, or leave it out."
            raise InputError(
                f"cannot be read ({_told(error)})", file=folder / _PREPARES, cure=cure
            ) from None
        return None


def _has_extractor(folder: Path) -> bool:
    if (folder / _PREPARES).is_file():
        return True
    of_all = folder / _PREPARES_ALL
    return of_all.is_file() and '"feature_extractor"' in read_text(of_all)


def _wanted(config: Any) -> dict[str, Any]:
    if config.model_type not in MEL:
        return {"sampling_rate": SAMPLING_RATE, "feature_size": 1}
    return {
        "sampling_rate": SAMPLING_RATE,
        "feature_size": config.num_mel_bins,
        "hop_length": MEL_HOP,
        "nb_max_frames": 2 * config.max_source_positions,
    }


def _default_extractor(config: Any) -> Any:
    if config.model_type in MEL:
        return _hub.WhisperFeatureExtractor(
            feature_size=config.num_mel_bins,
            chunk_length=2 * config.max_source_positions * MEL_HOP // SAMPLING_RATE,
        )
    return _hub.Wav2Vec2FeatureExtractor()


def _config(name: str) -> Any:
    folder = Path(name)
    if folder.is_dir() and not (folder / "config.json").is_file():
        cure = "Give the folder that the checkpoint was saved to, with its config.json."
        raise InputError("no config.json: not a checkpoint", file=folder, cure=cure)
    try:
        config = _hub.AutoConfig.from_pretrained(name, trust_remote_code=False)
    # What is JSON, but no configuration, ends in whatever trips over it.
    except Exception as error:
        raise not_loaded(name, error) from None
    # Of Qwen2-Audio, what listens has a configuration of its own.
    config = getattr(config, "audio_config", config)
    if config.model_type not in KINDS:
        raise InputError(
            f"is a model of type {config.model_type!r}, no speech encoder that is known",
            file=name,
            cure=f"Give one of type {', '.join(KINDS)}.",
        )
    return config


def _weights(name: str, config: Any) -> Any:
    require_safetensors(name)
    try:
        model, loading = model_class(config).from_pretrained(
            name,
            config=config,
            use_safetensors=True,
            output_loading_info=True,
            key_mapping=_key_mapping(config),
        )
    except SafetensorError as error:
        cure = "Fetch the checkpoint again."
        raise InputError(f"its weights cannot be read ({error})", file=name, cure=cure) from None
    except Exception as error:
        if not Path(name).is_dir() and _is_pickled(name):
            raise _pickle(name) from None
        raise not_loaded(name, error) from None
    if missing := sorted(set(loading["missing_keys"]) - {_MAY_BE_MISSING}):
        raise InputError(
            f"its weights lack {missing[0]}"
            + (f" and {len(missing) - 1:,} more" * (len(missing) > 1)),
            file=name,
            cure="Its config.json and its weights are of different models: fetch both again.",
        )
    for key, weight in model.named_parameters():
        if not torch.isfinite(weight).all():
            cure = "Fetch it again, or take the checkpoint before it diverged."
            raise InputError(f"its weights {key} are no numbers", file=name, cure=cure)
    return model


def _key_mapping(config: Any) -> dict[str, str] | None:
    """Of a checkpoint that also speaks, the names of what listens without what they lie in."""
    part = _LISTENS.get(config.model_type)
    return {rf"^(?:model\.)?{part}\.": ""} if part else None


def require_safetensors(name: str) -> None:
    """Raises: `InputError` for a folder whose weights are a pickle, or missing."""
    folder = Path(name)
    if not folder.is_dir() or any(folder.glob("*.safetensors")):
        return
    if any(folder.glob("pytorch_model*.bin")):
        raise _pickle(name)
    cure = "Fetch model.safetensors too (a clone without Git LFS has none)."
    raise InputError("no weights (model.safetensors)", file=folder, cure=cure)


def _is_pickled(name: str) -> bool:
    """Whether the hub, or what was fetched from it, has a pickle of that name."""
    try:
        return bool(_hub.utils.hub.has_file(name, "pytorch_model.bin"))
    except (OSError, ValueError):
        return False


def _pickle(name: str) -> InputError:
    return InputError(
        "its weights are a pickle, which may run code",
        file=name,
        cure="If you trust it, turn it to safetensors in transformers, with "
        "AutoModel.from_pretrained(OLD).save_pretrained(NEW) and the same of AutoFeatureExtractor, "
        "and give NEW.",
    )


def not_loaded(name: str, error: Exception) -> InputError:
    if Path(name).is_dir():
        cure = "Fetch the checkpoint again; its config.json and its weights belong together."
    else:
        cure = "Check the name; without network, give the folder of a checkpoint."
    return InputError(f"cannot be loaded ({_told(error)})", file=name, cure=cure)


def _told(error: Exception) -> str:
    """The first line, for some list every model there is."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return textwrap.shorten(lines[0], 200, placeholder="...").rstrip(".")


def _identity(name: str, config: Any) -> str:
    """The hub's commit, or the hash of the files."""
    if not Path(name).is_dir():
        return f"{name}@{config._commit_hash}"
    files = sorted([*Path(name).glob("*.safetensors"), *Path(name).glob("*config.json")])
    return hashlib.sha256("".join(map(file_hash, files)).encode()).hexdigest()
