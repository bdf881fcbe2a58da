"""How fast a run may ask, and how much."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from whyser.chat.settings import ChatSettings

#: Seconds' worth of a rate that may be taken at once after a rest.
BURST = 1.0


class Rate:
    """A token bucket, kept as the time at which it is full again; no rate is no bound."""

    def __init__(self, per_minute: float | None) -> None:
        self._seconds_each = 0.0 if per_minute is None else 60 / per_minute
        self._due = time.monotonic() - BURST

    def take(self, amount: float) -> float:
        """Seconds to wait before that much may be used; it is taken from the bucket now."""
        now = time.monotonic()
        self._due = max(self._due, now - BURST)
        wait = self._due - now
        self._due += amount * self._seconds_each
        return max(0.0, wait)

    def give_back(self, amount: float) -> None:
        """Corrects a guess that was too high by that much (too low: negative)."""
        self._due -= amount * self._seconds_each


class LimitReached(Exception):
    """The next request would pass a bound."""


class Budget:
    """Requests and money. What requests in flight may cost is set aside until it is known."""

    def __init__(self, settings: ChatSettings) -> None:
        self._most_requests, self._most_cost = settings.max_requests, settings.max_cost
        self._requests = self._in_flight = 0
        self.spent = self._set_aside = 0.0
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def place(self, cost: float) -> AsyncIterator[None]:
        """Room for one request that may cost so much; `spend` says what it did cost.

        Waits for the outcome of those in flight where only their worst case is in the way.

        Raises: `LimitReached` when there is no room.
        """
        async with self._changed:
            await self._changed.wait_for(lambda: self._fits(cost) or not self._in_flight)
            self._refuse(cost)
            self._in_flight += 1
            self._requests += 1
            self._set_aside += cost
        try:
            yield
        finally:
            self._in_flight -= 1
            self._set_aside -= cost
            async with self._changed:
                self._changed.notify_all()

    def spend(self, cost: float) -> None:
        self.spent += cost

    def _refuse(self, cost: float) -> None:
        if self._most_requests is not None and self._requests >= self._most_requests:
            raise LimitReached(f"the limit of {self._most_requests:,} requests is reached")
        if not self._fits(cost):
            raise LimitReached(
                f"{self.spent:.4f} of at most {self._most_cost:.4f} are spent, and the next "
                f"request may cost {cost:.4f}"
            )

    def _fits(self, cost: float) -> bool:
        if self._most_requests is not None and self._requests >= self._most_requests:
            return True  # nothing to wait for
        return self._most_cost is None or self.spent + self._set_aside + cost <= self._most_cost
