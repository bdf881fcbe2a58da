"""What can go wrong with a request, whether to retry it, and what the user can do."""

from __future__ import annotations

import email.utils
import json
import time
from collections.abc import Mapping
from enum import Enum
from typing import Self
from urllib.parse import urljoin

from whyser.chat.settings import CALL, ChatSettings
from whyser.io.addresses import without_secrets
from whyser.io.errors import WhyserError

#: Characters of a server's answer that an error shows.
EXCERPT = 300

#: Temporary: the same request may succeed a moment later.
TRANSIENT = {408, 409, 425}

#: Too many requests, by the standard's number and by another that is widely used.
BUSY = {429, 529}

#: Usually the same for every request: the key, the address or the model's name is wrong.
ABOUT_THE_ENDPOINT = {401, 403, 404, 407}

NO_CONNECTION = "no connection"
EMPTY = "empty answer"
TOKEN_LIMIT = "no answer within the limit of tokens"
PARAMETER = "refused parameter"

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
        """Whether the answer was empty, as after a content filter or nothing but thinking."""
        return self.kind in (EMPTY, TOKEN_LIMIT)

    @property
    def is_cut(self) -> bool:
        """Whether the answer was not begun when it reached the limit of tokens."""
        return self.kind == TOKEN_LIMIT


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
    AT_ONCE = "the request was changed, and is another one now"


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
        return self.status in ABOUT_THE_ENDPOINT or self.is_redirect or self.is_about_quota

    @property
    def is_redirect(self) -> bool:
        return self.status is not None and 300 <= self.status < 400

    @property
    def counts(self) -> bool:
        """Whether many such failures in a row say that the endpoint itself fails."""
        is_usual = self.patience is not RetryPolicy.NONE or self.is_about_endpoint
        return is_usual or self.kind in (EMPTY, TOKEN_LIMIT)

    @property
    def is_about_quota(self) -> bool:
        return self.status == 429 and self.patience is RetryPolicy.NONE


def fault_of_status(
    status: int, body: str, headers: Mapping[str, str], url: str = ""
) -> RequestFault:
    """The fault of a response with an error status; `url` is what was asked."""
    wait = parse_retry_after(headers)
    if 300 <= status < 400:
        return _redirected(status, urljoin(url, headers.get("location", "")))
    if status == 429 and "insufficient_quota" in body:
        patience = RetryPolicy.NONE
    elif status in BUSY or (status == 503 and wait is not None):
        patience = RetryPolicy.TIME
    elif status in TRANSIENT or status >= 500:
        patience = RetryPolicy.ATTEMPTS
    else:
        patience = RetryPolicy.NONE
    what = f"status {status}: {excerpt(body)}"
    return RequestFault(str(status), what, patience, status=status, retry_after=wait)


def _redirected(status: int, location: str) -> RequestFault:
    """A redirect is not followed: the clips would go along to a host that nobody named."""
    there = without_secrets(location).removesuffix(CALL)
    what = f"status {status}: it redirects to {there}, and redirects are not followed"
    return RequestFault(str(status), what, RetryPolicy.NONE, status=status)


def fault_of_proxy(status: int, message: str) -> RequestFault:
    """The fault of a proxy that does not let a request pass."""
    patience = RetryPolicy.ATTEMPTS if status >= 500 else RetryPolicy.NONE
    what = f"status {status} from the proxy: {message}"
    return RequestFault(str(status), what, patience, status=status)


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
    if (cure := _cure_at_proxy(fault, settings)) is not None:
        return cure
    if fault.is_absence:
        return f"Start the server at {settings.address}, or check the address."
    if fault.is_redirect:
        return "Give the address to which it redirects, if you trust that host with the clips."
    if fault.kind == TOKEN_LIMIT:
        return (
            "Allow more tokens (--max-tokens, or --reader-max-tokens for a reader), or serve the "
            "model without thinking."
        )
    kept = "; the answers so far are kept." if settings.is_resumable else "."
    cures = {
        401: f"Check the key in ${settings.key_variable}.",
        403: f"Check the key in ${settings.key_variable} and its permissions.",
        404: f"Check the address {settings.address} and the model '{settings.model}'.",
        413: "Send the clip by its address, or send a shorter clip.",
        429: f"Run the command again later, or more slowly{kept}",
    }
    if fault.status in cures:
        return cures[fault.status]
    if fault.kind == EMPTY and fault.patience is RetryPolicy.NONE:
        return "Serve the model without thinking, or without a parser that takes its answer away."
    if fault.patience is RetryPolicy.NONE:
        return "The endpoint refuses this request; change it as the endpoint says."
    return f"Run the command again later{kept}"


#: What a proxy itself may answer, or cause.
FROM_PROXIES = {403, 407, 502, 503, 504}


def _cure_at_proxy(fault: RequestFault, settings: ChatSettings) -> str | None:
    proxy = settings.proxy
    if proxy is None or not (fault.is_absence or fault.status in FROM_PROXIES):
        return None
    host = settings.parts.hostname
    return (
        f"{settings.address} is asked through the proxy {proxy.address} (${proxy.variable}): check "
        f"the proxy and the address, or add {host} to $NO_PROXY to ask it directly."
    )


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
    line = " ".join(message_of(body).split())
    return line if len(line) <= EXCERPT else f"{line[:EXCERPT]} ..."


def message_of(body: str) -> str:
    """The message in an error body; the body if it has none."""
    text = body
    try:
        value = json.loads(body)
        inner = value.get("error", value)
        text = inner if isinstance(inner, str) else inner.get("message", body)
    except (ValueError, AttributeError, RecursionError):
        pass
    return str(text)
