"""Serves a model with vLLM on this machine, for one stage.

The port is free when it is chosen, and a server counts as ours when it asks for the key of this
process: any other server is refused.
"""

from __future__ import annotations

import ctypes
import os
import secrets
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, Request, build_opener

from whyser.io.console import say
from whyser.io.errors import WhyserError

#: The environment variable through which the key reaches our own commands.
KEY = "WHYSER_SERVER_KEY"
_PR_SET_PDEATHSIG = 1
#: No proxy lies between two processes of one machine.
_OPEN = build_opener(ProxyHandler({})).open


@dataclass(frozen=True)
class Server:
    """A running server: its address, and the environment with its key."""

    url: str
    environment: dict[str, str]


def find_vllm() -> str | None:
    """The program: of this environment, or of `.venv-vllm` (docs/serving.md)."""
    return os.environ.get("WHYSER_VLLM") or shutil.which("vllm")


def has_gpu() -> bool:
    """Whether the driver's tool lists a GPU."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return False
    done = subprocess.run([tool, "-L"], capture_output=True, text=True, check=False)
    return done.returncode == 0 and "GPU" in done.stdout


@contextmanager
def served(model: str, log: Path, *options: str) -> Iterator[Server]:
    """A server of the model, which is stopped when the block ends.

    Raises: `WhyserError` when vLLM is missing, or ends before it is ready.
    """
    program = find_vllm()
    if program is None:
        raise WhyserError(
            "vLLM is not installed. docs/serving.md shows how to install it into .venv-vllm."
        )
    key, port = secrets.token_hex(16), _free_port()
    local = {"NO_PROXY": "127.0.0.1,localhost", "no_proxy": "127.0.0.1,localhost"}
    environment = {**os.environ, **local, KEY: key}
    log.parent.mkdir(parents=True, exist_ok=True)
    say(f"Serving {model} with vLLM; the log is {log}")
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [program, "serve", model, "--host", "127.0.0.1", "--port", str(port), *options],
            stdout=stream,
            stderr=subprocess.STDOUT,
            env={**environment, "VLLM_API_KEY": key},
            start_new_session=True,
            preexec_fn=_end_with_parent,
        )
    try:
        url = f"http://127.0.0.1:{port}/v1"
        _wait(process, url, key, log)
        yield Server(url, environment)
    finally:
        _stop(process)


def _end_with_parent() -> None:
    """Asks Linux to stop this process when its parent is killed: a server that nobody stops would
    keep the GPU's memory."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _free_port() -> int:
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        return int(chosen.getsockname()[1])


def _wait(process: subprocess.Popen[bytes], url: str, key: str, log: Path) -> None:
    """Waits until the server answers with our key, and refuses without it."""
    while process.poll() is None:
        if _status(url, key) == 200:
            if _status(url, "another key") == 401:
                return
            raise WhyserError(f"{url} answers to any key, so it is not the server of this run.")
        time.sleep(1)
    raise WhyserError(f"vLLM ended with status {process.returncode} before it was ready; see {log}")


def _status(url: str, key: str) -> int | None:
    request = Request(f"{url}/models", headers={"Authorization": f"Bearer {key}"})
    try:
        with _OPEN(request, timeout=5) as reply:
            return int(reply.status)
    except HTTPError as error:
        return error.code
    except (URLError, OSError):
        return None


def _stop(process: subprocess.Popen[bytes], patience: float = 30) -> None:
    """Ends the server and its workers, also those that outlive it."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError, subprocess.TimeoutExpired):
            os.killpg(process.pid, number)
            process.wait(patience)


def vllm_options() -> list[str]:
    """Options of every server: one clip per question, and what `VLLM_OPTIONS` adds or overrides."""
    added = shlex.split(os.environ.get("VLLM_OPTIONS", ""))
    return ["--limit-mm-per-prompt", '{"audio":1}', "--max-model-len", "4096", *added]
