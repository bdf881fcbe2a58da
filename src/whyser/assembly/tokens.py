"""What the language model's tokenizer must know: turns, sound, and how a transcript looks."""

from __future__ import annotations

import string
from collections.abc import Sequence
from itertools import takewhile
from typing import Any

from whyser.io.errors import InputError
from whyser.prompting.answer import render_answer

AUDIO, TURN_END = "<|AUDIO|>", "<|im_end|>"
#: Those of LLaMA-Factory's template `qwen2_audio`, each of which has to be one token.
TOKENS = ("<|im_start|>", TURN_END, AUDIO, "<|audio_bos|>", "<|audio_eos|>")

#: Beginnings and ends that a tokenizer could merge with the tags around them.
_TRANSCRIPTS = (
    "Dogs run.",
    "a",
    "What?",
    "8 o'clock",
    '"Stop!" I said',
    "(laughs)",
    "né",
    "雪が降る",
    "...",
    "<laugh>",
    *string.punctuation,
)


def missing_tokens(tokenizer: Any) -> list[str]:
    return [token for token in TOKENS if token not in tokenizer.get_vocab()]


def add_tokens(tokenizer: Any, model: Any) -> list[str]:
    """Adds what is missing; a new token's embedding is the mean of all. Returns: what was added."""
    import torch

    added = missing_tokens(tokenizer)
    known = model.get_input_embeddings().weight.shape[0]
    # By position: 'replace_additional_special_tokens' has another name since transformers 5.
    tokenizer.add_special_tokens({"additional_special_tokens": added}, False)
    if len(tokenizer) > known:
        model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    ids = tokenizer.convert_tokens_to_ids(added)
    with torch.no_grad():
        for embeddings in (model.get_input_embeddings(), model.get_output_embeddings()):
            embeddings.weight[ids] = embeddings.weight[:known].mean(0)
    return added


def transcript_marks(tokenizer: Any) -> tuple[list[int], list[int]]:
    """The ids that an answer begins and ends with when it is a transcript and nothing else.

    Found by writing such answers: a tag may be several tokens, and its last one may hold the
    beginning of a word.

    Raises: `InputError` for a tokenizer by which such answers cannot be told from others.
    """
    only = [
        _ids(tokenizer, render_answer(None, transcript=text, target="asr")) for text in _TRANSCRIPTS
    ]
    start = _common_start(only)
    end = _common_start([ids[::-1] for ids in only])[::-1]
    more = [
        _ids(tokenizer, render_answer("sad", transcript=text, rationale="Low."))
        for text in _TRANSCRIPTS
    ]
    others = [
        _ids(tokenizer, render_answer("sad", descriptors=descriptors, target="descriptors"))
        for descriptors in (None, "high pitch")
    ]
    if (
        not start
        or not end
        or any(ids[-len(end) :] == end for ids in more)
        or any(ids[: len(start)] == start for ids in others)
    ):
        raise InputError(
            "the tokenizer writes <asr> and </asr> so that a transcript cannot be told from "
            "another answer by its tokens",
            cure="Build with --no-alternate, which trains all branches by all tasks.",
        )
    return start, end


def _common_start(rows: Sequence[list[int]]) -> list[int]:
    """
    >>> _common_start([[1, 2, 3], [1, 2, 4, 5]])
    [1, 2]
    """
    columns = takewhile(lambda column: len(set(column)) == 1, zip(*rows, strict=False))
    return [column[0] for column in columns]


def _ids(tokenizer: Any, text: str) -> list[int]:
    return list(tokenizer.encode(text, add_special_tokens=False))
