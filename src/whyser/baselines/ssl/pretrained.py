"""Loads a speech encoder and what prepares its sound: from a hub by name, or from a folder.

Weights come as safetensors, for a pickle may run code; code of a checkpoint's own is never run.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import transformers
from safetensors import SafetensorError
from torch import nn

from whyser.audio import MEL_HOP, SAMPLING_RATE
from whyser.baselines.ssl.encoder import KINDS, MEL, Encoder
from whyser.errors import InputError
from whyser.provenance import file_hash

#: Its classes are only partly annotated.
_hub: Any = transformers

#: Missing in some checkpoints: what masked frames are set to in training.
_MAY_BE_MISSING = "masked_spec_embed"


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
    config = _config(name)
    model = _weights(name, config)
    encoder = wrap(model)
    identity = _identity(name, config)
    return Pretrained(encoder, load_extractor(name, encoder.config), identity)


def wrap(model: Any) -> Encoder:
    """The model as an `Encoder`; of one that also speaks, only what listens."""
    kind = model.config.model_type
    return KINDS[kind](model.get_encoder() if kind in MEL else model)


def untrained(folder: Path) -> Encoder:
    """The encoder that a configuration describes, its weights still to be filled in."""
    return wrap(_hub.AutoModel.from_config(_config(str(folder))))


def load_extractor(name: str, config: Any) -> Any:
    """What prepares the sound: the checkpoint's own, or its family's where it has none.

    Raises: `InputError` for one that does not fit the encoder.
    """
    try:
        extractor = _hub.AutoFeatureExtractor.from_pretrained(name, trust_remote_code=False)
    except (OSError, ValueError):
        extractor = _default_extractor(config)
    wanted = {"sampling_rate": SAMPLING_RATE}
    if config.model_type in MEL:
        wanted |= {
            "feature_size": config.num_mel_bins,
            "hop_length": MEL_HOP,
            "nb_max_frames": 2 * config.max_source_positions,
        }
    for key, value in wanted.items():
        if getattr(extractor, key, None) != value:
            raise InputError(
                f"its feature extractor has {key} {getattr(extractor, key, None)}, the encoder "
                f"takes {value}",
                file=name,
                cure="Take preprocessor_config.json from where the weights come from, or leave it "
                "out.",
            )
    return extractor


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
    except (OSError, ValueError) as error:
        raise _not_loaded(name, error) from None
    if config.model_type not in KINDS:
        raise InputError(
            f"is a model of type {config.model_type!r}, no speech encoder that is known",
            file=name,
            cure=f"Give one of type {', '.join(KINDS)}.",
        )
    return config


def _weights(name: str, config: Any) -> nn.Module:
    _require_safetensors(name)
    try:
        model, loading = _hub.AutoModel.from_pretrained(
            name,
            config=config,
            trust_remote_code=False,
            use_safetensors=True,
            output_loading_info=True,
        )
    except SafetensorError as error:
        cure = "Fetch the checkpoint again."
        raise InputError(f"its weights cannot be read ({error})", file=name, cure=cure) from None
    except (OSError, ValueError, RuntimeError) as error:
        raise _not_loaded(name, error) from None
    if missing := sorted(_missing(loading["missing_keys"], config)):
        raise InputError(
            f"its weights lack {missing[0]}"
            + (f" and {len(missing) - 1:,} more" * (len(missing) > 1)),
            file=name,
            cure="Its config.json and its weights are of different models: fetch both again.",
        )
    return model  # type: ignore[no-any-return]


def _missing(keys: set[str], config: Any) -> set[str]:
    """Of the part that listens."""
    listens = "encoder." if config.model_type in MEL else ""
    return {key for key in keys if key.startswith(listens) and key != _MAY_BE_MISSING}


def _require_safetensors(name: str) -> None:
    folder = Path(name)
    if not folder.is_dir() or any(folder.glob("*.safetensors")):
        return
    if any(folder.glob("pytorch_model*.bin")):
        raise InputError(
            "its weights are a pickle, which may run code",
            file=folder,
            cure="If you trust it, turn it to safetensors: AutoModel.from_pretrained(DIR)"
            ".save_pretrained(NEW_DIR) in transformers, and give NEW_DIR.",
        )
    cure = "Fetch model.safetensors too (a clone without Git LFS has none)."
    raise InputError("no weights (model.safetensors)", file=folder, cure=cure)


def _not_loaded(name: str, error: Exception) -> InputError:
    if Path(name).is_dir():
        cure = "Fetch the checkpoint again; its config.json and its weights belong together."
    else:
        cure = "Check the name; without network, give the folder of a checkpoint."
    told = str(error).strip().splitlines()
    return InputError(f"cannot be loaded ({told[0].rstrip('.')})", file=name, cure=cure)


def _identity(name: str, config: Any) -> str:
    """The hub's commit, or the hash of the files."""
    if not Path(name).is_dir():
        return f"{name}@{config._commit_hash}"
    files = sorted([*Path(name).glob("*.safetensors"), *Path(name).glob("*config.json")])
    return hashlib.sha256("".join(map(file_hash, files)).encode()).hexdigest()
