"""Loads the parts of a model, and checks their kind."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import transformers

from whyser.baselines.ssl import saved
from whyser.baselines.ssl.pretrained import (
    WRONG_WEIGHTS,
    Pretrained,
    config_of,
    load,
    load_extractor,
    not_loaded,
    require_safetensors,
)
from whyser.io.errors import InputError

#: Its classes are only partly annotated.
_hub: Any = transformers


@dataclass(frozen=True)
class LanguageModel:
    """A decoder and its tokenizer."""

    model: Any
    tokenizer: Any


def load_encoder(name: str) -> Pretrained:
    """Loads a speech encoder by hub name, or from the folder of a checkpoint or a baseline.

    Raises: `InputError` as in `whyser.baselines.ssl.pretrained.load`.
    """
    folder = Path(name)
    if (folder / saved.ENCODER).is_dir():
        return saved.read(folder)[2]
    return load(name)


def describe_encoder(name: str) -> tuple[Any, Any]:
    """The configuration and the feature extractor of an encoder, whose weights are not loaded.

    Raises: `InputError` for a model that is no speech encoder, and for an extractor that does not
    fit it.
    """
    own = Path(name) / saved.ENCODER
    source = str(own) if own.is_dir() else name
    config = config_of(source)
    return config, load_extractor(source, config)


def load_language_model(name: str) -> LanguageModel:
    """Loads a decoder-only language model, or that of a Qwen2-Audio.

    Raises: `InputError` for another kind of model, one with its own code, and missing weights.
    """
    config, tokenizer = describe_language_model(name)
    return LanguageModel(load_decoder(name, config), tokenizer)


def describe_language_model(name: str) -> tuple[Any, Any]:
    """The configuration and the tokenizer of a language model, whose weights are not loaded.

    Raises: `InputError` for another kind of model, one with its own code, and a folder without
    weights or a fast tokenizer.
    """
    try:
        config = _hub.AutoConfig.from_pretrained(name, trust_remote_code=False)
        _kind(name, config)
        require_safetensors(name)
        tokenizer = _hub.AutoTokenizer.from_pretrained(name, trust_remote_code=False)
    except InputError:
        raise
    # Files that do not fit may raise any error.
    except Exception as error:
        raise not_loaded(name, error) from None
    if not tokenizer.is_fast:
        raise InputError("has no fast tokenizer", file=name, cure="Add its tokenizer.json.")
    return config, tokenizer


def load_decoder(name: str, config: Any) -> Any:
    """The decoder with its weights.

    Raises: `InputError` for weights that are missing or of another model.
    """
    try:
        model, loading = _kind(name, config).from_pretrained(
            name, config=config, use_safetensors=True, dtype="auto", output_loading_info=True
        )
    # Files that do not fit may raise any error.
    except Exception as error:
        raise not_loaded(name, error) from None
    if missing := sorted(loading["missing_keys"]):
        raise InputError(f"its weights lack {missing[0]}", file=name, cure=WRONG_WEIGHTS)
    return getattr(model, "language_model", model)


def _kind(name: str, config: Any) -> Any:
    if config.model_type == "qwen2_audio":
        return _hub.Qwen2AudioForConditionalGeneration
    if config.is_encoder_decoder or type(config) not in _hub.MODEL_FOR_CAUSAL_LM_MAPPING:
        raise InputError(
            f"is a model of type {config.model_type!r}, no decoder-only language model",
            file=name,
            cure="Give one, such as Qwen2.5 or Llama 3.1.",
        )
    return _hub.AutoModelForCausalLM
