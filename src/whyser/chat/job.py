"""Ask about many items, with a ledger next to the output and the results in the items' order."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import nullcontext
from itertools import takewhile
from pathlib import Path
from typing import TypeVar

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
    """The ledger that keeps the answers behind an output file.

    >>> ledger_of(Path("rationales.jsonl"))
    PosixPath('rationales.ledger.jsonl')
    """
    return output.with_suffix(".ledger.jsonl")


def print_estimate(
    title: str, requests: Iterable[Request], settings: ChatSettings, output: Path
) -> None:
    """Prints what a run would still ask; it asks nothing."""
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
    is_enough: Callable[[], bool] = lambda: False,
) -> None:
    """Runs `worker` on every item; `write` gets each item with its result or error, in item order.

    Args: `is_enough` is asked after each write; once it is true, no item is begun or written.

    Raises: `SystemExit` with 130 if Ctrl-C ended the run, `WhyserError` if a limit did, and what
    `run_all` raises. The answers are in the ledger, and the same call continues from it.
    """
    written = 0
    # Only results that are ahead of their turn are held.
    ahead: dict[int, tuple[T, R | WhyserError]] = {}

    def add(place: int, item: T, result: R | WhyserError) -> None:
        nonlocal written
        ahead[place] = item, result
        while written in ahead and not is_enough():
            write(*ahead.pop(written))
            written += 1

    wanted = takewhile(lambda _: not is_enough(), items)
    tally = _run_numbered(wanted, worker, settings, ledger, add, total, description)
    print_tally(tally)
    if written == total or is_enough():
        return
    message = (
        f"{tally.stopped}: {written:,} of {total:,} utterances are done; their answers are in "
        f"{ledger}. Run the same command again to continue."
    )
    if tally.interrupted:
        say(message)
        raise SystemExit(130)
    raise WhyserError(message)


def ask_all(
    items: Sequence[T],
    worker: Callable[[Chat, T], Awaitable[R]],
    settings: ChatSettings,
    ledger: Path,
    *,
    description: str,
    undone: str,
) -> tuple[list[R], RequestTally]:
    """Runs `worker` on every item; returns all results in item order, or none.

    A score must not depend on network failures.

    Args: `undone` says what failed items lack, as in "answers were not read".

    Raises: `SystemExit` with 130 if Ctrl-C ended the run, `WhyserError` if a limit did or an item
    failed, and what `run_all` raises.
    """
    found: dict[int, R] = {}
    failed: list[WhyserError] = []

    def keep(place: int, _: T, result: R | WhyserError) -> None:
        if isinstance(result, WhyserError):
            failed.append(result)
        else:
            found[place] = result

    tally = _run_numbered(items, worker, settings, ledger, keep, len(items), description)
    if tally.interrupted:
        raise SystemExit(130)
    if tally.stopped or failed:
        raise unfinished(tally.stopped or f"{len(failed):,} {undone}, as {failed[0]}", ledger)
    return [found[place] for place in range(len(items))], tally


def _run_numbered(
    items: Iterable[T],
    worker: Callable[[Chat, T], Awaitable[R]],
    settings: ChatSettings,
    ledger: Path,
    on_result: Callable[[int, T, R | WhyserError], None],
    total: int,
    description: str,
) -> RequestTally:
    """`run_all`, whose `on_result` also gets the item's place."""
    return run_all(
        enumerate(items),
        lambda chat, numbered: worker(chat, numbered[1]),
        settings,
        ledger,
        on_result=lambda numbered, result: on_result(*numbered, result),
        total=total,
        description=description,
    )


def unfinished(why: str, ledger: Path) -> WhyserError:
    return WhyserError(
        f"{why.rstrip('.')}. The answers so far are in {ledger}: run the same command again to "
        "continue."
    )
