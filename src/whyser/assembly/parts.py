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
    load,
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


def load_language_model(name: str) -> LanguageModel:
    """Loads a decoder-only language model, or that of a Qwen2-Audio.

    Raises: `InputError` for another kind of model, one with its own code, and missing weights.
    """
    try:
        config = _hub.AutoConfig.from_pretrained(name, trust_remote_code=False)
        kind = _kind(name, config)
        require_safetensors(name)
        model, loading = kind.from_pretrained(
            name, config=config, use_safetensors=True, dtype="auto", output_loading_info=True
        )
        tokenizer = _hub.AutoTokenizer.from_pretrained(name, trust_remote_code=False)
    except InputError:
        raise
    # Files that do not fit may raise any error.
    except Exception as error:
        raise not_loaded(name, error) from None
    if missing := sorted(loading["missing_keys"]):
        raise InputError(f"its weights lack {missing[0]}", file=name, cure=WRONG_WEIGHTS)
    if not tokenizer.is_fast:
        raise InputError("has no fast tokenizer", file=name, cure="Add its tokenizer.json.")
    return LanguageModel(getattr(model, "language_model", model), tokenizer)


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
