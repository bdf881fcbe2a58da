from __future__ import annotations

import csv
import json
import re
from collections import Counter
from pathlib import Path

import pytest

from whyser.demo.native_msp_podcast import TURNS, plan

EIGHT = {
    "Angry": "A",
    "Sad": "S",
    "Happy": "H",
    "Surprise": "U",
    "Fear": "F",
    "Disgust": "D",
    "Contempt": "C",
    "Neutral": "N",
}
AUDIO_NAME = re.compile(r"MSP-PODCAST_(\d{4}|test3)_\d{4}(_\d{4})?\.wav")


@pytest.fixture(scope="module")
def root(corpora: Path) -> Path:
    return corpora / "msp_podcast"


@pytest.fixture(scope="module")
def consensus(root: Path) -> list[dict[str, str]]:
    with (root / "Labels" / "labels_consensus.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def workers(root: Path) -> dict[str, list[list[str]]]:
    votes: dict[str, list[list[str]]] = {}
    with (root / "Labels" / "labels_detailed.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            parts = [part.strip() for part in row["EmoDetail"].split(";")]
            votes.setdefault(row["FileName"], []).append(parts)
    return votes


def code(primary: str) -> str:
    return EIGHT.get(primary, "O")


def test_headers_and_line_ends(root: Path) -> None:
    text = (root / "Labels" / "labels_consensus.csv").read_bytes()
    assert text.startswith(b"FileName,EmoClass,EmoAct,EmoVal,EmoDom,SpkrID,Gender,Split_Set\n")
    assert b"\r" not in text


def test_the_class_is_the_unique_plurality_of_at_least_five_votes(
    consensus: list[dict[str, str]], workers: dict[str, list[list[str]]]
) -> None:
    assert len(consensus) == len(workers)
    for row in consensus:
        votes = workers[row["FileName"]]
        assert len(votes) >= 5
        (first, top), *rest = Counter(code(parts[1]) for parts in votes).most_common(2)
        expected = "X" if rest and rest[0][1] == top else first
        assert row["EmoClass"] == expected


def test_every_split_has_every_class(consensus: list[dict[str, str]]) -> None:
    for split in TURNS:
        seen = {row["EmoClass"] for row in consensus if row["Split_Set"] == split}
        assert seen == {*EIGHT.values(), "O", "X"}


def test_votes_have_the_quirks_of_the_corpus(workers: dict[str, list[list[str]]]) -> None:
    votes = [parts for own in workers.values() for parts in own]
    assert any(parts[1].startswith("Other-") for parts in votes)
    assert any("," in parts[2] for parts in votes)
    assert any(parts[2].startswith("A:") for parts in votes), "no vote lacks its secondary list"
    for parts in votes:
        marks = parts[-4:]
        assert [mark[:2] for mark in marks] == ["A:", "V:", "D:", ""]
        assert all(1 <= float(mark[2:]) <= 7 for mark in marks[:3])


def test_attributes_are_the_mean_of_the_raters(
    consensus: list[dict[str, str]], workers: dict[str, list[list[str]]]
) -> None:
    for row in consensus:
        marks = [float(parts[-4][2:]) for parts in workers[row["FileName"]]]
        assert float(row["EmoAct"]) == pytest.approx(sum(marks) / len(marks), abs=1e-6)


def test_labels_txt_repeats_both_tables(
    root: Path, consensus: list[dict[str, str]], workers: dict[str, list[list[str]]]
) -> None:
    blocks = (root / "Labels" / "labels.txt").read_text().strip().split("\n\n")
    assert len(blocks) == len(consensus)
    for block, row in zip(blocks, consensus, strict=True):
        head, *lines = block.splitlines()
        assert head.startswith(f"{row['FileName']}; {row['EmoClass']}; A:")
        assert len(lines) == len(workers[row["FileName"]])


def test_json_says_the_same(root: Path, consensus: list[dict[str, str]]) -> None:
    labels = json.loads((root / "Labels" / "labels_consensus.json").read_text())
    details = json.loads((root / "Labels" / "labels_detailed.json").read_text())
    assert set(labels) == set(details) == {row["FileName"] for row in consensus}
    assert all(labels[row["FileName"]]["EmoClass"] == row["EmoClass"] for row in consensus)
    assert any("EmoClass_Second" not in v for own in details.values() for v in own.values())


def test_partition_agrees_and_covers_every_clip(
    root: Path, consensus: list[dict[str, str]]
) -> None:
    lines = (root / "Partition.txt").read_text().splitlines()
    partition = {name: split for split, name in (line.split("; ") for line in lines)}
    assert set(partition) == {path.name for path in (root / "Audios").iterdir()}
    assert all(partition[row["FileName"]] == row["Split_Set"] for row in consensus)
    assert all(AUDIO_NAME.fullmatch(name) for name in partition)
    assert any(name.count("_") == 3 for name in partition)


def test_test3_is_sound_only(root: Path, consensus: list[dict[str, str]]) -> None:
    assert (root / "Audios" / "MSP-PODCAST_test3_0001.wav").is_file()
    assert not [row for row in consensus if "test3" in row["FileName"]]
    assert not list((root / "Transcripts").glob("*test3*"))


def test_transcripts_are_missing_or_empty_in_train_only(
    root: Path, consensus: list[dict[str, str]]
) -> None:
    lacking: dict[str, set[str]] = {"absent": set(), "empty": set()}
    for row in consensus:
        path = root / "Transcripts" / f"{Path(row['FileName']).stem}.txt"
        if not path.is_file():
            lacking["absent"].add(row["Split_Set"])
        elif not path.read_text():
            lacking["empty"].add(row["Split_Set"])
    assert lacking == {"absent": {"Train"}, "empty": {"Train"}}


def test_speakers_are_disjoint_and_unknown_only_in_train(consensus: list[dict[str, str]]) -> None:
    speakers: dict[str, set[str]] = {}
    for row in consensus:
        speakers.setdefault(row["Split_Set"], set()).add(row["SpkrID"])
    assert [split for split, own in speakers.items() if "Unknown" in own] == ["Train"]
    named = [own - {"Unknown"} for own in speakers.values()]
    assert sum(map(len, named)) == len(set.union(*named))


def test_at_full_size_every_class_has_seven_percent_and_test_voices_are_unheard() -> None:
    turns = plan(seed=0, scale=1.0)
    variants: dict[str, set[str]] = {}
    for split, count in TURNS.items():
        own = [turn for turn in turns if turn.split == split]
        classes = Counter(turn.label for turn in own if turn.label not in (None, "other"))
        assert sum(classes.values()) == pytest.approx(count, abs=2)
        assert min(classes.values()) >= 0.07 * count
        variants[split] = {turn.voice.variant for turn in own}
    assert variants["Train"].isdisjoint(variants["Test1"])
    assert variants["Development"].isdisjoint(variants["Train"] | variants["Test1"])
    test1 = [turn for turn in turns if turn.split == "Test1" and turn.label not in (None, "other")]
    assert len(test1) == 200


def test_annotators_disagree() -> None:
    turns = plan(seed=0, scale=1.0)
    tops = [
        Counter(vote.primary for vote in turn.votes).most_common(1)[0][1] / len(turn.votes)
        for turn in turns
    ]
    assert 0.6 < sum(tops) / len(tops) < 0.9


def test_attributes_follow_the_emotion(consensus: list[dict[str, str]]) -> None:
    """So that a model can learn them."""

    def mean(column: str, code: str) -> float:
        found = [float(row[column]) for row in consensus if row["EmoClass"] == code]
        return sum(found) / len(found)

    assert mean("EmoAct", "A") > mean("EmoAct", "N") + 0.5 > mean("EmoAct", "S") + 1
    assert mean("EmoVal", "H") > mean("EmoVal", "N") + 0.5 > mean("EmoVal", "A") + 1
    assert mean("EmoDom", "A") > mean("EmoDom", "F") + 1
