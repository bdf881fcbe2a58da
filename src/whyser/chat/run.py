"""A worker over any number of items: memory flat, Ctrl-C heard, progress shown."""

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
    """Runs `worker` on every item, `settings.concurrency` at a time, in no fixed order.

    Items are taken when there is room for them. `on_result` gets what the worker returned, or the
    `WhyserError` it raised; an item that was not finished when the run ended gets no call.

    The first Ctrl-C begins nothing new and records what is in flight, the second stops at once.
    Either way the tally is returned: `tally.interrupted` asks for exit status 130, and
    `tally.stopped` says why the run ended early, be it by Ctrl-C or by a limit.

    Raises: `EndpointError` when the endpoint is at fault, `CannotWrite` when the disk is; the tally
    is printed before. `InputError` for a ledger that cannot be opened.
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
                # One source for all: an item is taken by whoever is free.
                for item in source:
                    try:
                        result = await _result_of(worker, chat, item)
                    except Stopped:
                        return
                    on_result(item, result)
                    advance()
                    # Answers from the ledger never wait, and Ctrl-C would not be heard.
                    await asyncio.sleep(0)
                    if chat.is_stopped:
                        return

            tasks = [asyncio.create_task(drain()) for _ in range(chat.settings.concurrency)]
            with _interrupts(chat, tasks):
                await _finish(tasks)
    if chat.fatal is not None:
        print_tally(chat.tally)
        raise chat.fatal
    return chat.tally


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
    """Waits for all; the first error that is not the project's ends the others too."""
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
            say("stopped; what was answered is in the ledger")
            for task in tasks:
                task.cancel()
        else:
            chat.stop("interrupted", interrupted=True)
            say(f"stopping: {chat.in_flight:,} in flight are waited for; Ctrl-C again stops now")

    loop = asyncio.get_running_loop()
    try:
        loop.add_signal_handler(signal.SIGINT, hear)
    except (RuntimeError, ValueError):
        # Only a main thread hears signals; another leaves them to it.
        yield
        return
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGINT)
