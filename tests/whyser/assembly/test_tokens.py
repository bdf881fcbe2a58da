from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from whyser.assembly.parts import load_language_model
from whyser.assembly.tokens import TOKENS, add_tokens, missing_tokens, transcript_marks
from whyser.io.errors import InputError


def test_a_tokenizer_of_qwen2_audio_lacks_nothing(part: Callable[[str], Path]) -> None:
    assert missing_tokens(load_language_model(str(part("qwen2_audio"))).tokenizer) == []


def test_new_tokens_are_single_ones_and_begin_at_the_mean(part: Callable[[str], Path]) -> None:
    speaks = load_language_model(str(part("llama")))
    before = {name: weights.detach().clone() for name, weights in speaks.model.named_parameters()}
    known = len(speaks.tokenizer)
    assert add_tokens(speaks.tokenizer, speaks.model) == list(TOKENS)
    ids = [speaks.tokenizer.encode(token, add_special_tokens=False) for token in TOKENS]
    assert ids == [[known + place] for place in range(5)]
    for name in ("model.embed_tokens.weight", "lm_head.weight"):
        weights = speaks.model.state_dict()[name]
        assert weights[:known].equal(before[name])
        mean = before[name].mean(0).expand(5, -1)
        torch.testing.assert_close(weights[known:], mean)
    assert speaks.model.config.vocab_size == known + 5
    assert missing_tokens(speaks.tokenizer) == []


def test_special_tokens_of_its_own_stay(part: Callable[[str], Path]) -> None:
    speaks = load_language_model(str(part("llama")))
    speaks.tokenizer.add_special_tokens({"additional_special_tokens": ["<|own|>"]})
    speaks.model.resize_token_embeddings(len(speaks.tokenizer))
    add_tokens(speaks.tokenizer, speaks.model)
    assert {"<|own|>", *TOKENS} <= set(speaks.tokenizer.all_special_tokens)


@pytest.mark.parametrize("name", ["qwen2_audio", "llama"])
def test_marks_are_the_tags_or_the_beginning_of_them(
    name: str, part: Callable[[str], Path]
) -> None:
    tokenizer = transformers.AutoTokenizer.from_pretrained(part(name))
    start, end = transcript_marks(tokenizer)
    assert "<asr>".startswith(tokenizer.decode(start)) and "asr" in tokenizer.decode(start)
    assert "</asr>".endswith(tokenizer.decode(end)) and "asr" in tokenizer.decode(end)


def test_tags_that_a_tokenizer_cannot_write_are_refused(part: Callable[[str], Path]) -> None:
    class Deaf:
        def encode(self, text: str, **_: Any) -> list[int]:
            return [ord(letter) for letter in text if letter not in "</asrwed>"]

    with pytest.raises(InputError, match="--no-alternate"):
        transcript_marks(Deaf())
