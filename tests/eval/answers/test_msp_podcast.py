"""Answers as the files of the MSP-Podcast challenges."""

import csv
import json

import pytest

from whyser.prompting.answer import render_answer


def rows(path):
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def answer(label, text):
    return render_answer(label, attributes=text, target="attributes")


@pytest.fixture
def export(world, whyser_eval):
    def call(*more, attributes=((1, 7), (1, 7), (1, 7))):
        world.write()
        path = world.folder / "msp_podcast/corpus.json"
        names = ("arousal", "valence", "dominance")
        scales = dict(zip(names, attributes, strict=False))
        path.write_text(json.dumps(json.loads(path.read_text()) | {"attributes": scales}))
        status, _, err = whyser_eval(
            "export", "msp_podcast", world.predictions_file, "--references", world.references_file,
            "--output", world.folder / "out", *more,
        )  # fmt: skip
        return status, err

    return call


@pytest.fixture
def folder(world):
    return world.folder / "out" / "tiny_open"


def test_both_files_have_the_columns_and_values_of_the_challenge(world, export, folder):
    for number, row in enumerate(world.predictions):
        row["text"] = answer(
            "happy" if number else "sad", "arousal 4.2 of 7, valence 50 %, dominance 3"
        )
    status, err = export()
    assert status == 0 and str(folder) in err and "note" not in err
    assert (folder / "attributes.csv").read_text().startswith("FileName,EmoAct,EmoVal,EmoDom\n")
    found = rows(folder / "attributes.csv")
    assert [one["FileName"] for one in found] == [f"clip_{number}.wav" for number in range(16)]
    assert [tuple(one.values())[1:] for one in found] == [("4.2", "4", "3")] * 16
    assert rows(folder / "categorical.csv")[:2] == [
        {"FileName": "clip_0.wav", "EmoClass": "S"}, {"FileName": "clip_1.wav", "EmoClass": "H"},
    ]  # fmt: skip


def test_what_is_not_read_is_the_middle_and_no_class_and_is_counted(world, export, folder):
    for row in world.predictions:
        row["text"] = answer("sad", "arousal 2, valence 2, dominance 2")
    world.predictions[0]["text"] = "<attributes>arousal 9 of 7, valence 1</attributes>"
    world.predictions[1]["text"] = "I would say he is bored."
    status, err = export()
    assert status == 0
    assert [tuple(one.values())[1:] for one in rows(folder / "attributes.csv")[:3]] == [
        ("4", "1", "4"), ("4", "4", "4"), ("2", "2", "2"),
    ]  # fmt: skip
    assert [one["EmoClass"] for one in rows(folder / "categorical.csv")[:3]] == ["X", "O", "S"]
    assert "note: 2 answers without all three attributes: the middle of the scale" in err
    assert "note: 1 answers without a class: X" in err


def test_withheld_labels_are_not_needed(world, export, folder):
    """Test3 has no label, and the file for it no reference."""
    for row in world.utterances:
        row |= {"split": "test3", "label": None, "label_raw": "", "votes": []}
    del world.predictions[-2:]
    status, err = export("--split", "test3")
    assert status == 0
    assert len(rows(folder / "categorical.csv")) == 14
    assert "note: 2 utterances of test3 have no answer and no row" in err
    # No answer names an attribute.
    assert not (folder / "attributes.csv").exists()


def test_only_the_split_is_exported(world, export, folder):
    world.utterances[0]["split"] = "test2"
    assert export("--split", "test2")[0] == 0
    assert [one["FileName"] for one in rows(folder / "categorical.csv")] == ["clip_0.wav"]


def test_other_corpora_ids_and_controls_are_refused(world, export):
    before = [dict(row) for row in world.predictions]
    world.predictions.append(dict(before[0]))
    status, err = export()
    assert status == 1 and "answers msp_podcast/clip_0 twice (first in line 1)" in err
    world.predictions = [*before, before[0] | {"id": "msp_podcast/unknown"}]
    status, err = export()
    assert status == 1 and "which no reference file holds" in err
    world.predictions = [row | {"control": "shuffled"} for row in before]
    status, err = export()
    assert status == 1 and "holds no answer to an utterance of the split itself" in err
    world.predictions = before
    world.utterances = [row | {"corpus": "meld"} for row in world.utterances]
    status, err = export()
    assert status == 1 and "the challenge has no corpus 'meld'" in err
