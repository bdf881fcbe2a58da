"""The prompt that a server makes of a question: the text around the sound changes answers.

A zero-shot system is asked in its makers' template, a model that LLaMA-Factory trained in that of
training (docs/serving.md, "A model that you trained"). vLLM shows the prompt at `/tokenize` and
`/detokenize`: a current version the whole prompt, with one `<|AUDIO|>` for each token of the sound;
an old one the text of the chat template, before the sound's tokens and both marks are inserted.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from whyser.chat import ChatSettings, Request
from whyser.chat.faults import RequestFault
from whyser.chat.settings import Secrets
from whyser.chat.wire import Wire
from whyser.io.errors import InputError
from whyser.prompting.prompts import Template

SYSTEM = "You are a helpful assistant."

#: Seconds to wait for the prompt, which is asked for once, before a run.
PATIENCE = 30.0

AUDIO = "<|AUDIO|>"


def trained_prompt(question: str, sound: str) -> str:
    """The prompt of training, with `sound` as the text of the sound."""
    return (
        f"<|im_start|>system\n{SYSTEM}<|im_end|>\n"
        f"<|im_start|>user\n{sound}{question}<|im_end|>\n<|im_start|>assistant\n"
    )


@dataclass(frozen=True)
class Seen:
    """The prompt that a server makes of a question, and its template; None where unknown."""

    prompt: str | None = None
    template: Template | None = None


def ask_template(settings: ChatSettings, request: Request, question: str) -> Seen:
    """The prompt that the server makes of a request about a sound, if the server shows it."""
    prompt = _prompt_at(settings, request)
    # One `<|AUDIO|>` for all tokens of a sound is enough for people.
    short = prompt and re.sub(rf"(?:{re.escape(AUDIO)})+", AUDIO, prompt)
    return Seen(short, template_of(prompt, question))


def _prompt_at(settings: ChatSettings, request: Request) -> str | None:
    try:
        return asyncio.run(_ask_prompt(replace(settings, timeout=PATIENCE), request))
    except (RequestFault, ValueError, KeyError, TypeError):
        # Another kind of server, or none yet: the run itself reports a missing server.
        return None


async def _ask_prompt(settings: ChatSettings, request: Request) -> str:
    root = settings.folder.removesuffix("/v1")
    async with Wire(settings, Secrets.of(settings)) as wire:

        async def ask(path: str, asked: Mapping[str, Any]) -> Any:
            value = {"model": settings.model, **asked}
            response = await wire.post(settings.url(path, below=root), value)
            if response.status != 200:
                raise ValueError(f"status {response.status}")
            return json.loads(response.body)

        tokens = (await ask("/tokenize", {"messages": request.messages}))["tokens"]
        return str((await ask("/detokenize", {"tokens": tokens}))["prompt"])


def template_of(prompt: str | None, question: str) -> Template | None:
    """The template behind a prompt about a sound; None for an unknown prompt.

    >>> whole = trained_prompt("Why?", "<|audio_bos|><|AUDIO|><|AUDIO|><|AUDIO|><|audio_eos|>")
    >>> template_of(whole, "Why?"), template_of("Audio 1: <|AUDIO|>", "Why?")
    ('whyser', 'official')
    """
    if prompt is None:
        return None
    tokens = prompt.count(AUDIO)
    # One token: the server has not inserted the others and the marks yet. No clip is so short.
    sound = AUDIO if tokens == 1 else f"<|audio_bos|>{AUDIO * tokens}<|audio_eos|>"
    return "whyser" if prompt == trained_prompt(question, sound) else "official"


def check_template(wanted: Template | None, found: Template | None, settings: ChatSettings) -> None:
    """Raises: `InputError` where the server uses another template than the required one."""
    if wanted is None or found is None or wanted == found:
        return
    cures = {
        "whyser": "Run whyser-convert servable on the model's folder and serve it again with a "
        "current vLLM (docs/serving.md).",
        "official": "Serve the checkpoint without --chat-template, or give --template whyser.",
    }
    raise InputError(
        f"{settings.address} uses the template {found!r}, not {wanted!r}", cure=cures[wanted]
    )
