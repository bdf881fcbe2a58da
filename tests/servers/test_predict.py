"""`whyser-eval predict` against a live `vllm serve`; the tiny model answers nonsense."""

from __future__ import annotations

import asyncio
import json
import math
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest

from whyser.chat import Chat, ChatSettings, Reply, Request
from whyser.labels.classes import CLASSES
from whyser.prompting.prompts import OPEN
from whyser.records.corpus import Corpus
from whyser.records.predictions import Control, read_predictions
from whyser_eval.answers.predict import probabilities
from whyser_eval.answers.predict.plan import Plan
from whyser_eval.answers.predict.probabilities import continuation, decision, label_probabilities

from .conftest import SCRIPTS, whyser

pytestmark = pytest.mark.slow

#: Few tokens: what a random model says is long and means nothing.
SHORT = ("--max-tokens", "8", "--max-samples", "4", "--concurrency", "4")
CLIPS = 4


@pytest.fixture(scope="module")
def utterances(native_corpora: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("predicted")
    whyser("whyser-convert", "ravdess", native_corpora / "ravdess", folder)
    return folder / "ravdess/utterances.jsonl"


@pytest.fixture
def asking(vllm: Any, utterances: Path) -> Callable[..., tuple[object, ...]]:
    """The words of a command that asks."""

    def words(output: Path, *more: object) -> tuple[object, ...]:
        return (
            *("whyser-eval", "predict", utterances, "--split", "train", "--output", output),
            *("--endpoint", vllm.url, "--model", vllm.model, "--form", "open", *SHORT, *more),
        )

    return words


def written(path: Path) -> list[Any]:
    return [one for _, one in read_predictions(path)]


def asked(said: str) -> int:
    cells = [line.replace("│", " ").split() for line in said.splitlines()]
    return next(int(row[1].replace(",", "")) for row in cells if row[:1] == ["asked"])


def test_killed_half_way_and_resumed(asking: Any, tmp_path: Path) -> None:
    output = tmp_path / "out.jsonl"
    ledger = output.with_suffix(".ledger.jsonl")
    words = list(map(str, asking(output, "--samples", 3, "--concurrency", 1)))
    running = subprocess.Popen(
        [str(SCRIPTS / words[0]), *words[1:]], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if ledger.exists() and len(ledger.read_bytes().splitlines()) >= CLIPS:
            break
        time.sleep(0.02)
    running.send_signal(signal.SIGKILL)
    running.wait()
    kept = len(ledger.read_bytes().splitlines())
    assert CLIPS <= kept < 3 * CLIPS
    assert not output.exists()
    assert asked(whyser(*words)) == 3 * CLIPS - kept
    found = written(output)
    assert len(found) == CLIPS
    assert all(len(one.samples) == 2 for one in found)
    # What was drawn is drawn again under its seed, so the ledger is no more than a saving.
    other = tmp_path / "other.jsonl"
    whyser(*asking(other, "--samples", 3, "--concurrency", 1))
    assert written(other) == found


def test_every_control_is_asked_and_scored(asking: Any, utterances: Path, tmp_path: Path) -> None:
    forms = {"reordered": ("--form", "closed", "--variants", 2), "paraphrased": ("--variants", 2)}
    for control in get_args(Control):
        output = tmp_path / f"{control}.jsonl"
        whyser(*asking(output, "--control", control, *forms.get(control, ())))
        found = written(output)
        assert len({(one.id, one.variant) for one in found}) == len(found)
        assert {one.control for one in found} == {control}
        assert len(found) == CLIPS * (2 if control in forms else 1)
    told = json.loads((tmp_path / "none.provenance.json").read_text(encoding="utf-8"))
    assert told["template"]["found"] == "whyser"
    assert OPEN.text in told["template"]["prompt"]
    texts = {name: [one.text for one in written(tmp_path / f"{name}.jsonl")]
             for name in ("none", "silence", "transcript")}  # fmt: skip
    assert texts["none"] != texts["silence"] and texts["none"] != texts["transcript"]


def test_a_whole_split_is_scored(vllm: Any, asking: Any, utterances: Path, tmp_path: Path) -> None:
    for control in ("none", "shuffled"):
        words = asking(tmp_path / f"{control}.jsonl", "--control", control, "--max-samples", 10000)
        whyser(*words)
    said = whyser(
        *("whyser-eval", "score", "--references", utterances, "--split", "train"),
        *("--predictions", tmp_path / "none.jsonl", "--predictions", tmp_path / "shuffled.jsonl"),
        *("--output", tmp_path / "results", "--draws", 20),
    )
    assert "shuffled" in said
    rows = json.loads((tmp_path / "results/scores.json").read_text(encoding="utf-8"))
    assert {row["control"] for row in rows if row["system"] == vllm.model} == {"none", "shuffled"}


# ---- probabilities ------------------------------------------------------------------------


def test_probabilities_are_those_that_the_model_gives_each_word(
    vllm: Any, utterances: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Against another way to ask: vLLM scores the whole answer, once with each label in it."""
    monkeypatch.setattr(probabilities, "ALTERNATIVES", 1000)
    decided = decision("I think the emotion is sad", OPEN)
    assert decided is not None
    corpus = Corpus(utterances)
    utterance = next(corpus.utterances())
    request = Plan("open").request(utterance, corpus.audio_path(utterance))
    going_on = ask(vllm, continuation(request, decided), tmp_path)
    found = label_probabilities(going_on.tokens, decided, OPEN)
    assert found is not None
    assert sum(found.values()) <= 1
    weighed = dict(going_on.tokens[0].alternatives)
    compared = [label for label in CLASSES if f" {label}" in weighed]
    assert len(compared) >= 4
    for label in compared:
        (*_, last) = scored(vllm, request, f"{decided.before} {label}")
        assert math.exp(weighed[f" {label}"]) == pytest.approx(last, rel=1e-3)
        # Other words of the label come on top.
        assert found[label] >= last * (1 - 1e-3)


def ask(vllm: Any, request: Request, folder: Path) -> Reply:
    async def once() -> Reply:
        async with Chat(ChatSettings(vllm.url, vllm.model), folder / "once.jsonl") as chat:
            return await chat.ask(request)

    return asyncio.run(once())


def scored(vllm: Any, request: Request, answer: str) -> list[float]:
    """The probability of each token of the prompt that ends with this answer."""
    body = {
        "model": vllm.model,
        "messages": [*request.messages, {"role": "assistant", "content": answer}],
        **{"max_tokens": 1, "prompt_logprobs": 0, "temperature": 0},
        **{"continue_final_message": True, "add_generation_prompt": False},
    }
    posted = urllib.request.Request(
        f"{vllm.url}/chat/completions",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(posted, timeout=60) as reply:
        value = json.load(reply)
    return [
        math.exp(next(iter(step.values()))["logprob"])
        for step in value["prompt_logprobs"]
        if step is not None
    ]
