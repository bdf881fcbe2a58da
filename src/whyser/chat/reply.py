"""Reads the answer from a response with status 200, in the forms that servers give it.

The text may be one string or a list of parts. The thinking may stand in fields of its own, in parts
of its own, or between marks in the text. An error may stand in the place of an answer.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from whyser.chat.faults import (
    EMPTY,
    EXCERPT,
    TOKEN_LIMIT,
    RequestFault,
    RetryPolicy,
    excerpt,
    fault_of_status,
)
from whyser.chat.request import Reply, Token
from whyser.io.thinking import without_thinking

#: What servers write for a log-probability of minus infinity, which JSON lacks.
IMPOSSIBLE = -9999.0

#: Fields of a message, and types of its parts, in which servers send the thinking.
THINKING_FIELDS = ("reasoning", "reasoning_content", "reasoning_details", "thinking")
THINKING_PARTS = {"thinking", "reasoning", "redacted_thinking", "thought"}

#: Ends of an answer that the server itself broke off.
BROKEN_OFF = {"error", "abort"}

#: How servers call a limit on the rate, where they give no number.
_LATER = re.compile(
    r"rate.?limit|too.many.requests|overloaded|resource.exhausted|insufficient_quota|throttl", re.I
)


def read_reply(headers: Mapping[str, str], body: bytes) -> Reply:
    """Reads the answer; its text still has the thinking that the server left in it.

    Raises: `RequestFault` if there is none, so that it is never stored.
    """
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        kind = headers.get("content-type", "")
        why = "invalid JSON" if "json" in kind.lower() else f"content type '{kind}' instead of JSON"
        raise _unusable(why, body) from None
    value = value if isinstance(value, dict) else {}
    usage = value.get("usage")
    tokens = _count(usage, "prompt_tokens"), _count(usage, "completion_tokens")
    choices = value.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    choice = choice if isinstance(choice, dict) else {}
    if (error := _error_in(value, choice)) is not None:
        raise _fault_inside(error, body, headers, tokens)
    message = choice.get("message")
    if not isinstance(message, dict) or not {"content", "refusal", *THINKING_FIELDS} & {*message}:
        raise _unusable("no choices", body, tokens)
    reason, model = str(choice.get("finish_reason") or ""), str(value.get("model") or "")
    if reason.lower() in BROKEN_OFF:
        raise _unusable(f"broken off ({reason})", body, tokens)
    text = _text_of(message, body, tokens)
    reply = Reply(text, reason, model, *tokens, _tokens(choice.get("logprobs")))
    if not without_thinking(text).strip() and not reply.tokens:
        raise _empty(reply, message, body)
    try:
        f"{text}{reason}{model}".encode()
    except UnicodeEncodeError:
        raise _unusable("half a character (a lone surrogate)", body, tokens) from None
    return reply


# ---- the text -----------------------------------------------------------------------------


def _text_of(message: Mapping[str, Any], body: bytes, tokens: tuple[int, int]) -> str:
    content = message.get("content")
    if content is None:
        # A refusal is also the model's answer, under another key.
        content = message.get("refusal")
    parts = content if isinstance(content, list) else [content]
    if any(part is not None and not isinstance(part, str | dict) for part in parts):
        raise _unusable("no text in it", body, tokens)
    return "".join(_texts(parts))


def _texts(parts: list[Any]) -> Iterator[str]:
    for part in parts:
        if isinstance(part, str):
            yield part
        elif isinstance(part, dict) and part.get("type") not in THINKING_PARTS:
            text = part.get("text", part.get("refusal"))
            if isinstance(text, str):
                yield text


def _empty(reply: Reply, message: Mapping[str, Any], body: bytes) -> RequestFault:
    """The fault of an answer without text: mostly the thinking took all tokens."""
    content = message.get("content")
    parts = content if isinstance(content, list) else []
    thought = any(message.get(name) for name in THINKING_FIELDS) or bool(
        reply.text.strip()
        or any(isinstance(one, dict) and one.get("type") in THINKING_PARTS for one in parts)
    )
    tokens = reply.prompt_tokens, reply.completion_tokens
    if not (reply.is_cut or thought):
        return _unusable("empty text", body, tokens, kind=EMPTY)
    told = "thinking" if thought else "no text"
    # The same question would get the same answer.
    if reply.is_cut:
        what = f"there is {told} and no answer: it was cut off at the limit of tokens"
        return RequestFault(TOKEN_LIMIT, what, RetryPolicy.NONE, status=200, tokens=tokens)
    what = "the answer is empty, and all text of the model is thinking"
    return RequestFault(EMPTY, what, RetryPolicy.NONE, status=200, tokens=tokens)


def _tokens(logprobs: Any) -> tuple[Token, ...]:
    """The answer's tokens with their alternatives; empty if they were not asked for or are cut."""
    try:
        return tuple(
            Token(*_weighed(one), tuple(map(_weighed, one["top_logprobs"])))
            for one in logprobs["content"]
        )
    except (KeyError, TypeError, ValueError):
        return ()


def _weighed(one: Any) -> tuple[str, float]:
    logprob = float(one["logprob"])
    # A token may be half a character, which is not valid text.
    text = str(one["token"]).encode(errors="replace").decode()
    return text, logprob if math.isfinite(logprob) else IMPOSSIBLE


def _count(usage: Any, name: str) -> int:
    value = usage.get(name) if isinstance(usage, dict) else None
    return value if isinstance(value, int) and value > 0 else 0


# ---- no answer ----------------------------------------------------------------------------


def _error_in(value: Mapping[str, Any], choice: Mapping[str, Any]) -> Any:
    """The error that stands in the place of an answer, as gateways give it; None without one."""
    for holder in (value, choice):
        if holder.get("error"):
            return holder["error"]
    is_error = value.get("object") == "error" or not choice
    return value if is_error and {"message", "detail", "code"} & {*value} else None


def _fault_inside(
    error: Any, body: bytes, headers: Mapping[str, str], tokens: tuple[int, int]
) -> RequestFault:
    """The fault that the same error would be as a status of its own."""
    told = error if isinstance(error, dict) else {"message": error}
    names = [str(told.get(name, "")) for name in ("code", "status", "type", "message")]
    number = next((int(name) for name in names if re.fullmatch(r"[45]\d\d", name)), None)
    if number is None and _LATER.search(" ".join(names)):
        number = 429
    if number is None:
        return _unusable("an error", body, tokens)
    fault = fault_of_status(number, body.decode(errors="replace"), headers)
    fault.what += " (inside a response of status 200)"
    fault.tokens = tokens
    return fault


def _unusable(
    why: str, body: bytes, tokens: tuple[int, int] = (0, 0), *, kind: str = "unusable answer"
) -> RequestFault:
    shown = excerpt(body[: 4 * EXCERPT].decode(errors="replace")) or "(nothing)"
    what = f"unusable answer, {why}: {shown}"
    return RequestFault(kind, what, status=200, tokens=tokens)
