"""Estimate the cost of requests before they are sent: text by its bytes, sound by its length."""

from __future__ import annotations

import base64
import binascii
import io
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from whyser.chat.ledger import Ledger
from whyser.chat.request import Request, sound_of
from whyser.chat.settings import ChatSettings
from whyser.io import audio

#: For English text and the vocabularies of current models.
BYTES_A_TOKEN = 4

#: Assumed for an answer whose length the request does not limit.
UNBOUNDED_ANSWER = 1024

#: Qwen-type models use 25 tokens per second and hear 30 s.
MOST_SOUND_TOKENS = 750


@dataclass(frozen=True)
class Tokens:
    """`prompt` is an estimate, `answer` the most that the request allows."""

    prompt: int
    answer: int

    @property
    def total(self) -> int:
        return self.prompt + self.answer


@dataclass(frozen=True)
class CostEstimate:
    """What a run would send; `cost` assumes that every answer has its maximum length."""

    requests: int
    from_ledger: int
    tokens_in: int
    tokens_out: int
    cost: float

    def rows(self) -> list[tuple[str, str]]:
        return [
            ("requests", f"{self.requests:,}"),
            ("already in the ledger", f"{self.from_ledger:,}"),
            ("tokens in, about", f"{self.tokens_in:,}"),
            ("tokens out, at most", f"{self.tokens_out:,}"),
            ("cost, at most about", f"{self.cost:,.4f}"),
        ]


def estimate(
    requests: Iterable[Request], settings: ChatSettings, ledger: Ledger | None = None
) -> CostEstimate:
    """The cost of a run, for --dry-run: it sends nothing and expects no retries."""
    count = known = tokens_in = tokens_out = 0
    for request in requests:
        key = request.for_model(settings.model).key
        if ledger is not None and ledger.get(key) is not None:
            known += 1
            continue
        tokens = tokens_of(request)
        count += 1
        tokens_in += tokens.prompt
        tokens_out += tokens.answer
    return CostEstimate(count, known, tokens_in, tokens_out, settings.cost(tokens_in, tokens_out))


def tokens_of(request: Request) -> Tokens:
    """Counts text as 4 bytes per token, and sound as Qwen-type models do, 25 tokens per second."""
    text = sound = 0
    for message in request.messages:
        content = message.get("content") or ""
        for part in [content] if isinstance(content, str) else content:
            if (found := sound_of(part)) is not None:
                sound += _sound_tokens(*found)
            else:
                text += _text_bytes(part)
    parameters = request.body
    longest = parameters.get("max_completion_tokens") or parameters.get("max_tokens")
    return Tokens(prompt=sound + -(-text // BYTES_A_TOKEN), answer=int(longest or UNBOUNDED_ANSWER))


def _text_bytes(part: Any) -> int:
    if isinstance(part, str):
        return len(part.encode())
    text = part.get("text") if isinstance(part, dict) else None
    return len((text if isinstance(text, str) else json.dumps(part)).encode())


def _sound_tokens(kind: str, sound: str) -> int:
    """Tokens by the sound's header; those of 30 s if the file cannot be read here."""
    import soundfile

    try:
        if kind == "base64":
            source: Any = io.BytesIO(base64.b64decode(sound))
        else:
            source = unquote(urlsplit(sound).path)
        info = soundfile.info(source)
    except (soundfile.LibsndfileError, OSError, binascii.Error, ValueError):
        return MOST_SOUND_TOKENS
    return audio.AudioInfo(info.frames, info.samplerate, info.channels).tokens()
