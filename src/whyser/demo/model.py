"""A Qwen2-Audio that trains on a laptop in minutes, with random initial weights.

It is a real checkpoint of its architecture: the standard processor, template and trainer treat it
like the 8.4-billion-parameter one.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from whyser.demo import vocabulary
from whyser.demo.staging import fresh_directory
from whyser.qwen2_audio import POSITIONS_PER_SECOND, greedy, processor_of
from whyser.temporary import temporary_folder

WINDOW = 6
"""Length of the audio window in seconds; the real checkpoint's is 30."""
MEL_BINS = 128
WIDTH = 128
INITIALIZER_RANGE = 0.05
"""The model is about thirty times narrower than the real one, so its weights start larger."""

SPECIAL_TOKENS = (
    *("<|endoftext|>", "<|im_start|>", "<|im_end|>"),
    *("<|AUDIO|>", "<|audio_bos|>", "<|audio_eos|>"),
)
VOCABULARY = 1000
"""Byte-level BPE tokens, without the special ones."""


def write_model(
    directory: Path, *, seed: int = 0, window: int = WINDOW, weights: Path | None = None
) -> None:
    """Write the checkpoint: weights, configuration, tokenizer and processor.

    Args:
        directory: Output folder; an earlier demo in it is replaced.
        seed: Fixes every byte.
        window: Length of the audio window in seconds; vLLM requires 30.
        weights: A checkpoint whose weights are used. Its window may differ, since only the
            encoder's fixed positions depend on it.

    Raises:
        DemoError: The directory contains files that the demo did not write.
    """
    import torch
    import transformers

    hub: Any = transformers
    with fresh_directory(directory) as staging:
        processor = build_processor(window)
        tokenizer = processor.tokenizer
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = hub.Qwen2AudioForConditionalGeneration(_config(tokenizer, window))
        if weights is not None:
            _take_over(model, weights)
        _set_sinusoids(model)
        end, pad = tokenizer.convert_tokens_to_ids(["<|im_end|>", "<|endoftext|>"])
        model.generation_config = greedy(pad, [end, pad], pad)
        model.save_pretrained(staging, safe_serialization=True)
        processor.save_pretrained(staging)


def build_processor(window: int = WINDOW) -> Any:
    """Return a Qwen2AudioProcessor with a tokenizer trained on `vocabulary.corpus()`."""
    return processor_of(_tokenizer(), window, feature_size=MEL_BINS)


def _tokenizer() -> Any:
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    from transformers import Qwen2TokenizerFast

    with temporary_folder() as folder:
        # The untrained Qwen2 tokenizer splits text as the real one does; only its merges are ours.
        (folder / "vocab.json").write_text("{}", encoding="utf-8")
        (folder / "merges.txt").write_text("", encoding="utf-8")
        files = str(folder / "vocab.json"), str(folder / "merges.txt")
        template = Qwen2TokenizerFast(*files, unk_token=None, pad_token=None).backend_tokenizer
        learner = Tokenizer(models.BPE())
        learner.normalizer = template.normalizer
        learner.pre_tokenizer = template.pre_tokenizer
        alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
        trainer = trainers.BpeTrainer(
            vocab_size=VOCABULARY, show_progress=False, initial_alphabet=alphabet
        )
        learner.train_from_iterator(vocabulary.corpus(), trainer)
        learner.model.save(str(folder))
        tokenizer = Qwen2TokenizerFast(
            *files,
            eos_token="<|im_end|>",
            pad_token="<|endoftext|>",
            unk_token=None,
            additional_special_tokens=list(SPECIAL_TOKENS),
            model_max_length=2048,
        )
    return tokenizer


def _config(tokenizer: Any, window: int) -> Any:
    import transformers

    return transformers.Qwen2AudioConfig(
        audio_config={
            "model_type": "qwen2_audio_encoder",
            "num_mel_bins": MEL_BINS,
            "d_model": WIDTH,
            "encoder_layers": 2,
            "encoder_attention_heads": 4,
            "encoder_ffn_dim": 2 * WIDTH,
            "max_source_positions": POSITIONS_PER_SECOND * window,
            "initializer_range": INITIALIZER_RANGE,
        },
        text_config={
            "model_type": "qwen2",
            "vocab_size": len(tokenizer),
            "hidden_size": WIDTH,
            "intermediate_size": 3 * WIDTH,
            "num_hidden_layers": 3,
            "num_attention_heads": 4,
            "num_key_value_heads": 4,
            "max_position_embeddings": 2048,
            "initializer_range": INITIALIZER_RANGE,
            "tie_word_embeddings": False,
        },
        audio_token_index=tokenizer.convert_tokens_to_ids("<|AUDIO|>"),
        initializer_range=INITIALIZER_RANGE,
    )


def _take_over(model: Any, weights: Path) -> None:
    import transformers

    learnt = transformers.Qwen2AudioForConditionalGeneration.from_pretrained(weights)
    own = model.state_dict()
    for name, value in learnt.state_dict().items():
        if "embed_positions" not in name:
            own[name].copy_(value)


def _set_sinusoids(model: Any) -> None:
    """Fill in the encoder's positions, which are sinusoids and never trained."""
    import torch

    table = model.audio_tower.embed_positions.weight
    length, width = table.shape
    rates = torch.exp(-math.log(10_000) / (width // 2 - 1) * torch.arange(width // 2))
    angles = torch.arange(length)[:, None] * rates[None, :]
    with torch.no_grad():
        table.copy_(torch.cat([angles.sin(), angles.cos()], dim=1))
