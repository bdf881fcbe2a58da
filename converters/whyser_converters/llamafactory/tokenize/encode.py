"""Runs LLaMA-Factory's row processor without computing mels or encoding a text twice."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from copy import copy
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import groupby
from typing import Any

import numpy as np

from whyser.io.audio import mel_tokens
from whyser_converters.check.findings import CheckFault
from whyser_converters.check.rows import OVER_BUDGET, SHORTEN
from whyser_converters.llamafactory.tokenize.rows import Key
from whyser_converters.llamafactory.tokenize.settings import TokenizeRun

#: Number of remembered texts: prompts recur, answers mostly do not.
_REMEMBERED = 10_000

Columns = Mapping[str, Sequence[Any]]


@dataclass
class RowEncoder:
    """Turns rows of one split into columns, as LLaMA-Factory's processor does.

    Rows in `faulty` are reported elsewhere and become empty; `cut` collects the rows that
    `cutoff_len` would spoil.
    """

    run: TokenizeRun
    split: str
    frames: Mapping[str, int]
    faulty: AbstractSet[Key] = frozenset()
    cut: list[tuple[Key, CheckFault]] = field(default_factory=list)

    def __post_init__(self) -> None:
        run = self.run
        self._processor = _processor(run, run.generates(self.split), self.frames)
        self._encode = self._processor._encode_data_example
        self._processor._encode_data_example = self._judged
        self._audio_id = run.tokenizer.convert_tokens_to_ids(run.template.mm_plugin.audio_token)

    def columns(self, rows: Columns) -> Columns:
        """`input_ids`, `attention_mask`, `labels` and the sounds' paths of aligned rows."""
        columns: Columns = self._processor.preprocess_dataset(rows)
        return columns

    def _judged(self, **row: Any) -> tuple[list[int], ...]:
        key = key_of(row["prompt"], row["response"], row["audios"])
        if key in self.faulty:
            return ([],) * (4 if self.run.kind == "rm" else 2)
        encoded: tuple[list[int], ...] = self._encode(**row)
        # A row that was cut is as long as cutoff_len, a question and its answer taken together.
        if 2 * max(map(len, encoded)) >= self._processor.data_args.cutoff_len and (
            fault := self._fault(row, encoded)
        ):
            self.cut.append((key, fault))
        return encoded

    def _fault(self, row: Mapping[str, Any], encoded: Sequence[list[int]]) -> CheckFault | None:
        limit = f"cutoff_len {self._processor.data_args.cutoff_len:,}"
        sound = sum(mel_tokens(self.frames[path]) for path in row["audios"])
        kept = min(ids.count(self._audio_id) for ids in encoded[::2])
        if kept < sound:
            what = f"{limit} leaves {kept:,} of {sound:,} audio tokens, so training would crash"
            return CheckFault(OVER_BUDGET, what, SHORTEN)
        turns, answers = self._turns(row), min(self._answers(row, encoded))
        if answers < turns:
            what = f"{limit} cuts off an answer: {answers} of {turns} left"
            return CheckFault(OVER_BUDGET, what, SHORTEN)
        return None

    def _answers(self, row: Mapping[str, Any], encoded: Sequence[list[int]]) -> list[int]:
        """The number of answers in each list of labels, even if prompts are trained on too."""
        from llamafactory.extras.constants import IGNORE_INDEX

        if self._processor.data_args.train_on_prompt:
            encoded = _masked(self._processor)._encode_data_example(**row)
        return [
            sum(is_answer for is_answer, _ in groupby(label != IGNORE_INDEX for label in labels))
            for labels in encoded[1::2]
        ]

    def _turns(self, row: Mapping[str, Any]) -> int:
        """The number of answers that the labels should hold."""
        all_answer = self.run.kind == "sft" and not self.run.generates(self.split)
        if not all_answer or self._processor.data_args.mask_history:
            return 1
        return (len(row["prompt"]) + 1) // 2


def key_of(
    prompt: Sequence[Mapping[str, str]],
    response: Sequence[Mapping[str, str]],
    sounds: Sequence[str] | None,
) -> Key:
    """The key of a row after LLaMA-Factory's loader."""
    return tuple(turn["content"] for turn in (*prompt, *response)), tuple(sounds or ())


def _processor(run: TokenizeRun, generates: bool, frames: Mapping[str, int]) -> Any:
    from llamafactory.data.loader import _get_dataset_processor

    template = replace(run.template, mm_plugin=_counting(run.template.mm_plugin, frames))
    tokenizer = Remembering(run.tokenizer, template.mm_plugin.audio_token)
    return _get_dataset_processor(
        run.data_args, run.kind, template, tokenizer, run.processor, do_generate=generates
    )


def _counting(plugin: Any, frames: Mapping[str, int]) -> Any:
    """The plugin with known mel frames; it uses only the sum of the mask that it asks for."""

    def masks(_images: Any, _videos: Any, sounds: Sequence[str], _: Any) -> dict[str, Any]:
        return {"feature_attention_mask": np.array([[frames[sound]] for sound in sounds])}

    counting = copy(plugin)
    counting._get_mm_inputs = masks
    return counting


def _masked(processor: Any) -> Any:
    """The processor with the loss on answers only."""
    masked = copy(processor)
    del masked._encode_data_example
    masked.data_args = copy(processor.data_args)
    masked.data_args.train_on_prompt = False
    return masked


class Remembering:
    """A tokenizer that encodes a text once, whatever the length of its clip.

    A run of audio tokens is encoded as one token and repeated afterwards. This is exact because
    added tokens are split off before a text is encoded, so the number does not affect the rest.
    If a run does not become one token, the whole text is encoded.
    """

    def __init__(self, tokenizer: Any, audio_token: str) -> None:
        self._tokenizer = tokenizer
        self._audio_token = audio_token
        self._audio_id = tokenizer.convert_tokens_to_ids(audio_token)
        self._runs = re.compile(f"(?:{re.escape(audio_token)})+")
        self._once = lru_cache(_REMEMBERED)(tokenizer.encode)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tokenizer, name)

    def encode(self, text: str, *, add_special_tokens: bool) -> list[int]:
        short = self._runs.sub(self._audio_token, text)
        ids: list[int] = self._once(short, add_special_tokens=add_special_tokens)
        lengths = [len(run) // len(self._audio_token) for run in self._runs.findall(text)]
        if ids.count(self._audio_id) != len(lengths):
            return list(self._tokenizer.encode(text, add_special_tokens=add_special_tokens))
        whole, start = [], 0
        for length in lengths:
            end = ids.index(self._audio_id, start)
            whole += ids[start:end] + [self._audio_id] * length
            start = end + 1
        return whole + ids[start:]
