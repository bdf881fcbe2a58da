"""The endpoint's address and limits, and its secrets, which are never shown."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import cached_property
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit, urlunsplit

from whyser.io.addresses import Proxy, basic, proxy_for, without_secrets
from whyser.io.errors import InputError

#: Replaces a key or a password in texts.
HIDDEN = "[key]"

#: The call that answers a question.
CALL = "/chat/completions"

#: A local server needs no key, but the client must send something.
NO_KEY = "none"

#: A shorter "key" is no secret, and an answer may contain the word.
SHORTEST_SECRET = 8


@dataclass(frozen=True)
class ChatSettings:
    """An endpoint, and the limits of a run on it.

    Args:
        endpoint: Base address, as in `http://localhost:8000/v1`. It may have a user and a password,
            which are sent instead of a key, and a query, which each request repeats.
        key_variable: Environment variable that holds the key; if unset, a placeholder is sent.
        concurrency: Maximum requests in flight.
        timeout: Seconds for one whole answer.
        attempts: Maximum attempts per request while the endpoint fails.
        max_requests: Maximum requests of this run, with repetitions.
        max_cost: Maximum cost of this run; answers from the ledger cost nothing.
        price_in: Price of a million prompt tokens.
        price_out: Price of a million answer tokens.
        backoff: Seconds before the second attempt; doubled for each further one, up to a minute.
        outage: Seconds that a request waits for an endpoint that is busy or absent.
        is_resumable: Whether the same command finds the answers of this run.
    """

    endpoint: str
    model: str
    key_variable: str = "OPENAI_API_KEY"
    concurrency: int = 16
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    timeout: float = 120.0
    attempts: int = 6
    max_requests: int | None = None
    max_cost: float | None = None
    price_in: float = 0.0
    price_out: float = 0.0
    backoff: float = 1.0
    outage: float = 300.0
    is_resumable: bool = True

    def __post_init__(self) -> None:
        if not _is_address(self.endpoint):
            raise InputError(
                f"bad endpoint '{self.address}'",
                cure="Write http://HOST:PORT/v1 or https://...; in a password, write / as %2F and "
                "@ as %40.",
            )
        not_negative = ("max_requests", "max_cost", "price_in", "price_out")
        for each in fields(self):
            value = getattr(self, each.name)
            if isinstance(value, bool) or not isinstance(value, int | float):
                continue
            if value < 0 or (value == 0 and each.name not in not_negative):
                raise InputError(f"bad {each.name} {value}", cure="Expected a positive number.")
        if self.max_cost is not None and not (self.price_in or self.price_out):
            raise InputError(
                "a limit on the cost needs a price", cure="Give price_in and price_out."
            )

    @property
    def address(self) -> str:
        """The endpoint without its possible secrets: user, password and query."""
        return without_secrets(self.endpoint)

    @cached_property
    def proxy(self) -> Proxy | None:
        """The proxy between here and the endpoint.

        Raises: `InputError` for one that the client cannot use.
        """
        return proxy_for(self.endpoint)

    @property
    def parts(self) -> SplitResult:
        return urlsplit(self.endpoint)

    def url(self, path: str, *, below: str | None = None) -> str:
        """The full address of a path, with the query and without user and password.

        Args: `below` is the folder of the path, if it is not that of the endpoint.

        >>> ChatSettings("https://me:word@host/v1?api-version=2", "m").url("/chat/completions")
        'https://host/v1/chat/completions?api-version=2'
        """
        host = self.parts.netloc.rpartition("@")[2]
        folder = self.folder if below is None else below
        return urlunsplit((self.parts.scheme, host, f"{folder}{path}", self.parts.query, ""))

    @property
    def folder(self) -> str:
        """The endpoint's path; that of the whole call is taken for it too."""
        return self.parts.path.rstrip("/").removesuffix(CALL)

    def cost(self, tokens_in: float, tokens_out: float) -> float:
        return (tokens_in * self.price_in + tokens_out * self.price_out) / 1e6


def _is_address(endpoint: str) -> bool:
    try:
        parts = urlsplit(endpoint)
        # Asking for the port is what checks it.
        _ = parts.port
    except ValueError:
        return False
    is_clean = endpoint.isprintable() and " " not in endpoint
    return parts.scheme in ("http", "https") and bool(parts.hostname) and is_clean


class Secrets:
    """An endpoint's key, and what its address holds: they are sent but never shown.

    >>> print(Secrets("sk-0123456789").hide("bad key sk-0123456789"))
    bad key [key]
    """

    def __init__(self, key: str, settings: ChatSettings | None = None) -> None:
        self._key = key
        self._settings = settings
        words = set(_secret_words(settings.parts)) if settings else set()
        if key != NO_KEY:
            words.add(key)
        # The longest first: one may contain another.
        self._words = sorted(words, key=len, reverse=True)

    @classmethod
    def of(cls, settings: ChatSettings) -> Secrets:
        """Reads the key from the environment.

        Raises: `InputError` for a key that contains what no key has.
        """
        variable = settings.key_variable
        # A key from a file often ends with a line end.
        value = os.environ.get(variable, "").strip()
        if not (value.isascii() and value.isprintable()) or " " in value:
            raise InputError(
                f"${variable} contains characters that no key has", cure="Set it to the key only."
            )
        return cls(value or NO_KEY, settings)

    def __repr__(self) -> str:
        return f"Secrets({HIDDEN!r})"

    @property
    def headers(self) -> dict[str, str]:
        """What shows the endpoint who asks."""
        parts = self._settings.parts if self._settings else SplitResult("", "", "", "", "")
        if parts.username:
            return {"Authorization": basic(parts.username, parts.password or "")}
        found = {"Authorization": f"Bearer {self._key}"}
        if "api-version" in dict(parse_qsl(parts.query)):
            # Azure takes a bearer for people, and a key in a header of its own.
            found["api-key"] = self._key
        return found

    def hide(self, text: str) -> str:
        """An error text without secrets, which some servers echo."""
        for word in self._words:
            text = text.replace(word, HIDDEN)
        return text

    def hide_in_answer(self, body: bytes) -> bytes:
        """An answer without secrets; a short one stays, as it may be an ordinary word."""
        for word in self._words:
            if len(word) >= SHORTEST_SECRET:
                body = body.replace(word.encode(), HIDDEN.encode())
        return body


def _secret_words(parts: SplitResult) -> Iterator[str]:
    """What must not be shown of an address, as it stands there and as it is meant."""
    if parts.username:
        password = parts.password or ""
        yield basic(parts.username, password).removeprefix("Basic ")
        yield parts.netloc.rpartition("@")[0]
        # A user without a password is a token.
        secret = password or parts.username
        yield from (secret, unquote(secret))
    for name, value in parse_qsl(parts.query):
        if name != "api-version" and len(value) >= SHORTEST_SECRET:
            yield value
