"""A server for one stage, with a program in vLLM's place."""

from __future__ import annotations

import importlib
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

import pytest

from whyser.io.errors import WhyserError
from whyser_workflow import serving
from whyser_workflow.serving import KEY, find_vllm, has_gpu, served, vllm_options

#: Like `vllm serve`: it refuses a wrong key, has a worker, and writes down what it was given.
VLLM = f"""#!{sys.executable} -S
import os, signal, subprocess, sys
from http.server import BaseHTTPRequestHandler, HTTPServer

# A test that waits for what never comes ends too.
signal.alarm(20)
words = sys.argv[1:]
print("words", *words, flush=True)
if os.environ.get("PLAYED_FAULT"):
    sys.exit(7)
worker = subprocess.Popen(["sleep", "60"])
print("worker", worker.pid, flush=True)

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        right = self.headers["Authorization"] == "Bearer " + os.environ["VLLM_API_KEY"]
        self.send_response(200 if right else 401)
        self.end_headers()
    def log_message(self, *_):
        pass

HTTPServer(("127.0.0.1", int(words[words.index("--port") + 1])), Handler).serve_forever()
"""


@pytest.fixture(autouse=True)
def vllm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    program = tmp_path / "bin/vllm"
    program.parent.mkdir()
    program.write_text(VLLM)
    program.chmod(0o755)
    monkeypatch.delenv("WHYSER_VLLM", raising=False)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    sleep = time.sleep
    monkeypatch.setattr(serving.time, "sleep", lambda _: sleep(0.05))
    return program


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "logs/vllm.log"


def status(url: str, key: str) -> int:
    request = Request(f"{url}/models", headers={"Authorization": f"Bearer {key}"})
    try:
        with build_opener(ProxyHandler({})).open(request, timeout=5) as reply:
            return int(reply.status)
    except HTTPError as error:
        return error.code


def is_running(process: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{process}/status").read_text()
    except FileNotFoundError:
        return False


HOLDER = """
import sys
from pathlib import Path
from whyser_workflow.serving import served

with served("model", Path(sys.argv[1])):
    print("ready", flush=True)
    sys.stdin.read()
"""


@pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux tells a process of its parent's end"
)
def test_a_server_ends_with_a_stage_that_is_killed(log: Path) -> None:
    stage = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(log)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert stage.stdout and stage.stdout.readline() == b"ready\n"
    (port,) = re.findall(r"--port (\d+)", log.read_text())
    stage.kill()
    stage.wait()
    for _ in range(100):
        with socket.socket() as asked:
            if asked.connect_ex(("127.0.0.1", int(port))):
                return
        threading.Event().wait(0.02)
    pytest.fail("the server still answers")


def wait_for_end(process: int) -> bool:
    for _ in range(100):
        if not is_running(process):
            return True
        threading.Event().wait(0.02)
    return False


def worker_of(log: Path) -> int:
    (line,) = [one for one in log.read_text().splitlines() if one.startswith("worker ")]
    return int(line.split()[1])


def test_a_server_answers_our_key_alone_and_ends_with_its_workers(log: Path) -> None:
    with served("saves/x", log, "--served-model-name", "x") as server:
        assert status(server.url, server.environment[KEY]) == 200
        assert status(server.url, "another") == 401
        port = server.url.removeprefix("http://127.0.0.1:").removesuffix("/v1")
        assert log.read_text().splitlines()[0] == (
            f"words serve saves/x --host 127.0.0.1 --port {port} --served-model-name x"
        )
        worker = worker_of(log)
        assert is_running(worker)
    assert wait_for_end(worker)
    with socket.socket() as again:
        assert again.connect_ex(("127.0.0.1", int(port))) != 0


def test_the_key_is_of_one_server_and_in_no_log(log: Path) -> None:
    keys = []
    for _ in range(2):
        with served("x", log) as server:
            keys.append(server.environment[KEY])
            assert server.environment[KEY] not in log.read_text()
    assert keys[0] != keys[1]
    assert min(map(len, keys)) >= 32
    assert KEY not in os.environ


def test_a_failure_of_the_stage_ends_the_server(log: Path) -> None:
    with pytest.raises(KeyboardInterrupt), served("x", log):
        worker = worker_of(log)
        raise KeyboardInterrupt
    assert wait_for_end(worker)


def test_a_worker_that_will_not_end_is_ended(vllm: Path, log: Path) -> None:
    """It would keep the memory of the GPU."""
    stubborn = """["sh", "-c", "trap '' TERM; sleep 60"]"""
    vllm.write_text(VLLM.replace('["sleep", "60"]', stubborn))
    with served("x", log):
        worker = worker_of(log)
        # The shell has to come to its trap.
        for _ in range(100):
            ignored = Path(f"/proc/{worker}/status").read_text().partition("SigIgn:")[2].split()[0]
            if int(ignored, 16) & 1 << (signal.SIGTERM - 1):
                break
            threading.Event().wait(0.02)
        else:
            pytest.fail("it never ignored the signal")
    assert wait_for_end(worker)


def test_a_proxy_does_not_lie_between(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        # Nothing listens there.
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("NO_PROXY", "example.org")
    # What a stage's own process does: urllib reads the variables early.
    importlib.reload(serving)
    try:
        with serving.served("x", log) as server:
            # Our commands read these.
            for name in ("no_proxy", "NO_PROXY"):
                assert server.environment[name].split(",")[:2] == ["127.0.0.1", "localhost"]
    finally:
        monkeypatch.undo()
        importlib.reload(serving)


class Foreign:
    """A server of somebody else's, which answers every question with one status."""

    def __init__(self, answer: int) -> None:
        self.asked = asked = list[str]()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(self.path)
                self.send_response(answer)
                self.end_headers()

            do_POST = do_GET

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture(params=[200, 401, 404])
def foreign(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Foreign]:
    """Somebody who took the port after it was chosen."""
    found = Foreign(request.param)
    monkeypatch.setattr(serving, "_free_port", lambda: found.port)
    yield found
    found.server.shutdown()
    found.server.server_close()


def test_a_foreign_server_on_the_port_is_never_asked(foreign: Foreign, log: Path) -> None:
    """It accepts any key, or none; ours ends, since the port is taken."""
    with pytest.raises(WhyserError) as caught, served("x", log):
        pytest.fail("the foreign server was taken for ours")
    said = str(caught.value)
    accepts = f"http://127.0.0.1:{foreign.port}/v1 answers to any key, so it is not the server of"
    assert said.startswith(accepts) or said.startswith("vLLM ended with status 1 before it was")
    assert {*foreign.asked} <= {"/v1/models"}


def test_a_server_that_accepts_any_key_is_refused(
    vllm: Path, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vllm.write_text(VLLM.replace("200 if right else 401", "200"))
    with pytest.raises(WhyserError, match="answers to any key, so it is no"), served("x", log):
        pytest.fail("it proved nothing")
    assert wait_for_end(worker_of(log))


def test_a_server_that_ends_at_once_is_named_with_its_log(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLAYED_FAULT", "1")
    ended = f"vLLM ended with status 7 before .* see {log}"
    with pytest.raises(WhyserError, match=ended), served("x", log):
        pytest.fail("nothing was served")


def test_the_program_is_found(vllm: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_vllm() == str(vllm)
    monkeypatch.setenv("WHYSER_VLLM", "/elsewhere/vllm")
    assert find_vllm() == "/elsewhere/vllm"


def test_without_the_program_the_page_is_named(
    tmp_path: Path, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    missing = r"vLLM is not installed\. docs/serving\.md"
    with pytest.raises(WhyserError, match=missing), served("x", log):
        pytest.fail("nothing was there")


@pytest.mark.parametrize(
    ("script", "found"),
    [
        ("echo 'GPU 0: H200'", True),
        ("echo 'No devices were found'; exit 6", False),
        ("true", False),
    ],
)
def test_a_gpu_is_what_the_driver_lists(vllm: Path, script: str, found: bool) -> None:
    tool = vllm.with_name("nvidia-smi")
    tool.write_text(f"#!/bin/sh\n{script}\n")
    tool.chmod(0o755)
    assert has_gpu() is found


def test_options_of_every_server(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = ["--limit-mm-per-prompt", '{"audio":1}', "--max-model-len", "4096"]
    monkeypatch.delenv("VLLM_OPTIONS", raising=False)
    assert vllm_options() == ours
    # vLLM takes the last of two.
    monkeypatch.setenv(
        "VLLM_OPTIONS", """--max-model-len 8192 --limit-mm-per-prompt '{"audio": 2}'"""
    )
    assert vllm_options() == [
        *ours,
        *("--max-model-len", "8192", "--limit-mm-per-prompt", '{"audio": 2}'),
    ]
