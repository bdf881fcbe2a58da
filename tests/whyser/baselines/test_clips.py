"""Which utterances are used for training, early stopping and testing."""

from __future__ import annotations

from typing import Any

import pytest

from whyser.baselines.clips import read_task
from whyser.io.errors import InputError


def splits(task: Any) -> tuple[int, int, int]:
    return len(task.train), len(task.dev), len(task.test)


def test_the_splits_are_the_corpus_own(clips: Any) -> None:
    task = read_task([clips.write()])
    assert splits(task) == (48, 12, 12)
    assert task.classes == ("angry", "sad", "neutral")
    assert task.split == "test"


def test_without_a_dev_split_whole_speakers_stand_in(
    clips: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    for row in clips.utterances:
        row["split"] = row["split"].replace("dev", "train")
    task = read_task([clips.write()])
    assert splits(task) == (48, 12, 12)
    speakers = [{clip.utterance.speaker for clip in part} for part in (task.train, task.dev)]
    assert not speakers[0] & speakers[1]
    assert "1 of 5 training speakers are held out" in capsys.readouterr().err
    assert read_task([clips.file]) == task


def test_who_alone_has_a_class_stays_in_training(clips: Any) -> None:
    for row in clips.utterances:
        row["split"] = row["split"].replace("dev", "train")
    # Whoever would have stood in for dev is now the only one who is sad.
    held = {clip.utterance.speaker for clip in read_task([clips.write()]).dev}
    for row in clips.utterances:
        if row["label"] == "sad" and row["split"] == "train" and row["speaker"] not in held:
            row["label"] = "angry"
    task = read_task([clips.write()])
    assert splits(task) == (48, 12, 12)
    assert {clip.utterance.label for clip in task.train} == set(task.classes)
    assert not held & {clip.utterance.speaker for clip in task.dev}


def test_where_each_speaker_alone_has_a_class_nobody_can_be_held_out(clips: Any) -> None:
    for row in clips.utterances:
        row["split"] = row["split"].replace("dev", "train")
        if row["split"] == "train":
            row["speaker"] = f"c/{row['label']}"
    with pytest.raises(InputError, match="no speakers to hold out without losing a class"):
        read_task([clips.write()])


def test_what_stops_by_nothing_needs_no_dev_split(
    clips: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    for row in clips.utterances:
        row |= {"split": row["split"].replace("dev", "train"), "speaker": None}
    assert splits(read_task([clips.write()], stops=False)) == (60, 0, 12)
    assert not capsys.readouterr().err


def test_one_speaker_cannot_be_held_out(clips: Any) -> None:
    clips.utterances = [row for row in clips.utterances if row["speaker"] in {"c/0", "c/5"}]
    with pytest.raises(InputError, match="no dev split, and no speakers to hold out"):
        read_task([clips.write()])


def test_only_what_has_a_class_is_learnt_and_on_request_all_is_answered(clips: Any) -> None:
    for number in (0, 50, 70):  # of train, dev and test
        clips.utterances[number] |= {"label": None}
    path = clips.write()
    assert splits(read_task([path])) == (47, 11, 11)
    assert splits(read_task([path], everything=True)) == (47, 11, 12)


def test_a_class_that_is_not_trained_on_is_named(clips: Any) -> None:
    for row in clips.utterances:
        if row["split"] == "train" and row["label"] == "sad":
            row["label"] = "angry"
    path = clips.write()
    with pytest.raises(InputError, match=r"of class sad\. .* --classes angry,neutral\."):
        read_task([path])
    task = read_task([path], classes=("angry", "neutral"))
    assert {clip.utterance.label for clip in task.train} == {"angry", "neutral"}
    # The test asks about all, and the class that nobody taught is missed.
    assert len(task.test) == 12


@pytest.mark.parametrize(
    ("split", "message"),
    [
        ("train", "split 'train' is used for training"),
        ("dev", "split 'dev' is used for training or early stopping"),
        ("test9", "no utterance of split 'test9' to test on"),
    ],
)
def test_other_splits_are_refused(clips: Any, split: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_task([clips.write()], split=split)


def test_a_corpus_that_is_given_twice_is_refused(clips: Any) -> None:
    path = clips.write()
    with pytest.raises(InputError, match="duplicate id 'c/0'"):
        read_task([path, path])
