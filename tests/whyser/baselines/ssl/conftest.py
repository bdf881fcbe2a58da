"""Tiny random encoders of every family, and a corpus of tones that can be distinguished."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch
import transformers
from transformers.models.qwen2_audio.modeling_qwen2_audio import Qwen2AudioEncoder

from whyser.baselines import cli

CLASSES = ("angry", "sad", "happy", "neutral")
HERTZ = {"angry": 900, "sad": 200, "happy": 450, "neutral": 120}
SPLITS = {"train": 24, "dev": 8, "test1": 8}

#: Two convolutions: 20 ms a frame, the first sees 10 ms.
_WAVEFORM = dict(
    hidden_size=16,
    num_hidden_layers=2,
    num_attention_heads=2,
    intermediate_size=32,
    conv_dim=(16, 16),
    conv_kernel=(160, 4),
    conv_stride=(80, 4),
    num_feat_extract_layers=2,
    num_conv_pos_embeddings=8,
    num_conv_pos_embedding_groups=2,
)
#: Of the two kinds of norm each family comes in; SpecAugment and dropout draw on chance, which a
#: run that goes on must find again.
FAMILIES: dict[str, Callable[[], Any]] = {
    "wavlm": lambda: transformers.WavLMModel(
        transformers.WavLMConfig(
            **_WAVEFORM, feat_extract_norm="layer", do_stable_layer_norm=True, conv_bias=True
        )
    ),
    "wav2vec2": lambda: transformers.Wav2Vec2Model(
        transformers.Wav2Vec2Config(**_WAVEFORM, feat_extract_norm="group")
    ),
    "hubert": lambda: transformers.HubertModel(
        transformers.HubertConfig(**_WAVEFORM, feat_extract_norm="group")
    ),
    "unispeech": lambda: transformers.UniSpeechModel(
        transformers.UniSpeechConfig(**_WAVEFORM, feat_extract_norm="group")
    ),
    "unispeech-sat": lambda: transformers.UniSpeechSatModel(
        transformers.UniSpeechSatConfig(**_WAVEFORM, feat_extract_norm="layer")
    ),
    # A window of 2 s.
    "whisper": lambda: transformers.WhisperModel(
        transformers.WhisperConfig(
            d_model=16,
            encoder_layers=2,
            encoder_attention_heads=2,
            encoder_ffn_dim=32,
            decoder_layers=1,
            decoder_attention_heads=2,
            decoder_ffn_dim=32,
            vocab_size=64,
            pad_token_id=0,
            bos_token_id=1,
            eos_token_id=2,
            decoder_start_token_id=1,
            num_mel_bins=16,
            max_source_positions=100,
        )
    ),
    "qwen2_audio_encoder": lambda: Qwen2AudioEncoder(
        transformers.Qwen2AudioEncoderConfig(
            d_model=16,
            encoder_layers=2,
            encoder_attention_heads=2,
            encoder_ffn_dim=32,
            num_mel_bins=16,
            max_source_positions=100,
        )
    ),
}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Uses one thread: sums have one order, so bits can be compared, and threads do not queue."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a family's tiny checkpoint, written once."""
    root = tmp_path_factory.mktemp("encoders")

    def of(family: str) -> Path:
        folder = root / family
        if not folder.exists():
            with torch.random.fork_rng():
                torch.manual_seed(0)
                FAMILIES[family]().save_pretrained(folder)
        return folder

    return of


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`utterances.jsonl` of tones between 0.3 and 0.9 s, with one pitch per class."""
    return write_corpus(tmp_path_factory.mktemp("tones"))


def write_corpus(folder: Path) -> Path:
    random = np.random.default_rng(0)
    rows = []
    for split, count in SPLITS.items():
        for number in range(count):
            label = CLASSES[number % len(CLASSES)]
            name = f"{split}_{number}.wav"
            times = np.arange(random.integers(4800, 14400)) / 16_000
            tone = 0.3 * np.sin(2 * np.pi * HERTZ[label] * times)
            noise = 0.01 * random.standard_normal(len(times))
            (folder / "sound").mkdir(exist_ok=True)
            soundfile.write(folder / "sound" / name, (tone + noise).astype(np.float32), 16_000)
            rows.append(_utterance(split, number, name, label))
    path = folder / "utterances.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    (folder / "corpus.json").write_text(json.dumps(_card(len(rows))), encoding="utf-8")
    return path


def _utterance(split: str, number: int, name: str, label: str) -> dict[str, Any]:
    other = CLASSES[(CLASSES.index(label) + 1) % len(CLASSES)]
    return {
        "id": f"msp_podcast/{split}_{number}", "corpus": "msp_podcast", "split": split,
        "audio": name, "duration": None, "sampling_rate": 16_000, "channels": 1,
        "transcript": "a tone", "speaker": f"msp_podcast/{split}", "gender": None,
        "label": label, "label_raw": "x",
        "votes": [
            {"rater": f"W{place}", "primary": vote, "secondary": [], "raw": vote}
            for place, vote in enumerate([label, label, label, other])
        ],
    }  # fmt: skip


def _card(count: int) -> dict[str, Any]:
    return {
        "corpus": "msp_podcast", "title": "Tones", "licence": "none", "source": "none",
        "audio_root": "sound", "classes": list(CLASSES), "options": {}, "utterances": count,
        "hours": None, "read": count, "whyser": "0",
    }  # fmt: skip


@pytest.fixture
def baseline(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str]]:
    """Runs `whyser-baseline` in this process; returns the exit status and its output."""

    def run(*arguments: object) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["whyser-baseline", *map(str, arguments)])
        status = 0
        try:
            cli.main()
        except SystemExit as end:
            status = int(end.code or 0)
        return status, capsys.readouterr().err

    return run


#: The command, ended at once by the system when it begins a certain update.
_KILLED = """
import os, signal, sys
from transformers import Trainer
from whyser.baselines.cli import main

step, last = Trainer.training_step, int(sys.argv.pop(1))

def killed(self, *given, **more):
    if self.state.global_step == last:
        os.kill(os.getpid(), signal.SIGKILL)
    return step(self, *given, **more)

Trainer.training_step = killed
main()
"""


@pytest.fixture
def killed_after() -> Callable[..., None]:
    """Runs `whyser-baseline` in a separate process that dies after the given number of updates."""

    def run(updates: int, *arguments: object) -> None:
        done = subprocess.run(
            [sys.executable, "-c", _KILLED, str(updates), *map(str, arguments)],
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
        )
        assert done.returncode == -9, done.stderr

    return run
