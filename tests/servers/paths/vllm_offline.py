"""Prompts and greedy answers of vLLM in this process, as a user of `LLM.chat` gets them.

Usage: python vllm_offline.py MODEL TEMPLATE OFFICIAL_TEMPLATE ROWS.json MEDIA_DIR MAX_TOKENS OUT

In addition to the chat template for this vLLM, it tries the official one, and the ids that
LLaMA-Factory's own vLLM backend passes: both marks around one `<|AUDIO|>`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import librosa
from vllm import LLM, SamplingParams

MARKED = "<|audio_bos|><|AUDIO|><|audio_eos|>"


def pairs(outputs: list[Any]) -> dict[str, list[Any]]:
    return {
        "ids": [list(one.prompt_token_ids) for one in outputs],
        "answers": [one.outputs[0].text for one in outputs],
    }


def main(model: str, own: str, official: str, rows: str, media: str, length: str, out: str) -> None:
    llm = LLM(
        model=model, dtype="float32", enforce_eager=True, max_model_len=2048, seed=0,
        max_num_batched_tokens=65536, limit_mm_per_prompt={"audio": 1},
        allowed_local_media_path=media,
    )  # fmt: skip
    greedy = SamplingParams(temperature=0.0, max_tokens=int(length))
    read = json.loads(Path(rows).read_text(encoding="utf-8"))
    questions = [row["messages"][0]["content"].removeprefix("<audio>") for row in read]
    sounds = [row["audios"][0] for row in read]
    messages: Any = [
        [
            {
                "role": "user",
                "content": [
                    {"type": "audio_url", "audio_url": {"url": Path(sound).as_uri()}},
                    {"type": "text", "text": question},
                ],
            }
        ]
        for question, sound in zip(questions, sounds, strict=True)
    ]

    def chat(template: str) -> list[Any]:
        text = Path(template).read_text(encoding="utf-8")
        return llm.chat(messages, greedy, chat_template=text)

    texts = [
        "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n"
        f"{MARKED}{question}<|im_end|>\n<|im_start|>assistant\n"
        for question in questions
    ]
    tokenizer = llm.get_tokenizer()
    marked: Any = [
        {
            "prompt_token_ids": tokenizer.encode(text),
            "multi_modal_data": {"audio": librosa.load(sound, sr=16_000)},
        }
        for text, sound in zip(texts, sounds, strict=True)
    ]
    found = {
        "own": pairs(chat(own)),
        "official": pairs(chat(official)),
        "marked": pairs(llm.generate(marked, greedy)),
    }
    Path(out).write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
