"""Tiny random parts of the model family, and checkpoints built from them, each written once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

#: Two convolutions: 20 ms a frame, the first sees 10 ms.
_WAVEFORM: dict[str, Any] = dict(
    hidden_size=16,
    num_hidden_layers=2,
    num_attention_heads=2,
    intermediate_size=32,
    conv_dim=(16, 16),
    conv_kernel=(160, 4),
    conv_stride=(80, 4),
    num_feat_extract_layers=2,
    num_conv_pos_embeddings=8,
    num_conv_pos_embedding_groups=2,
)
#: Wide enough at the start that random weights answer differently to different sounds.
_DECODER: dict[str, Any] = dict(
    hidden_size=32,
    intermediate_size=48,
    num_hidden_layers=2,
    num_attention_heads=2,
    num_key_value_heads=1,
    initializer_range=0.2,
)
_PARTS = {
    "dual_encoder": {"speech": "whisper", "emotion": "wavlm", "llm": "qwen2_audio"},
    "vib_hubert": {"emotion": "hubert", "llm": "qwen2_audio"},
    "semollm": {"emotion": "wav2vec2", "llm": "qwen2"},
}


@pytest.fixture(scope="session")
def part(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a part: an encoder of a family, or a language model."""
    import torch

    root = tmp_path_factory.mktemp("parts")

    def of(name: str) -> Path:
        folder = root / name
        if not folder.exists():
            with torch.random.fork_rng():
                torch.manual_seed(0)
                _WRITERS[name](folder)
        return folder

    return of


@pytest.fixture(scope="session")
def checkpoint(
    part: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Path]:
    """The folder of a recipe; `llm` and the like name other parts, the rest are changes of it."""
    from whyser.assembly.build import build
    from whyser.assembly.recipes import Changes, recipe_of

    written: dict[str, Path] = {}

    def of(recipe: str, **given: Any) -> Path:
        key = f"{recipe} {sorted(given.items())}"
        if key not in written:
            names = {kind: given.pop(kind, name) for kind, name in _PARTS[recipe].items()}
            small: dict[str, Any] = {"width": 16, "depth": 2, "heads": 2, "emotion_tokens": 3}
            if recipe != "semollm":
                small["content_tokens"] = 6
            folder = tmp_path_factory.mktemp("built") / recipe
            build(
                recipe_of(recipe, Changes(**small | given)),
                {kind: str(part(name)) for kind, name in names.items()},
                folder,
                adds_tokens=True,
                seed=0,
            )
            written[key] = folder
        return written[key]

    return of


# ---- encoders -----------------------------------------------------------------------------------


def _encoder(family: str, **settings: Any) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        import transformers

        config = transformers.AutoConfig.for_model(family, **_WAVEFORM, **settings)
        transformers.AutoModel.from_config(config).save_pretrained(folder)
        transformers.Wav2Vec2FeatureExtractor(return_attention_mask=True).save_pretrained(folder)

    return write


def _whisper(folder: Path) -> None:
    """Writes a Whisper with the real window of 30 s."""
    import transformers

    config = transformers.WhisperConfig(
        d_model=16,
        encoder_layers=2,
        encoder_attention_heads=2,
        encoder_ffn_dim=32,
        decoder_layers=1,
        decoder_attention_heads=2,
        decoder_ffn_dim=32,
        vocab_size=64,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        decoder_start_token_id=1,
        num_mel_bins=16,
        max_source_positions=1500,
    )
    transformers.WhisperModel(config).save_pretrained(folder)
    transformers.WhisperFeatureExtractor(feature_size=16).save_pretrained(folder)


# ---- language models ----------------------------------------------------------------------------


def _qwen2_audio(folder: Path) -> None:
    from whyser.demo.model import write_model

    write_model(folder)


def _qwen2(folder: Path, **settings: Any) -> None:
    import transformers

    from whyser.demo.model import build_processor

    tokenizer = build_processor().tokenizer
    config = transformers.Qwen2Config(**_DECODER, vocab_size=len(tokenizer), **settings)
    transformers.Qwen2ForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _tied(folder: Path) -> None:
    _qwen2(folder, tie_word_embeddings=True)


def _bfloat16(folder: Path) -> None:
    import torch
    import transformers

    _tied(folder)
    model = transformers.AutoModelForCausalLM.from_pretrained(folder)
    model.to(torch.bfloat16).save_pretrained(folder)


def _llama(folder: Path) -> None:
    """Writes a Llama whose tokenizer has no tokens for turns and audio."""
    import transformers
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    from whyser.demo import vocabulary

    learner = Tokenizer(models.BPE())
    learner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    learner.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        show_progress=False,
        initial_alphabet=sorted(alphabet),
        special_tokens=["<|end_of_text|>"],
    )
    learner.train_from_iterator(vocabulary.corpus(), trainer)
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=learner,
        eos_token="<|end_of_text|>",
        model_input_names=["input_ids", "attention_mask"],
    )
    config = transformers.LlamaConfig(**_DECODER, vocab_size=len(tokenizer), eos_token_id=0)
    transformers.LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


_WRITERS: dict[str, Callable[[Path], None]] = {
    "wavlm": _encoder(
        "wavlm", feat_extract_norm="layer", do_stable_layer_norm=True, conv_bias=True
    ),
    "hubert": _encoder("hubert", feat_extract_norm="group"),
    "wav2vec2": _encoder("wav2vec2", feat_extract_norm="group"),
    "whisper": _whisper,
    "qwen2_audio": _qwen2_audio,
    "qwen2": _tied,
    "bfloat16": _bfloat16,
    "llama": _llama,
}
