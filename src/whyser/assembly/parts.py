"""Loads the parts of a model, and checks their kind."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import transformers

from whyser.assembly.tokens import plain
from whyser.baselines.ssl import saved
from whyser.baselines.ssl.pretrained import (
    WRONG_WEIGHTS,
    Pretrained,
    cut,
    describe,
    from_pretrained,
    load,
    not_loaded,
    require_weights,
)
from whyser.io.errors import InputError

#: Its classes are only partly annotated.
_hub: Any = transformers


@dataclass(frozen=True)
class LanguageModel:
    """A decoder and its tokenizer."""

    model: Any
    tokenizer: Any


def load_encoder(name: str, *, window: int | None = None) -> Pretrained:
    """Loads a speech encoder by hub name, or from the folder of a checkpoint or a baseline.

    Args: `window`, as in `whyser.baselines.ssl.pretrained.load`.

    Raises: `InputError` as there.
    """
    folder = Path(name)
    if not (folder / saved.ENCODER).is_dir():
        return load(name, window=window)
    pretrained = saved.read(folder)[2]
    return pretrained if window is None else cut(pretrained, name, window)


def describe_encoder(name: str, *, window: int | None = None) -> tuple[Any, Any]:
    """The configuration and the feature extractor of an encoder, whose weights are not read.

    Raises: `InputError` as in `load_encoder`, for all but the weights.
    """
    own = Path(name) / saved.ENCODER
    return describe(str(own) if own.is_dir() else name, window=window)


def load_language_model(name: str) -> LanguageModel:
    """Loads a decoder-only language model, or that of a Qwen2-Audio, in its own precision.

    Raises: `InputError` for another kind of model, one with its own code, a slow tokenizer, and
    missing weights. Weights are read last.
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
        require_weights(name)
        tokenizer = _hub.AutoTokenizer.from_pretrained(name, trust_remote_code=False)
    except InputError:
        raise
    # Files that do not fit may raise any error.
    except Exception as error:
        raise not_loaded(name, error) from None
    if not tokenizer.is_fast:
        raise InputError("has no fast tokenizer", file=name, cure="Add its tokenizer.json.")
    return config, plain(tokenizer)


def load_decoder(name: str, config: Any) -> Any:
    """The decoder in its own precision.

    Raises: `InputError` for weights that are missing or of another model.
    """
    model, loading = from_pretrained(_kind(name, config), name, config=config, dtype="auto")
    if missing := sorted(loading["missing_keys"]):
        is_headless = missing == ["lm_head.weight"]
        raise InputError(
            f"its weights lack {missing[0]}" + ", the head that writes" * is_headless,
            file=name,
            cure="Give the language model itself, not a classifier."
            if is_headless
            else WRONG_WEIGHTS,
        )
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
