"""A request, its reply, and audio as a part of a message."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from whyser.io import audio
from whyser.io.errors import InputError, did_you_mean

#: The subtype of audio/..., which is also the format that `input_audio` names.
FORMATS = {
    ".aac": "aac",
    ".flac": "flac",
    ".m4a": "mp4",
    ".mp3": "mp3",
    ".ogg": "ogg",
    ".opus": "opus",
    ".wav": "wav",
}


#: What servers call the end of an answer that is not whole: OpenAI's names, and those of others.
CUT_REASONS = {"length", "max_tokens", "model_length", "content_filter", "safety"}


@dataclass(frozen=True)
class Token:
    """A token of an answer and its alternatives, with their log-probabilities."""

    text: str
    logprob: float
    alternatives: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class Reply:
    """A model's answer. Token counts are 0 if the endpoint did not count them.

    `tokens` is empty unless the request has `logprobs` and the endpoint returns them. `without`
    names the parameters that the endpoint refused, so that it answered without them.
    """

    text: str
    finish_reason: str
    model: str
    prompt_tokens: int
    completion_tokens: int
    tokens: tuple[Token, ...] = ()
    without: tuple[str, ...] = ()

    @property
    def is_cut(self) -> bool:
        """Whether the answer ended before the model was done: at the token limit, or by a filter.

        >>> [Reply("", reason, "", 0, 0).is_cut for reason in ("stop", "length", "MAX_TOKENS")]
        [False, True, True]
        """
        return self.finish_reason.lower() in CUT_REASONS


@dataclass(frozen=True)
class Request:
    """Messages and decoding parameters; `extra_body` holds those that are not OpenAI's.

    `Chat` fills in `model` from its settings.

    >>> Request([{"role": "user", "content": "Why?"}], {"seed": 1}, model="tiny").key[:8]
    'bb8f3382'
    """

    messages: Sequence[Mapping[str, Any]]
    parameters: Mapping[str, Any]
    model: str | None = None

    def for_model(self, model: str) -> Request:
        return self if self.model is not None else replace(self, model=model)

    @property
    def key(self) -> str:
        """SHA-256 of model, messages and parameters, without the address and the API key.

        Sound counts by its address or, if it is sent in the request, by its content.
        """
        if self.model is None:
            raise ValueError("a request without a model has no key; use Chat.key(request)")
        whole = {
            "model": self.model,
            "messages": [_with_hashed_sound(message) for message in self.messages],
            "parameters": self.parameters,
        }
        canonical = json.dumps(whole, sort_keys=True, separators=(",", ":"), default=plain)
        return hashlib.sha256(canonical.encode()).hexdigest()

    @property
    def body(self) -> dict[str, Any]:
        """The JSON body to send."""
        parameters = dict(self.parameters)
        extra = parameters.pop("extra_body", None) or {}
        return {"model": self.model, "messages": self.messages, **parameters, **extra}


def derived_seed(seed: int, *parts: object) -> int:
    """A 31-bit seed for one of many requests.

    >>> derived_seed(0, "c/1", 0)
    1116571820
    """
    text = ":".join(map(str, (seed, *parts)))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4]) >> 1


def plain(value: object) -> object:
    """Converts other mappings and sequences to dict and list for JSON."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Sequence):
        return list(value)
    raise TypeError(f"a request contains {value!r}, which is not JSON")


def _with_hashed_sound(message: Mapping[str, Any]) -> dict[str, Any]:
    content = message.get("content")
    if isinstance(content, str) or not isinstance(content, Sequence):
        return dict(message)
    return {**message, "content": [_hashed_part(part) for part in content]}


def _hashed_part(part: Any) -> Any:
    """Replaces base64 by its hash, so that the key needs no megabytes of JSON."""
    found = sound_of(part)
    if found is None or found[0] == "file":
        return part
    kind = part["type"]
    holder, field = part[kind], "url" if kind == "audio_url" else "data"
    head = holder[field][: -len(found[1])]
    digest = hashlib.sha256(found[1].encode()).hexdigest()
    return {**part, kind: {**holder, field: f"{head}sha256:{digest}"}}


def sound_of(part: Any) -> tuple[Literal["file", "base64"], str] | None:
    """The address or the content of a part's sound; None for any other part."""
    if not isinstance(part, Mapping):
        return None
    if part.get("type") == "audio_url":
        url: str = part["audio_url"]["url"]
        head, comma, content = url.partition(",")
        if head.startswith("data:") and comma:
            return "base64", content
        return "file", url
    if part.get("type") == "input_audio":
        return "base64", part["input_audio"]["data"]
    return None


#: How a request sends its sound.
AudioForm = Literal["data", "input_audio", "file", "path"]


def audio_part(path: Path, how: AudioForm) -> dict[str, Any]:
    """The part of a message that holds a sound.

    For a server on the same disk, `file` gives a file:// address and `path` a bare path, which
    `llamafactory-cli api` needs (its reader fails on base64); `data` and `input_audio` send the
    sound itself. Create each part only for its request: a corpus in base64 exceeds the memory.

    Raises: `InputError` for a file that cannot be read as sound.
    """
    audio.probe(path)
    if how == "file":
        return {"type": "audio_url", "audio_url": {"url": path.resolve().as_uri()}}
    if how == "path":
        return {"type": "audio_url", "audio_url": {"url": str(path.resolve())}}
    if path.suffix.lower() not in FORMATS:
        raise InputError(
            f"unknown audio format '{path.suffix}'",
            file=path,
            cure=did_you_mean(path.suffix, FORMATS),
        )
    form = FORMATS[path.suffix.lower()]
    content = base64.b64encode(path.read_bytes()).decode("ascii")
    if how == "input_audio":
        return {"type": "input_audio", "input_audio": {"data": content, "format": form}}
    return {"type": "audio_url", "audio_url": {"url": f"data:audio/{form};base64,{content}"}}
