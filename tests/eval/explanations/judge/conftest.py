"""Two scored systems that explain the same labels, and a judge at an endpoint."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from whyser.chat import client
from whyser.prompting.answer import render_answer
from whyser_eval.explanations.judge.rows import JudgeResults, read_judged

from ...endpoint import Endpoint

GOOD, BAD = "The pitch is high, and the voice shouts.", "It just sounds so."


class Judge(Endpoint):
    """A judge whose decisions a test defines.

    `prefer` gets the data of the request and returns a verdict, `rate` the ratings; either
    may return a whole reply as text, or a status. `hears` is whether the judge accepts audio.
    """

    def __init__(self) -> None:
        super().__init__(self._reply)
        self.hears = True
        self.prefer: Callable[[dict[str, Any]], Any] = better
        self.rate: Callable[[dict[str, Any]], Any] = lambda data: (1, 2, 1)

    def _reply(self, body: dict[str, Any]) -> str | int:
        if not self.hears and heard(body):
            return 400
        if "{" not in asked_text(body):
            return "No."
        data = data_of(body)
        told = self.rate(data) if "explanation" in data else self.prefer(data)
        if isinstance(told, tuple):
            names = ("quotation", "groundedness", "relevance", "coherence")
            # Without the last one as the first version of the prompt asked for it.
            return json.dumps({"reason": "so", **dict(zip(names, told, strict=False))})
        if told in ("A", "B", "tie"):
            return json.dumps({"reason": "so", "verdict": told})
        return told  # type: ignore[no-any-return]

    @property
    def judged(self) -> list[dict[str, Any]]:
        """The requests, without the one that tests whether the judge can listen."""
        return [body for body in self.asked if "{" in asked_text(body)]


def asked_text(body: dict[str, Any]) -> str:
    content = body["messages"][0]["content"]
    return content if isinstance(content, str) else content[-1]["text"]


def heard(body: dict[str, Any]) -> bool:
    return not isinstance(body["messages"][0]["content"], str)


def data_of(body: dict[str, Any]) -> dict[str, Any]:
    return json.loads(asked_text(body).splitlines()[-1])  # type: ignore[no-any-return]


def better(data: dict[str, Any]) -> str:
    """Prefers the rationale that says more about the voice, in either position."""
    good = [name for name in "AB" if "pitch" in data[name]["explanation"]]
    return good[0] if len(good) == 1 else "tie"


@pytest.fixture
def judge():
    started = Judge()
    yield started
    started.close()


@pytest.fixture
def scored(world, whyser_eval):
    """Sixteen utterances, two of each class; `ours` explains well, `theirs` does not."""

    def score(**texts: Callable[[int], str]) -> Path:
        world.predictions = [
            world.prediction(
                row["id"], render_answer(row["label"], rationale=text(number)), model=name
            )
            for name, text in texts.items()
            for number, row in enumerate(world.utterances)
        ]
        status, _, err = whyser_eval(*world.score_arguments("--draws", "0"))
        assert status == 0, err
        return world.results

    return score


@pytest.fixture
def judging(whyser_eval, judge, world, monkeypatch):
    """Runs the command on folders of results; returns the status, the output and judge.json."""
    monkeypatch.setattr(client, "LONGEST_BACKOFF", 0.01)

    def run(*arguments: object, folder: str = "judged", model: str = "gemini-2.0-flash"):
        output = world.folder / folder
        status, out, err = whyser_eval(
            *("judge", *arguments, "--output", output, "--endpoint", judge.url),
            *("--model", model, "--timeout", "5"),
        )
        path = output / "judge.json"
        found: JudgeResults | None = read_judged(path) if path.exists() else None
        return status, out + err, found

    return run


@pytest.fixture
def both(scored):
    """The arguments that name two scored systems."""
    results = scored(ours=lambda number: f"{GOOD} {number}", theirs=lambda number: BAD)
    return (results, "--system", "ours", "--against", "theirs")


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def figure(judged: JudgeResults, metric: str, *, emotion: str = "all",
           interval: str | None = "bootstrap", **names: str):  # fmt: skip
    """The only row of this figure."""
    (found,) = (
        row
        for row in judged.rows
        if (row.metric, row.emotion) == (metric, emotion)
        and (row.interval or interval) == interval
        and all(getattr(row, name) == value for name, value in names.items())
    )
    return found
