"""Renders the prompt around a sound as training wrote it and as a chat template writes it.

LLaMA-Factory trains with its own template `qwen2_audio`, never with the checkpoint's chat template,
which puts `Audio 1: ` before a sound and a line break after it. Servers use the chat template.
If the two differ, so do the answers (docs/serving.md has figures).

A sound should become `<|audio_bos|>`, n times `<|AUDIO|>`, `<|audio_eos|>`. Each path gets there
in its own way:

    LLaMA-Factory training, do_predict, api with infer_backend huggingface: its own template
    transformers 4: the processor puts both marks around an `<|AUDIO|>` that has none
    transformers 5, and vLLM from 0.17 on: leave the marks to the chat template
    vLLM up to 0.16: puts both marks around every `<|AUDIO|>`, even if it has them already
    LLaMA-Factory's api with infer_backend vllm: gives the marks to vLLM 0.11, the newest that it
        supports, so they appear twice; no setting changes that, so use `vllm serve` instead

So a chat template that writes the marks is right everywhere except under vLLM up to 0.16, for which
there is another one without them (`chat_template_vllm_0.16.jinja`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

from whyser.io.errors import InputError
from whyser.io.files import read_json, read_text

#: The file that transformers and vLLM read in a model's folder.
FILE = "chat_template.jinja"
LEGACY_FILE = "chat_template.json"

Messages = Sequence[Mapping[str, Any]]


def template_of(model: Path) -> str | None:
    """The chat template of a model's folder, from the file that transformers prefers.

    None without one; `Qwen2AudioProcessor` then uses its own, the official template.

    Raises: `InputError` when the file is broken.
    """
    if (model / FILE).exists():
        return read_text(model / FILE)
    if not (model / LEGACY_FILE).exists():
        return None
    legacy = read_json(model / LEGACY_FILE)
    template = legacy.get("chat_template") if isinstance(legacy, dict) else None
    if not isinstance(template, str):
        raise InputError("holds no chat template", file=model / LEGACY_FILE, cure="Remove it.")
    return template


def render(template: str, messages: Messages) -> str:
    r"""The prompt for these messages, up to where the assistant answers.

    A template is a program, so it runs in a sandbox, with transformers' whitespace rules and names.

    Raises: `InputError` when it cannot be rendered.

    >>> render("{% for one in messages %}{{ one.role }}: {% endfor %}", [{"role": "user"}])
    'user: '
    """
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )
    environment.globals["raise_exception"] = _raise
    names = {"add_generation_prompt": True, "bos_token": "", "eos_token": "<|im_end|>"}
    try:
        return environment.from_string(template).render(messages=messages, **names)
    except Exception as error:  # Somebody else's program may raise anything.
        raise InputError(
            f"the chat template cannot be rendered ({type(error).__name__}: {error})",
            cure="It must take a message whose content is a list of parts.",
        ) from None


def _raise(message: str) -> NoReturn:
    raise jinja2.TemplateError(message)
