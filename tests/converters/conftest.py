"""`whyser-convert` as a user runs it, and small audio files."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from csv import DictReader
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from whyser.records.utterance import Utterance, read_utterances
from whyser_converters.cli import main


@dataclass
class Outcome:
    status: int
    out: str
    err: str


Convert = Callable[..., Outcome]


@pytest.fixture
def convert(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Convert:
    """`whyser-convert ARGS...`, in this process."""

    def call(*arguments: object) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["whyser-convert", *map(str, arguments)])
        try:
            main()
            status = 0
        except SystemExit as end:
            status = int(end.code or 0)
        captured = capsys.readouterr()
        return Outcome(status, captured.out, captured.err)

    return call


@dataclass
class Converted:
    """The files in an output folder."""

    folder: Path

    @property
    def utterances(self) -> list[Utterance]:
        return list(read_utterances(self.folder / "utterances.jsonl"))

    @property
    def card(self) -> dict[str, Any]:
        card: dict[str, Any] = json.loads((self.folder / "corpus.json").read_text("utf-8"))
        return card

    @property
    def problems(self) -> list[str]:
        """The list of faults, as `file:line: problem`."""
        path = self.folder / "problems.csv"
        if not path.exists():
            return []
        with path.open(encoding="utf-8", newline="") as stream:
            return [f"{row['file']}:{row['line']}: {row['problem']}" for row in DictReader(stream)]

    def __getitem__(self, name: str) -> Utterance:
        return next(item for item in self.utterances if item.id == name)


@pytest.fixture
def converted(convert: Convert, tmp_path: Path) -> Callable[..., Converted]:
    """Converts a corpus that must have no fault, and returns the output."""

    def call(corpus: str, folder: Path, *arguments: object, name: str = "") -> Converted:
        named = ("--name", name) if name else ()
        outcome = convert(corpus, folder, tmp_path / "out", *named, *arguments)
        assert outcome.status == 0, outcome.err
        return Converted(tmp_path / "out" / (name or corpus))

    return call


@pytest.fixture
def refused(convert: Convert, tmp_path: Path) -> Callable[..., str]:
    """Converts a corpus that must be refused without writing anything, and returns the message."""

    def call(corpus: str, folder: Path, *arguments: object, status: int = 1) -> str:
        before = sorted(tmp_path.rglob("*"))
        outcome = convert(corpus, folder, tmp_path / "refused", *arguments)
        assert outcome.status == status, outcome.out + outcome.err
        assert sorted(tmp_path.rglob("*")) == before
        assert "Traceback" not in outcome.err
        return " ".join(outcome.err.split())

    return call


@pytest.fixture
def faulty(convert: Convert, tmp_path: Path) -> Callable[..., Converted]:
    """Converts a corpus with one fault, which drops its utterance and makes a strict run fail."""

    def call(corpus: str, folder: Path, message: str, *arguments: object) -> Converted:
        strict = convert(corpus, folder, tmp_path / "strict", *arguments, "--strict")
        assert strict.status == 1
        assert message in " ".join(strict.err.split())
        assert not (tmp_path / "strict").exists()
        lenient = convert(corpus, folder, tmp_path / "lenient", *arguments)
        assert lenient.status == 0, lenient.err
        assert message in lenient.err
        result = Converted(tmp_path / "lenient" / corpus)
        card = result.card
        assert card["read"] == card["utterances"] + sum(card["dropped"].values())
        assert card["utterances"] == len(result.utterances)
        assert len(result.problems) == 1
        return result

    return call


@pytest.fixture(scope="session")
def write_wav() -> Callable[..., Path]:
    """Writes a short tone, by default 16 kHz mono."""

    def call(path: Path, *, rate: int = 16_000, channels: int = 1, seconds: float = 0.1) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        times = np.arange(round(rate * seconds)) / rate
        tone = 0.1 * np.sin(2 * np.pi * 220 * times)
        soundfile.write(str(path), np.tile(tone[:, None], channels), rate, subtype="PCM_16")
        return path

    return call


@pytest.fixture(scope="session")
def write_text() -> Callable[..., Path]:
    def call(path: Path, text: str, encoding: str = "utf-8") -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding=encoding, newline="")
        return path

    return call


@pytest.fixture(scope="session")
def speechlm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dual encoder with 7 and 3 tokens per clip, from random parts with a window of 6 s."""
    from whyser.assembly.build import build
    from whyser.assembly.recipes import Changes, recipe_of
    from whyser.demo.encoder import write_encoder
    from whyser.demo.model import write_model

    folder = tmp_path_factory.mktemp("speechlm")
    write_model(folder / "qwen", window=6)
    write_encoder(folder / "wavlm")
    recipe = recipe_of("dual_encoder", Changes(content_tokens=7, emotion_tokens=3, width=16))
    speech = str(folder / "qwen")
    parts = {"speech": speech, "emotion": str(folder / "wavlm"), "llm": speech}
    build(recipe, parts, folder / "model", adds_tokens=False, seed=0)
    return folder / "model"
