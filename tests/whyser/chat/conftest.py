"""A scripted server process, and its counts of requests."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from whyser.chat import Chat, ChatSettings, Reply, Request, RequestTally, run_all
from whyser.io.errors import WhyserError

FOLDER = Path(__file__).parent


@dataclass
class Scripted:
    """A server that may be killed and restarted; it keeps its log and its port."""

    log: Path
    delay: float
    port: int = 0
    process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        options = ["--port", str(self.port), "--delay", str(self.delay)]
        command = [sys.executable, str(FOLDER / "server.py"), str(self.log), *options]
        # Its complaints of clients that hang up are what the tests are about.
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
            self.process = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def events(self) -> list[tuple[str, str]]:
        lines = self.log.read_text(encoding="utf-8").splitlines()
        return [(event, name) for event, _, name in (line.partition(" ") for line in lines)]

    def count(self, event: str) -> Counter[str]:
        return Counter(name for what, name in self.events if what == event)


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Scripted]]:
    started: list[Scripted] = []

    def start(delay: float = 0.0) -> Scripted:
        server = Scripted(tmp_path / f"server{len(started)}.log", delay)
        server.log.touch()
        server.start()
        started.append(server)
        return server

    yield start
    for server in started:
        server.kill()


@pytest.fixture(scope="session")
def session_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scripted]:
    server = Scripted(tmp_path_factory.mktemp("server") / "server.log", 0.0)
    server.log.touch()
    server.start()
    yield server
    server.kill()


@pytest.fixture
def server(session_server: Scripted) -> Scripted:
    """One process for all tests that do not kill it; its counts start at zero."""
    session_server.log.write_bytes(b"")
    return session_server


def request(name: str, *script: str, **parameters: Any) -> Request:
    extra = {"script": list(script)} if script else {}
    return Request(
        [{"role": "user", "content": name}], {**parameters, "extra_body": extra, "max_tokens": 10}
    )


@dataclass
class Outcome:
    """The results that a run reported to its caller."""

    tally: RequestTally | None = None
    replies: dict[str, Reply] = field(default_factory=dict)
    errors: dict[str, WhyserError] = field(default_factory=dict)


@pytest.fixture
def ask_all(tmp_path: Path) -> Callable[..., Outcome]:
    """Asks for every named script in one run, and collects the results."""

    def ask(
        server: Scripted, scripts: dict[str, list[str]], *, unique: str = "", **settings: Any
    ) -> Outcome:
        outcome = Outcome()

        async def worker(chat: Chat, name: str) -> Reply:
            return await chat.ask(request(unique + name, *scripts[name]), label=name)

        def on_result(name: str, result: Reply | WhyserError) -> None:
            assert name not in outcome.replies and name not in outcome.errors
            if isinstance(result, Reply):
                outcome.replies[name] = result
            else:
                outcome.errors[name] = result

        usual = {"model": "scripted", "backoff": 0.02, "timeout": 5.0}
        outcome.tally = run_all(
            scripts,
            worker,
            ChatSettings(server.url, **{**usual, **settings}),
            tmp_path / "ledger.jsonl",
            on_result=on_result,
            total=len(scripts),
        )
        return outcome

    return ask
