"""Runs in separate processes that are killed, interrupted, or whose disk is full."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from whyser.chat import Ledger

ASKER = Path(__file__).with_name("asker.py")


def start(server: Any, ledger: Path, count: int, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(ASKER), server.url, str(ledger), str(count), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def labels(ledger: Path) -> list[str]:
    with Ledger(ledger) as opened:
        return [entry.label for entry in opened.entries()]


def wait_until_asked(server: Any, count: int) -> None:
    for _ in range(1000):
        if server.count("asked").total() >= count:
            return
        time.sleep(0.01)
    raise AssertionError("the server was not asked in time")


@pytest.mark.slow
def test_twenty_kills_lose_nothing_and_ask_nothing_twice(
    serve: Callable[..., Any], tmp_path: Path
) -> None:
    server, ledger, count, rounds = serve(delay=0.01), tmp_path / "ledger.jsonl", 2000, 20
    options = ["--kill-rounds", str(rounds), "--log", str(server.log), "--concurrency", "8"]
    done = start(server, ledger, count, *options)
    said, complaints = done.communicate(timeout=60)
    assert done.returncode == 0, complaints
    print(said)

    names = {f"item {number}" for number in range(count)}
    found = labels(ledger)
    assert len(found) == count and set(found) == names
    assert f"results {count}" in said

    kept: set[str] = set()
    for event, name in server.events:
        assert not (event == "asked" and name in kept), f"{name} was in the ledger"
        if event == "kept":
            kept.add(name)
    assert 0 < len(kept) < count
    # Only what was in flight at a kill was asked again.
    assert count <= server.count("asked").total() <= count + rounds * 8
    assert server.count("delivered").keys() == names


def test_the_first_ctrl_c_finishes_what_is_in_flight(
    serve: Callable[..., Any], tmp_path: Path
) -> None:
    server, ledger = serve(delay=0.5), tmp_path / "ledger.jsonl"
    asker = start(server, ledger, 100)
    wait_until_asked(server, 4)
    asker.send_signal(signal.SIGINT)
    said, complaints = asker.communicate(timeout=20)
    assert asker.returncode == 130
    assert "ended early: interrupted" in said and "results 4" in said
    assert complaints == "stopping: waiting for 4 requests; press Ctrl-C again to stop now\n"
    assert server.count("asked").total() == server.count("delivered").total() == 4
    assert len(labels(ledger)) == 4


def test_the_second_ctrl_c_stops_at_once(serve: Callable[..., Any], tmp_path: Path) -> None:
    server, ledger = serve(delay=30), tmp_path / "ledger.jsonl"
    asker = start(server, ledger, 100)
    wait_until_asked(server, 4)
    asker.send_signal(signal.SIGINT)
    assert asker.stderr is not None
    assert asker.stderr.readline().startswith("stopping")
    began = time.monotonic()
    asker.send_signal(signal.SIGINT)
    said, complaints = asker.communicate(timeout=20)
    assert time.monotonic() - began < 3
    assert asker.returncode == 130 and "results 0" in said
    assert complaints == "stopped; the answers so far are in the ledger\n"
    assert labels(ledger) == []


def test_a_terminal_shows_rate_errors_and_time_left(
    serve: Callable[..., Any], tmp_path: Path
) -> None:
    server = serve(delay=0.02)
    ours, theirs = pty.openpty()
    command = [sys.executable, str(ASKER), server.url, str(tmp_path / "ledger.jsonl"), "40"]
    wide = {**os.environ, "COLUMNS": "120", "TERM": "xterm"}
    asker = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=theirs, env=wide)
    assert asker.wait(timeout=20) == 0
    os.close(theirs)
    raw = b""
    # A terminal that its last writer left is an error to read on Linux.
    with contextlib.suppress(OSError):
        while block := os.read(ours, 4096):
            raw += block
    os.close(ours)
    shown = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", raw.decode())
    assert "40/40" in shown and "/s" in shown and "0 errors, 0 retried" in shown


def test_a_full_disk_ends_the_run_and_the_ledger_stays_whole(
    serve: Callable[..., Any], tmp_path: Path
) -> None:
    server, ledger = serve(delay=0.01), tmp_path / "ledger.jsonl"
    asker = start(server, ledger, 100, "--disk", "5000")
    _, complaints = asker.communicate(timeout=20)
    assert asker.returncode == 1
    assert complaints.startswith(f"error: {ledger}: an answer cannot be written (File too large)")
    assert complaints.endswith(
        "Free disk space and run the command again; the answers so far are kept.\n"
    )
    lines = ledger.read_bytes().splitlines(keepends=True)
    assert 0 < sum(map(len, lines)) <= 5000
    assert all(json.loads(line) for line in lines) and lines[-1].endswith(b"\n")

    kept = {json.loads(line)["label"] for line in lines}
    before = server.count("asked")
    assert start(server, ledger, 100).communicate(timeout=20)
    assert all(server.count("asked")[name] == before[name] for name in kept)
    assert len(labels(ledger)) == 100
