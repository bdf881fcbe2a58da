"""Assembles pretrained parts, and writes the checkpoint."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from whyser.assembly.parts import (
    LanguageModel,
    describe_language_model,
    load_encoder,
    load_language_model,
)
from whyser.assembly.recipes import ArchitectureRecipe
from whyser.assembly.tokens import AUDIO, TURN_END, add_tokens, missing_tokens, transcript_marks
from whyser.baselines.ssl.pretrained import Pretrained
from whyser.io.audio import SAMPLING_RATE
from whyser.io.errors import InputError
from whyser.io.files import read_text, write_json
from whyser.prompting.prompts import TRAINED
from whyser.qwen2_audio import greedy
from whyser.speechlm.configuration_speechlm import SpeechLMConfig
from whyser.speechlm.feature_extraction_speechlm import SpeechLMFeatureExtractor
from whyser.speechlm.modeling_speechlm import SpeechLMForConditionalGeneration
from whyser.speechlm.processing_speechlm import SpeechLMProcessor
from whyser.temporary import temporary_folder

#: The longest clip in seconds, also if no encoder has a window.
WINDOW_S = 30.0
#: The file that records how a checkpoint was built.
RECORD = "speechlm.json"


@dataclass(frozen=True)
class ModelPart:
    """A part of the model: its name, its number of weights, and when they train."""

    name: str
    parameters: int
    trains: str


def build(
    recipe: ArchitectureRecipe,
    parts: Mapping[str, str],
    output: Path,
    *,
    adds_tokens: bool,
    seed: int,
) -> SpeechLMForConditionalGeneration:
    """Assembles the checkpoint and writes its folder.

    Args:
        parts: Hub names or folders, under "speech", "emotion" and "llm".
        adds_tokens: Whether to add tokens that the tokenizer lacks.
        seed: Seeds the connectors' initial weights.

    Raises: `InputError` for parts that are missing, unused, or do not fit.
    """
    refuse_wrong_parts(recipe.name, recipe.encoders, parts)
    refuse_foreign(output)
    _, tokenizer = describe_language_model(parts["llm"])
    refuse_missing_tokens(tokenizer, parts["llm"], adds_tokens)
    encoders = {kind: load_encoder(parts[kind]) for kind in sorted(recipe.encoders)}
    speaks = load_language_model(parts["llm"])
    complete(speaks)
    model = _assembled(recipe, encoders, speaks, seed)
    processor = SpeechLMProcessor(
        feature_extractor=_extractor(model.config, encoders),
        tokenizer=speaks.tokenizer,
        chat_template=read_text(TRAINED),
    )
    _bring_code()
    write(model, processor, output, record={"recipe": recipe.name, "parts": dict(parts)})
    return model


def parts_of(model: torch.nn.Module) -> Iterator[ModelPart]:
    """The parts in the order in which sound passes them."""
    trains = {
        "encoder": "never",
        "tower": "never",
        "connector": "in every stage",
        "projector": "in every stage",
        "head": "in the first stage",
        "model": "by LoRA, after the connectors",
    }
    for name, module in model.named_children():
        count = sum(weights.numel() for weights in module.parameters())
        yield ModelPart(name, count, trains[name.rpartition("_")[2]])


def refuse_wrong_parts(recipe: str, encoders: Collection[str], parts: Mapping[str, str]) -> None:
    """Raises: `InputError` for a part that the recipe needs and lacks, or does not take."""
    wanted = {*encoders, "llm"}
    for kind in sorted(wanted - parts.keys()):
        raise InputError(f"{recipe} needs a part: {kind}", cure=f"Give --{kind}.")
    for kind in sorted(parts.keys() - wanted):
        raise InputError(f"{recipe} has no {kind} encoder", cure=f"Leave --{kind} out.")


def refuse_foreign(output: Path) -> None:
    """Raises: `InputError` for a folder with files that `whyser-speechlm build` did not write."""
    is_taken = any(output.iterdir()) if output.is_dir() else output.exists()
    if is_taken and not (output / RECORD).is_file():
        told = "contains files that this command did not write"
        raise InputError(told, file=output, cure="Give another --output.")


def refuse_missing_tokens(tokenizer: Any, name: str, adds_tokens: bool) -> None:
    """Raises: `InputError` for a tokenizer that lacks tokens, unless they are to be added."""
    missing = missing_tokens(tokenizer)
    if missing and not adds_tokens:
        raise InputError(
            f"its tokenizer lacks the qwen2_audio template's token {', '.join(missing)}",
            file=name,
            cure="Add --add-tokens, which gives them embeddings, or use a model that has them.",
        )


def complete(speaks: LanguageModel) -> None:
    """Adds the tokens that the tokenizer lacks, and unties the head from the embeddings."""
    if missing_tokens(speaks.tokenizer):
        add_tokens(speaks.tokenizer, speaks.model)
    # Llama's tokenizer has none, but batches need one.
    if speaks.tokenizer.pad_token is None:
        speaks.tokenizer.pad_token = TURN_END
    _untie(speaks.model)


def _assembled(
    recipe: ArchitectureRecipe, encoders: Mapping[str, Pretrained], speaks: LanguageModel, seed: int
) -> SpeechLMForConditionalGeneration:
    tokenizer = speaks.tokenizer
    marks: dict[str, Any] = {}
    if recipe.alternates:
        start, end = transcript_marks(tokenizer)
        marks = {"transcript_start": start, "transcript_end": end}
    embeddings = speaks.model.get_input_embeddings().weight
    configs = {f"{kind}_config": one.encoder.config for kind, one in encoders.items()}
    for one in (*configs.values(), speaks.model.config):
        # Paths of this machine do not belong into a checkpoint.
        one._name_or_path = ""
    end_of_turn, audio = tokenizer.convert_tokens_to_ids([TURN_END, AUDIO])
    try:
        config = SpeechLMConfig(
            text_config=speaks.model.config,
            branches=dict(recipe.branches),
            fusion=recipe.fusion,
            alternates=recipe.alternates,
            aligns=recipe.aligns,
            audio_token_index=audio,
            turn_end=end_of_turn,
            embedding_scale=embeddings.detach().float().square().mean().sqrt().item(),
            recipe=recipe.name,
            **configs,
            **marks,
        )
    except ValueError as error:
        raise InputError(str(error)) from None
    parts = {kind: one.encoder for kind, one in encoders.items()} | {"llm": speaks.model}
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = SpeechLMForConditionalGeneration(config, parts)
    model.generation_config = decoding_of(speaks)
    model.to(embeddings.dtype)
    return model


def _untie(model: Any) -> None:
    """Gives the output head its own weights; merging a LoRA of a tied head would change the input
    embeddings too."""
    if model.config.tie_word_embeddings:
        head = model.get_output_embeddings()
        head.weight = torch.nn.Parameter(head.weight.detach().clone())
        model.config.tie_word_embeddings = False
        # Since transformers 5 a model also lists its tied weights, and does not save those.
        if hasattr(model, "all_tied_weights_keys"):
            model.all_tied_weights_keys = {}


def decoding_of(speaks: LanguageModel) -> Any:
    """Greedy decoding, which stops at the model's own end and at that of a turn."""
    own = speaks.model.generation_config
    # One id, several, or None.
    ends = own.eos_token_id if isinstance(own.eos_token_id, list) else [own.eos_token_id]
    end_of_turn = speaks.tokenizer.convert_tokens_to_ids(TURN_END)
    ends = sorted({end_of_turn, *ends} - {None})
    return greedy(own.bos_token_id, ends, speaks.tokenizer.pad_token_id)


def _extractor(config: SpeechLMConfig, encoders: Mapping[str, Pretrained]) -> Any:
    settings: dict[str, Any] = {}
    windows = [WINDOW_S]
    for one in encoders.values():
        kind = "mel" if one.encoder.is_mel else "waveform"
        own = settings_of(one.extractor)
        # Two encoders of a kind share one input.
        if settings.setdefault(kind, own) != own:
            raise InputError(
                f"both encoders take a {kind}, but with different settings",
                cure="Combine one that takes a waveform with one that takes a spectrogram.",
            )
        if one.encoder.window:
            windows.append(one.encoder.window / SAMPLING_RATE)
    return SpeechLMFeatureExtractor(
        num_audio_tokens=config.audio_tokens,
        max_duration=min(windows),
        shortest=max(one.encoder.shortest for one in encoders.values()),
        **settings,
    )


def settings_of(extractor: Any) -> dict[str, Any]:
    """The settings without class names and the filters, which follow from the rest."""
    given: dict[str, Any] = extractor.to_dict()
    drop = {"feature_extractor_type", "processor_class", "_processor_class", "mel_filters"}
    return {key: value for key, value in given.items() if key not in drop}


def _bring_code() -> None:
    """Lets a checkpoint's folder hold the classes of its model."""
    SpeechLMConfig.register_for_auto_class()
    SpeechLMForConditionalGeneration.register_for_auto_class("AutoModelForCausalLM")
    SpeechLMFeatureExtractor.register_for_auto_class("AutoFeatureExtractor")
    SpeechLMProcessor.register_for_auto_class("AutoProcessor")


def write(model: Any, processor: Any, output: Path, record: dict[str, Any]) -> None:
    """Writes the checkpoint's folder, or leaves what was there before."""
    output = output.resolve()
    # An interrupted build must not leave an incomplete checkpoint.
    with temporary_folder(output) as staging:
        model.save_pretrained(staging, safe_serialization=True)
        processor.save_pretrained(staging)
        write_json(staging / RECORD, record)
        if output.exists():
            shutil.rmtree(output)
        staging.rename(output)
