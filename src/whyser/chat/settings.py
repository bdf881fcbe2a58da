"""The endpoint's address and limits, and its API key, which is never shown."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, fields
from urllib.parse import urlsplit, urlunsplit

from whyser.io.errors import InputError

#: Replaces a key in texts.
HIDDEN = "[key]"

#: A local server needs no key, but the client must send something.
NO_KEY = "none"

#: A shorter "key" is no secret, and an answer may contain the word.
SHORTEST_SECRET = 8


@dataclass(frozen=True)
class ChatSettings:
    """An endpoint, and the limits of a run on it.

    Args:
        endpoint: Base address, as in `http://localhost:8000/v1`.
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

    def __post_init__(self) -> None:
        if urlsplit(self.endpoint).scheme not in ("http", "https"):
            raise InputError(
                f"bad endpoint '{self.address}'", cure="Write http://HOST:PORT/v1 or https://..."
            )
        not_negative = ("max_requests", "max_cost", "price_in", "price_out")
        for each in fields(self):
            value = getattr(self, each.name)
            if not isinstance(value, int | float):
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
        parts = urlsplit(self.endpoint)
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))

    def hide(self, words: Sequence[str]) -> list[str]:
        """A command's words without the endpoint's password."""
        return [word.replace(self.endpoint, self.address) for word in words]

    def cost(self, tokens_in: float, tokens_out: float) -> float:
        return (tokens_in * self.price_in + tokens_out * self.price_out) / 1e6


class Key:
    """An endpoint's API key, which is sent but never shown.

    >>> print(Key("sk-0123456789").hide("bad key sk-0123456789"))
    bad key [key]
    """

    def __init__(self, value: str) -> None:
        self._value = value

    @classmethod
    def from_environment(cls, variable: str) -> Key:
        # A key from a file often ends with a line end.
        value = os.environ.get(variable, "").strip()
        if not (value.isascii() and value.isprintable()) or " " in value:
            raise InputError(
                f"${variable} contains characters that no key has", cure="Set it to the key only."
            )
        return cls(value or NO_KEY)

    def __repr__(self) -> str:
        return f"Key({HIDDEN!r})"

    def reveal(self) -> str:
        """The key itself, only for the request's header."""
        return self._value

    def hide(self, text: str) -> str:
        """An error text without the key, which some servers echo."""
        return text if self._value == NO_KEY else text.replace(self._value, HIDDEN)

    def hide_in_answer(self, body: bytes) -> bytes:
        """An answer without the key; a short key stays, as it may be an ordinary word."""
        if len(self._value) < SHORTEST_SECRET:
            return body
        return body.replace(self._value.encode(), HIDDEN.encode())
