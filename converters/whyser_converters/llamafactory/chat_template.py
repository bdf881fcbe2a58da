"""Renders the prompt around a sound as training wrote it and as a chat template writes it.

LLaMA-Factory trains with its own template `qwen2_audio`, never with the checkpoint's chat template,
which puts `Audio 1: ` before a sound and a line break after it. Servers use the chat template.
Where the two differ, so do answers (docs/serving.md has figures).

How each path gets to `<|audio_bos|>`, n times `<|AUDIO|>`, `<|audio_eos|>` for one sound:

    LLaMA-Factory training, do_predict, api with infer_backend huggingface: its own template
    transformers 4: the processor puts both marks around an `<|AUDIO|>` that stands alone
    transformers 5, and vLLM from 0.17 on: leave the marks to the chat template
    vLLM up to 0.16: puts both marks around every `<|AUDIO|>`, marks there or not
    LLaMA-Factory's api with infer_backend vllm: hands vLLM 0.11, the newest that it takes, the
        marks, so they appear twice; no setting changes that, so use `vllm serve` instead

Hence a chat template that writes the marks is right everywhere but under vLLM up to 0.16, for which
there is another (`chat_template_vllm_0.16.jinja`), with `<|AUDIO|>` alone.
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

    None where there is none: then `Qwen2AudioProcessor` has one of its own, the official.

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

    It runs in a sandbox, since a template is a program, and with the whitespace rules and the names
    of transformers.

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
    except Exception as error:  # a program of somebody else's fails in its own ways
        raise InputError(
            f"the chat template cannot be rendered ({type(error).__name__}: {error})",
            cure="It must take a message whose content is a list of parts.",
        ) from None


def _raise(message: str) -> NoReturn:
    raise jinja2.TemplateError(message)
