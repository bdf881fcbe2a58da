"""The tokens that the language model's tokenizer needs: those of turns, sound and transcripts."""

from __future__ import annotations

import string
from collections.abc import Sequence
from itertools import takewhile
from typing import Any

from whyser.io.errors import InputError
from whyser.labels.classes import EmotionClass
from whyser.prompting.answer import render_answer

AUDIO, TURN_END = "<|AUDIO|>", "<|im_end|>"
#: The special tokens of LLaMA-Factory's template `qwen2_audio`.
TOKENS = ("<|im_start|>", TURN_END, AUDIO, "<|audio_bos|>", "<|audio_eos|>")

#: Texts whose first or last characters a tokenizer could merge with the tags around them.
_TRANSCRIPTS = (
    *("Dogs run.", "a", "What?", "8 o'clock", '"Stop!" I said', "(laughs)", "né", "雪が降る"),
    *("...", "<laugh>", *string.punctuation),
)


def plain(tokenizer: Any) -> Any:
    """The same fast tokenizer without the class of its family, and without tokens of its own around
    a text, since the template writes them all.

    transformers 5 makes the tokenizers of some families anew by their class, and then splits words
    in another way than `tokenizer.json` says, on which the model was trained.
    """
    from tokenizers.processors import TemplateProcessing
    from transformers import PreTrainedTokenizerFast

    backend = tokenizer.backend_tokenizer
    backend.post_processor = TemplateProcessing(single="$A", pair="$A $B:1")
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        **tokenizer.special_tokens_map,
        chat_template=tokenizer.chat_template,
        model_max_length=tokenizer.model_max_length,
        model_input_names=["input_ids", "attention_mask"],
        padding_side=tokenizer.padding_side,
        clean_up_tokenization_spaces=False,
    )


def missing_tokens(tokenizer: Any) -> list[str]:
    return [token for token in TOKENS if token not in tokenizer.get_vocab()]


def add_tokens(tokenizer: Any, model: Any) -> list[str]:
    """Adds the missing tokens, with the mean of all embeddings, and returns them."""
    import torch

    added = missing_tokens(tokenizer)
    known = model.get_input_embeddings().weight.shape[0]
    # A positional argument, since 'replace_additional_special_tokens' is renamed in transformers 5.
    tokenizer.add_special_tokens({"additional_special_tokens": added}, False)
    if len(tokenizer) > known:
        model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    ids = tokenizer.convert_tokens_to_ids(added)
    with torch.no_grad():
        for embeddings in (model.get_input_embeddings(), model.get_output_embeddings()):
            embeddings.weight[ids] = embeddings.weight[:known].mean(0)
    return added


def transcript_marks(tokenizer: Any) -> tuple[list[int], list[int]]:
    """The ids with which an answer begins and ends if it is only a transcript.

    They are found from example answers, since a tag may be several tokens, and its last token may
    include the beginning of a word.

    Raises: `InputError` if the tokenizer does not distinguish such answers from others.
    """

    def ids(label: EmotionClass | None, **answer: Any) -> list[int]:
        return list(tokenizer.encode(render_answer(label, **answer), add_special_tokens=False))

    only = [ids(None, transcript=text, target="asr") for text in _TRANSCRIPTS]
    start = _common_start(only)
    end = _common_start([row[::-1] for row in only])[::-1]
    more = [ids("sad", transcript=text, rationale="Low.") for text in _TRANSCRIPTS]
    others = [ids("sad", descriptors=own, target="descriptors") for own in (None, "high pitch")]
    if (
        not start
        or not end
        or any(row[-len(end) :] == end for row in more)
        or any(row[: len(start)] == start for row in others)
    ):
        raise InputError(
            "the tokenizer splits <asr> and </asr> such that tokens do not distinguish a "
            "transcript from another answer",
            cure="Build with --no-alternate, which trains all branches on all tasks.",
        )
    return start, end


def _common_start(rows: Sequence[list[int]]) -> list[int]:
    """
    >>> _common_start([[1, 2, 3], [1, 2, 4, 5]])
    [1, 2]
    """
    columns = takewhile(lambda column: len(set(column)) == 1, zip(*rows, strict=False))
    return [column[0] for column in columns]
