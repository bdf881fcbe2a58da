from __future__ import annotations

import csv
import re
from pathlib import Path

import av
import numpy as np
import pytest

from whyser.demo.native_meld import FOLDERS, HEADER

TIME = re.compile(r"\d{1,2}:\d\d:\d\d,\d{3}")
EMOTIONS = {"neutral", "joy", "surprise", "anger", "sadness", "disgust", "fear"}


@pytest.fixture(scope="module")
def root(corpora: Path) -> Path:
    return corpora / "meld"


@pytest.fixture(scope="module")
def tables(root: Path) -> dict[str, list[dict[str, str]]]:
    result = {}
    for split in FOLDERS:
        with (root / f"{split}_sent_emo.csv").open(encoding="utf-8", newline="") as file:
            result[split] = list(csv.DictReader(file))
    return result


def stem(row: dict[str, str]) -> str:
    return f"dia{row['Dialogue_ID']}_utt{row['Utterance_ID']}"


def test_tables_are_crlf_with_the_header_of_the_corpus(root: Path) -> None:
    for split in FOLDERS:
        lines = (root / f"{split}_sent_emo.csv").read_bytes().split(b"\n")
        assert lines[0] == ",".join(HEADER).encode() + b"\r"
        assert all(line.endswith(b"\r") for line in lines[:-1])


def test_rows(tables: dict[str, list[dict[str, str]]]) -> None:
    for rows in tables.values():
        assert {row["Emotion"] for row in rows} == EMOTIONS
        assert {row["Sentiment"] for row in rows} <= {"neutral", "positive", "negative"}
        assert all(TIME.fullmatch(row[key]) for row in rows for key in ("StartTime", "EndTime"))
    everything = [row for rows in tables.values() for row in rows]
    assert any("\u2019" in row["Utterance"] for row in everything)
    assert any("," in row["Utterance"] for row in everything)
    assert any(len(row["StartTime"]) == 11 for row in everything)


def test_names_repeat_across_splits_and_numbers_have_gaps(
    tables: dict[str, list[dict[str, str]]],
) -> None:
    names = [{stem(row) for row in rows} for rows in tables.values()]
    assert "dia0_utt0" in set.intersection(*names)
    second = [int(row["Utterance_ID"]) for row in tables["train"] if row["Dialogue_ID"] == "1"]
    assert second == [0, 1, 3, 4]


def test_clips_are_48_khz_aac_in_both_layouts(
    root: Path, tables: dict[str, list[dict[str, str]]]
) -> None:
    layouts = set()
    for split, rows in tables.items():
        for row in rows:
            with av.open(str(root / FOLDERS[split] / f"{stem(row)}.mp4")) as container:
                sound = container.streams.audio[0]
                assert (sound.codec_context.name, sound.sample_rate) == ("aac", 48_000)
                frames = [frame.to_ndarray() for frame in container.decode(sound)]
                layouts.add(sound.layout.name)
            assert max(float(np.abs(frame).max()) for frame in frames) > 0.005
            assert 0.4 < sum(frame.shape[1] for frame in frames) / 48_000 < 6
    assert layouts == {"stereo", "5.1"}


def test_junk_lies_in_the_test_folder(root: Path) -> None:
    names = {path.name for path in (root / FOLDERS["test"]).iterdir()}
    assert {"final_videos_testdia0_utt0.mp4", "._dia0_utt0.mp4"} <= names
