"""A job: many items, a ledger beside what is written, results in the items' order."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, NoReturn, TypeVar

from whyser.chat.client import Chat
from whyser.chat.estimate import estimate
from whyser.chat.ledger import Ledger
from whyser.chat.request import Request
from whyser.chat.run import run_all
from whyser.chat.settings import ChatSettings
from whyser.chat.tally import RequestTally, print_tally
from whyser.io.console import print_table, say
from whyser.io.errors import WhyserError

T = TypeVar("T")
R = TypeVar("R")


def ledger_of(output: Path) -> Path:
    """Where the answers behind a file are kept.

    >>> ledger_of(Path("rationales.jsonl"))
    PosixPath('rationales.ledger.jsonl')
    """
    return output.with_suffix(".ledger.jsonl")


def print_estimate(
    title: str, requests: Iterable[Request], settings: ChatSettings, output: Path
) -> None:
    """What a run would still ask, as a table; nothing is asked."""
    path = ledger_of(output)
    with Ledger(path) if path.exists() else nullcontext() as ledger:
        rows = estimate(requests, settings, ledger).rows()
    print_table(title, ["what", "figure"], rows)


def ask_in_order(
    items: Iterable[T],
    worker: Callable[[Chat, T], Awaitable[R]],
    settings: ChatSettings,
    ledger: Path,
    *,
    write: Callable[[T, R | WhyserError], None],
    total: int,
    description: str,
) -> None:
    """Runs `worker` on every item; `write` gets each with its result, or error, in their order.

    Raises: `SystemExit` with 130 when Ctrl-C ended the run, `WhyserError` when a limit did, and
    what `run_all` raises; what was answered is in the ledger, and the same call goes on from it.
    """
    queue = _InOrder(write)

    async def work(chat: Chat, item: tuple[int, T]) -> R:
        return await worker(chat, item[1])

    tally = run_all(
        enumerate(items),
        work,
        settings,
        ledger,
        on_result=queue.add,
        total=total,
        description=description,
    )
    print_tally(tally)
    if queue.written < total:
        _end_early(queue.written, total, tally, ledger)


def ask_all(
    items: Sequence[T],
    worker: Callable[[Chat, T], Awaitable[R]],
    settings: ChatSettings,
    ledger: Path,
    *,
    description: str,
    undone: str,
) -> tuple[list[R], RequestTally]:
    """Runs `worker` on every item: the results in their order, all of them or none.

    A figure must not depend on the weather of a network.

    Args: `undone`, what is told of items that failed, as in "answers were not read".

    Raises: `SystemExit` with 130 when Ctrl-C ended the run, `WhyserError` when a limit did or an
    item failed, and what `run_all` raises.
    """
    found: dict[int, R] = {}
    failed: list[WhyserError] = []

    async def work(chat: Chat, item: tuple[int, T]) -> R:
        return await worker(chat, item[1])

    def keep(item: tuple[int, T], result: R | WhyserError) -> None:
        if isinstance(result, WhyserError):
            failed.append(result)
        else:
            found[item[0]] = result

    tally = run_all(
        enumerate(items),
        work,
        settings,
        ledger,
        on_result=keep,
        total=len(items),
        description=description,
    )
    if tally.interrupted:
        raise SystemExit(130)
    if tally.stopped or failed:
        raise unfinished(tally.stopped or f"{len(failed):,} {undone}, as {failed[0]}", ledger)
    return [found[place] for place in range(len(items))], tally


def unfinished(why: str, ledger: Path) -> WhyserError:
    return WhyserError(
        f"{why.rstrip('.')}. What came back is in {ledger}: run the same command again to go on."
    )


def _end_early(written: int, total: int, tally: RequestTally, ledger: Path) -> NoReturn:
    told = (
        f"{tally.stopped}: {written:,} of {total:,} utterances are done, their answers are in "
        f"{ledger}. Run the same command again to go on."
    )
    if tally.interrupted:
        say(told)
        raise SystemExit(130)
    raise WhyserError(told)


@dataclass
class _InOrder(Generic[T, R]):
    """Hands on in order what comes out of order; only what is ahead of its turn is held."""

    write: Callable[[T, R | WhyserError], None]
    written: int = 0
    ahead: dict[int, tuple[T, R | WhyserError]] = field(default_factory=dict)

    def add(self, item: tuple[int, T], result: R | WhyserError) -> None:
        place, own = item
        self.ahead[place] = (own, result)
        while self.written in self.ahead:
            self.write(*self.ahead.pop(self.written))
            self.written += 1
