"""Prompts as LLaMA-Factory's dataset code tokenises them, and the answers of `transformers`.

Usage: python llamafactory_rows.py MODEL DATASET_DIR DATASET MAX_NEW_TOKENS OUT.json
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import librosa
import torch
from llamafactory.data import get_dataset, get_template_and_fix_tokenizer
from llamafactory.extras.constants import IGNORE_INDEX
from llamafactory.hparams import get_train_args
from llamafactory.model import load_tokenizer
from transformers import AutoProcessor, Qwen2AudioForConditionalGeneration


def rows(model: str, dataset_dir: str, **purpose: Any) -> Any:
    settings = {
        "model_name_or_path": model, "dataset_dir": dataset_dir, "template": "qwen2_audio",
        "stage": "sft", "output_dir": "unused", "overwrite_cache": True, "use_cpu": True,
        "preprocessing_num_workers": None, "finetuning_type": "full", **purpose,
    }  # fmt: skip
    model_args, data_args, training_args, _, _ = get_train_args(settings)
    module = load_tokenizer(model_args)
    template = get_template_and_fix_tokenizer(module["tokenizer"], data_args)
    return get_dataset(template, model_args, data_args, training_args, stage="sft", **module)


def ask(model: str, messages: list[list[dict[str, Any]]], length: int) -> list[tuple[Any, str]]:
    """Ids of the prompt and the greedy answer, by the model's own chat template."""
    processor = AutoProcessor.from_pretrained(model)
    weights = Qwen2AudioForConditionalGeneration.from_pretrained(model, torch_dtype=torch.float32)
    found = []
    for conversation in messages:
        (sound,) = (part["audio"] for part in conversation[0]["content"] if "audio" in part)
        text = processor.apply_chat_template(conversation, add_generation_prompt=True)
        samples = librosa.load(sound, sr=processor.feature_extractor.sampling_rate)[0]
        inputs = processor(text=text, audio=[samples], return_tensors="pt", sampling_rate=16_000)
        with torch.inference_mode():
            out = weights.generate(
                **inputs, max_new_tokens=length, do_sample=False, repetition_penalty=1.0
            )
        prompt = inputs["input_ids"][0].tolist()
        answer = processor.decode(out[0, len(prompt) :], skip_special_tokens=True)
        found.append((prompt, answer))
    return found


def main(model: str, dataset_dir: str, dataset: str, length: str, out: str) -> None:
    trained = rows(model, dataset_dir, dataset=dataset, do_train=True)["train_dataset"]
    predicted = rows(
        model, dataset_dir, eval_dataset=dataset, do_predict=True, predict_with_generate=True
    )["eval_dataset"]
    read = json.loads((Path(dataset_dir) / f"{dataset}.json").read_text(encoding="utf-8"))
    messages = [
        [
            {
                "role": "user",
                "content": [
                    {"type": "audio", "audio": row["audios"][0]},
                    {"type": "text", "text": row["messages"][0]["content"].removeprefix("<audio>")},
                ],
            }
        ]
        for row in read
    ]
    tokenizer = AutoProcessor.from_pretrained(model).tokenizer
    prompts, answers = zip(*ask(model, messages, int(length)), strict=True)
    found = {
        "training": [
            [one for one, label in zip(row["input_ids"], row["labels"], strict=True)
             if label == IGNORE_INDEX]
            for row in trained
        ],
        "do_predict": [row["input_ids"] for row in predicted],
        "do_predict_text": tokenizer.batch_decode([row["input_ids"] for row in predicted]),
        "transformers": prompts,
        "answers": answers,
    }  # fmt: skip
    Path(out).write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
