"""Runs requests in a separate process, for tests that interrupt it, kill it or fill its disk.

    python asker.py URL LEDGER COUNT [--concurrency N] [--kill-rounds N --log SERVER_LOG]

Prints the tally; the exit status is that of a command. With --kill-rounds the run is started and
killed N times during its work, before it may finish. After each kill the contents of the ledger are
written to the server's log, which then shows requests that were sent again in spite of it.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import signal
import sys
import time
from pathlib import Path

import aiohttp  # noqa: F401

# Imported here so that a run that is forked starts at once.
from whyser.chat import Chat, ChatSettings, Reply, Request, print_tally, run_all
from whyser.io.errors import WhyserError


async def worker(chat: Chat, name: str) -> Reply:
    messages = [{"role": "user", "content": name}]
    return await chat.ask(Request(messages, {"max_tokens": 10}), label=name)


def run(arguments: argparse.Namespace) -> int:
    done = 0

    def on_result(name: str, result: Reply | WhyserError) -> None:
        nonlocal done
        done += isinstance(result, Reply)

    settings = ChatSettings(arguments.url, "scripted", concurrency=arguments.concurrency)
    names = (f"item {number}" for number in range(arguments.count))
    try:
        tally = run_all(
            names,
            worker,
            settings,
            arguments.ledger,
            on_result=on_result,
            total=arguments.count,
        )
    except WhyserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print_tally(tally)
    print(f"results {done}")
    return 130 if tally.interrupted else 0


def wait_for_lines(log: Path, more: int) -> None:
    """Until the server has noted so much more: by the clock, a fast machine would be done."""
    begun = time.monotonic()
    wanted = log.read_bytes().count(b"\n") + more
    while log.read_bytes().count(b"\n") < wanted:
        if time.monotonic() - begun > 30:
            raise TimeoutError(f"{log}: {more} more lines did not come")
        time.sleep(0.001)


def kill_rounds(arguments: argparse.Namespace) -> None:
    chance = random.Random(arguments.seed)
    for _ in range(arguments.kill_rounds):
        child = os.fork()
        if not child:
            os._exit(run(arguments))
        wait_for_lines(arguments.log, chance.randrange(60))
        # Between two events of the server lies the client's own work, the ledger's line among it.
        time.sleep(chance.uniform(0, 0.005))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        lines = arguments.ledger.read_bytes() if arguments.ledger.exists() else b""
        whole = [line for line in lines.splitlines(keepends=True) if line.endswith(b"\n")]
        with arguments.log.open("a") as log:
            log.writelines(f"kept {json.loads(line)['label']}\n" for line in whole)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("ledger", type=Path)
    parser.add_argument("count", type=int)
    parser.add_argument("--concurrency", type=int, default=4)
    parser.add_argument("--kill-rounds", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--log", type=Path)
    parser.add_argument("--disk", type=int, help="bytes that a file may have")
    arguments = parser.parse_args()
    if arguments.disk is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (arguments.disk, arguments.disk))
    kill_rounds(arguments)
    sys.exit(run(arguments))


if __name__ == "__main__":
    main()
