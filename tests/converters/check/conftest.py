"""Small datasets and corpora for the tests of `check`."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from whyser.records.corpus import Corpus, CorpusCard, write_card
from whyser.records.utterance import Utterance, write_utterances
from whyser_converters.check.datasets import check_datasets
from whyser_converters.check.findings import Findings
from whyser_converters.check.settings import Job
from whyser_converters.datasets.dataset_info import entry


def make_noise(seconds: float = 1.0, *, seed: int = 0, peak: float = 0.1) -> np.ndarray[Any, Any]:
    """Noise that differs for every seed, in steps of 16 bits."""
    draws = np.random.default_rng(seed).uniform(-peak, peak, round(16_000 * seconds))
    return np.round(draws * 32_768) / 32_768


@pytest.fixture
def noise() -> Callable[..., Any]:
    return make_noise


@pytest.fixture
def write_noise() -> Callable[..., Path]:
    def call(path: Path, seconds: float = 1.0, **options: Any) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, make_noise(seconds, **options), 16_000, subtype="PCM_16")
        return path

    return call


@pytest.fixture
def row() -> Callable[..., dict[str, Any]]:
    def call(content: str = "<audio>What?", audios: Any = None) -> dict[str, Any]:
        return {
            "messages": [
                {"role": "user", "content": content},
                {"role": "assistant", "content": "<answer>I think the emotion is sad</answer>"},
            ],
            "audios": ["a.wav"] if audios is None else audios,
        }

    return call


@pytest.fixture
def dataset(tmp_path: Path, write_noise: Callable[..., Path]) -> Callable[..., Path]:
    """Writes a table and a dataset with these rows, and `a.wav` of one second next to them."""

    def call(rows: list[Any], name: str = "d", **own: Any) -> Path:
        write_noise(tmp_path / "a.wav")
        (tmp_path / f"{name}.json").write_text(json.dumps(rows), encoding="utf-8")
        path = tmp_path / "dataset_info.json"
        table = json.loads(path.read_text("utf-8")) if path.exists() else {}
        table[name] = {**entry(f"{name}.json"), **own}
        path.write_text(json.dumps(table), encoding="utf-8")
        return path

    return call


@pytest.fixture
def faults(dataset: Callable[..., Path]) -> Callable[..., str]:
    """The faults that the check finds in these rows, or an empty string."""

    def call(rows: list[Any], entry: dict[str, Any] | None = None, **job: Any) -> str:
        table = dataset(rows, **(entry or {}))
        findings = Findings("d")
        check_datasets([Job("d", table, table.parent, **job)], findings)
        return "\n".join([*findings.problems, *(f"warning: {one}" for one in findings.warnings)])

    return call


@pytest.fixture
def corpus_of(tmp_path: Path) -> Callable[..., Corpus]:
    """Writes a folder `name` of utterances, of which a test gives only the fields that matter."""

    def call(
        name: str,
        given: Sequence[dict[str, Any]],
        *,
        disjoint: bool = True,
        corpus: str | None = None,
    ) -> Corpus:
        folder = tmp_path / name
        folder.mkdir()
        utterances = [_utterance(corpus or name, folder, **one) for one in given]
        write_utterances(folder / "utterances.jsonl", utterances)
        has_sound = any(one.audio for one in utterances)
        card = CorpusCard(
            corpus=name, title=name, licence="", source="", classes=("sad",), options={},
            audio_root="." if has_sound else None, speaker_disjoint=disjoint,
            utterances=len(given), hours=None, read=0, whyser="0",
        )  # fmt: skip
        write_card(folder / "corpus.json", card)
        return Corpus(folder / "utterances.jsonl")

    return call


def _utterance(
    corpus: str,
    folder: Path,
    *,
    id: str,
    split: str,
    speaker: str | None = None,
    dialogue: str | None = None,
    session: str | None = None,
    sound: Any = None,
    format: str = "WAV",
    subtype: str = "PCM_16",
) -> Utterance:
    audio = f"{id}.{format.lower()}" if sound is not None else None
    if audio is not None:
        soundfile.write(folder / audio, sound, 16_000, format=format, subtype=subtype)
    return Utterance(
        id=f"{corpus}/{id}", corpus=corpus, split=split, speaker=speaker,
        dialogue=dialogue, session=session,
        audio=audio, duration=None if audio is None else len(sound) / 16_000,
        sampling_rate=None if audio is None else 16_000, channels=None if audio is None else 1,
        transcript="", gender=None, label="sad", label_raw="",
    )  # fmt: skip
