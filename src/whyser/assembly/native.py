"""A native Qwen2-Audio of a Whisper encoder and a language model.

It holds no code of ours. Every program that knows the 8.4-billion-parameter Qwen2-Audio trains and
serves it: its encoder is Whisper's, whose last states are averaged in pairs, and its language model
is a Qwen2. A Llama is a Qwen2 whose query, key and value biases are zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import transformers
from torch import Tensor

from whyser.assembly.build import (
    complete,
    decoding_of,
    refuse_foreign,
    refuse_missing_tokens,
    refuse_wrong_parts,
    settings_of,
    write,
)
from whyser.assembly.parts import (
    LanguageModel,
    describe_encoder,
    describe_language_model,
    load_decoder,
    load_encoder,
)
from whyser.assembly.recipes import NATIVE, SPEECH
from whyser.assembly.tokens import AUDIO, TURN_END
from whyser.io.errors import InputError
from whyser.io.files import read_text
from whyser.prompting.prompts import TRAINED
from whyser.qwen2_audio import POSITIONS_PER_SECOND, processor_of
from whyser.speechlm.encoders import MEL

#: Classes of `transformers` are only partly annotated.
_hub: Any = transformers

#: Settings of Whisper's encoder that Qwen2-Audio's has under the same names.
_HEARS = (
    *("num_mel_bins", "d_model", "encoder_layers", "encoder_attention_heads", "encoder_ffn_dim"),
    *("max_source_positions", "activation_function", "scale_embedding"),
)
#: Settings of a Llama that a Qwen2 has under the same names.
_SPEAKS = (
    *("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "rms_norm_eps"),
    *("num_attention_heads", "num_key_value_heads", "hidden_act", "max_position_embeddings"),
    *("rope_theta", "rope_scaling", "rope_parameters", "initializer_range", "attention_dropout"),
    *("bos_token_id", "eos_token_id", "pad_token_id", "tie_word_embeddings"),
)


def build_native(
    parts: Mapping[str, str], output: Path, *, window: int | None, adds_tokens: bool, seed: int
) -> Any:
    """Assembles the checkpoint and writes its folder.

    Args:
        parts: Hub names or folders, under "speech" and "llm".
        window: The seconds of a clip that it hears; None for those of the encoder.
        adds_tokens: Whether to add tokens that the tokenizer lacks.
        seed: Seeds the projector's initial weights.

    Raises: `InputError` for parts that are missing, unused, or do not fit, before any is loaded;
    and for weights of another model.
    """
    refuse_wrong_parts(NATIVE, {SPEECH}, parts)
    refuse_foreign(output)
    heard, _ = describe_encoder(parts[SPEECH], window=window)
    _refuse_other_encoders(parts[SPEECH], heard)
    spoken, tokenizer = describe_language_model(parts["llm"])
    _refuse_other_decoders(parts["llm"], spoken)
    _refuse_without_turns(parts["llm"], tokenizer)
    refuse_missing_tokens(tokenizer, parts["llm"], adds_tokens)
    hears = load_encoder(parts[SPEECH], window=window)
    speaks = LanguageModel(load_decoder(parts["llm"], spoken), tokenizer)
    complete(speaks)
    tokenizer.eos_token = TURN_END
    model = _assembled(hears.encoder.model, speaks, seed)
    seconds = model.config.audio_config.max_source_positions // POSITIONS_PER_SECOND
    mel = settings_of(hears.extractor)
    processor = processor_of(tokenizer, seconds, template=read_text(TRAINED), **mel)
    record = {"recipe": NATIVE, "parts": dict(parts), "window": seconds}
    write(model, processor, output, record)
    return model


def _refuse_other_encoders(name: str, config: Any) -> None:
    if config.model_type not in MEL:
        raise InputError(
            f"is a {config.model_type}, and the encoder of a Qwen2-Audio is Whisper's",
            file=name,
            cure="Give a Whisper, such as openai/whisper-base.",
        )


def _refuse_other_decoders(name: str, config: Any) -> None:
    """Accepts what a Qwen2 can hold: itself, and a Llama without biases."""
    kind = config.model_type
    cure = "Give a Qwen2 or Qwen2.5, or a Llama such as SmolLM2; dual_encoder takes any."
    if kind not in ("qwen2", "llama", "qwen2_audio"):
        what = f"is a language model of type {kind!r}, and that of a Qwen2-Audio is a Qwen2"
        raise InputError(what, file=name, cure=cure)
    if kind == "llama":
        if config.attention_bias or config.mlp_bias:
            raise InputError("has biases that a Qwen2 lacks", file=name, cure=cure)
        if (size := config.head_dim * config.num_attention_heads) != config.hidden_size:
            what = f"its heads are {size} wide, those of a Qwen2 {config.hidden_size}"
            raise InputError(what, file=name, cure=cure)


def _refuse_without_turns(name: str, tokenizer: Any) -> None:
    """A model that was never taught turns learns little from a few thousand of them."""
    if not tokenizer.chat_template:
        raise InputError(
            "its tokenizer has no chat template, so it was not taught to answer",
            file=name,
            cure="Give the instruction-tuned model, such as HuggingFaceTB/SmolLM2-135M-Instruct.",
        )


def _assembled(hears: Any, speaks: LanguageModel, seed: int) -> Any:
    decoder = speaks.model
    embeddings = decoder.get_input_embeddings().weight
    config = _hub.Qwen2AudioConfig(
        audio_config=_hub.Qwen2AudioEncoderConfig(
            **{key: getattr(hears.config, key) for key in _HEARS}
        ),
        text_config=_as_qwen2(decoder.config),
        audio_token_index=speaks.tokenizer.convert_tokens_to_ids(AUDIO),
        tie_word_embeddings=False,
    )
    weights = {f"audio_tower.{key}": value for key, value in hears.state_dict().items()}
    weights |= _projector(hears.layer_norm, embeddings, seed)
    weights |= {f"language_model.{key}": value for key, value in _with_biases(decoder).items()}
    # Nothing is initialised that is replaced at once.
    with torch.device("meta"):
        model = _hub.Qwen2AudioForConditionalGeneration(config)
    model.load_state_dict(weights, assign=True)
    model.generation_config = decoding_of(speaks)
    return model.to(embeddings.dtype)


def _as_qwen2(config: Any) -> Any:
    """The configuration of a Qwen2 with the weights of this model."""
    given = config.to_dict()
    if config.model_type == "llama":
        return _hub.Qwen2Config(**{key: given[key] for key in _SPEAKS if key in given})
    # Paths of this machine do not belong into a checkpoint.
    return _hub.Qwen2Config(**given | {"_name_or_path": ""})


def _with_biases(decoder: Any) -> dict[str, Tensor]:
    """The weights of a decoder, with zeros for the biases that only a Qwen2 has."""
    weights: dict[str, Tensor] = decoder.state_dict()
    zeros = {
        f"{key.removesuffix('weight')}bias": value.new_zeros(len(value))
        for key, value in weights.items()
        if key.endswith(("q_proj.weight", "k_proj.weight", "v_proj.weight"))
    }
    return zeros | weights


def _projector(norm: Any, embeddings: Tensor, seed: int) -> dict[str, Tensor]:
    """Random weights that make a state of sound as large as the embedding of a word.

    A state leaves the encoder normalised: its dimensions have the norm's weight as deviation and
    its bias as mean.
    """
    scale, shift = norm.weight.detach().float(), norm.bias.detach().float()
    size = embeddings.detach().float().square().mean().sqrt()
    deviation = size / (scale.square() + shift.square()).sum().sqrt()
    generator = torch.Generator().manual_seed(seed)
    shape = embeddings.shape[1], len(scale)
    return {
        "multi_modal_projector.linear.weight": torch.randn(shape, generator=generator) * deviation,
        "multi_modal_projector.linear.bias": torch.zeros(shape[0]),
    }
