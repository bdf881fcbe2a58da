"""The command: two epochs on the CPU, stopped and resumed, then answers and scores."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

pytest.importorskip("torch")
pytest.importorskip("transformers")

Command = Callable[..., tuple[int, str]]

#: 24 clips, 3 updates an epoch.
SHORT = ("--epochs", "2", "--batch-size", "8", "--lr", "1e-3")


def asked(corpus: Path, encoder: Path, output: Path, *more: str) -> Sequence[object]:
    return ("ssl", corpus, "--encoder", encoder, "--output", output, *SHORT, *more)


@pytest.mark.slow
@pytest.mark.parametrize("family", ["wavlm", "whisper"])
def test_killed_half_way_it_ends_in_the_same_weights(
    family: str,
    corpus: Path,
    encoder: Callable[[str], Path],
    baseline: Command,
    killed_after: Callable[..., None],
    tmp_path: Path,
    score: Callable[[Path, Path], list[dict[str, Any]]],
) -> None:
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    # Clips up to 0.9 s, so that stretches are drawn.
    how = ("--longest", "0.5", "--dropout", "0.3", "--name", family)
    status, said = baseline(*asked(corpus, encoder(family), whole, *how))
    assert status == 0, said
    killed_after(4, *asked(corpus, encoder(family), stopped, *how))
    assert not (stopped / "predictions.jsonl").exists()
    # Cut short while it was written.
    (stopped / "checkpoints" / "checkpoint-6").mkdir()
    status, said = baseline(*asked(corpus, encoder(family), stopped, *how))
    assert status == 0, said
    assert "resuming from" in said and "checkpoint-3" in said
    assert "epoch 1 of 2" not in said
    for name in ("model/model.safetensors", "predictions.jsonl"):
        assert (whole / name).read_bytes() == (stopped / name).read_bytes(), name
    rows = score(corpus, whole)
    signed = [row for row in rows if row["system"] == family and row["metric"] == "f1_majority"]
    assert {row["control"] for row in signed} == {"none", "shuffled"}
    assert all(row["signature"].startswith("f1_majority|corpus:msp_podcast") for row in signed)


@pytest.fixture
def score(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path, Path], list[dict[str, Any]]]:
    """What `whyser-eval score` makes of a run's answers."""
    from whyser_eval import cli

    def of(corpus: Path, run: Path) -> list[dict[str, Any]]:
        options = {
            "--references": corpus,
            "--predictions": run / "predictions.jsonl",
            "--output": run / "scores",
        }
        words = [str(word) for option in options.items() for word in option]
        monkeypatch.setattr(sys, "argv", ["whyser-eval", "score", *words])
        with pytest.raises(SystemExit) as end:
            cli.main()
        assert not end.value.code
        found = json.loads((run / "scores" / "scores.json").read_text(encoding="utf-8"))
        return list(found)

    return of


@pytest.mark.slow
def test_it_learns_and_answers_another_time(
    corpus: Path, encoder: Callable[[str], Path], baseline: Command, tmp_path: Path
) -> None:
    output = tmp_path / "run"
    status, said = baseline(
        "ssl", corpus, "--encoder", encoder("wavlm"), "--output", output, "--tune", "all",
        "--epochs", "12", "--batch-size", "4", "--lr", "5e-3", "--schedule", "cosine",
        "--target", "votes", "--gradient-accumulation", "2", "--pooling", "mean", "--workers", "1",
    )  # fmt: skip
    assert status == 0, said
    answers = read(output)
    right = sum(row["text"] == label_of(corpus)[row["id"]] for row in answers)
    assert right >= 6, f"{right} of 8"
    for row in answers:
        assert sum(row["probabilities"].values()) == pytest.approx(1, abs=1e-12)
        assert max(row["probabilities"], key=row["probabilities"].get) == row["text"]
    told = json.loads((output / "provenance.json").read_text(encoding="utf-8"))
    assert told["settings"]["loss"] == "cross-entropy"
    assert len(told["epochs"]) == 12
    best = max(row["dev_f1_macro"] for row in told["epochs"])
    assert told["epochs"][told["best_epoch"] - 1]["dev_f1_macro"] == best

    status, said = baseline(
        "answer", corpus, "--model", output / "model", "--output", tmp_path / "again",
        "--batch-size", "3",
    )  # fmt: skip
    assert status == 0, said
    for first, second in zip(answers, read(tmp_path / "again"), strict=True):
        assert first["id"] == second["id"] and first["text"] == second["text"]
        assert first["probabilities"] == pytest.approx(second["probabilities"], abs=1e-5)


#: One process is slow; the other says when it holds the checkpoint whole.
_LATE = """
import time
from pathlib import Path
from transformers import Trainer, TrainerState
from whyser.baselines.cli import main

saved, told = Trainer._save_rng_state, TrainerState.save_to_json

def late(self, folder):
    time.sleep(self.args.process_index)
    saved(self, folder)

def checked(self, path):
    print("whole:", Path(path).with_name("rng_state_1.pth").exists(), flush=True)
    told(self, path)

Trainer._save_rng_state, TrainerState.save_to_json = late, checked
main()
"""


@pytest.mark.slow
def test_two_processes_keep_a_whole_checkpoint_and_answer_each_clip_once(
    corpus: Path, encoder: Callable[[str], Path], baseline: Command, tmp_path: Path
) -> None:
    (tmp_path / "late.py").write_text(_LATE, encoding="utf-8")
    # 21 training and 7 test clips: what processes are dealt twice, so that all have as many, must
    # not count twice.
    rows = corpus.read_text(encoding="utf-8").splitlines(keepends=True)
    few = Path(shutil.copytree(corpus.parent, tmp_path / "few")) / corpus.name
    few.write_text("".join(rows[3:-1]), encoding="utf-8")
    words = asked(few, encoder("wav2vec2"), tmp_path / "run")
    launcher = ("torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    done = subprocess.run(
        [sys.executable, "-m", *launcher, str(tmp_path / "late.py"), *map(str, words)],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("epoch 2 of 2") == 1
    # One checkpoint an epoch.
    assert [line for line in done.stdout.splitlines() if "whole" in line] == ["whole: True"] * 2
    told = json.loads((tmp_path / "run" / "provenance.json").read_text(encoding="utf-8"))
    assert told["processes"] == 2
    answers = read(tmp_path / "run")
    assert [row["id"] for row in answers] == [f"msp_podcast/test1_{place}" for place in range(7)]
    model = tmp_path / "run" / "model"
    assert baseline("answer", few, "--model", model, "--output", tmp_path / "alone")[0] == 0
    for first, second in zip(answers, read(tmp_path / "alone"), strict=True):
        assert first["probabilities"] == pytest.approx(second["probabilities"], abs=1e-5)


def read(folder: Path) -> list[dict[str, Any]]:
    lines = (folder / "predictions.jsonl").read_text(encoding="utf-8").splitlines()
    return [row for row in map(json.loads, lines) if row["control"] == "none"]


def label_of(corpus: Path) -> dict[str, str]:
    rows = map(json.loads, corpus.read_text(encoding="utf-8").splitlines())
    return {row["id"]: row["label"] for row in rows}


def test_a_finished_run_only_says_so_and_another_is_refused(
    corpus: Path, encoder: Callable[[str], Path], baseline: Command, tmp_path: Path
) -> None:
    output = tmp_path / "run"
    first = asked(corpus, encoder("wavlm"), output)
    assert baseline(*first)[0] == 0
    assert not (output / "checkpoints").exists()
    before = (output / "provenance.json").read_bytes()
    status, said = baseline(*first)
    assert status == 0 and "is finished already" in said
    assert (output / "provenance.json").read_bytes() == before

    (output / "predictions.jsonl").unlink()
    status, said = baseline(*first)
    assert status == 1
    assert "predictions.jsonl: is missing" in said and "whyser-baseline answer --model" in said

    other = asked(corpus, encoder("hubert"), output, "--seed", "1")
    status, said = baseline(*other)
    assert status == 1
    assert "encoder was" in said and "seed was 0, is 1" in said and "--restart" in said
    assert baseline(*other, "--restart")[0] == 0
    assert (output / "provenance.json").read_bytes() != before


@pytest.mark.parametrize("patience", [(), ("--patience", "1")])
def test_trained_but_not_answered_it_answers(
    patience: tuple[str, ...],
    corpus: Path,
    encoder: Callable[[str], Path],
    baseline: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from whyser.baselines.ssl import run

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device", "predictions.jsonl")

    # So slow that no epoch is better than the first.
    more = ("--epochs", "4", "--lr", "1e-12", *patience)
    words = asked(corpus, encoder("wavlm"), tmp_path / "run", *more)
    with monkeypatch.context() as patch:
        patch.setattr(run, "write_answers", full)
        status, said = baseline(*words)
    assert status == 1
    assert "error: predictions.jsonl: No space left on device" in said
    trained = 2 if patience else 4
    assert said.count("epoch ") == trained
    # Trainer remembers where the best checkpoint lay, and it lies elsewhere now.
    moved = (tmp_path / "run").rename(tmp_path / "moved")
    status, said = baseline(*asked(corpus, encoder("wavlm"), moved, *more))
    assert status == 0, said
    assert f"checkpoint-{3 * trained}" in said and "best in epoch 1 (dev Macro-F1" in said
    assert " of 4: loss" not in said, "nothing is trained again"
    told = json.loads((moved / "provenance.json").read_text(encoding="utf-8"))
    assert [row["epoch"] for row in told["epochs"]] == list(range(1, trained + 1))
    assert told["best_epoch"] == 1


def test_a_loss_that_is_no_number_ends_the_run(
    corpus: Path, encoder: Callable[[str], Path], baseline: Command, tmp_path: Path
) -> None:
    more = ("--lr", "1e30", "--schedule", "constant")
    status, said = baseline(*asked(corpus, encoder("wavlm"), tmp_path / "run", *more))
    assert status == 1
    assert "error: the loss is nan at update 2 of 6, on msp_podcast/train_" in said
    assert "Lower --lr" in said
    assert not (tmp_path / "run" / "predictions.jsonl").exists()


def test_weights_that_broke_in_the_last_update_end_the_run(
    corpus: Path, encoder: Callable[[str], Path], baseline: Command, tmp_path: Path
) -> None:
    # One update an epoch: no other training loss is computed before dev is asked.
    more = ("--lr", "1e30", "--batch-size", "24")
    status, said = baseline(*asked(corpus, encoder("wavlm"), tmp_path / "run", *more))
    assert status == 1
    assert (
        "error: the network's answer is NaN or infinite after 1 updates, on msp_podcast/dev_"
        in said
    )
    assert not (tmp_path / "run" / "checkpoints" / "checkpoint-1").exists()


@pytest.fixture
def own_corpus(corpus: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(corpus.parent, tmp_path / "corpus")) / corpus.name


def test_clips_that_cannot_be_read_are_named_before_training(
    own_corpus: Path, encoder: Callable[[str], Path], baseline: Command, tmp_path: Path
) -> None:
    sound = own_corpus.parent / "sound"
    (sound / "train_3.wav").write_bytes(b"")
    (sound / "dev_1.wav").unlink()
    status, said = baseline(*asked(own_corpus, encoder("wavlm"), tmp_path / "run"))
    assert status == 1
    assert "train_3.wav: is empty" in said and "dev_1.wav: no such sound file" in said
    assert "2 problems in the sound" in said
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("workers", ["0", "1"])
def test_a_clip_whose_header_alone_is_whole_is_named(
    workers: str,
    own_corpus: Path,
    encoder: Callable[[str], Path],
    baseline: Command,
    tmp_path: Path,
) -> None:
    path = own_corpus.parent / "sound" / "train_3.wav"
    noise = np.random.default_rng(0).standard_normal(9000).astype(np.float32) / 4
    soundfile.write(path, noise, 16_000, format="FLAC")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    more = ("--workers", workers)
    status, said = baseline(*asked(own_corpus, encoder("wavlm"), tmp_path / "run", *more))
    assert status == 1
    errors = [line for line in said.splitlines() if line.startswith("error: ")]
    what = "1 of 3 sound packets cannot be decoded"
    assert errors == [f"error: {path}: {what}. Fetch the file again."]


def test_a_batch_that_cannot_be_shared_out(
    corpus: Path, encoder: Callable[[str], Path], baseline: Command, tmp_path: Path
) -> None:
    more = ("--gradient-accumulation", "3")
    status, said = baseline(*asked(corpus, encoder("wavlm"), tmp_path / "run", *more))
    assert status == 1
    assert "a batch of 8 cannot be divided" in said and "multiple of 3" in said


@pytest.mark.parametrize(
    ("option", "value", "told"),
    [
        ("--lr", "0", "--lr is 0.0. Give a number above 0."),
        ("--lr", "nan", "--lr is nan"),
        ("--max-duration", "-1", "--max-duration is -1.0"),
        ("--precision", "fp16", "--precision fp16 needs a GPU. Give --precision fp32."),
        ("--report", "wandb", "--report wandb needs the package: pip install wandb"),
    ],
)
def test_settings_that_nothing_can_be_trained_with(
    option: str,
    value: str,
    told: str,
    corpus: Path,
    encoder: Callable[[str], Path],
    baseline: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from whyser.baselines.ssl import arguments

    monkeypatch.setattr(arguments.torch.cuda, "is_available", lambda: False)
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *_: None if name == "wandb" else found(name)
    )
    status, said = baseline(*asked(corpus, encoder("wavlm"), tmp_path / "run", option, value))
    assert status == 1
    assert told in said


@pytest.mark.slow
def test_bf16_trains_on_a_cpu_too(
    corpus: Path, encoder: Callable[[str], Path], baseline: Command, tmp_path: Path
) -> None:
    words = asked(corpus, encoder("wav2vec2"), tmp_path / "run", "--precision", "bf16")
    status, said = baseline(*words)
    assert status == 0, said
    for row in read(tmp_path / "run"):
        assert sum(row["probabilities"].values()) == pytest.approx(1, abs=1e-12)


def test_an_encoder_is_called_as_its_folder_is(
    corpus: Path,
    encoder: Callable[[str], Path],
    baseline: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(encoder("wavlm"))
    status, said = baseline(*asked(corpus, Path(), tmp_path / "run", "--epochs", "1"))
    assert status == 0, said
    assert {row["model"] for row in read(tmp_path / "run")} == {"wavlm"}


def test_a_folder_that_holds_no_classifier(
    corpus: Path, encoder: Callable[[str], Path], baseline: Command, tmp_path: Path
) -> None:
    status, said = baseline(
        "answer", corpus, "--model", encoder("wavlm"), "--output", tmp_path / "run"
    )
    assert status == 1
    assert str(encoder("wavlm") / "config.json") in said
