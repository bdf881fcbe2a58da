"""Limits on the rate, the number and the cost of requests."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from whyser.chat.settings import ChatSettings

#: Seconds' worth of a rate that may be used at once after a pause.
BURST = 1.0


class Rate:
    """A token bucket, stored as the time when it is full again; without a rate, no limit."""

    def __init__(self, per_minute: float | None) -> None:
        self._seconds_each = 0.0 if per_minute is None else 60 / per_minute
        self._due = time.monotonic() - BURST

    def take(self, amount: float) -> float:
        """Takes the amount from the bucket; returns the seconds to wait before its use."""
        now = time.monotonic()
        self._due = max(self._due, now - BURST)
        wait = self._due - now
        self._due += amount * self._seconds_each
        return max(0.0, wait)

    def give_back(self, amount: float) -> None:
        """Corrects an estimate that was too high by this amount (negative: too low)."""
        self._due -= amount * self._seconds_each


class LimitReached(Exception):
    """The next request would exceed a limit."""


class Budget:
    """Requests and money. The possible cost of requests in flight is reserved until it is known."""

    def __init__(self, settings: ChatSettings) -> None:
        most, cost = settings.max_requests, settings.max_cost
        self._most_requests = math.inf if most is None else most
        self._most_cost = math.inf if cost is None else cost
        self._requests = self.in_flight = 0
        self.spent = self._set_aside = 0.0
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def place(self, cost: float) -> AsyncIterator[None]:
        """Reserves one request of this possible cost; add its actual cost to `spent`.

        If only the reserved cost of other requests is in the way, it waits for their outcome.

        Raises: `LimitReached` if the request does not fit.
        """
        async with self._changed:
            await self._changed.wait_for(lambda: self._fits(cost) or not self.in_flight)
            self._refuse_excess(cost)
            self.in_flight += 1
            self._requests += 1
            self._set_aside += cost
        try:
            yield
        finally:
            self.in_flight -= 1
            self._set_aside -= cost
            async with self._changed:
                self._changed.notify_all()

    def _refuse_excess(self, cost: float) -> None:
        if self._requests >= self._most_requests:
            raise LimitReached(f"the limit of {self._most_requests:,} requests is reached")
        if not self._fits(cost):
            raise LimitReached(
                f"{self.spent:.4f} of at most {self._most_cost:.4f} is spent, and the next "
                f"request may cost {cost:.4f}"
            )

    def _fits(self, cost: float) -> bool:
        # Waiting is of no use once the number of requests is used up.
        is_used_up = self._requests >= self._most_requests
        return is_used_up or self.spent + self._set_aside + cost <= self._most_cost
