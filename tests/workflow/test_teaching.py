from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from whyser_workflow import teaching
from whyser_workflow.serving import KEY, Server
from whyser_workflow.teaching import teach

from .conftest import PlanOf

ROW_11 = ("--train", "llamafactory_configs/qwen2audio/lora_sft_reason.yaml")


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], dict[str, str]]]:
    """The commands that are started, each with its environment."""
    found: list[tuple[list[str], dict[str, str]]] = []
    monkeypatch.setattr(teaching, "call", lambda *words, env: found.append(([*words], env)))
    return found


@pytest.fixture
def corpora(place: Path) -> tuple[str, ...]:
    for name in ("msp", "meld"):
        (place / name).mkdir()
    return ("--corpora", "msp_podcast=msp", "meld=meld", "--name", "x")


def test_an_endpoint_teaches_what_the_training_uses(
    plan: PlanOf, corpora: tuple[str, ...], started: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEACHER_KEY_VARIABLE", "MY_KEY")
    monkeypatch.setenv("MY_KEY", "secret")
    monkeypatch.setenv("TEACHER_OPTIONS", "--concurrency 64")
    monkeypatch.setenv("TEACHER_URL", "https://me:pass@t.example/v1?version=2")
    given = ("--teacher-model", "big")
    teach(plan(*corpora, *ROW_11, *given))
    folder = "data/x/rationales"
    # The evaluation loss is that of the same teacher's texts.
    for_loss = ("--split", "dev", "--for-evaluation-loss")
    for (words, environment), (name, split, enough) in zip(
        started, (("listening", (), "15000"), ("listening_dev", for_loss, "1000")), strict=True
    ):
        assert words == [
            *("whyser-teach", "listening"),
            # All corpora at once: their rows are merged, and the first of them are taught first.
            "data/x/utterances/msp_podcast/utterances.jsonl",
            "data/x/utterances/meld/utterances.jsonl",
            *("--cues", f"{folder}/msp_podcast/cues.jsonl", "--cues", f"{folder}/meld/cues.jsonl"),
            *("--labels", "majority", "--output", f"{folder}/{name}.jsonl", *split),
            *("--endpoint", os.environ["TEACHER_URL"], "--model", "big"),
            *("--api-key-env", "MY_KEY", "--enough", enough, "--concurrency", "64"),
        ]
        assert environment["MY_KEY"] == "secret"


def test_without_a_limit_everything_is_taught(
    plan: PlanOf, corpora: tuple[str, ...], started: Any
) -> None:
    given = ("--teacher", "http://t/v1", "--teacher-model", "big", "--set", "max_samples=null")
    teach(plan(*corpora, *ROW_11, *given))
    assert "--enough" not in started[0][0]


def test_a_served_teacher_is_asked_by_its_key_and_ends_with_the_stage(
    plan: PlanOf, corpora: tuple[str, ...], started: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    served: list[Any] = []

    @contextmanager
    def serve(model: str, log: Path, *options: str) -> Iterator[Server]:
        served.append((model, log, options))
        yield Server("http://127.0.0.1:4321/v1", {KEY: "of this process"})
        served.append("stopped")

    monkeypatch.setattr(teaching, "served", serve)
    teach(plan(*corpora, *ROW_11, "--teacher", "serve"))
    options = ("--limit-mm-per-prompt", '{"audio":1}', "--max-model-len", "4096")
    assert served == [
        ("Qwen/Qwen2.5-Omni-7B", Path("data/x/rationales/vllm.log"), options),
        "stopped",
    ]
    (words, environment), _ = started
    place = words.index("--endpoint")
    assert words[place : place + 6] == [
        *("--endpoint", "http://127.0.0.1:4321/v1", "--model", "Qwen/Qwen2.5-Omni-7B"),
        *("--api-key-env", "WHYSER_SERVER_KEY"),
    ]
    assert environment == {KEY: "of this process"}
