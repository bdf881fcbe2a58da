"""The benchmark runs at a tiny size and prints all of its lines; how fast it is, no test asks."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from whyser.votes import majority
from whyser_converters.msp_podcast import prepare_msp_podcast

TURNS, HIDDEN = 400, 6  # Test3's share of 400 is 6.18

MEASURES = (
    "MSP-Podcast, 400 turns",
    "votes",
    "turns per second",
    "peak memory",
    "bare pandas.read_csv of its tables",
    "their share of the conversion",
    "CPU for 100,000 turns, of 100",
    "CPU for 100,000 turns, of 200",
    "CPU for 100,000 turns, of 400",
    "the same, all turns over a quarter",
    "headers of 50 files, in threads",
    "headers of 50 files, in one thread",
    "bare soundfile.info of the same",
    "in threads over bare",
    "in one thread over bare",
    "check of 40 clips of 0.2 s",
    "rows per second",
    "bare soundfile.info of its clips",
    "their share of the check",
)

SIZES = ("--turns", str(TURNS), "--files", "50", "--rows", "40", "--clip-seconds", "0.2")


def run(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(root / "benchmarks/converters.py"), *arguments],
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("benchmark")


@pytest.fixture(scope="module")
def printed(printed_by: Callable[..., list[list[str]]], work: Path) -> list[list[str]]:
    """The table's cells, line by line."""
    return printed_by("converters.py", *SIZES, "--work", str(work), "--keep")


def test_every_line_is_printed_with_a_figure(printed: list[list[str]]) -> None:
    assert [cells[0] for cells in printed] == list(MEASURES)
    assert all(cells[1][0].isdigit() for cells in printed)


def test_a_bound_for_the_full_size_is_not_judged_at_another(printed: list[list[str]]) -> None:
    judged = [cells for cells in printed if cells[2]]
    assert [cells[0] for cells in judged if cells[3] != "not judged"] == [
        "headers of 50 files, in threads",
        "headers of 50 files, in one thread",
    ]
    assert len(judged) == 6


def test_all_that_was_generated_is_converted(printed: list[list[str]], work: Path) -> None:
    corpus = work / "whyser_benchmark" / f"msp_podcast_{TURNS}"
    utterances = list(prepare_msp_podcast(corpus))
    with (corpus / "Labels/labels_detailed.csv").open(encoding="utf-8", newline="") as stream:
        voted = Counter(row["FileName"] for row in csv.DictReader(stream))
    assert len(utterances) == TURNS
    assert sum(utterance.split == "test3" for utterance in utterances) == HIDDEN
    assert len(voted) == TURNS - HIDDEN
    assert {
        f"{utterance.id.partition('/')[2]}.wav": len(utterance.votes)
        for utterance in utterances
        if utterance.votes
    } == voted
    assert printed[1][1] == f"{voted.total():,}"
    generated = json.loads((corpus / "generated.json").read_text(encoding="utf-8"))
    assert generated == {"turns": TURNS, "labelled": len(voted), "votes": voted.total()}


def test_the_generated_consensus_is_the_votes_plurality(
    printed: list[list[str]], work: Path
) -> None:
    corpus = work / "whyser_benchmark" / f"msp_podcast_{TURNS}"
    for utterance in prepare_msp_podcast(corpus):
        assert utterance.label == majority(utterance.primaries)


def test_what_is_not_kept_goes_again(root: Path, tmp_path: Path) -> None:
    tiny = ("--turns", "80", "--files", "2", "--rows", "2", "--clip-seconds", "0.1")
    assert run(root, *tiny, "--work", str(tmp_path)).returncode == 0
    assert list(tmp_path.iterdir()) == []


def test_to_keep_asks_where(root: Path) -> None:
    assert "--work" in run(root, "--keep").stderr
