"""Loads a speech encoder and its feature extractor, from a hub by name or from a folder.

Weights must be safetensors, since a pickle may run code; a checkpoint's own code is never run.
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
from whyser.speechlm import encoders
from whyser.speechlm.encoders import KINDS, MEL, Encoder

#: Its classes are only partly annotated.
_hub: Any = transformers

#: The encoder's name within a checkpoint that also has a decoder.
_WITHIN = {encoders.WHISPER: "encoder", encoders.QWEN2_AUDIO: "audio_tower"}

#: The value of masked frames in training, which some checkpoints lack.
_MAY_BE_MISSING = "masked_spec_embed"

WRONG_WEIGHTS = "Its config.json and its weights are of different models: download both again."

_PREPARES = "preprocessor_config.json"
#: The same in transformers 5, for a checkpoint with a tokenizer.
_PREPARES_ALL = "processor_config.json"


@dataclass(frozen=True)
class Pretrained:
    """An encoder and its feature extractor; `identity` changes when the weights do."""

    encoder: Encoder
    extractor: Any
    identity: str


def load(name: str) -> Pretrained:
    """Loads the encoder of that name or in that folder.

    Raises: `InputError` for a folder without configuration or weights, a model that is no speech
    encoder, weights of another model, and a feature extractor that does not fit.
    """
    # We report missing weights ourselves.
    _hub.utils.logging.set_verbosity_error()
    if not sys.stderr.isatty():
        _hub.utils.logging.disable_progress_bar()
    config = config_of(name)
    model = _weights(name, config)
    encoder = KINDS[config.model_type](model)
    extractor = load_extractor(name, encoder.config)
    return Pretrained(encoder, extractor, _identity(name, config))


def untrained(folder: Path) -> Encoder:
    """The encoder of a configuration, without trained weights."""
    config = config_of(str(folder))
    try:
        return encoders.encoder_of(config)
    # With impossible sizes the first layer concerned raises any error.
    except Exception as error:
        raise not_loaded(str(folder), error) from None


def load_extractor(name: str, config: Any) -> Any:
    """The checkpoint's feature extractor, or its family's default if it has none.

    Raises: `InputError` for one that is broken, or does not fit the encoder.
    """
    extractor = _own_extractor(name)
    if extractor is None:
        # The user should know, since it decides whether loudness is normalised.
        say(f"note: {name} has no {_PREPARES}; the default of {config.model_type} is used")
        extractor = _default_extractor(config)
    for key, value in _wanted(config).items():
        if (found := getattr(extractor, key, None)) != value:
            raise InputError(
                f"its feature extractor has {key} {found}, the encoder takes {value}",
                file=name,
                cure=f"Copy {_PREPARES} from the source of the weights, or remove it.",
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
            raise InputError(
                f"cannot be read ({_told(error)})",
                file=folder / _PREPARES,
                cure="Copy it from the source of the weights, or remove it.",
            ) from None
        return None


def _has_extractor(folder: Path) -> bool:
    both = folder / _PREPARES_ALL
    return (folder / _PREPARES).is_file() or (
        both.is_file() and '"feature_extractor"' in read_text(both)
    )


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


def config_of(name: str) -> Any:
    """The configuration of the encoder of that name or in that folder.

    Raises: `InputError` for a folder without one, and for a model that is no speech encoder.
    """
    folder = Path(name)
    if folder.is_dir() and not (folder / "config.json").is_file():
        cure = "Give the folder of a checkpoint, with its config.json."
        raise InputError("no config.json", file=folder, cure=cure)
    try:
        config = _hub.AutoConfig.from_pretrained(name, trust_remote_code=False)
    # JSON that is no configuration may raise any error.
    except Exception as error:
        raise not_loaded(name, error) from None
    # The encoder of Qwen2-Audio has its own configuration.
    config = getattr(config, "audio_config", config)
    if config.model_type not in KINDS:
        raise InputError(
            f"is a model of type {config.model_type!r}, no speech encoder of a known type",
            file=name,
            cure=f"Give one of type {', '.join(KINDS)}.",
        )
    return config


def _weights(name: str, config: Any) -> Any:
    require_safetensors(name)
    try:
        model, loading = encoders.model_class(config).from_pretrained(
            name,
            config=config,
            use_safetensors=True,
            output_loading_info=True,
            key_mapping=_key_mapping(config),
        )
    except SafetensorError as error:
        cure = "Download the checkpoint again."
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
            cure=WRONG_WEIGHTS,
        )
    for key, weight in model.named_parameters():
        if not torch.isfinite(weight).all():
            cure = "Download it again, or use the checkpoint before it diverged."
            raise InputError(f"its weights {key} are NaN or infinite", file=name, cure=cure)
    return model


def _key_mapping(config: Any) -> dict[str, str] | None:
    """Strips the encoder's name from the weights of a checkpoint that also has a decoder."""
    part = _WITHIN.get(config.model_type)
    return {rf"^(?:model\.)?{part}\.": ""} if part else None


def require_safetensors(name: str) -> None:
    """Raises: `InputError` for a folder whose weights are missing or a pickle."""
    folder = Path(name)
    if not folder.is_dir() or any(folder.glob("*.safetensors")):
        return
    if any(folder.glob("pytorch_model*.bin")):
        raise _pickle(name)
    cure = "Download model.safetensors too (a clone without Git LFS lacks it)."
    raise InputError("no weights (model.safetensors)", file=folder, cure=cure)


def _is_pickled(name: str) -> bool:
    """Whether the hub, or its cache, has a pickle of that name."""
    try:
        return bool(_hub.utils.hub.has_file(name, "pytorch_model.bin"))
    except (OSError, ValueError):
        return False


def _pickle(name: str) -> InputError:
    return InputError(
        "its weights are a pickle, which may run code",
        file=name,
        cure="If you trust it, convert it to safetensors in transformers, with "
        "AutoModel.from_pretrained(OLD).save_pretrained(NEW) and the same for "
        "AutoFeatureExtractor, and give NEW.",
    )


def not_loaded(name: str, error: Exception) -> InputError:
    if Path(name).is_dir():
        cure = "Download the checkpoint again; config.json and weights belong together."
    else:
        cure = "Check the name; without network, give the folder of a checkpoint."
    return InputError(f"cannot be loaded ({_told(error)})", file=name, cure=cure)


def _told(error: Exception) -> str:
    """The first line, since some errors list every model."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return textwrap.shorten(lines[0], 200, placeholder="...").rstrip(".")


def _identity(name: str, config: Any) -> str:
    """The hub's commit, or a hash of the files."""
    if not Path(name).is_dir():
        return f"{name}@{config._commit_hash}"
    files = sorted([*Path(name).glob("*.safetensors"), *Path(name).glob("*config.json")])
    return hashlib.sha256("".join(map(file_hash, files)).encode()).hexdigest()
