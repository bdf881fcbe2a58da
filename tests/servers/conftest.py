"""Real servers with the tiny model: started for the tests that talk to them, and stopped after."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sysconfig
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

SECONDS_TO_START = 180

SCRIPTS = Path(sysconfig.get_path("scripts"))


@dataclass(frozen=True)
class Served:
    url: str
    model: str
    #: How it takes a sound.
    forms: tuple[str, ...]


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextmanager
def running(
    command: list[str], url: str, log: Path, cwd: Path | None = None, **environment: str
) -> Iterator[None]:
    variables = {**os.environ, "HF_HUB_OFFLINE": "1", **environment}
    with log.open("wb") as stream:
        # A session of its own, so that its workers end with it.
        server = subprocess.Popen(
            command, stdout=stream, stderr=stream, env=variables,
            cwd=cwd or log.parent, start_new_session=True,
        )  # fmt: skip
    try:
        deadline = time.monotonic() + SECONDS_TO_START
        while not answers(f"{url}/models"):
            if server.poll() is not None or time.monotonic() > deadline:
                pytest.fail(
                    f"{command[0]} did not start:\n{log.read_text(errors='replace')[-3000:]}"
                )
            time.sleep(1)
        yield
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        try:
            server.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as reply:
            return bool(reply.status == 200)
    except (urllib.error.URLError, OSError):
        return False


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from whyser.demo.model import write_model

    folder = tmp_path_factory.mktemp("tiny") / "model"
    write_model(folder, window=30)
    return folder


@pytest.fixture(scope="session")
def vllm(
    needs: Callable[[str, str], None],
    tiny_model: Path,
    native_corpora: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Served]:
    needs("vllm", "run .ci/vllm_cpu, or pip install 'whyser[vllm]' where there is a GPU")
    port = free_port()
    url = f"http://127.0.0.1:{port}/v1"
    command = [
        *(str(SCRIPTS / "vllm"), "serve", str(tiny_model), "--served-model-name", "tiny"),
        *("--host", "127.0.0.1", "--port", str(port), "--max-model-len", "2048"),
        *("--dtype", "float32", "--enforce-eager", "--limit-mm-per-prompt", '{"audio":1}'),
        *("--allowed-local-media-path", str(native_corpora)),
        # On a CPU it dies of a seeded request whose prompt it takes in parts, so none is.
        *("--max-num-batched-tokens", "65536"),
        # All of the tiny vocabulary: a random model weighs no label among its likeliest 20.
        *("--max-logprobs", "1000"),
    ]
    log = tmp_path_factory.mktemp("vllm") / "vllm.log"
    with running(command, url, log, VLLM_CPU_KVCACHE_SPACE="2"):
        yield Served(url, "tiny", ("data", "input_audio", "file"))


@pytest.fixture(scope="session")
def llamafactory_api(
    needs: Callable[[str, str], None],
    tiny_model: Path,
    native_corpora: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Served]:
    needs("llamafactory", "pip install 'whyser[train]'")
    port = free_port()
    url = f"http://127.0.0.1:{port}/v1"
    command = [
        *(str(SCRIPTS / "llamafactory-cli"), "api", "--model_name_or_path", str(tiny_model)),
        *("--template", "qwen2_audio", "--infer_backend", "huggingface"),
        *("--infer_dtype", "float32"),
    ]
    log = tmp_path_factory.mktemp("api") / "api.log"
    allowed = {"ALLOW_LOCAL_FILES": "1", "SAFE_MEDIA_PATH": str(native_corpora)}
    environment = {"API_HOST": "127.0.0.1", "API_PORT": str(port), **allowed}
    with running(command, url, log, **environment):
        yield Served(url, "tiny", ("path",))
