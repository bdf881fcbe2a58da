"""Commands that are killed at random instants: their folder is of one run, or it is refused."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from whyser.labels.classes import CLASSES
from whyser.prompting.prompts import OPEN, OPEN_COT

from .endpoint import Endpoint

KILLS = 20

pytestmark = pytest.mark.slow


def start(arguments) -> subprocess.Popen:
    words = ["-c", "from whyser_eval.cli import main; main()", *map(str, arguments)]
    quiet = subprocess.DEVNULL
    return subprocess.Popen([sys.executable, *words], stdout=quiet, stderr=quiet)


def is_writing(folder: Path) -> bool:
    return any(".whyser-" in path.name for path in folder.iterdir())


def kill_at_random(arguments, folder: Path, instants: random.Random, seconds: float) -> bool:
    """Kills the command at any instant, or, as often, while it writes; False if it came to its end.

    Args: `seconds` is how long the whole command takes.
    """
    process = start(arguments)
    if instants.random() < 0.5:
        time.sleep(instants.uniform(0, seconds))
    else:
        while process.poll() is None and not is_writing(folder):
            time.sleep(0.0005)
        time.sleep(instants.uniform(0, 0.02))
    process.send_signal(signal.SIGKILL)
    return process.wait() == -signal.SIGKILL


def took(arguments) -> float:
    began = time.monotonic()
    assert start(arguments).wait() == 0
    return time.monotonic() - began


def test_a_report_shows_one_run_after_every_kill_of_score(world, whyser_eval):
    world.write()
    arguments = {}
    for run in ("a", "b"):
        predictions = [
            world.prediction(row["id"], f"Run {run}: {row['label'] if run == 'a' else 'sad'}")
            for row in world.utterances
        ]
        file = world.write_jsonl(world.folder / run / "answers.jsonl", predictions)
        arguments[run] = (
            *("score", "--references", world.references_file, "--predictions", file),
            *("--output", world.results, "--draws", "50"),
        )
    seconds = took(arguments["a"])
    # Run b calls all 16 utterances sad, and 2 are: F1 is 2 * 2 / (16 + 2) for sad, else 0.
    values = {"a": 1.0, "b": 2 * 2 / (16 + 2) / len(CLASSES)}

    instants, met = random.Random(18), Counter()
    for number in range(KILLS):
        met["killed"] += kill_at_random(
            arguments["ba"[number % 2]], world.results, instants, seconds
        )
        page = world.results / "report.html"
        page.unlink(missing_ok=True)
        status, _, err = whyser_eval("report", world.results)
        if status:
            assert "provenance.json: no such file" in err and "run it again" in err
            assert not page.exists()
            met["refused"] += 1
            # So the next kill meets a whole folder too.
            assert start(arguments["a"]).wait() == 0
            continue
        runs = {sample["text"][4] for sample in world.samples()}
        assert len(runs) == 1
        (run,) = runs
        record = json.loads((world.results / "provenance.json").read_text(encoding="utf-8"))
        assert f"/{run}/answers.jsonl" in record["inputs"][1]["path"]
        scores = world.scores()
        assert scores["tiny", "none", "all", "f1_majority"]["value"] == pytest.approx(values[run])
        words = json.loads((world.results / "audit.json").read_text())["systems"][0]["words"]
        assert len(words) == (8 if run == "a" else 1)
        assert f"Run {run}" in page.read_text(encoding="utf-8")
        met[run] += 1
    assert met["killed"] > KILLS / 2
    assert start(arguments["b"]).wait() == 0
    assert not is_writing(world.results)


def test_predictions_have_their_own_record_after_every_kill_of_predict(world, whyser_eval):
    world.write()
    endpoint = Endpoint(lambda body: "The emotion is sad")
    output = world.folder / "predictions" / "out.jsonl"
    record = output.with_suffix(".provenance.json")

    def arguments(run: str, seed: int):
        # Another name asks all questions anew.
        return (
            *("predict", world.references_file, "--output", output, "--endpoint", endpoint.url),
            *("--model", f"{run}{seed}", "--form", "open", "--name", run),
            *(("--cot",) if run == "b" else ()),
        )

    try:
        seconds = took(arguments("a", 0))
        instants, met = random.Random(18), Counter()
        for number in range(KILLS):
            command = arguments("ba"[number % 2], number)
            met["killed"] += kill_at_random(command, output.parent, instants, seconds)
            if not output.exists():
                met["refused"] += 1
                assert start(command).wait() == 0
            rows = [json.loads(line) for line in output.read_text().splitlines()]
            assert len(rows) == len(world.utterances)
            ((model, prompt),) = {(row["model"], row["prompt"]) for row in rows}
            found = json.loads(record.read_text(encoding="utf-8"))
            assert found["finished"] and found["system"] == model
            assert [one["prompt"] for one in found["questions"]] == [prompt]
            assert prompt == {"a": OPEN, "b": OPEN_COT}[model].hash
            met[model] += 1
        assert met["killed"] > KILLS / 2
        assert start(arguments("a", KILLS)).wait() == 0
    finally:
        endpoint.close()
    assert not is_writing(output.parent)
    score = ("score", "--references", world.references_file, "--predictions", output)
    assert whyser_eval(*score, "--output", world.results, "--draws", "50")[0] == 0
    assert whyser_eval("report", world.results)[0] == 0
