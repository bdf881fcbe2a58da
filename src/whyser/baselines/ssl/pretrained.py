"""Loads a speech encoder and its feature extractor, from a hub by name or from a folder.

Every layout in which an encoder is published is read: by itself, below a head, beside a decoder, in
shards, in half precision. A checkpoint's own code is never run: pickled weights are read by torch's
weights-only loader, which refuses everything but numbers.
"""

from __future__ import annotations

import copy
import hashlib
import pickle
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

#: Whisper's encoder has no name of its own in the class that saved it bare.
_BARE_WHISPER = {r"^(conv1|conv2|embed_positions|layers|layer_norm)\.": r"encoder.\1."}
#: The encoder within a Qwen2-Audio.
_WITHIN_QWEN2_AUDIO = {r"^(?:model\.)?audio_tower\.": ""}

#: Positions of a mel encoder in a second: its second convolution has a stride of 2.
_POSITIONS = SAMPLING_RATE // MEL_HOP // 2

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


def load(name: str, *, window: int | None = None) -> Pretrained:
    """Loads the encoder of that name or in that folder, in single precision.

    Args: `window`, seconds to which a mel encoder's window is cut; None for its own.

    Raises: `InputError` for a folder without configuration or weights, a model that is no speech
    encoder, weights of another model, a feature extractor that does not fit, and a window that the
    encoder does not have. Weights are read last.
    """
    # We report missing weights ourselves.
    _hub.utils.logging.set_verbosity_error()
    if not sys.stderr.isatty():
        _hub.utils.logging.disable_progress_bar()
    config, extractor = describe(name, window=window)
    encoder = KINDS[config.model_type](_weights(name, config))
    pretrained = Pretrained(encoder, extractor, _identity(name, config))
    return pretrained if window is None else cut(pretrained, name, window)


def describe(name: str, *, window: int | None = None) -> tuple[Any, Any]:
    """The configuration and the feature extractor of an encoder, whose weights are not read.

    Raises: `InputError` as in `load`, for all but the weights.
    """
    config = _config(name)
    extractor = load_extractor(name, config)
    if window is not None:
        _refuse_window(name, config, window)
    return config, extractor


def cut(pretrained: Pretrained, name: str, window: int) -> Pretrained:
    """Cuts the window of a mel encoder to `window` seconds, so that short clips are padded less.

    The positions are those of the first seconds, so no weight changes.

    Raises: `InputError` for an encoder without such a window.
    """
    config: Any = pretrained.encoder.config
    _refuse_window(name, config, window)
    model: Any = pretrained.encoder.model
    positions = _POSITIONS * window
    table = model.embed_positions.weight
    model.embed_positions = torch.nn.Embedding.from_pretrained(  # type: ignore[no-untyped-call]
        table.detach()[:positions].clone(), freeze=not table.requires_grad
    )
    config.max_source_positions = model.max_source_positions = positions
    extractor = copy.copy(pretrained.extractor)
    extractor.chunk_length, extractor.nb_max_frames = window, 2 * positions
    extractor.n_samples = window * SAMPLING_RATE
    encoder = KINDS[config.model_type](model)
    return Pretrained(encoder, extractor, f"{pretrained.identity}, window of {window} s")


def _refuse_window(name: str, config: Any, window: int) -> None:
    if config.model_type not in MEL:
        raise InputError(
            f"has no window: a {config.model_type} takes clips of any length",
            file=name,
            cure="Leave --window out.",
        )
    own = config.max_source_positions // _POSITIONS
    if not 0 < window <= own:
        raise InputError(
            f"its window is {own} s and cannot become {window} s",
            file=name,
            cure=f"Give --window between 1 and {own}.",
        )


def untrained(folder: Path) -> Encoder:
    """The encoder of a configuration, without trained weights."""
    config = _config(str(folder))
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


def _config(name: str) -> Any:
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
    kind, part, mapping = _published(config)
    model, loading = from_pretrained(
        kind, name, config=config, dtype=torch.float32, key_mapping=mapping
    )
    inside = f"{part}." if part else ""
    missing = {key for key in loading["missing_keys"] if key.startswith(inside)}
    if lacking := sorted(key.removeprefix(inside) for key in missing - {_MAY_BE_MISSING}):
        raise InputError(
            f"its weights lack {lacking[0]}"
            + (f" and {len(lacking) - 1:,} more" * (len(lacking) > 1)),
            file=name,
            cure=WRONG_WEIGHTS,
        )
    encoder = model.get_submodule(part)
    for key, weight in encoder.named_parameters():
        if not torch.isfinite(weight).all():
            cure = "Download it again, or use the checkpoint before it diverged."
            raise InputError(f"its weights {key} are NaN or infinite", file=name, cure=cure)
    return encoder


def _published(config: Any) -> tuple[Any, str, dict[str, str] | None]:
    """The class to load, the encoder's name in it, and names to change in a checkpoint.

    transformers adds and removes the name of a family's base model, below which a head's class
    keeps it. The base model of Whisper also has a decoder; only the class for audio classification
    has the encoder without one.
    """
    if config.model_type == encoders.WHISPER:
        return _hub.WhisperForAudioClassification, "encoder", _BARE_WHISPER
    mapping = _WITHIN_QWEN2_AUDIO if config.model_type == encoders.QWEN2_AUDIO else None
    return encoders.model_class(config), "", mapping


def from_pretrained(kind: Any, name: str, **settings: Any) -> tuple[Any, Any]:
    """The model of a class in `transformers`, and what its loading reported.

    Raises: `InputError` for missing or broken weights, and for a pickle that would run code.
    """
    require_weights(name)
    try:
        model, loading = kind.from_pretrained(
            name, output_loading_info=True, weights_only=True, **settings
        )
    except SafetensorError as error:
        cure = "Download the checkpoint again."
        raise InputError(f"its weights cannot be read ({error})", file=name, cure=cure) from None
    # Files that do not fit may raise any error.
    except Exception as error:
        if _runs_code(error):
            raise InputError(
                "its weights are a pickle that would run code",
                file=name,
                cure="If you trust it, load it in transformers, and save it as safetensors with "
                "save_pretrained.",
            ) from None
        raise not_loaded(name, error) from None
    return model, loading


def _runs_code(error: BaseException | None) -> bool:
    """Whether torch's weights-only loader refused the file."""
    while error is not None:
        if isinstance(error, pickle.UnpicklingError):
            return True
        error = error.__cause__ or error.__context__
    return False


def require_weights(name: str) -> None:
    """Raises: `InputError` for a folder without weights that `transformers` reads."""
    folder = Path(name)
    if folder.is_dir() and not _weight_files(folder):
        cure = "Download model.safetensors too (a clone without Git LFS lacks it)."
        raise InputError("no weights (model.safetensors)", file=folder, cure=cure)


def _weight_files(folder: Path) -> list[Path]:
    """Those that are read: safetensors, or a pickle where there are none."""
    return [*folder.glob("*.safetensors")] or [*folder.glob("pytorch_model*.bin")]


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
    files = sorted([*_weight_files(Path(name)), *Path(name).glob("*config.json")])
    return hashlib.sha256("".join(map(file_hash, files)).encode()).hexdigest()
