"""Real weights and real voices: OpenAI's Whisper-base, frozen, on six speakers of RAVDESS.

`WHYSER_REAL_PARTS` names a folder with `whisper-base/` in the hub's layout.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from whyser.baselines.ssl.epochs import macro_f1

pytestmark = [pytest.mark.slow, pytest.mark.shared_data]


@pytest.fixture
def whisper(lacks: Callable[[str], None]) -> Path:
    folder = Path(os.environ.get("WHYSER_REAL_PARTS", "."), "whisper-base").resolve()
    if not folder.is_dir():
        lacks("WHYSER_REAL_PARTS names no folder with whisper-base/")
    return folder


@pytest.fixture
def ravdess(shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    from whyser_converters import cli

    words = ["whyser-convert", "ravdess", str(shared_data / "ravdess"), str(tmp_path)]
    monkeypatch.setattr("sys.argv", words)
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert not end.value.code
    return tmp_path / "ravdess" / "utterances.jsonl"


def test_a_frozen_whisper_hears_emotion_in_unheard_speakers(
    ravdess: Path, whisper: Path, baseline: Callable[..., tuple[int, str]], tmp_path: Path
) -> None:
    output = tmp_path / "run"
    status, said = baseline(
        "ssl", ravdess, "--encoder", whisper, "--window", "6", "--tune", "nothing",
        "--pooling", "statistics", "--output", output,
    )  # fmt: skip
    assert status == 0, said
    found = scores(ravdess, output)
    # Measured: 0.664 and 0.123; seven classes.
    assert found["none"] > 0.55 and found["shuffled"] < 0.25, found


def scores(corpus: Path, folder: Path) -> dict[str, float]:
    """Macro-F1 of the answers and of the control."""
    rows = map(json.loads, corpus.read_text(encoding="utf-8").splitlines())
    labels = {row["id"]: row["label"] for row in rows}
    names = sorted({*labels.values()} - {"other", None})
    lines = (folder / "predictions.jsonl").read_text(encoding="utf-8").splitlines()
    answers: list[dict[str, Any]] = [json.loads(line) for line in lines]
    found = {}
    for control in ("none", "shuffled"):
        own = [row for row in answers if row["control"] == control]
        right = np.array([names.index(labels[row["id"]]) for row in own])
        given = np.array([names.index(row["text"]) for row in own])
        found[control] = macro_f1(right, given, len(names))
    return found
