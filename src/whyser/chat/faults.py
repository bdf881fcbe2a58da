"""What can go wrong with a request, and how patient to be with it."""

from __future__ import annotations

import email.utils
import json
import math
import time
from collections.abc import Mapping
from enum import Enum
from typing import Any

from whyser.chat.request import Reply, Token
from whyser.chat.settings import ChatSettings
from whyser.io.errors import WhyserError

#: Characters of a server's answer that an error shows.
EXCERPT = 300

#: Said of the request, not by it: the same request may well be answered a moment later.
TRANSIENT = {408, 409, 425}

#: The same for every request, most often: the key, the address, the name of the model.
ABOUT_THE_ENDPOINT = {401, 403, 404}

#: The log-probability that servers write for none at all; JSON has no infinity.
IMPOSSIBLE = -9999.0

NO_CONNECTION = "no connection"
EMPTY = "empty answer"

#: Said of one request and for good: a filter of contents, or a request too long for the model.
REFUSED = {400, 413, 422, 451}


class ChatError(WhyserError):
    """A request that failed for good, and why."""

    def __init__(self, what: str, *, kind: str, status: int | None, cure: str) -> None:
        self.what, self.kind, self.status, self.cure = what, kind, status, cure
        super().__init__(f"{what.rstrip('.')}. {cure}")

    @property
    def is_refusal(self) -> bool:
        """Whether the endpoint will answer others, and never this one."""
        return self.status in REFUSED

    @property
    def is_empty(self) -> bool:
        """Whether an answer came and held nothing, as behind a filter of contents."""
        return self.kind == EMPTY


class EndpointError(ChatError):
    """The endpoint itself is at fault: no other request would fare better, and the run ends."""


class Stopped(Exception):
    """The run was ended by a limit, by Ctrl-C or by its endpoint; what was not asked waits.

    Not a `WhyserError`: a worker that drops an item on any error of ours must not drop it for this.
    """


class RetryPolicy(Enum):
    NONE = "the request is wrong"
    ATTEMPTS = "something went wrong on the way"
    TIME = "the endpoint says 'later', or is not there"


class RequestFault(Exception):
    """One failed attempt. `kind` is what the tally counts it under."""

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
        # An answer that is of no use is paid for like any other.
        self.tokens = tokens
        super().__init__(what)

    @property
    def is_absence(self) -> bool:
        """Whether no connection came about: the request was never heard."""
        return self.kind == NO_CONNECTION

    @property
    def is_about_endpoint(self) -> bool:
        """Whether another request would most likely meet the same."""
        return self.status in ABOUT_THE_ENDPOINT or self.is_about_quota

    @property
    def is_about_quota(self) -> bool:
        return self.status == 429 and self.patience is RetryPolicy.NONE


def fault_of_status(status: int, body: str, headers: Mapping[str, str]) -> RequestFault:
    """The fault behind an answer that is an error."""
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
    """The fault behind an exception of the network."""
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
        403: f"Check the key in ${settings.key_variable}, and what it may ask.",
        404: f"Check the address {settings.address} and the model '{settings.model}'.",
        413: "Send less: the sound by its address, or a shorter clip.",
        429: "Ask later, or more slowly: what was answered is kept.",
    }
    if fault.status in cures:
        return cures[fault.status]
    if fault.patience is RetryPolicy.NONE:
        return "The request itself is refused; change it as the endpoint says."
    return "Start the run again later: what was answered is kept."


def parse_retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, given as such or as a date; None where it is absent or unreadable.

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
    # 'nan' and 'inf' are numbers to Python.
    return max(0.0, seconds) if seconds < float("inf") else None


def excerpt(body: str) -> str:
    """The message of an error body, or the beginning of whatever it is, on one line."""
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
    """The answer in a response with status 200.

    Raises: `RequestFault` when there is none; it is asked again and never kept as an answer.
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
        # A refusal is what the model answered, under another name.
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
    """What the answer's tokens could have been; empty unless it was asked for and is whole."""
    try:
        return tuple(
            Token(*_weighed(one), tuple(map(_weighed, one["top_logprobs"])))
            for one in logprobs["content"]
        )
    except (KeyError, TypeError, ValueError):
        return ()


def _weighed(one: Any) -> tuple[str, float]:
    logprob = float(one["logprob"])
    # Half a character is a token like any other, but no text.
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
