"""Run a worker on any number of items, with flat memory, a progress bar and Ctrl-C."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from whyser.chat.client import Chat
from whyser.chat.faults import ChatError, EndpointError, Stopped
from whyser.chat.ledger import CannotWrite
from whyser.chat.progress import progress
from whyser.chat.settings import ChatSettings
from whyser.chat.tally import RequestTally, print_tally
from whyser.io.console import say
from whyser.io.errors import WhyserError

T = TypeVar("T")
R = TypeVar("R")


def run_all(
    items: Iterable[T],
    worker: Callable[[Chat, T], Awaitable[R]],
    settings: ChatSettings,
    ledger_path: Path,
    *,
    on_result: Callable[[T, R | WhyserError], None],
    total: int | None = None,
    description: str = "Asking",
) -> RequestTally:
    """Runs `worker` on every item, `settings.concurrency` requests at a time, in no fixed order.

    Items are read as workers become free. There is a tenth more of these, for answers that are on
    their way to the disk. `on_result` gets what the worker returned, or the `WhyserError` that it
    raised; it is not called for items that the run did not finish.

    The first Ctrl-C starts nothing new and waits for requests in flight; the second stops at once.
    Both return the tally: `tally.interrupted` asks for exit status 130, and `tally.stopped` says
    why the run ended early (Ctrl-C or a limit).

    Raises: `EndpointError` if the endpoint fails, `CannotWrite` if the disk does, both after
    printing the tally; `InputError` for a ledger that cannot be opened.
    """
    chat = Chat(settings, ledger_path)
    return asyncio.run(_run_all(items, worker, chat, on_result, total, description))


async def _run_all(
    items: Iterable[T],
    worker: Callable[[Chat, T], Awaitable[R]],
    chat: Chat,
    on_result: Callable[[T, R | WhyserError], None],
    total: int | None,
    description: str,
) -> RequestTally:
    source = iter(items)
    async with chat:
        with progress(description, total, chat.tally) as advance:

            async def drain() -> None:
                # All tasks share one source: the next free task takes the next item.
                for item in source:
                    try:
                        result = await _result_of(worker, chat, item)
                    except Stopped:
                        return
                    on_result(item, result)
                    advance()
                    # Answers from the ledger never wait, so Ctrl-C needs a chance here.
                    await asyncio.sleep(0)
                    if chat.is_stopped:
                        return

            tasks = [asyncio.create_task(drain()) for _ in range(_tasks(chat.settings.concurrency))]
            with _interrupts(chat, tasks):
                await _finish(tasks)
    if chat.fatal is not None:
        print_tally(chat.tally)
        raise chat.fatal
    return chat.tally


def _tasks(concurrency: int) -> int:
    """More than `Chat` sends at once: while an answer goes to the disk, another request is sent."""
    return concurrency + concurrency // 10


async def _result_of(
    worker: Callable[[Chat, T], Awaitable[R]], chat: Chat, item: T
) -> R | WhyserError:
    try:
        return await worker(chat, item)
    except WhyserError as error:
        if isinstance(error, EndpointError | CannotWrite):
            raise Stopped(str(error)) from None
        if not isinstance(error, ChatError):
            chat.tally.failed["unreadable input"] += 1
        return error


async def _finish(tasks: list[asyncio.Task[None]]) -> None:
    """Waits for all tasks; the first unexpected error cancels the others."""
    await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    for task in tasks:
        task.cancel()
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(outcome, BaseException) and not isinstance(outcome, asyncio.CancelledError):
            raise outcome


@contextmanager
def _interrupts(chat: Chat, tasks: list[asyncio.Task[None]]) -> Iterator[None]:
    def hear() -> None:
        if chat.tally.interrupted:
            say("stopped; the answers so far are in the ledger")
            for task in tasks:
                task.cancel()
        else:
            chat.stop("interrupted", interrupted=True)
            requests = f"{chat.in_flight:,} request{'s' * (chat.in_flight != 1)}"
            say(f"stopping: waiting for {requests}; press Ctrl-C again to stop now")

    loop = asyncio.get_running_loop()
    try:
        loop.add_signal_handler(signal.SIGINT, hear)
    except (RuntimeError, ValueError):
        # Only the main thread can handle signals.
        yield
        return
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGINT)
