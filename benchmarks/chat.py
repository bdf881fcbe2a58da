"""Measures how fast the client sends requests and how fast a large ledger opens.

    python benchmarks/chat.py
    python benchmarks/chat.py --requests 500 --answers 20000 --strict

The server runs in a separate process, answers after a fixed time, and serves a fixed number of
requests at once. The client runs in another process; its CPU time and memory are measured only
during the requests. The baseline sends the same requests with only aiohttp: no retries, no ledger
and no checks. Requests contain the address of a clip; a second measurement sends 6 s of audio in
base64.

A bound for the full size is not judged at any other size.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
from aiohttp import web
from figures import Figure, options_of, show

import whyser.chat
from whyser.chat import Chat, ChatSettings, Ledger, Reply, Request, audio_part, run_all
from whyser.chat.ledger import LedgerEntry
from whyser.io import audio
from whyser.io.console import say
from whyser.io.errors import WhyserError

FULL_REQUESTS, FULL_ANSWERS = 2_000, 200_000
PLACES, ANSWER_S = 64, 0.2
MAX_OVER_IDEAL, MAX_CPU_MS, MAX_GROWTH_MB, MAX_OPEN_S = 1.08, 2.0, 5.0, 5.0

#: Requests that are not measured, because they include imports and new connections.
WARM_UP = PLACES

QUESTION = "What is the emotion of the speaker, and what in the voice says so? " * 12
ANSWER = "The speaker sounds angry: the pitch is high and wide, the voice loud and fast. " * 6


def main() -> None:
    arguments = _parser().parse_args()
    if arguments.role:
        ROLES[arguments.role](arguments)
        return
    say(f"measures {Path(whyser.chat.__file__).parent}")
    with tempfile.TemporaryDirectory(prefix="whyser_", dir=arguments.work) as folder:
        arguments.work = Path(folder)
        figures = [*asking(arguments), *opening(arguments)]
    show(f"Client, on {os.cpu_count()} cores", figures, strict=arguments.strict)


def _parser() -> argparse.ArgumentParser:
    parser = options_of(__doc__)
    parser.add_argument(
        "--requests", type=int, default=FULL_REQUESTS, help="number of requests [%(default)s]"
    )
    parser.add_argument(
        "--answers", type=int, default=FULL_ANSWERS, help="answers in the ledger [%(default)s]"
    )
    parser.add_argument("--work", type=Path, help="folder for generated files [a temporary one]")
    # The other processes run this script with these two options.
    parser.add_argument("--role", choices=ROLES, help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    return parser


# ---- asking -------------------------------------------------------------------------------


def asking(arguments: argparse.Namespace) -> Iterator[Figure]:
    count = arguments.requests
    with _server() as url:
        ours, bare, sent = (
            _role(role, arguments, "--url", url) for role in ("ask", "bare", "ask-sound")
        )
    ideal = count * ANSWER_S / PLACES
    full = count == FULL_REQUESTS
    say(f"sent {count:,} requests three times")

    def met(within: bool) -> bool | None:
        return within if full else None

    at = f"at {FULL_REQUESTS:,} requests"
    over, growth = ours["seconds"] / ideal, ours["growth_mb"]
    yield Figure(f"{count:,} requests, {PLACES} at a time", f"{ours['seconds']:.2f} s")
    yield Figure(
        f"  divided by the ideal {ideal:.2f} s",
        f"{over:.3f}",
        f"at most {MAX_OVER_IDEAL} {at}",
        met(over <= MAX_OVER_IDEAL),
    )
    yield Figure("  only aiohttp, divided by the ideal", f"{bare['seconds'] / ideal:.3f}")
    yield Figure(
        "  client CPU time per request",
        f"{ours['cpu_ms']:.2f} ms",
        f"at most {MAX_CPU_MS:.0f} ms {at}",
        met(ours["cpu_ms"] <= MAX_CPU_MS),
    )
    yield Figure("  only aiohttp, CPU time per request", f"{bare['cpu_ms']:.2f} ms")
    yield Figure(
        "  growth of memory in the last three quarters",
        f"{growth:.1f} MB",
        f"at most {MAX_GROWTH_MB:.0f} MB {at}",
        met(growth <= MAX_GROWTH_MB),
    )
    yield Figure("  peak memory", f"{ours['peak_mb']:.0f} MB")
    yield Figure("6 s of audio in base64: CPU time per request", f"{sent['cpu_ms']:.2f} ms")
    yield Figure("  divided by the ideal", f"{sent['seconds'] / ideal:.3f}")
    yield Figure("  peak memory", f"{sent['peak_mb']:.0f} MB")


@contextmanager
def _server() -> Iterator[str]:
    command = [sys.executable, __file__, "--role", "serve"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield f"http://127.0.0.1:{int(process.stdout.readline())}/v1"
        finally:
            process.kill()


def _role(role: str, arguments: argparse.Namespace, *options: str) -> dict[str, float]:
    """Runs a role in a separate process and returns the figures that it prints."""
    sizes = ["--requests", str(arguments.requests), "--answers", str(arguments.answers)]
    command = [sys.executable, __file__, "--role", role, "--work", str(arguments.work), *sizes]
    done = subprocess.run([*command, *options], stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(f"{role} ended with status {done.returncode}")
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


class Meter:
    """Measures seconds, CPU time and memory of this process after the warm-up."""

    def __init__(self, count: int) -> None:
        self.count, self.seen, self.quarter_mb = count, 0, 0.0

    def start(self) -> None:
        self.began, self.cpu = time.perf_counter(), time.process_time()

    def step(self) -> None:
        self.seen += 1
        if self.seen == self.count // 4:
            self.quarter_mb = _peak_mb()

    def print(self) -> None:
        seconds = time.perf_counter() - self.began
        cpu = time.process_time() - self.cpu
        figures = {
            "seconds": seconds,
            "cpu_ms": 1e3 * cpu / self.count,
            "growth_mb": _peak_mb() - self.quarter_mb,
            "peak_mb": _peak_mb(),
        }
        print(json.dumps(figures))


def _peak_mb() -> float:
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def ask(arguments: argparse.Namespace) -> None:
    """Sends the requests with the client, as the teacher does."""
    how = "data" if arguments.role == "ask-sound" else "file"
    clip = arguments.work / "clip.wav"
    noise = np.random.default_rng(0).uniform(-0.1, 0.1, 6 * audio.SAMPLING_RATE)
    audio.write(clip, noise.astype(np.float32))
    settings = ChatSettings(arguments.url, "benchmark", concurrency=PLACES)
    meter = Meter(arguments.requests)

    async def worker(chat: Chat, number: int) -> Reply:
        content = [audio_part(clip, how), {"type": "text", "text": QUESTION}]
        request = Request([{"role": "user", "content": content}], {"seed": number})
        return await chat.ask(request, label=f"item {number}")

    def on_result(number: int, result: Reply | WhyserError) -> None:
        if not isinstance(result, Reply):
            sys.exit(str(result))
        meter.step()

    def run(numbers: range, ledger: str, on_result: Callable[..., None]) -> None:
        run_all(numbers, worker, settings, arguments.work / ledger, on_result=on_result)

    run(range(-WARM_UP, 0), f"warm-{how}.jsonl", lambda *_: None)
    meter.start()
    run(range(arguments.requests), f"{how}.jsonl", on_result)
    meter.print()


def ask_bare(arguments: argparse.Namespace) -> None:
    """Sends the same requests with only aiohttp."""
    meter = Meter(arguments.requests)

    async def drain(session: aiohttp.ClientSession, numbers: Iterator[int]) -> None:
        part = {"type": "audio_url", "audio_url": {"url": "file:///clip.wav"}}
        for number in numbers:
            content = [part, {"type": "text", "text": QUESTION}]
            body = {"messages": [{"role": "user", "content": content}], "seed": number}
            async with session.post(f"{arguments.url}/chat/completions", json=body) as response:
                await response.json()
            meter.step()

    async def run() -> None:
        async with aiohttp.ClientSession() as session:
            numbers = iter(range(arguments.requests))
            await asyncio.gather(*(drain(session, numbers) for _ in range(PLACES)))

    meter.start()
    asyncio.run(run())
    meter.print()


def serve(_: argparse.Namespace) -> None:
    """Runs the server and prints its port."""

    async def run() -> None:
        places = asyncio.Semaphore(PLACES)
        reply = {"finish_reason": "stop", "message": {"content": ANSWER}}
        usage = {"prompt_tokens": 400, "completion_tokens": 100}
        text = json.dumps({"model": "benchmark", "choices": [reply], "usage": usage})

        async def handle(request: web.Request) -> web.Response:
            await request.read()
            async with places:
                await asyncio.sleep(ANSWER_S)
            return web.Response(text=text, content_type="application/json")

        application = web.Application(client_max_size=2**26)
        application.router.add_post("/v1/chat/completions", handle)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        print(runner.addresses[0][1], flush=True)
        await asyncio.Event().wait()

    asyncio.run(run())


# ---- the ledger ---------------------------------------------------------------------------


def opening(arguments: argparse.Namespace) -> Iterator[Figure]:
    count = arguments.answers
    path = arguments.work / "large.jsonl"
    write_ledger(path, count)
    found = _role("open", arguments)
    say(f"opened a ledger of {count:,} answers")
    yield Figure(
        f"open a ledger of {count:,} answers, {path.stat().st_size / 1e6:,.0f} MB",
        f"{found['seconds']:.2f} s",
        f"at most {MAX_OPEN_S:.0f} s at {FULL_ANSWERS:,} answers",
        found["seconds"] <= MAX_OPEN_S if count == FULL_ANSWERS else None,
    )
    yield Figure("  only json.loads of its lines", f"{found['bare']:.2f} s")
    yield Figure("  memory of the open ledger", f"{found['memory_mb']:.0f} MB")
    yield Figure("  find one answer in it", f"{found['get_us']:.0f} us")


def write_ledger(path: Path, count: int) -> None:
    reply = Reply(ANSWER, "stop", "benchmark", 400, 100)
    with path.open("w", encoding="utf-8") as stream:
        for number in range(count):
            key = hashlib.sha256(str(number).encode()).hexdigest()
            entry = LedgerEntry.of(key, f"msp_podcast/MSP-PODCAST_{number:06d}", reply)
            stream.write(f"{entry.model_dump_json()}\n")


def open_ledger(arguments: argparse.Namespace) -> None:
    path, count = arguments.work / "large.jsonl", arguments.answers
    before = _peak_mb()
    start = time.perf_counter()
    with Ledger(path) as ledger:
        seconds, memory = time.perf_counter() - start, _peak_mb() - before
        looked_up = min(count, 1000)
        start = time.perf_counter()
        for number in range(looked_up):
            if ledger.get(hashlib.sha256(str(number).encode()).hexdigest()) is None:
                sys.exit(f"answer {number} is not in the ledger")
        get_us = 1e6 * (time.perf_counter() - start) / looked_up
    start = time.perf_counter()
    with path.open("rb") as stream:
        for line in stream:
            json.loads(line)
    bare = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "bare": bare, "memory_mb": memory, "get_us": get_us}))


ROLES: dict[str, Callable[[Any], None]] = {
    "serve": serve,
    "ask": ask,
    "ask-sound": ask,
    "bare": ask_bare,
    "open": open_ledger,
}


if __name__ == "__main__":
    main()
