"""Real servers with a trained tiny model, for all tests that talk to one: `vllm serve` from a
separate environment, and `llamafactory-cli api`.

Starting these programs takes long, so each starts only once, with the model that the tests of
prompt parity need; tests that need any model use it too.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

#: A busy machine takes ten times as long as an idle one.
SECONDS_TO_START = 600

SCRIPTS = Path(sysconfig.get_path("scripts"))
HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
CONFIGS = ROOT / "llamafactory_configs"
SERVE = CONFIGS / "serving/qwen2audio_vllm_serve.yaml"

#: Rows of the test set of the parity of prompts.
CLIPS = 20
STEPS = 90
#: What an instruct checkpoint has in its generation_config.json.
SAMPLING = {"do_sample": True, "temperature": 0.7, "top_p": 0.5, "top_k": 20,
            "repetition_penalty": 1.1}  # fmt: skip


@dataclass(frozen=True)
class Served:
    url: str
    model: str
    #: How it takes a sound.
    forms: tuple[str, ...]
    log: Path


@dataclass
class Place:
    """The exported model as LLaMA-Factory wrote it, a copy that was made servable, and the rows."""

    folder: Path
    merged: Path
    served: Path
    #: Below it lie the sounds of all rows: the only folder that a server may read.
    sounds: Path
    #: Of every prompt that `llamafactory_api` hands its model.
    api_ids: Path
    #: No answer is longer.
    tokens: int = 100

    @property
    def rows(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(
            (self.folder / "rows/whyser_test_open.json").read_text(encoding="utf-8")
        )
        return found


# ---- programs ---------------------------------------------------------------------------------


def whyser(name: str, *arguments: object, cwd: Path | None = None) -> str:
    """Runs one of our commands in this process, which saves seconds, and returns its output."""
    (entry,) = entry_points(group="console_scripts", name=name)
    main, said = entry.load(), io.StringIO()
    words, sys.argv = sys.argv, [name, *map(str, arguments)]
    try:
        with (
            contextlib.chdir(cwd or Path.cwd()),
            contextlib.redirect_stdout(said),
            contextlib.redirect_stderr(said),
        ):
            main()
    except SystemExit as end:
        assert not end.code, said.getvalue()
    finally:
        sys.argv = words
    return said.getvalue()


def run(words: Sequence[object], cwd: Path, **environment: str) -> None:
    """Runs a command of this environment, or a script of `paths/`, which must succeed."""
    name, *rest = map(str, words)
    start = [sys.executable, str(HERE / "paths" / name)] if name.endswith(".py") else [
        str(SCRIPTS / name)
    ]  # fmt: skip
    # One thread each: two of them run at a time, on two cores.
    quiet = {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "VLLM_CPU_KVCACHE_SPACE": "1"}
    done = subprocess.run(
        [*start, *rest], cwd=cwd, capture_output=True, text=True, check=False,
        env={**os.environ, **quiet, **environment},
    )  # fmt: skip
    assert done.returncode == 0, f"{words}\n{done.stdout[-2000:]}{done.stderr[-4000:]}"


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextmanager
def running(
    command: list[str], url: str, log: Path, cwd: Path | None = None, **environment: str
) -> Iterator[Callable[[], None]]:
    """Starts a server; yields a function that waits until the server answers."""
    variables = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", **environment}
    with log.open("wb") as stream:
        # A session of its own, so that its workers end with it.
        server = subprocess.Popen(
            command, stdout=stream, stderr=stream, env=variables,
            cwd=cwd or log.parent, start_new_session=True,
        )  # fmt: skip

    def wait() -> None:
        deadline = time.monotonic() + SECONDS_TO_START
        while not answers(f"{url}/models"):
            if server.poll() is not None or time.monotonic() > deadline:
                pytest.fail(
                    f"{command[0]} did not start:\n{log.read_text(errors='replace')[-3000:]}"
                )
            time.sleep(0.5)

    try:
        yield wait
    finally:
        with contextlib.suppress(ProcessLookupError):
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


# ---- the model --------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def place(
    needs: Callable[[str, str], None],
    native_corpora: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Place:
    """A LoRA adapter merged into a tiny model by the stock export. The base has a generation config
    that samples and penalises repetition, like those of instruct checkpoints."""
    needs("llamafactory", "pip install 'whyser[train]'")
    folder = tmp_path_factory.mktemp("servers")
    write_rows(folder, native_corpora)
    whyser("whyser-demo", "model", "tiny", cwd=folder)
    small = ("dataset_dir=rows", "preprocessing_num_workers=1")
    run(["llamafactory-cli", "train", CONFIGS / "tiny/full_sft_reason.yaml", *small,
         "model_name_or_path=tiny", "output_dir=full", f"max_steps={STEPS}",
         "learning_rate=2e-3"], folder)  # fmt: skip
    house(folder)
    run(["llamafactory-cli", "train", CONFIGS / "qwen2audio/lora_sft_reason.yaml", *small,
         "model_name_or_path=base", "output_dir=lora", "max_steps=3", "learning_rate=1e-3",
         "gradient_accumulation_steps=1", "dataloader_num_workers=0", "plot_loss=false",
         "bf16=false", "use_cpu=true"], folder)  # fmt: skip
    run(["llamafactory-cli", "export", "--model_name_or_path", "base", "--adapter_name_or_path",
         "lora", "--template", "qwen2_audio", "--export_dir", "merged", "--infer_dtype",
         "float32"], folder)  # fmt: skip
    shutil.copytree(folder / "merged", folder / "served")
    whyser("whyser-convert", "servable", "served", cwd=folder)
    return Place(
        folder, folder / "merged", folder / "served", native_corpora.parent, folder / "api.ids"
    )


def write_rows(folder: Path, native_corpora: Path) -> None:
    utterances, rationales = [], []
    for corpus in ("crema_d", "ravdess"):
        whyser("whyser-convert", corpus, native_corpora / corpus, "u", cwd=folder)
        utterances.append(f"u/{corpus}/utterances.jsonl")
        cues = f"{corpus}.cues.jsonl"
        whyser("whyser-teach", "cues", utterances[-1], "--output", cues, cwd=folder)
        for split in ("train", "dev"):
            told = f"{corpus}.{split}.jsonl"
            whyser("whyser-teach", "measured", utterances[-1], "--cues", cues, "--split", split,
                   "--output", told, cwd=folder)  # fmt: skip
            rationales += ["--rationales", told]
    for split in ("train", "dev"):
        whyser("whyser-convert", "sharegpt", *utterances, "--split", split, *rationales,
               "--output", f"rows/whyser_{split}_reason", cwd=folder)  # fmt: skip
    whyser("whyser-convert", "sharegpt", *utterances, "--split", "train", "--target", "label",
           "--max-samples", CLIPS, "--output", "rows/whyser_test_open", cwd=folder)  # fmt: skip


def house(folder: Path) -> None:
    """Writes the weights that were trained with a short window into a model with vLLM's window and
    a generation config that samples."""
    from whyser.demo.model import write_model

    write_model(folder / "base", window=30, weights=folder / "full")
    path = folder / "base/generation_config.json"
    settings = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**settings, **SAMPLING}), encoding="utf-8")


# ---- servers ----------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def vllm_program(lacks: Callable[[str], None]) -> Path:
    """`vllm` from a separate environment; skips the test if there is none."""
    found = Path(os.environ.get("WHYSER_VLLM") or ROOT / ".venv-vllm/bin/vllm")
    if not found.is_file():
        lacks(f"no {found}: run .ci/vllm_cpu, or let WHYSER_VLLM name a vllm of yours")
    return found


@pytest.fixture(scope="session")
def servers(vllm_program: Path, place: Place) -> Iterator[dict[str, Served]]:
    with serving(vllm_program, place) as found:
        yield found


@contextmanager
def serving(program: Path, place: Place) -> Iterator[dict[str, Served]]:
    """Starts both servers at the same time, because each start uses one core."""
    addresses = {name: f"http://127.0.0.1:{free_port()}/v1" for name in ("vllm", "api")}
    ports = {name: url.split(":")[2].removesuffix("/v1") for name, url in addresses.items()}
    logs = {name: place.folder / f"{name}.log" for name in addresses}

    # The launch line of the shipped YAML, on the folder that nobody has made servable.
    launch = re.search(r"^# Launch +vllm (serve .*)$", SERVE.read_text("utf-8"), re.MULTILINE)
    assert launch is not None
    verb, *rest = shlex.split(launch.group(1))
    vllm = [
        *(str(program), verb, str(place.merged), *rest, "--port", ports["vllm"]),
        *("--allowed-local-media-path", str(place.sounds)),
        # A CPU wants these; it dies of a seeded request whose prompt it takes in parts.
        *("--dtype", "float32", "--enforce-eager", "--max-num-batched-tokens", "65536"),
        # All of the tiny vocabulary, for the probabilities of every label.
        *("--max-logprobs", "2000"),
        # So that one server shows what other templates come to.
        "--trust-request-chat-template",
    ]
    # Without the second, a worker is a process of its own, which takes as long to start again.
    on_cpu = {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_ENABLE_V1_MULTIPROCESSING": "0"}
    api = [
        *(sys.executable, str(HERE / "paths/llamafactory_api.py")),
        *("--model_name_or_path", str(place.served), "--template", "qwen2_audio"),
        *("--infer_backend", "huggingface", "--infer_dtype", "float32"),
    ]
    allowed = {"ALLOW_LOCAL_FILES": "1", "SAFE_MEDIA_PATH": str(place.sounds)}
    port = {"API_HOST": "127.0.0.1", "API_PORT": ports["api"], "IDS": str(place.api_ids)}
    with (
        running(vllm, addresses["vllm"], logs["vllm"], cwd=ROOT, **on_cpu) as vllm_is_up,
        running(api, addresses["api"], logs["api"], **allowed, **port) as api_is_up,
    ):
        api_is_up()
        vllm_is_up()
        forms = {"vllm": ("data", "input_audio", "file"), "api": ("path",)}
        yield {
            name: Served(url, "whyser", forms[name], logs[name]) for name, url in addresses.items()
        }


@pytest.fixture(scope="session")
def vllm(servers: dict[str, Served]) -> Served:
    return servers["vllm"]


@pytest.fixture(scope="session")
def llamafactory_api(servers: dict[str, Served]) -> Served:
    return servers["api"]
