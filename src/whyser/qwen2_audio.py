"""What every Qwen2-Audio that we write has in common: the demo's and those of published parts."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

#: Positions of the audio encoder in a second; each is two mel frames of 10 ms.
POSITIONS_PER_SECOND = 50


def processor_of(tokenizer: Any, window: int, *, template: str | None = None, **mel: Any) -> Any:
    """A Qwen2AudioProcessor that pads or cuts every clip to `window` seconds.

    Args:
        template: The chat template; None for the processor's own.
        mel: Settings of the spectrogram, such as `feature_size`, its number of bins.
    """
    import transformers

    settings = mel | {"chunk_length": window, "return_attention_mask": True}
    return transformers.Qwen2AudioProcessor(
        feature_extractor=transformers.WhisperFeatureExtractor(**settings),
        tokenizer=tokenizer,
        chat_template=template,
    )


def greedy(begin: int | None, ends: Collection[int], pad: int) -> Any:
    """The settings of an answer: greedy, as for all models that we train."""
    import transformers

    hub: Any = transformers
    return hub.GenerationConfig(
        bos_token_id=begin, eos_token_id=list(ends), pad_token_id=pad, do_sample=False
    )
