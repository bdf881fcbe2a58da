"""The client: it answers from the ledger if it can, otherwise asks the endpoint and retries."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

from whyser.chat.estimate import Tokens, tokens_of
from whyser.chat.faults import (
    PARAMETER,
    ChatError,
    EndpointError,
    RequestFault,
    RetryPolicy,
    Stopped,
    fault_of_status,
)
from whyser.chat.ledger import CannotWrite, Ledger, LedgerEntry
from whyser.chat.limits import Budget, LimitReached, Rate
from whyser.chat.refused import RENAMED, adapted, refused_parameter
from whyser.chat.reply import read_reply
from whyser.chat.request import Reply, Request
from whyser.chat.settings import CALL, ChatSettings, Secrets
from whyser.chat.tally import RequestTally
from whyser.chat.wire import Wire
from whyser.io.console import say
from whyser.io.errors import WhyserError
from whyser.io.thinking import without_thinking

#: The longest pause between two attempts, in seconds.
LONGEST_BACKOFF = 60.0

#: Consecutive failures of the endpoint that end a run: at least so many, and at least two rounds
#: of the requests in flight, because a few bad clips do not mean a bad endpoint.
MOST_IN_A_ROW, ROUNDS_IN_A_ROW = 10, 2


@dataclass
class _Trial:
    """A request, and what has gone wrong with it so far."""

    request: Request
    label: str
    tokens: Tokens
    #: Parameters that the endpoint refused in this request.
    refused: set[str] = field(default_factory=set)
    began: float = field(default_factory=time.monotonic)
    sent: bool = False
    faults: int = 0
    attempts: int = 0

    @property
    def waited(self) -> float:
        return time.monotonic() - self.began


class Chat:
    """An endpoint and its ledger, open inside the `async with` block."""

    def __init__(self, settings: ChatSettings, ledger: Path) -> None:
        self.settings = settings
        self.tally = RequestTally()
        #: The error that ended the run for all requests, if any.
        self.fatal: WhyserError | None = None
        self._path = ledger
        self._flying: dict[str, asyncio.Event] = {}
        self._stopping = asyncio.Event()
        self._places = asyncio.Semaphore(settings.concurrency)
        self._budget = Budget(settings)
        self._request_rate = Rate(settings.requests_per_minute)
        self._token_rate = Rate(settings.tokens_per_minute)
        self._counts_ahead = (settings.tokens_per_minute, settings.max_cost) != (None, None)
        self._not_before = 0.0
        self._last_answer: float | None = None
        self._in_a_row = 0
        self._url = settings.url(CALL)
        self._refused: set[str] = set()

    async def __aenter__(self) -> Chat:
        self._secrets = Secrets.of(self.settings)
        if (proxy := self.settings.proxy) is not None:
            say(f"{self.settings.address} is asked through the proxy {proxy.address}")
        self.ledger = Ledger(self._path)
        self._wire = Wire(self.settings, self._secrets)
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            await self.ledger.settle()
            await self._wire.close()
        finally:
            self.ledger.close()
            self.tally.ended = time.monotonic()

    @property
    def in_flight(self) -> int:
        """Requests that wait for their answer, without those that are prepared or being stored."""
        return self._budget.in_flight

    @property
    def is_stopped(self) -> bool:
        return self._stopping.is_set()

    def stop(self, reason: str, *, interrupted: bool = False) -> None:
        """Sends nothing more; requests in flight still finish and are recorded."""
        self.tally.stopped = self.tally.stopped or reason
        self.tally.interrupted |= interrupted
        self._stopping.set()

    def end_with(self, error: WhyserError) -> None:
        """Stops all requests; `run_all` raises the first such error."""
        self.fatal = self.fatal or error
        self.stop(str(error))

    def key(self, request: Request) -> str:
        """The request's key in this ledger."""
        return request.for_model(self.settings.model).key

    async def ask(self, request: Request, *, label: str = "") -> Reply:
        """Returns the reply, which is on disk by then; its text has no thinking, the ledger's has.

        Raises: `ChatError` if the request failed for good, `EndpointError` if the endpoint did,
        `Stopped` if the run ended before this request was sent.
        """
        request = request.for_model(self.settings.model)
        key = request.key
        while True:
            if (reply := self.ledger.get(key)) is not None:
                self.tally.from_ledger += 1
                # A resumed run asks only what failed before; that is not a bad endpoint.
                self._in_a_row = 0
                return self._without_thinking(reply)
            if key not in self._flying:
                break
            await self._flying[key].wait()
        done = self._flying[key] = asyncio.Event()
        try:
            name = label.encode(errors="replace").decode()
            return self._without_thinking(await self._ask_endpoint(request, key, name))
        finally:
            del self._flying[key]
            done.set()

    def _without_thinking(self, reply: Reply) -> Reply:
        text = without_thinking(reply.text)
        if text is not reply.text:
            self.tally.thought += 1
            reply = replace(reply, text=text)
        self.tally.without.update(reply.without)
        return reply

    async def _ask_endpoint(self, request: Request, key: str, label: str) -> Reply:
        tokens = tokens_of(request) if self._counts_ahead else Tokens(0, 0)
        trial = _Trial(request, label or key[:12], tokens)
        while True:
            try:
                reply = await self._attempt(trial)
                break
            except RequestFault as fault:
                pause = self._pause_after(fault, trial)
                self.tally.retried[fault.kind] += 1
            await self._pause(pause)
        try:
            await self.ledger.record(LedgerEntry.of(key, label, reply))
        except CannotWrite as error:
            self.end_with(error)
            raise
        self.tally.answered += 1
        return reply

    # ---- one attempt ------------------------------------------------------------------------

    async def _attempt(self, trial: _Trial) -> Reply:
        """Sends the request once, when rates and limits allow; `RequestFault` if it fails."""
        price = self.settings.cost(trial.tokens.prompt, trial.tokens.answer)
        try:
            async with self._places, self._budget.place(price):
                await self._wait_for_turn(trial.tokens)
                self.tally.asked += not trial.sent
                trial.sent = True
                return await self._send_and_count(trial)
        except LimitReached as limit:
            self.stop(str(limit))
            raise Stopped(str(limit)) from None

    async def _wait_for_turn(self, tokens: Tokens) -> None:
        await self._pause(max(self._request_rate.take(1), self._token_rate.take(tokens.total)))
        while (wait := self._not_before - time.monotonic()) > 0:
            # Spread out, or the endpoint would refuse them all again.
            await self._pause(wait * random.uniform(1.0, 1.1))

    async def _send_and_count(self, trial: _Trial) -> Reply:
        try:
            reply = await self._send(trial)
        except RequestFault as fault:
            self._spend(*fault.tokens)
            raise
        used = reply.prompt_tokens, reply.completion_tokens
        if not any(used) and self.settings.max_cost is not None:
            # An endpoint that does not count tokens must not look free.
            used = trial.tokens.prompt, trial.tokens.answer
        self._spend(*used)
        self._token_rate.give_back(trial.tokens.total - sum(used))
        self._last_answer, self._in_a_row = time.monotonic(), 0
        return reply

    async def _send(self, trial: _Trial) -> Reply:
        refused = self._refused | trial.refused
        body = adapted(trial.request.body, refused) if refused else trial.request.body
        response = await self._wire.post(self._url, body)
        if not 200 <= response.status < 300:
            text = response.body.decode(errors="replace")
            if name := refused_parameter(body, response.status, text):
                trial.refused.add(name)
                raise RequestFault(PARAMETER, f"{name} is refused", RetryPolicy.AT_ONCE)
            raise fault_of_status(response.status, text, response.headers, self._url)
        reply = read_reply(response.headers, response.body)
        self._remember(trial.refused - self._refused)
        left_out = refused & {*trial.request.body} - {*RENAMED}
        return replace(reply, without=tuple(sorted(left_out))) if left_out else reply

    def _remember(self, refused: set[str]) -> None:
        """What an answer came without is left out of all further requests."""
        self._refused |= refused
        for name in sorted(refused):
            how = f"gets {RENAMED[name]} instead" if name in RENAMED else "is asked without it"
            say(f"note: {self.settings.address} refuses {name}, so it {how}")

    def _spend(self, tokens_in: int, tokens_out: int) -> None:
        cost = self.settings.cost(tokens_in, tokens_out)
        self.tally.tokens_in += tokens_in
        self.tally.tokens_out += tokens_out
        self.tally.cost += cost
        self._budget.spent += cost

    async def _pause(self, seconds: float) -> None:
        """Sleeps; raises `Stopped` if the run is stopped, since nothing new may be sent then."""
        if seconds > 0 and not self.is_stopped:
            try:
                async with asyncio.timeout(seconds):
                    await self._stopping.wait()
            except TimeoutError:
                return
        if self.is_stopped:
            raise Stopped(self.tally.stopped)

    # ---- patience ---------------------------------------------------------------------------

    def _pause_after(self, fault: RequestFault, trial: _Trial) -> float:
        """Seconds until the next attempt; raises if there is none."""
        if fault.patience is RetryPolicy.AT_ONCE:
            return 0.0
        trial.faults += 1
        pause = self._backoff(trial.faults)
        if fault.retry_after:
            pause = fault.retry_after * random.uniform(1.0, 1.1)
        if fault.patience is RetryPolicy.TIME:
            return self._pause_for_later(fault, trial, pause)
        if fault.patience is RetryPolicy.ATTEMPTS:
            trial.attempts += 1
            if trial.attempts < self.settings.attempts:
                return min(pause, self.settings.outage)
        raise self._failed(fault, trial)

    def _pause_for_later(self, fault: RequestFault, trial: _Trial, pause: float) -> float:
        """For an endpoint that is busy or absent: attempts are limited by time, not by number."""
        if fault.is_absence and self._last_answer is None:
            raise self._endpoint_failed(fault, trial)
        if trial.waited + pause > self.settings.outage:
            if self._last_answer is None or self._last_answer < trial.began:
                raise self._endpoint_failed(fault, trial)
            raise self._failed(fault, trial)
        if fault.retry_after:
            self._not_before = max(self._not_before, time.monotonic() + fault.retry_after)
        return pause

    def _backoff(self, faults: int) -> float:
        longest = min(LONGEST_BACKOFF, self.settings.backoff * 2.0 ** min(faults - 1, 16))
        return longest * random.uniform(0.5, 1.0)

    def _failed(self, fault: RequestFault, trial: _Trial) -> ChatError:
        self._in_a_row += fault.counts
        most = max(MOST_IN_A_ROW, ROUNDS_IN_A_ROW * self.settings.concurrency)
        at_start = fault.is_about_endpoint and self._last_answer is None and not self.ledger
        if at_start or fault.is_about_quota or self._in_a_row >= most:
            return self._endpoint_failed(fault, trial)
        self.tally.failed[fault.kind] += 1
        return ChatError.of(fault, f"{trial.label}: {self._describe(fault, trial)}", self.settings)

    def _endpoint_failed(self, fault: RequestFault, trial: _Trial) -> EndpointError:
        self.tally.failed[fault.kind] += 1
        what = f"{self.settings.address}: {self._describe(fault, trial)}"
        if self._in_a_row > 1:
            what += f" ({self._in_a_row:,} failures in a row)"
        error = EndpointError.of(fault, what, self.settings)
        self.end_with(error)
        return error

    def _describe(self, fault: RequestFault, trial: _Trial) -> str:
        what = self._secrets.hide(fault.what)
        if fault.patience is RetryPolicy.TIME and trial.waited >= 1:
            asks = f"; it asks to wait {fault.retry_after:,.0f} s" if fault.retry_after else ""
            return f"{what}, for {trial.waited:,.0f} s{asks}"
        return f"{what}, {trial.attempts} times" if trial.attempts > 1 else what
