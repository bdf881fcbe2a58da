"""The chat template for models that we train, compared with LLaMA-Factory's own code."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from whyser.io.errors import InputError
from whyser.prompting.prompts import TRAINED
from whyser_converters.llamafactory.chat_template import render, template_of
from whyser_converters.llamafactory.served import PROBES

from ...programs import start

#: What LLaMA-Factory's code writes for conversations of texts with <audio>, given as JSON: its
#: template without the default of a tokenizer, the sound as one token between its marks.
WRITER = """
import json, sys
from types import SimpleNamespace
from llamafactory.data.template import TEMPLATES
from whyser.demo.model import build_processor
template, processor = TEMPLATES["qwen2_audio"], build_processor()
template.mm_plugin.expand_mm_tokens = False
texts = []
for system, messages in json.loads(sys.argv[1]):
    sounds = ["a.wav"] * sum(one["content"].count("<audio>") for one in messages)
    messages = template.mm_plugin.process_messages(messages, [], [], sounds, processor)
    answered = [*messages, {"role": "assistant", "content": ""}]
    prompt, _ = template.encode_oneturn(processor.tokenizer, answered, system)
    texts.append(processor.tokenizer.decode(prompt))
print("TEXTS", json.dumps(texts))
"""

SOUND = "<|audio_bos|><|AUDIO|><|audio_eos|>"
#: For a vLLM that puts the marks there itself.
OLD_VLLM = TRAINED.with_name("chat_template_vllm_0.16.jinja")

QUESTION = {"role": "user", "content": [{"type": "audio"}, {"type": "text", "text": "What?"}]}


def as_a_row(messages: Any) -> tuple[str | None, list[dict[str, str]]]:
    """A conversation as LLaMA-Factory's datasets have it."""
    system = messages[0]["content"] if messages[0]["role"] == "system" else None
    turns = []
    for message in messages[system is not None :]:
        content = message["content"]
        if not isinstance(content, str):
            content = "".join(part.get("text", "<audio>") for part in content)
        turns.append({"role": message["role"], "content": content})
    return system, turns


@pytest.mark.slow
def test_it_writes_what_llamafactory_writes(tmp_path: Path) -> None:
    probes = json.dumps([as_a_row(probe) for probe in PROBES])
    done = start(["python", "-c", WRITER, probes], tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    (line,) = re.findall(r"^TEXTS (.*)$", done.stdout, re.MULTILINE)
    written = json.loads(line)
    # One sound in each probe.
    assert [text.count("<|audio_bos|><|AUDIO|><|audio_eos|>") for text in written] == [1, 1]
    assert [render(TRAINED.read_text("utf-8"), probe) for probe in PROBES] == written
    unmarked = [re.sub(r"<\|audio_[be]os\|>", "", text) for text in written]
    assert [render(OLD_VLLM.read_text("utf-8"), probe) for probe in PROBES] == unmarked


def test_a_sound_stands_where_it_stands_in_the_message() -> None:
    parts = [{"type": "text", "text": "Hear: "}, {"type": "input_audio"}, {"type": "audio_url"}]
    prompt = render(TRAINED.read_text("utf-8"), [{"role": "user", "content": parts}])
    assert f"user\nHear: {SOUND}{SOUND}<|im_end|>\n" in prompt


def test_another_medium_is_refused() -> None:
    with pytest.raises(InputError, match="takes text and audio, not image_url"):
        render(TRAINED.read_text("utf-8"), [{"role": "user", "content": [{"type": "image_url"}]}])


@pytest.mark.parametrize(
    "template",
    [
        "{{ messages.__class__.__mro__ }}",  # the way out of the sandbox
        "{% for one in messages %}",
        "{{ messages[0]['content'] + 'a' }}",
        "{{ nothing.at.all }}",
    ],
)
def test_a_foreign_template_that_fails_is_an_input_error(template: str) -> None:
    with pytest.raises(InputError, match="the chat template cannot be rendered"):
        render(template, [QUESTION])


def test_the_template_of_a_folder_is_that_which_transformers_takes(tmp_path: Path) -> None:
    assert template_of(tmp_path) is None
    (tmp_path / "chat_template.json").write_text('{"chat_template": "old"}', encoding="utf-8")
    assert template_of(tmp_path) == "old"
    (tmp_path / "chat_template.jinja").write_text("new", encoding="utf-8")
    assert template_of(tmp_path) == "new"


def test_a_legacy_file_without_a_template_is_named(tmp_path: Path) -> None:
    (tmp_path / "chat_template.json").write_text("[]", encoding="utf-8")
    with pytest.raises(InputError, match=r"chat_template\.json: holds no chat template"):
        template_of(tmp_path)
