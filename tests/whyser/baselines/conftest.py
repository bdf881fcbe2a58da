"""A corpus of six speakers whose audio and cues reveal the emotion, and the command."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from whyser.baselines import cli
from whyser.evidence.cues import FAMILIES

LABELS = ("angry", "sad", "neutral")

#: The measured pitch of each emotion, in semitones above the speaker's median.
RAISED = {"angry": 4.0, "sad": -4.0, "neutral": 0.0}


class Clips:
    """Utterances, their audio and their cues in one folder; a test changes and then writes them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.utterances = [
            self.utterance(number, speaker, label)
            for number, (speaker, label) in enumerate(
                (speaker, label) for speaker in range(6) for label in LABELS for _ in range(4)
            )
        ]

    @staticmethod
    def utterance(number: int, speaker: int, label: str | None) -> dict[str, Any]:
        split = {4: "dev", 5: "test"}.get(speaker, "train")
        return {
            "id": f"c/{number}", "corpus": "c", "split": split, "audio": f"{number}.wav",
            "duration": 0.2, "sampling_rate": 16000, "channels": 1, "transcript": "the words",
            "speaker": f"c/{speaker}", "gender": None, "label": label, "label_raw": "x",
        }  # fmt: skip

    def cues(self, row: dict[str, Any]) -> dict[str, Any]:
        shift = RAISED.get(row["label"], 0.0) + int(row["id"][2:]) % 4 / 10
        heard = {"value": 200 * 2 ** (shift / 12), "deviation": shift, "strength": shift / 2,
                 "level": "normal"}  # fmt: skip
        rest = dict.fromkeys(FAMILIES[1:])
        return {"id": row["id"], "reference": "speaker", "pitch": heard, **rest}

    @property
    def file(self) -> Path:
        return self.folder / "utterances.jsonl"

    @property
    def cues_file(self) -> Path:
        return self.folder / "cues.jsonl"

    def write(self) -> Path:
        card = {
            "corpus": "c", "title": "A corpus for a test", "licence": "none", "source": "none",
            "audio_root": ".", "classes": LABELS, "utterances": len(self.utterances),
            "hours": None, "read": len(self.utterances), "whyser": "0.1.0",
        }  # fmt: skip
        (self.folder / "corpus.json").write_text(json.dumps(card))
        self.file.write_text("".join(json.dumps(row) + "\n" for row in self.utterances))
        self.cues_file.write_text(
            "".join(json.dumps(self.cues(row)) + "\n" for row in self.utterances)
        )
        for row in self.utterances:
            hertz = 40 * 2 ** RAISED.get(row["label"], 0.0)
            tone = 0.1 * np.sin(2 * np.pi * hertz * np.arange(3200) / 16000)
            soundfile.write(self.folder / row["audio"], tone.astype("float32"), 16000)
        return self.file


@pytest.fixture
def clips(tmp_path: Path) -> Clips:
    return Clips(tmp_path)


@pytest.fixture
def baseline(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str]]:
    """Runs `whyser-baseline`; returns (exit status, everything that it printed)."""

    def run(*arguments: object) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["whyser-baseline", *map(str, arguments)])
        try:
            cli.main()
            status = 0
        except SystemExit as end:
            status = int(end.code or 0)
        captured = capsys.readouterr()
        return status, captured.out + captured.err

    return run
