"""Folders in the form that the package `audformat` 1.4 writes, copied from one that it wrote."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

HEADER = """name: strange
source: a stranger
usage: research
languages: [eng]
raters:
  gold: {type: other}
schemes:
  emotion:
    dtype: str
    labels: [anger, happiness, sadness]
  speaker:
    dtype: int
    labels:
      1: {gender: male}
      2: {gender: female}
  transcription:
    dtype: str
    labels: {a: Kids are talking., b: Dogs are sitting.}
splits:
  test: {type: test}
  train: {type: train}
tables:
  emotion:
    type: filewise
    columns:
      emotion: {scheme_id: emotion, rater_id: gold}
  emotion.test:
    type: filewise
    split_id: test
    columns:
      emotion: {scheme_id: emotion, rater_id: gold}
  emotion.train:
    type: filewise
    split_id: train
    columns:
      emotion: {scheme_id: emotion, rater_id: gold}
  files:
    type: filewise
    columns:
      speaker: {scheme_id: speaker}
      transcription: {scheme_id: transcription}
"""


@pytest.fixture
def folder(clips: Path) -> Path:
    test, train = "wav/b1.wav,happiness\n", "wav/a1.wav,anger\nwav/a2.wav,sadness\n"
    (clips / "db.yaml").write_text(HEADER, encoding="utf-8")
    for name, text in {
        "emotion": "file,emotion\n" + test + train,
        "emotion.test": "file,emotion\n" + test,
        "emotion.train": "file,emotion\n" + train,
        "files": "file,speaker,transcription\nwav/a1.wav,1,a\nwav/a2.wav,1,b\nwav/b1.wav,2,a\n",
    }.items():
        (clips / f"db.{name}.csv").write_text(text, encoding="utf-8")
    return clips


def test_tables_are_joined_by_file(tabled: Any, folder: Path) -> None:
    result = tabled(folder)
    found = {one.id: one for one in result.utterances}
    assert {name: one.split for name, one in found.items()} == {
        "mine/a1": "train",
        "mine/a2": "train",
        "mine/b1": "test",
    }
    happy = found["mine/b1"]
    assert (happy.label, happy.speaker, happy.gender) == ("happy", "mine/2", "female")
    assert happy.transcript == "Kids are talking."


def test_one_table_can_be_chosen(tabled: Any, convert: Any, folder: Path) -> None:
    result = tabled(folder, "--table", "emotion")
    assert {one.split for one in result.utterances} <= {"train", "dev", "test"}
    outcome = convert("table", folder, folder / "out", "--table", "emotio")
    assert outcome.status == 1
    assert "Did you mean 'emotion'?" in outcome.err


def test_parts_of_files_and_a_column_for_each_rater(
    tabled: Any, clips: Path, write_wav: Any
) -> None:
    write_wav(clips / "wav" / "long.wav", rate=16_000, seconds=2.0)
    (clips / "db.yaml").write_text(
        """name: strange
schemes:
  emotion: {dtype: str, labels: [anger, happiness, sadness]}
raters:
  r1: {type: human}
  r2: {type: human}
tables:
  segments:
    type: segmented
    columns:
      first: {scheme_id: emotion, rater_id: r1}
      second: {scheme_id: emotion, rater_id: r2}
""",
        encoding="utf-8",
    )
    (clips / "db.segments.csv").write_text(
        "file,start,end,first,second\n"
        "wav/long.wav,0 days 00:00:00,0 days 00:00:00.500000,anger,anger\n"
        "wav/long.wav,0 days 00:00:00.500000,NaT,sadness,\n",
        encoding="utf-8",
    )
    result = tabled(clips)
    first, second = result.utterances
    assert (first.id, second.id) == ("mine/long_0_500", "mine/long_500_end")
    assert (first.duration, second.duration) == (0.5, 1.5)
    assert [vote.rater for vote in first.votes] == ["mine/r1", "mine/r2"]
    assert [vote.primary for vote in second.votes] == ["sad"]


def test_a_table_that_is_missing_is_named(convert: Any, folder: Path, tmp_path: Path) -> None:
    (folder / "db.files.csv").unlink()
    outcome = convert("table", folder, tmp_path / "out")
    assert outcome.status == 1
    assert "db.files.csv: no such table. Download the folder again." in outcome.err


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("tables: {t: {columns: 5}}", "tables.t.columns"),
        ("tables: {t: {}}\nschemes: [1]", "schemes"),
        ("name: x", "tables: Field required"),
        ("[1, 2]", "Input should be"),
    ],
)
def test_a_header_of_another_form_is_refused(
    convert: Any, clips: Path, tmp_path: Path, text: str, fault: str
) -> None:
    (clips / "db.yaml").write_text(text, encoding="utf-8")
    outcome = convert("table", clips / "db.yaml", tmp_path / "out")
    assert outcome.status == 1
    assert f"{clips / 'db.yaml'}: " in outcome.err
    assert fault in outcome.err


def test_labels_with_properties_in_a_table_of_their_own(tabled: Any, folder: Path) -> None:
    """As `audb` writes emodb 1.4: the genders of speakers are in a miscellaneous table."""
    header = (folder / "db.yaml").read_text(encoding="utf-8")
    listed = "    labels:\n      1: {gender: male}\n      2: {gender: female}\n"
    assert listed in header
    header = header.replace(listed, "    labels: speaker\n")
    header += "misc_tables:\n  speaker:\n    levels: {speaker: int}\n"
    header += "    columns:\n      age: {}\n      gender: {}\n"
    (folder / "db.yaml").write_text(header, encoding="utf-8")
    (folder / "db.speaker.csv").write_text("speaker,age,gender\n1,31,male\n2,34,female\n")
    found = {one.speaker: one.gender for one in tabled(folder).utterances}
    assert found == {"mine/1": "male", "mine/2": "female"}
