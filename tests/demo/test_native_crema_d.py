from __future__ import annotations

import csv
import re
from collections import Counter
from pathlib import Path

import pytest

from whyser.demo.native_crema_d import ACTORS
from whyser.demo.sentences import CREMA_D

NAME = re.compile(r"(10\d\d)_([A-Z]{3})_(ANG|DIS|FEA|HAP|NEU|SAD)_(LO|MD|HI|XX)")


@pytest.fixture(scope="module")
def root(corpora: Path) -> Path:
    return corpora / "crema_d"


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_names_and_the_list_of_clips(root: Path) -> None:
    clips = {path.stem for path in (root / "AudioWAV").iterdir()}
    listed = rows(root / "SentenceFilenames.csv")
    assert {row["Filename"] for row in listed} == clips
    assert [int(row["Stimulus_Number"]) for row in listed] == list(range(1, len(clips) + 1))
    for clip in clips:
        match = NAME.fullmatch(clip)
        assert match, clip
        assert match[2] in CREMA_D
        assert match[4] == "XX" or match[2] == "IEO"


def test_actors_are_described_and_come_from_every_part(root: Path) -> None:
    described = {int(row["ActorID"]) for row in rows(root / "VideoDemographics.csv")}
    assert described == {actor for actors in ACTORS.values() for actor in actors}
    assert described == {int(path.name[:4]) for path in (root / "AudioWAV").iterdir()}


def test_three_modalities_and_an_id_that_says_which(root: Path) -> None:
    listed = {row["Filename"]: int(row["Stimulus_Number"])
              for row in rows(root / "SentenceFilenames.csv")}  # fmt: skip
    tabulated = rows(root / "processedResults" / "tabulatedVotes.csv")
    assert len(tabulated) == 3 * len(listed)
    for index, row in enumerate(tabulated):
        modality, number = divmod(int(row[""]), 100_000)
        assert modality == index // len(listed) + 1
        assert listed[row["fileName"]] == number


def test_the_vote_is_the_plurality_and_the_summary_repeats_it(root: Path) -> None:
    folder = root / "processedResults"
    summary = {row["FileName"]: row for row in rows(folder / "summaryTable.csv")}
    for row in rows(folder / "tabulatedVotes.csv"):
        counts = {letter: int(row[letter]) for letter in "ADFHNS"}
        top = max(counts.values())
        assert sum(counts.values()) == int(row["numResponses"])
        assert row["emoVote"].split(":") == [name for name, count in counts.items() if count == top]
        assert float(row["agreement"]) == pytest.approx(top / int(row["numResponses"]))
        modality = ("", "Voice", "Face", "MultiModal")[int(row[""]) // 100_000]
        assert summary[row["fileName"]][f"{modality}Vote"] == row["emoVote"]
        nobody = [name for name, column in zip("ADFHNS", list(row)[12:18], strict=True)
                  if float(row[column]) == -1]  # fmt: skip
        assert nobody == [name for name, count in counts.items() if not count]


def test_answers_of_single_raters_add_up_to_the_table(root: Path) -> None:
    """Without practice and without those whose first click took more than ten seconds."""
    key = ("sessionNums", "queryType", "questNum")
    clicks = rows(root / "finishedEmoResponses.csv")
    slow = {tuple(row[name] for name in key) for row in clicks if int(row["ttr"]) > 10_000}
    answers = rows(root / "finishedResponses.csv")
    assert len({tuple(row[name] for name in key) for row in answers}) == len(answers)
    counted: Counter[tuple[str, str, str]] = Counter(
        (row["queryType"], row["clipName"], row["respEmo"])
        for row in answers
        if tuple(row[name] for name in key) not in slow and "practice" not in row["clipName"]
    )
    assert slow
    for row in rows(root / "processedResults" / "tabulatedVotes.csv"):
        modality = row[""][0]
        for letter in "ADFHNS":
            assert counted[modality, row["fileName"], letter] == int(row[letter])


def test_a_level_follows_the_voice(root: Path) -> None:
    """Strong emotions get higher levels than a neutral voice, so that a model can learn them."""
    levels: dict[str, list[float]] = {}
    for row in rows(root / "finishedResponses.csv"):
        if row["queryType"] == "1" and not row["clipName"].endswith("_practice"):
            assert 0 <= float(row["respLevel"]) <= 100
            levels.setdefault(row["clipName"].split("_")[2], []).append(float(row["respLevel"]))
    means = {code: sum(values) / len(values) for code, values in levels.items()}
    assert min(means, key=lambda code: means[code]) == "NEU"
