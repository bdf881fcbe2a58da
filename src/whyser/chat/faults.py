"""What can go wrong with a request, whether to retry it, and what the user can do."""

from __future__ import annotations

import email.utils
import json
import math
import time
from collections.abc import Mapping
from enum import Enum
from typing import Any, Self

from whyser.chat.request import Reply, Token
from whyser.chat.settings import ChatSettings
from whyser.io.errors import WhyserError

#: Characters of a server's answer that an error shows.
EXCERPT = 300

#: Temporary: the same request may succeed a moment later.
TRANSIENT = {408, 409, 425}

#: Usually the same for every request: the key, the address or the model's name is wrong.
ABOUT_THE_ENDPOINT = {401, 403, 404}

#: What servers write for a log-probability of minus infinity, which JSON lacks.
IMPOSSIBLE = -9999.0

NO_CONNECTION = "no connection"
EMPTY = "empty answer"

#: Final, for one request: a content filter, or a request that is too long for the model.
REFUSED = {400, 413, 422, 451}


class ChatError(WhyserError):
    """A request that failed for good, and why."""

    def __init__(self, what: str, *, kind: str, status: int | None, cure: str) -> None:
        self.what, self.kind, self.status, self.cure = what, kind, status, cure
        super().__init__(f"{what.rstrip('.')}. {cure}")

    @classmethod
    def of(cls, fault: RequestFault, what: str, settings: ChatSettings) -> Self:
        return cls(what, kind=fault.kind, status=fault.status, cure=cure_of(fault, settings))

    @property
    def is_refusal(self) -> bool:
        """Whether the endpoint refuses only this request, and always will."""
        return self.status in REFUSED

    @property
    def is_empty(self) -> bool:
        """Whether the answer was empty, as after a content filter."""
        return self.kind == EMPTY


class EndpointError(ChatError):
    """The endpoint itself fails, so no other request would succeed and the run ends."""


class Stopped(Exception):
    """A limit, Ctrl-C or a failing endpoint ended the run before this request was sent.

    Not a `WhyserError`: a worker drops an item on a `WhyserError`, but must not drop it for this.
    """


class RetryPolicy(Enum):
    NONE = "the request is wrong"
    ATTEMPTS = "an attempt failed"
    TIME = "the endpoint is busy, or cannot be reached"


class RequestFault(Exception):
    """One failed attempt. The tally counts it under `kind`."""

    def __init__(
        self,
        kind: str,
        what: str,
        patience: RetryPolicy = RetryPolicy.ATTEMPTS,
        *,
        status: int | None = None,
        retry_after: float | None = None,
        tokens: tuple[int, int] = (0, 0),
    ) -> None:
        self.kind, self.what, self.patience = kind, what, patience
        self.status, self.retry_after = status, retry_after
        # An unusable answer costs as much as a usable one.
        self.tokens = tokens
        super().__init__(what)

    @property
    def is_absence(self) -> bool:
        """Whether there was no connection, so that the request was never received."""
        return self.kind == NO_CONNECTION

    @property
    def is_about_endpoint(self) -> bool:
        """Whether other requests would most likely fail too."""
        return self.status in ABOUT_THE_ENDPOINT or self.is_about_quota

    @property
    def is_about_quota(self) -> bool:
        return self.status == 429 and self.patience is RetryPolicy.NONE


def fault_of_status(status: int, body: str, headers: Mapping[str, str]) -> RequestFault:
    """The fault of a response with an error status."""
    if status == 429 and "insufficient_quota" not in body:
        patience = RetryPolicy.TIME
    elif status in TRANSIENT or status >= 500:
        patience = RetryPolicy.ATTEMPTS
    else:
        patience = RetryPolicy.NONE
    what = f"status {status}: {excerpt(body)}"
    return RequestFault(
        str(status), what, patience, status=status, retry_after=parse_retry_after(headers)
    )


def fault_of_exception(error: BaseException) -> RequestFault:
    """The fault of a network exception."""
    import aiohttp

    chain = [error]
    while (cause := chain[-1].__cause__ or chain[-1].__context__) is not None:
        chain.append(cause)
    for link in chain:
        if isinstance(link, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
            return RequestFault(NO_CONNECTION, f"no connection ({link})", RetryPolicy.TIME)
    if any(isinstance(link, TimeoutError) for link in chain):
        return RequestFault("timeout", "no answer in time")
    root = chain[-1]
    return RequestFault("broken connection", f"broken connection ({type(root).__name__}: {root})")


def cure_of(fault: RequestFault, settings: ChatSettings) -> str:
    """What a user can do about it."""
    if fault.is_absence:
        return f"Start the server at {settings.address}, or check the address."
    cures = {
        401: f"Check the key in ${settings.key_variable}.",
        403: f"Check the key in ${settings.key_variable} and its permissions.",
        404: f"Check the address {settings.address} and the model '{settings.model}'.",
        413: "Send the clip by its address, or send a shorter clip.",
        429: "Run the command again later, or more slowly; the answers so far are kept.",
    }
    if fault.status in cures:
        return cures[fault.status]
    if fault.patience is RetryPolicy.NONE:
        return "The endpoint refuses this request; change it as the endpoint says."
    return "Run the command again later; the answers so far are kept."


def parse_retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, from a number or a date; None if the header is absent or unreadable.

    >>> parse_retry_after({"retry-after": "1.5"})
    1.5
    """
    value = headers.get("retry-after", "").strip()
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(value).timestamp() - time.time()
        except ValueError:
            return None
    # float() also accepts 'nan' and 'inf'.
    return max(0.0, seconds) if seconds < float("inf") else None


def excerpt(body: str) -> str:
    """The message in an error body, or the beginning of the body, on one line."""
    text = body
    try:
        value = json.loads(body)
        inner = value.get("error", value)
        text = inner if isinstance(inner, str) else inner.get("message", body)
    except (ValueError, AttributeError):
        pass
    line = " ".join(str(text).split())
    return line if len(line) <= EXCERPT else f"{line[:EXCERPT]} ..."


def read_reply(content_type: str, body: bytes) -> Reply:
    """Reads the answer from a response with status 200.

    Raises: `RequestFault` if there is none, so that it is asked again and never stored.
    """
    if "json" not in content_type.lower():
        raise _unusable(f"content type '{content_type}' instead of JSON", body)
    try:
        value = json.loads(body)
    except ValueError:
        raise _unusable("invalid JSON", body) from None
    usage = value.get("usage") if isinstance(value, dict) else None
    tokens = _count(usage, "prompt_tokens"), _count(usage, "completion_tokens")
    try:
        choice = value["choices"][0]
        message = choice["message"]
        # A refusal is also the model's answer, under another key.
        text = message["content"] if message["content"] is not None else message.get("refusal")
    except (KeyError, IndexError, TypeError):
        raise _unusable("no choices", body, tokens) from None
    if text is None:
        raise _unusable("empty text", body, tokens, kind=EMPTY)
    if not isinstance(text, str):
        raise _unusable("no text in it", body, tokens)
    likely = _tokens(choice.get("logprobs"))
    if not text.strip() and not likely:
        raise _unusable("empty text", body, tokens, kind=EMPTY)
    reason, model = str(choice.get("finish_reason") or ""), str(value.get("model") or "")
    try:
        f"{text}{reason}{model}".encode()
    except UnicodeEncodeError:
        raise _unusable("half a character (a lone surrogate)", body, tokens) from None
    return Reply(text, reason, model, *tokens, likely)


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


def _unusable(
    why: str, body: bytes, tokens: tuple[int, int] = (0, 0), *, kind: str = "unusable answer"
) -> RequestFault:
    shown = excerpt(body[: 4 * EXCERPT].decode(errors="replace")) or "(nothing)"
    what = f"unusable answer, {why}: {shown}"
    return RequestFault(kind, what, status=200, tokens=tokens)
