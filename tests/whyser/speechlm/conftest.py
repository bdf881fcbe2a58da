"""Loaded checkpoints, audio, and batches as LLaMA-Factory collates them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch
import transformers
from transformers import trainer

from whyser.prompting.answer import render_answer
from whyser.speechlm.feature_extraction_speechlm import SpeechLMFeatureExtractor
from whyser.speechlm.modeling_speechlm import SpeechLMForConditionalGeneration
from whyser.speechlm.processing_speechlm import SpeechLMProcessor

#: An answer of each task.
ANSWERS = {
    "asr": render_answer(None, transcript="Dogs run.", target="asr"),
    "label": render_answer("sad", target="label"),
    "descriptors": render_answer("sad", descriptors="low pitch", target="descriptors"),
    "reason": render_answer("sad", transcript="Dogs run.", rationale="The voice is low."),
    "reason_unheard": render_answer("happy", rationale="The pitch is high."),
}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Uses one thread: sums have one order, so bits can be compared, and threads do not queue."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def own_callbacks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Removes our callback from the list that all trainers share; a model in training adds it."""
    stock = [one for one in trainer.DEFAULT_CALLBACKS if one.__name__ != "TrainingCallback"]
    monkeypatch.setattr(trainer, "DEFAULT_CALLBACKS", stock)


@pytest.fixture
def loaded(checkpoint: Callable[..., Path]) -> Callable[..., tuple[Any, Any]]:
    """Loads a recipe's model and processor anew, as classes of the package."""

    def load(recipe: str, **given: Any) -> tuple[Any, Any]:
        folder = checkpoint(recipe, **given)
        model = SpeechLMForConditionalGeneration.from_pretrained(folder)
        processor = SpeechLMProcessor(
            feature_extractor=SpeechLMFeatureExtractor.from_pretrained(folder),
            tokenizer=transformers.AutoTokenizer.from_pretrained(folder),
        )
        return model, processor

    return load


@pytest.fixture(scope="session")
def noise() -> Callable[..., np.ndarray[Any, Any]]:
    """Makes noise of the given length in seconds."""

    def sound(seconds: float, seed: int = 0) -> np.ndarray[Any, Any]:
        random = np.random.default_rng(seed)
        return 0.1 * random.standard_normal(round(16_000 * seconds)).astype(np.float32)

    return sound


@pytest.fixture(scope="session")
def prompt() -> str:
    """The prompt of one clip in the template's form; the processor expands its audio token."""
    return (
        "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n"
        "<|audio_bos|><|AUDIO|><|audio_eos|>What do you hear?<|im_end|>\n<|im_start|>assistant\n"
    )


@pytest.fixture
def batch(
    needs: Callable[[str, str], None], noise: Callable[..., np.ndarray[Any, Any]]
) -> Callable[[Any, Sequence[str]], dict[str, Any]]:
    """The batch that LLaMA-Factory's collator passes to `forward` for samples of these tasks. The
    n-th task in `ANSWERS` always has the same audio; any other name is the text of an answer."""
    needs("llamafactory", "pip install 'whyser[train]'")
    from llamafactory.data.collator import MultiModalDataCollatorForSeq2Seq
    from llamafactory.data.template import get_template_and_fix_tokenizer
    from llamafactory.hparams import DataArguments

    def make(processor: Any, tasks: Sequence[str]) -> dict[str, Any]:
        tokenizer = processor.tokenizer
        tokenizer.padding_side = "right"
        template = get_template_and_fix_tokenizer(tokenizer, DataArguments(template="qwen2_audio"))
        rows = []
        for task in tasks:
            place = list(ANSWERS).index(task) if task in ANSWERS else 0
            sounds = [noise(0.4 + 0.3 * place, seed=place)]
            messages = [
                {"role": "user", "content": "<audio>What do you hear?"},
                {"role": "assistant", "content": ANSWERS.get(task, task)},
            ]
            messages = template.mm_plugin.process_messages(messages, [], [], sounds, processor)
            asked, answered = template.encode_oneturn(tokenizer, messages)
            rows.append(
                {
                    "input_ids": asked + answered,
                    "attention_mask": [1] * len(asked + answered),
                    "labels": [-100] * len(asked) + answered,
                    "images": None,
                    "videos": None,
                    "audios": sounds,
                }
            )
        collate = MultiModalDataCollatorForSeq2Seq(
            tokenizer=tokenizer, template=template, processor=processor, label_pad_token_id=-100
        )
        return dict(collate(rows))

    return make
