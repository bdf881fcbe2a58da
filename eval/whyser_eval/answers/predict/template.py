"""Which prompt a server makes of a question: the text around the sound changes answers.

A zero-shot system is asked in its makers' own template, what LLaMA-Factory trained in that of
training (docs/serving.md, "A model that you trained"). vLLM shows the prompt by `/tokenize` and
`/detokenize`: a current one the whole prompt, with a `<|AUDIO|>` for every token of the sound; an
old one what the chat template wrote, before it puts the sound's tokens and the two marks there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from whyser.chat import ChatSettings, Request
from whyser.chat.settings import Key
from whyser.io.errors import InputError

#: `official`: the checkpoint's own; `whyser`: what LLaMA-Factory's `qwen2_audio` trains with.
Template: TypeAlias = Literal["official", "whyser"]

SYSTEM = "You are a helpful assistant."

#: Seconds; the question is put once, before a run.
PATIENCE = 30.0


AUDIO = "<|AUDIO|>"


def trained_prompt(question: str, sound: str) -> str:
    """The prompt of training about a sound that is written so."""
    return (
        f"<|im_start|>system\n{SYSTEM}<|im_end|>\n"
        f"<|im_start|>user\n{sound}{question}<|im_end|>\n<|im_start|>assistant\n"
    )


@dataclass(frozen=True)
class Seen:
    """What a server makes of a question: the prompt and its template, None where it is unknown."""

    prompt: str | None = None
    template: Template | None = None


def ask_template(settings: ChatSettings, request: Request, question: str) -> Seen:
    """The prompt that the server makes of a request about a sound, as far as it tells."""
    prompt = prompt_at(settings, request)
    return Seen(shortened(prompt), template_of(prompt, question))


def prompt_at(settings: ChatSettings, request: Request) -> str | None:
    """The text that the server makes of the messages; None where it does not tell."""
    import httpx2

    parts = urlsplit(settings.endpoint)
    root = urlunsplit(parts._replace(path=parts.path.rstrip("/").removesuffix("/v1"), query=""))
    key = Key.from_environment(settings.key_variable).reveal()
    try:
        with httpx2.Client(
            timeout=PATIENCE,
            headers={"Authorization": f"Bearer {key}"},
            base_url=root,
            params=dict(parse_qsl(parts.query)),
        ) as client:
            asked = {"model": settings.model, "messages": request.messages}
            tokens = _answer(client.post("/tokenize", json=asked), "tokens")
            told = {"model": settings.model, "tokens": tokens}
            return str(_answer(client.post("/detokenize", json=told), "prompt"))
    except (httpx2.HTTPError, OSError, ValueError, KeyError, TypeError):
        # Another kind of server, or none yet: whether there is one, the run itself will tell.
        return None


def _answer(response: Any, name: str) -> Any:
    response.raise_for_status()
    return response.json()[name]


def template_of(prompt: str | None, question: str) -> Template | None:
    """The template behind a prompt about a sound; None for an unknown prompt.

    >>> whole = trained_prompt("Why?", "<|audio_bos|><|AUDIO|><|AUDIO|><|AUDIO|><|audio_eos|>")
    >>> template_of(whole, "Why?"), template_of("Audio 1: <|AUDIO|>", "Why?")
    ('whyser', 'official')
    """
    if prompt is None:
        return None
    tokens = prompt.count(AUDIO)
    # One: a server that has yet to put the others there, and the marks. No clip is so short.
    sound = AUDIO if tokens == 1 else f"<|audio_bos|>{AUDIO * tokens}<|audio_eos|>"
    return "whyser" if prompt == trained_prompt(question, sound) else "official"


def shortened(prompt: str | None) -> str | None:
    """A prompt for people to read: one `<|AUDIO|>` for all tokens of a sound."""
    return prompt and re.sub(rf"(?:{re.escape(AUDIO)})+", AUDIO, prompt)


def check_template(wanted: Template | None, found: Template | None, settings: ChatSettings) -> None:
    """Raises: `InputError` where the server writes another template than was said."""
    if wanted is None or found is None or wanted == found:
        return
    cures = {
        "whyser": "Run whyser-convert servable on the model's folder and serve it again, by a "
        "current vLLM (docs/serving.md).",
        "official": "Serve the checkpoint without --chat-template, or say --template whyser.",
    }
    raise InputError(
        f"{settings.address} asks in the template {found!r}, not {wanted!r}", cure=cures[wanted]
    )
