"""Parts of a small student: tiny ones of the published classes, or real ones."""

from __future__ import annotations

import os
from pathlib import Path

SPEECH, LLM = "whisper-base", "smollm2"


def write_parts(folder: Path) -> Path:
    """Writes a Whisper and a Llama with a tied head, as their classes are published."""
    import transformers

    from whyser.demo.model import build_processor

    whisper = transformers.WhisperConfig(
        d_model=64, encoder_layers=2, encoder_attention_heads=2, encoder_ffn_dim=64,
        decoder_layers=1, decoder_attention_heads=2, decoder_ffn_dim=32, vocab_size=64,
        pad_token_id=0, bos_token_id=1, eos_token_id=2, decoder_start_token_id=1,
    )  # fmt: skip
    speech, llm = folder / SPEECH, folder / LLM
    transformers.WhisperForConditionalGeneration(whisper).save_pretrained(speech)
    transformers.WhisperFeatureExtractor().save_pretrained(speech)
    # Like many a Llama's, it adds a token before every text.
    tokenizer = transformers.LlamaTokenizerFast(
        tokenizer_object=build_processor().tokenizer.backend_tokenizer, bos_token="<|im_start|>",
        eos_token="<|im_end|>", pad_token="<|endoftext|>", unk_token=None, add_bos_token=True,
        chat_template="{{ messages[0]['content'] }}",
    )  # fmt: skip
    llama = transformers.LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=128, intermediate_size=256, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, tie_word_embeddings=True,
    )  # fmt: skip
    transformers.LlamaForCausalLM(llama).save_pretrained(llm)
    tokenizer.save_pretrained(llm)
    return folder


def real_parts() -> Path | None:
    """The folder that `WHYSER_REAL_PARTS` names, with both parts as the hub has them."""
    folder = os.environ.get("WHYSER_REAL_PARTS")
    return Path(folder).resolve() if folder else None
