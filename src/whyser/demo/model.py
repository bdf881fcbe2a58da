"""A Qwen2-Audio small enough to train on a laptop in minutes, random at the start.

It is a real checkpoint of that architecture: the stock processor, template and trainer take it as
they take the 8.4-billion-parameter one.
"""

from __future__ import annotations

import math
import tempfile
from pathlib import Path
from typing import Any

from whyser.demo import vocabulary
from whyser.demo.staging import fresh_directory

WINDOW = 6
"""Seconds of audio that the model hears; the real checkpoint hears 30."""
MEL_BINS = 128
WIDTH = 128
INITIALIZER_RANGE = 0.05
"""Twenty times narrower than the real one, so the weights start wider."""

SPECIAL_TOKENS = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|AUDIO|>",
    "<|audio_bos|>",
    "<|audio_eos|>",
)
VOCABULARY = 1000
"""Byte-level BPE tokens, without the special ones."""


def write_model(
    directory: Path, *, seed: int = 0, window: int = WINDOW, weights: Path | None = None
) -> None:
    """Write the checkpoint: weights, configuration, tokenizer and processor.

    Args:
        directory: Target; an earlier one of ours is replaced, anything else is refused.
        seed: Fixes the weights; two calls write the same bytes.
        window: Seconds of sound that the encoder hears; vLLM insists on 30.
        weights: A checkpoint to take what is learnt from, whatever its window: the encoder's
            positions are fixed and the only weights that a window changes.

    Raises:
        DemoError: The directory holds something that this command did not write.
    """
    import torch

    hub = _transformers()
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
        model.generation_config = hub.GenerationConfig(
            bos_token_id=pad, eos_token_id=[end, pad], pad_token_id=pad, do_sample=False
        )
        model.save_pretrained(staging, safe_serialization=True)
        processor.save_pretrained(staging)


def build_processor(window: int = WINDOW) -> Any:
    """Return a Qwen2AudioProcessor with a tokenizer trained on `vocabulary.corpus()`."""
    hub = _transformers()
    return hub.Qwen2AudioProcessor(
        feature_extractor=hub.WhisperFeatureExtractor(
            feature_size=MEL_BINS, chunk_length=window, return_attention_mask=True
        ),
        tokenizer=_tokenizer(),
    )


def _transformers() -> Any:
    """Import late, for a fast `--help`; its classes are only partly annotated, hence Any."""
    import transformers

    return transformers


def _tokenizer() -> Any:
    from tokenizers import Tokenizer, models, trainers

    fast_tokenizer = _transformers().Qwen2TokenizerFast

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # The untrained Qwen2 tokenizer splits text as the real one does; only its merges are ours.
        (folder / "vocab.json").write_text("{}", encoding="utf-8")
        (folder / "merges.txt").write_text("", encoding="utf-8")
        template = fast_tokenizer(
            str(folder / "vocab.json"), str(folder / "merges.txt"), unk_token=None, pad_token=None
        ).backend_tokenizer
        learner = Tokenizer(models.BPE())
        learner.normalizer = template.normalizer
        learner.pre_tokenizer = template.pre_tokenizer
        trainer = trainers.BpeTrainer(
            vocab_size=VOCABULARY,
            show_progress=False,
            initial_alphabet=sorted(_byte_alphabet()),
        )
        learner.train_from_iterator(vocabulary.corpus(), trainer)
        learner.model.save(name)
        tokenizer = fast_tokenizer(
            str(folder / "vocab.json"),
            str(folder / "merges.txt"),
            eos_token="<|im_end|>",
            pad_token="<|endoftext|>",
            unk_token=None,
            additional_special_tokens=list(SPECIAL_TOKENS),
            model_max_length=2048,
        )
    return tokenizer


def _byte_alphabet() -> list[str]:
    from tokenizers import pre_tokenizers

    return list(pre_tokenizers.ByteLevel.alphabet())


def _config(tokenizer: Any, window: int) -> Any:
    return _transformers().Qwen2AudioConfig(
        audio_config={
            "model_type": "qwen2_audio_encoder",
            "num_mel_bins": MEL_BINS,
            "d_model": WIDTH,
            "encoder_layers": 2,
            "encoder_attention_heads": 4,
            "encoder_ffn_dim": 2 * WIDTH,
            # Two mel frames of 10 ms a position.
            "max_source_positions": 50 * window,
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
    learnt = _transformers().Qwen2AudioForConditionalGeneration.from_pretrained(weights)
    own = model.state_dict()
    for name, value in learnt.state_dict().items():
        if "embed_positions" not in name:
            own[name].copy_(value)


def _set_sinusoids(model: Any) -> None:
    """Fill in the encoder's positions: they are fixed and never trained, so random ones stay so."""
    import torch

    table = model.audio_tower.embed_positions.weight
    length, width = table.shape
    rates = torch.exp(-math.log(10_000) / (width // 2 - 1) * torch.arange(width // 2))
    angles = torch.arange(length)[:, None] * rates[None, :]
    with torch.no_grad():
        table.copy_(torch.cat([angles.sin(), angles.cos()], dim=1))
