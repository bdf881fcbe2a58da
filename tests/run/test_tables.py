"""Corpora that have no converter, from four published kinds of annotation to one signed score."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import soundfile

from whyser.labels.classes import CLASSES

pytestmark = pytest.mark.slow

SPEAKERS = {"s1": "train", "s2": "train", "s3": "test"}


@pytest.fixture
def clips(native_corpora: Path) -> Callable[[str], list[tuple[str, str, str, bytes]]]:
    """name, label, speaker and sound of clips; each corpus has speakers and sounds of its own."""
    # The demo's corpora also have files that are broken, as the real ones have.
    sounds = [path for path in sorted(native_corpora.rglob("*.wav")) if soundfile_reads(path)]

    def of(corpus: str) -> list[tuple[str, str, str, bytes]]:
        found = []
        first = 24 * "eahf".index(corpus)
        for number, path in enumerate(sounds[first : first + 24]):
            speaker = f"{corpus}{list(SPEAKERS)[number % 3]}"
            label = CLASSES[number // 3]
            found.append((f"{corpus}{number:02}", label, speaker, path.read_bytes()))
        return found

    return of


def soundfile_reads(path: Path) -> bool:
    try:
        return soundfile.info(path).duration > 0.2
    except soundfile.LibsndfileError:
        return False


def split_of(speaker: str) -> str:
    return SPEAKERS[speaker[-2:]]


def emobox(folder: Path, clips: list[tuple[str, str, str, bytes]]) -> str:
    """JSON Lines for each split, whose paths begin at another folder; no speakers, no words."""
    fold, sounds = folder / "data/e/fold_1", folder / "downloads/e"
    fold.mkdir(parents=True)
    sounds.mkdir(parents=True)
    for name, label, speaker, sound in clips:
        (sounds / f"{name}.wav").write_bytes(sound)
        row = {"key": name, "dataset": "e", "wav": f"downloads/e/{name}.wav", "emo": label}
        with (fold / f"e_{split_of(speaker)}_fold_1.jsonl").open("a") as stream:
            stream.write(json.dumps(row) + "\n")
    recipe = folder / "recipe.yaml"
    recipe.write_text("table: data/e/fold_1\naudio_root: .\n")
    return str(recipe)


def audformat(folder: Path, clips: list[tuple[str, str, str, bytes]]) -> str:
    """As the package writes it: labels in a table for each split, speakers in another table."""
    (folder / "wav").mkdir(parents=True)
    tables = {"train": ["file,emotion"], "test": ["file,emotion"]}
    files = ["file,speaker,transcription"]
    for name, label, speaker, sound in clips:
        (folder / f"wav/{name}.wav").write_bytes(sound)
        tables[split_of(speaker)].append(f"wav/{name}.wav,{label}")
        files.append(f"wav/{name}.wav,{speaker},t")
    labels = ", ".join(CLASSES)
    header = (
        "name: a\nschemes:\n"
        f"  emotion: {{dtype: str, labels: [{labels}]}}\n"
        "  speaker: {dtype: str}\n"
        "  transcription: {dtype: str, labels: {t: The sky is green.}}\n"
        "splits:\n  train: {type: train}\n  test: {type: test}\ntables:\n"
        "  files:\n    type: filewise\n    columns:\n"
        "      speaker: {scheme_id: speaker}\n      transcription: {scheme_id: transcription}\n"
    )
    for split, lines in tables.items():
        header += (
            f"  emotion.{split}:\n    type: filewise\n    split_id: {split}\n"
            "    columns:\n      emotion: {scheme_id: emotion}\n"
        )
        (folder / f"db.emotion.{split}.csv").write_text("\n".join(lines) + "\n")
    (folder / "db.files.csv").write_text("\n".join(files) + "\n")
    (folder / "db.yaml").write_text(header)
    return str(folder)


def parquet(folder: Path, clips: list[tuple[str, str, str, bytes]]) -> str:
    """As `datasets` uploads it: the sound inside, numbered labels, a file for each split."""
    datasets = pytest.importorskip("datasets")
    (folder / "data").mkdir(parents=True)
    features = datasets.Features(
        {
            "audio": datasets.Audio(),
            "emotion": datasets.ClassLabel(names=list(CLASSES)),
            "text": datasets.Value("string"),
            "speaker_id": datasets.Value("string"),
        }
    )
    for split in ("train", "test"):
        rows: list[dict[str, Any]] = [
            {"audio": {"bytes": sound, "path": f"{name}.wav"}, "emotion": label,
             "text": "The sky is green.", "speaker_id": speaker}
            for name, label, speaker, sound in clips
            if split_of(speaker) == split
        ]  # fmt: skip
        table = datasets.Dataset.from_list(rows, features=features)
        table.to_parquet(folder / f"data/{split}-00000-of-00001.parquet")
    return str(folder)


def flat(folder: Path, clips: list[tuple[str, str, str, bytes]]) -> str:
    """Sound files whose names hold the annotation; the splits follow from the speakers."""
    (folder / "clips").mkdir(parents=True)
    for name, label, speaker, sound in clips:
        (folder / f"clips/{speaker}_{label[:3].upper()}_{name}.wav").write_bytes(sound)
    recipe = folder / "recipe.yaml"
    recipe.write_text("table: clips\npattern: '{speaker}_{label}_*.wav'\n")
    return str(recipe)


def test_four_kinds_of_tables_to_a_signed_score(
    root: Path, clips: Any, tmp_path: Path, needs: Callable[[str, str], None]
) -> None:
    """The stages are those of run.sh; the tiny model takes a few steps."""
    needs("snakemake", "./install.sh workflow")
    needs("llamafactory", "./install.sh train")
    for name in ("llamafactory_configs", "workflow", "dataset_info.json", "constraints.txt"):
        (tmp_path / name).symlink_to(root / name)
    writers = {"e": emobox, "a": audformat, "h": parquet, "f": flat}
    places = [f"{name}={write(tmp_path / name, clips(name))}" for name, write in writers.items()]
    done = subprocess.run(
        [sys.executable, "-m", "whyser_workflow", "--corpora", *places, "--name", "tables",
         "--set", "max_steps=3", "--set-predict", "max_new_tokens=4"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
        env=os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
                          "PYTHONPATH": os.pathsep.join(filter(None, map(str, sys.path)))},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    scores = json.loads((tmp_path / "results/tables/scores.json").read_text())
    (score,) = [
        row for row in scores
        if (row["form"], row["control"], row["subset"], row["metric"])
        == ("open", "none", "all", "f1_majority")
        and row["system"] == "tables"
    ]  # fmt: skip
    assert "|corpus:a+e+f+h|split:test|" in score["signature"]
    assert score["n"] == 4 * 8
    assert (tmp_path / "results/tables/report.html").is_file()
