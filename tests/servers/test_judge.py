"""`whyser-eval judge` against a live `vllm serve`: the schema constrains the tiny model."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from whyser.io.files import write_jsonl
from whyser.prompting.answer import render_answer
from whyser.records.corpus import Corpus
from whyser_eval.explanations.judge.rows import read_judged

from .conftest import SCRIPTS, Served, whyser

pytestmark = pytest.mark.slow

TEXTS = {"ours": "The voice is loud, and the pitch high.", "theirs": "It just sounds so."}

#: Of each emotion: few pairs, for the tiny model says nothing of them.
PAIRS = 1


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def results(native_corpora: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two systems that give every clip its label, for reasons of their own."""
    folder = tmp_path_factory.mktemp("judged")
    whyser("whyser-convert", "crema_d", native_corpora / "crema_d", folder)
    references = folder / "crema_d/utterances.jsonl"
    asked = [one for one in Corpus(references).utterances() if one.is_scored]
    splits = {one.split for one in asked}
    chosen = "test" if "test" in splits else min(splits)
    rows = [
        {"id": one.id, "form": "open", "prompt": "0", "model": name,
         "text": render_answer(one.emotion, rationale=text)}
        for name, text in TEXTS.items()
        for one in asked
        if one.split == chosen
    ]  # fmt: skip
    write_jsonl(folder / "predictions.jsonl", rows)
    whyser("whyser-eval", "score", "--references", references, "--split", chosen, "--predictions",
           folder / "predictions.jsonl", "--output", folder / "results", "--draws", 0)  # fmt: skip
    return folder / "results"


def judging(vllm: Served, results: Path, output: Path) -> list[object]:
    return [
        *("judge", results, "--system", "ours", "--against", "theirs", "--per-emotion", PAIRS),
        *("--output", output, "--endpoint", vllm.url, "--model", vllm.model),
        *("--max-tokens", 96, "--concurrency", 1, "--draws", 100),
    ]


def test_killed_half_way_and_resumed(vllm: Served, results: Path, tmp_path: Path) -> None:
    words = judging(vllm, results, tmp_path)
    ledger = tmp_path / f"{vllm.model}.ledger.jsonl"
    running = subprocess.Popen(
        [str(SCRIPTS / "whyser-eval"), *map(str, words)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        if ledger.exists() and len(ledger.read_bytes().splitlines()) >= 4:
            break
        time.sleep(0.02)
    running.send_signal(signal.SIGKILL)
    running.wait()
    kept = len(ledger.read_bytes().splitlines())
    assert not (tmp_path / "judge.json").exists()

    said = whyser("whyser-eval", *words)
    pairs = len(lines(tmp_path / "pairs.jsonl"))
    total = 2 * pairs + 2 * pairs
    assert 4 <= kept < total
    assert f"{vllm.model} was asked {total - kept} times for {total} judgements" in said
    verdicts = lines(tmp_path / f"{vllm.model}.verdicts.jsonl")
    assert len(verdicts) == 2 * pairs
    # The server holds the model to the schema, as far as the tokens reach; the tiny model likes to
    # use them for the blanks that a schema allows.
    assert all(re.match(r'\s*\{\s*(?:"reason"|\Z)', one["reply"]) for one in verdicts)
    assert all((one["verdict"] is None) == (one["fault"] is not None) for one in verdicts)
    # A model of sound is found to hear, and so it was asked.
    record = json.loads((tmp_path / f"{vllm.model}.provenance.json").read_text(encoding="utf-8"))
    assert (record["hears"], record["audio"], record["finished"]) == (True, "input_audio", True)

    judged = read_judged(tmp_path / "judge.json")
    shares = [
        next(row.value for row in judged.rows if (row.emotion, row.metric) == ("all", metric))
        for metric in ("win_rate", "loss_rate", "tie_rate", "unreadable_rate")
    ]
    assert sum(share or 0 for share in shares) == pytest.approx(1)
    print(f"{kept} of {total} were kept; win, loss, tie, unreadable: {shares}")

    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert "asked 0 times" in whyser("whyser-eval", *words)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
