"""Limits and rates, and a run over many items."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from whyser.chat import Chat, ChatSettings, Reply, Request, Stopped, run_all
from whyser.chat.ledger import Ledger
from whyser.chat.limits import Rate
from whyser.io.errors import InputError, WhyserError

MANY = {f"{number}": ["ok"] for number in range(40)}


def settings(server: Any, **changes: Any) -> ChatSettings:
    return ChatSettings(server.url, "scripted", **{"backoff": 0.02, "concurrency": 8, **changes})


def named(name: str) -> Request:
    return Request([{"role": "user", "content": name}], {"max_tokens": 10})


def test_a_limit_on_requests_counts_repeated_ones(server: Any, ask_all: Callable[..., Any]) -> None:
    scripts = {f"limited {number}": ["500", "ok"] for number in range(40)}
    outcome = ask_all(server, scripts, max_requests=15, concurrency=4)
    assert server.count("asked").total() == 15
    assert outcome.tally.stopped == "the limit of 15 requests is reached"
    assert not outcome.tally.interrupted and outcome.errors == {}
    again = ask_all(server, scripts)
    assert len(again.replies) == 40 and again.tally.from_ledger == len(outcome.replies)


def test_a_limit_on_the_cost_is_never_passed_and_nearly_used_up(
    server: Any, ask_all: Callable[..., Any]
) -> None:
    # Each answer costs 100 + 10 * 10 millionths by the server's count, and at most 1 + 100 ahead.
    outcome = ask_all(server, MANY, max_cost=0.002, price_in=1.0, price_out=10.0, concurrency=1)
    assert outcome.tally.cost == pytest.approx(10 * 200e-6)
    assert outcome.tally.asked == 10
    assert "spent" in outcome.tally.stopped


def test_a_limit_on_the_cost_holds_with_many_in_flight(
    server: Any, ask_all: Callable[..., Any]
) -> None:
    # Ahead 100 in, 10 out by the length of the text: the server's own count.
    scripts = {f"{'x' * 397}{number:03}": ["ok"] for number in range(60)}
    outcome = ask_all(server, scripts, max_cost=0.0051, price_in=1.0, price_out=10.0)
    assert outcome.tally.cost == pytest.approx(25 * 200e-6)


def test_while_answers_go_to_the_disk_another_request_is_sent(
    server: Any, ask_all: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    write, asked = Ledger._write, []

    def slow(ledger: Ledger, data: bytes) -> None:
        end = time.monotonic() + 10
        while server.count("asked").total() <= 10 and time.monotonic() < end:
            time.sleep(0.01)
        asked.append(server.count("asked").total())
        write(ledger, data)

    monkeypatch.setattr(Ledger, "_write", slow)
    assert len(ask_all(server, MANY, concurrency=10).replies) == len(MANY)
    # No answer was on disk until then, and ten requests are sent at a time.
    assert asked[0] == 11


def test_a_request_rate_is_kept(server: Any, ask_all: Callable[..., Any]) -> None:
    # One second's worth, 20, at once; the other 20 within the next second.
    outcome = ask_all(server, MANY, requests_per_minute=1200, concurrency=40)
    assert 0.9 < outcome.tally.seconds < 3


def test_a_token_bucket_bursts_for_a_second_and_takes_back_a_wrong_guess() -> None:
    rate = Rate(60)
    assert rate.take(1) == 0
    assert rate.take(1) == pytest.approx(0, abs=0.1)
    assert rate.take(10) == pytest.approx(1, abs=0.1)
    rate.give_back(10)
    assert rate.take(1) == pytest.approx(1, abs=0.1)
    assert Rate(None).take(1e9) == 0


def test_the_same_request_at_the_same_time_is_asked_once(server: Any, tmp_path: Path) -> None:
    async def ask() -> list[Reply]:
        async with Chat(settings(server), tmp_path / "ledger.jsonl") as chat:
            return await asyncio.gather(*(chat.ask(named("same")) for _ in range(5)))

    assert len(set(asyncio.run(ask()))) == 1
    assert server.count("asked") == {"same": 1}


def test_items_are_taken_when_there_is_room(server: Any, tmp_path: Path) -> None:
    taken = done = ahead = 0

    def items() -> Iterator[int]:
        nonlocal taken
        while taken < 100:
            taken += 1
            yield taken

    def on_result(item: int, result: Reply | WhyserError) -> None:
        nonlocal done, ahead
        done += 1
        ahead = max(ahead, taken - done)

    async def worker(chat: Chat, item: int) -> Reply:
        return await chat.ask(named(f"lazy {item}"))

    run_all(items(), worker, settings(server), tmp_path / "ledger.jsonl", on_result=on_result)
    assert done == 100 and ahead <= 8


def test_a_worker_may_ask_several_times_and_fail_by_itself(server: Any, tmp_path: Path) -> None:
    async def worker(chat: Chat, item: int) -> int:
        if item == 2:
            raise InputError("is empty", file="clip.wav")
        for attempt in range(3):
            await chat.ask(named(f"several {item}.{attempt}"), label=f"{item}, attempt {attempt}")
        return item

    results: dict[int, int | WhyserError] = {}
    path = tmp_path / "ledger.jsonl"
    tally = run_all(range(4), worker, settings(server), path, on_result=results.__setitem__)
    assert {item: str(result) for item, result in results.items()} == {
        0: "0",
        1: "1",
        2: "clip.wav: is empty",
        3: "3",
    }
    assert tally.asked == 9 and tally.failed == {"unreadable input": 1}


def test_an_error_of_the_worker_itself_ends_the_run(server: Any, tmp_path: Path) -> None:
    async def worker(chat: Chat, item: int) -> None:
        await chat.ask(named(f"broken worker {item}"))
        raise ZeroDivisionError

    path = tmp_path / "ledger.jsonl"
    with pytest.raises(ZeroDivisionError):
        run_all(range(99), worker, settings(server), path, on_result=lambda *_: None)
    assert server.count("asked").total() <= 16


def test_who_asks_after_the_end_is_told(server: Any, tmp_path: Path) -> None:
    async def ask() -> None:
        async with Chat(settings(server), tmp_path / "ledger.jsonl") as chat:
            await chat.ask(named("before"))
            chat.stop("enough")
            # What is in the ledger may still be had.
            await chat.ask(named("before"))
            with pytest.raises(Stopped, match="enough"):
                await chat.ask(named("after"))

    asyncio.run(ask())
    assert server.count("asked") == {"before": 1}
