"""The parts as one folder."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers

from whyser.assembly.parts import LanguageModel, load_encoder, load_language_model
from whyser.assembly.recipes import ArchitectureRecipe
from whyser.assembly.tokens import AUDIO, TURN_END, add_tokens, missing_tokens, transcript_marks
from whyser.baselines.ssl.pretrained import Pretrained
from whyser.io.audio import SAMPLING_RATE
from whyser.io.errors import InputError
from whyser.io.files import read_text, write_json
from whyser.prompting.prompts import TRAINED
from whyser.speechlm.configuration_speechlm import SpeechLMConfig
from whyser.speechlm.feature_extraction_speechlm import SpeechLMFeatureExtractor
from whyser.speechlm.modeling_speechlm import SpeechLMForConditionalGeneration
from whyser.speechlm.processing_speechlm import SpeechLMProcessor

#: Seconds that are heard where no encoder has a window.
WINDOW_S = 30.0
#: What a folder of ours says of how it was built.
RECORD = "speechlm.json"

_hub: Any = transformers


@dataclass(frozen=True)
class ModelPart:
    """A part of the model: its name in the tree, how many weights, and when they train."""

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
        parts: Names or folders, under "speech", "emotion" and "llm".
        adds_tokens: Whether tokens that the tokenizer lacks are added.
        seed: Fixes the connectors' first weights.

    Raises: `InputError` for parts that are missing, superfluous, or do not fit.
    """
    _refuse_wrong_parts(recipe, parts)
    _refuse_foreign(output)
    encoders = {kind: load_encoder(parts[kind]) for kind in sorted(recipe.encoders)}
    speaks = load_language_model(parts["llm"])
    _complete(speaks, parts["llm"], adds_tokens)
    model = _assembled(recipe, encoders, speaks, seed)
    processor = SpeechLMProcessor(
        feature_extractor=_extractor(model.config, encoders),
        tokenizer=speaks.tokenizer,
        chat_template=read_text(TRAINED),
    )
    _write(model, processor, output, record={"recipe": recipe.name, "parts": dict(parts)})
    return model


def parts_of(model: SpeechLMForConditionalGeneration) -> Iterator[ModelPart]:
    """In the order of the sound's way."""
    trains = {
        "encoder": "never",
        "connector": "in every stage",
        "head": "in the first stage",
        "model": "by LoRA, after the connectors",
    }
    for name, module in model.named_children():
        count = sum(weights.numel() for weights in module.parameters())
        yield ModelPart(name, count, trains[name.rpartition("_")[2]])


def _refuse_wrong_parts(recipe: ArchitectureRecipe, parts: Mapping[str, str]) -> None:
    wanted = recipe.encoders | {"llm"}
    for kind in sorted(wanted - parts.keys()):
        raise InputError(f"{recipe.name} needs a part: {kind}", cure=f"Give --{kind}.")
    for kind in sorted(parts.keys() - wanted):
        raise InputError(f"{recipe.name} has no {kind} encoder", cure=f"Leave --{kind} out.")


def _refuse_foreign(output: Path) -> None:
    is_taken = any(output.iterdir()) if output.is_dir() else output.exists()
    if is_taken and not (output / RECORD).is_file():
        raise InputError(
            "holds what this command did not write", file=output, cure="Give another --output."
        )


def _complete(speaks: LanguageModel, name: str, adds_tokens: bool) -> None:
    missing = missing_tokens(speaks.tokenizer)
    if missing and not adds_tokens:
        raise InputError(
            f"its tokenizer has no token {', '.join(missing)}, which the template qwen2_audio "
            "writes around the sound and the turns",
            file=name,
            cure="Add --add-tokens, which gives them embeddings, or take a model that has them.",
        )
    if missing:
        add_tokens(speaks.tokenizer, speaks.model)
    # Llama's has none, and could not prepare a batch.
    if speaks.tokenizer.pad_token is None:
        speaks.tokenizer.pad_token = TURN_END


def _assembled(
    recipe: ArchitectureRecipe, encoders: Mapping[str, Pretrained], speaks: LanguageModel, seed: int
) -> SpeechLMForConditionalGeneration:
    tokenizer = speaks.tokenizer
    marks: dict[str, Any] = {}
    if recipe.alternates:
        start, end = transcript_marks(tokenizer)
        marks = {"transcript_start": start, "transcript_end": end}
    _untie(speaks.model)
    embeddings = speaks.model.get_input_embeddings().weight
    configs = {f"{kind}_config": one.encoder.config for kind, one in encoders.items()}
    for one in (*configs.values(), speaks.model.config):
        # The path of a part on this machine is nobody else's business.
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
    model.generation_config = _generation(speaks, end_of_turn)
    model.to(embeddings.dtype)
    return model


def _untie(model: Any) -> None:
    """Gives the head weights of its own: merged into a shared tensor, a LoRA of the head would
    change what the model reads as well, and it would answer as it was not trained."""
    if model.config.tie_word_embeddings:
        head = model.get_output_embeddings()
        head.weight = torch.nn.Parameter(head.weight.detach().clone())
        model.config.tie_word_embeddings = False
        # Since transformers 5 names of shared weights are kept apart from the configuration, and
        # those that are named are not saved.
        if hasattr(model, "all_tied_weights_keys"):
            model.all_tied_weights_keys = {}


def _generation(speaks: LanguageModel, end_of_turn: int) -> Any:
    """Greedy, as everything that we train answers."""
    own = speaks.model.generation_config
    ends = {end_of_turn, *_several(own.eos_token_id)}
    return _hub.GenerationConfig(
        bos_token_id=own.bos_token_id,
        eos_token_id=sorted(ends),
        pad_token_id=speaks.tokenizer.pad_token_id,
        do_sample=False,
    )


def _several(ids: Any) -> list[int]:
    return ids if isinstance(ids, list) else [ids] if ids is not None else []


def _extractor(config: SpeechLMConfig, encoders: Mapping[str, Pretrained]) -> Any:
    settings: dict[str, Any] = {}
    windows = [WINDOW_S]
    for one in encoders.values():
        kind = "mel" if one.encoder.is_mel else "waveform"
        own = _settings(one.extractor)
        # Two encoders of a kind hear the same, so they have to want the same.
        if settings.setdefault(kind, own) != own:
            raise InputError(
                f"both encoders hear a {kind}, and prepare it differently",
                cure="Take one that hears the waveform and one that hears a spectrogram.",
            )
        if one.encoder.window:
            windows.append(one.encoder.window / SAMPLING_RATE)
    return SpeechLMFeatureExtractor(
        num_audio_tokens=config.audio_tokens,
        max_duration=min(windows),
        shortest=max(one.encoder.shortest for one in encoders.values()),
        **settings,
    )


def _settings(extractor: Any) -> dict[str, Any]:
    """Without what says which class it is, and the filters, which follow from the rest."""
    given: dict[str, Any] = extractor.to_dict()
    drop = {"feature_extractor_type", "processor_class", "_processor_class", "mel_filters"}
    return {key: value for key, value in given.items() if key not in drop}


def _write(model: Any, processor: Any, output: Path, record: dict[str, Any]) -> None:
    SpeechLMConfig.register_for_auto_class()
    SpeechLMForConditionalGeneration.register_for_auto_class("AutoModelForCausalLM")
    SpeechLMFeatureExtractor.register_for_auto_class("AutoFeatureExtractor")
    SpeechLMProcessor.register_for_auto_class("AutoProcessor")
    output = output.resolve()
    # Beside its place, so that a build that was stopped leaves no half of a checkpoint there.
    staging = output.with_name(f".{output.name}.partial")
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    model.save_pretrained(staging, safe_serialization=True)
    processor.save_pretrained(staging)
    write_json(staging / RECORD, record)
    if output.exists():
        shutil.rmtree(output)
    staging.rename(output)
