"""Classification by measured cues: its input, its output, and that it is scored like any system."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from whyser.baselines.clips import read_task
from whyser.baselines.cues import features, measured_in, read_all_cues
from whyser.io.files import read_json
from whyser.records.predictions import read_predictions


@pytest.fixture
def classify(
    clips: Any, baseline: Callable[..., tuple[int, str]]
) -> Callable[..., tuple[int, str]]:
    def run(*more: object) -> tuple[int, str]:
        return baseline(
            *("cues", clips.file, "--cues", clips.cues_file, "--output", clips.folder / "out"),
            *more,
        )

    return run


def answers(clips: Any) -> list[Any]:
    return [one for _, one in read_predictions(clips.folder / "out/predictions.jsonl")]


def test_cues_that_tell_are_learnt(clips: Any, classify: Callable[..., tuple[int, str]]) -> None:
    clips.write()
    status, said = classify()
    assert status == 0, said
    assert "12 answers of cues, trained on 60 utterances of 3 classes" in said
    truth = {row["id"]: row["label"] for row in clips.utterances if row["split"] == "test"}
    own = [one for one in answers(clips) if one.control == "none"]
    assert {one.id: one.text for one in own} == truth
    for one in own:
        assert sum(one.probabilities.values()) == pytest.approx(1)
        assert max(one.probabilities, key=one.probabilities.get) == one.text


def test_under_shuffled_sound_everybody_gets_anothers_answer(
    clips: Any, classify: Callable[..., tuple[int, str]]
) -> None:
    clips.write()
    classify()
    own = {one.id: one for one in answers(clips) if one.control == "none"}
    shuffled = {one.id: one for one in answers(clips) if one.control == "shuffled"}
    assert shuffled.keys() == own.keys()
    dealt = sorted(str(one.probabilities) for one in shuffled.values())
    assert dealt == sorted(str(one.probabilities) for one in own.values())
    assert all(shuffled[id_].probabilities != own[id_].probabilities for id_ in own)


def test_the_measures_are_told_against_the_speaker_or_as_heard(clips: Any) -> None:
    task = read_task([clips.write()])
    cues = read_all_cues([clips.cues_file], task.train)
    measures = measured_in(cues)
    assert measures == ["pitch"]
    both = features(task.train[:1], cues, measures, "both")
    # Angry, first of four: 4 semitones up; strength 4 / 2; pitch 200 Hz raised by 4 semitones.
    assert both == pytest.approx(np.array([[2.0, 12 * math.log2(200) + 4]]))
    assert features(task.train[:1], cues, measures, "speaker") == pytest.approx(both[:, :1])
    assert features(task.train[:1], cues, measures, "none") == pytest.approx(both[:, 1:])


def test_what_was_not_measured_is_a_feature_and_no_guess(
    clips: Any, classify: Callable[..., tuple[int, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = type(clips).cues
    monkeypatch.setattr(
        type(clips),
        "cues",
        # Nobody could measure what is sad.
        lambda self, row: measured(self, row) | ({"pitch": None} if row["label"] == "sad" else {}),
    )
    clips.write()
    status, said = classify()
    assert status == 0, said
    truth = {row["id"]: row["label"] for row in clips.utterances}
    assert all(one.text == truth[one.id] for one in answers(clips) if one.control == "none")


def test_the_weights_say_which_cue_speaks_for_what(
    clips: Any, classify: Callable[..., tuple[int, str]]
) -> None:
    clips.write()
    classify("--reference", "speaker")
    with (clips.folder / "out/weights.csv").open(encoding="utf-8") as stream:
        (row,) = csv.DictReader(stream)
    assert row["feature"] == "pitch against the speaker"
    assert float(row["angry"]) > abs(float(row["neutral"])) > float(row["sad"])
    record = read_json(clips.folder / "out/provenance.json")
    assert record["settings"]["reference"] == "speaker"
    assert [Path(one["path"]).name for one in record["inputs"]] == [
        "utterances.jsonl",
        "cues.jsonl",
    ]


def test_answers_never_have_the_provenance_of_another_run(
    clips: Any,
    classify: Callable[..., tuple[int, str]],
    set_before: Callable[[str], set[str]],
) -> None:
    clips.write()
    classify()
    assert set_before("predictions.jsonl") == {"weights.csv", "provenance.json"}


def test_of_two_classes_each_has_its_weights(
    clips: Any, classify: Callable[..., tuple[int, str]]
) -> None:
    clips.write()
    assert classify("--reference", "speaker", "--classes", "angry,sad")[0] == 0
    with (clips.folder / "out/weights.csv").open(encoding="utf-8") as stream:
        (row,) = csv.DictReader(stream)
    assert float(row["angry"]) > 1 and float(row["sad"]) == -float(row["angry"])


def test_boosted_trees_learn_it_too(clips: Any, classify: Callable[..., tuple[int, str]]) -> None:
    clips.write()
    status, said = classify("--classifier", "boosting", "--name", "trees")
    assert status == 0, said
    assert {one.model for one in answers(clips)} == {"trees"}
    assert not (clips.folder / "out/weights.csv").exists()


def test_a_clip_without_cues_is_named(clips: Any, classify: Callable[..., tuple[int, str]]) -> None:
    clips.write()
    lines = clips.cues_file.read_text().splitlines(keepends=True)
    clips.cues_file.write_text("".join(lines[2:]))
    status, said = classify()
    assert status == 1
    assert "no cues for c/0 and 1 more. Write them with whyser-teach cues" in said
    assert not (clips.folder / "out").exists()


def test_a_measure_that_only_test_clips_have_teaches_nothing(
    clips: Any, classify: Callable[..., tuple[int, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = type(clips).cues
    tested = {row["id"] for row in clips.utterances if row["split"] == "test"}

    def cues(self: Any, row: dict[str, Any]) -> dict[str, Any]:
        found = measured(self, row)
        return found | ({"rate": found["pitch"]} if row["id"] in tested else {})

    monkeypatch.setattr(type(clips), "cues", cues)
    clips.write()
    status, said = classify()
    assert status == 0, said
    with (clips.folder / "out/weights.csv").open(encoding="utf-8") as stream:
        told = [row["feature"] for row in csv.DictReader(stream)]
    assert told == ["pitch against the speaker", "pitch"]


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"pitch": None}, "error: none of 60 training clips has a measured cue."),
        ({"value": 0.0}, "cues.jsonl:1: pitch: a pitch of 0 Hz is impossible"),
        ({"strength": math.inf}, "cues.jsonl:1: pitch.strength: Input should be a finite number"),
    ],
)
def test_cues_that_say_nothing_are_named(
    changed: dict[str, Any],
    told: str,
    clips: Any,
    classify: Callable[..., tuple[int, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    measured = type(clips).cues

    def cues(self: Any, row: dict[str, Any]) -> dict[str, Any]:
        found = measured(self, row)
        return found | (changed if "pitch" in changed else {"pitch": found["pitch"] | changed})

    monkeypatch.setattr(type(clips), "cues", cues)
    clips.write()
    status, said = classify()
    assert status == 1
    assert told in said


def test_a_corpus_with_one_test_clip_has_no_control_and_is_told(
    clips: Any, classify: Callable[..., tuple[int, str]]
) -> None:
    tested = [row for row in clips.utterances if row["split"] == "test"]
    clips.utterances = [row for row in clips.utterances if row not in tested[1:]]
    clips.write()
    status, said = classify()
    assert status == 0
    assert f"no shuffled control: {tested[0]['id']} is the only clip of its corpus" in said
    assert [one.control for one in answers(clips)] == ["none"]


def test_the_same_command_writes_the_same_answers(
    clips: Any, classify: Callable[..., tuple[int, str]]
) -> None:
    clips.write()
    classify()
    first = (clips.folder / "out/predictions.jsonl").read_bytes()
    classify()
    assert (clips.folder / "out/predictions.jsonl").read_bytes() == first


@pytest.mark.parametrize(
    ("reference", "adapted"), [("both", "speaker"), ("speaker", "speaker"), ("none", "")]
)
def test_answers_say_whether_they_used_the_speakers_other_clips(
    reference: str, adapted: str, clips: Any, classify: Callable[..., tuple[int, str]]
) -> None:
    clips.write()
    assert classify("--reference", reference)[0] == 0
    assert {one.adapted for one in answers(clips)} == {adapted}


def test_what_it_writes_is_scored(
    clips: Any,
    classify: Callable[..., tuple[int, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from whyser_eval.scoring.score import score_run
    from whyser_eval.scoring.settings import Settings

    clips.write()
    classify()
    run = score_run([clips.file], [clips.folder / "out/predictions.jsonl"], Settings(draws=0))
    found = {
        (row.control, row.metric): row.value for row in run.rows if row.subset == "all"
        and row.system == "cues"
    }  # fmt: skip
    assert found["none", "f1_majority"] == 1
    assert found["none", "kl"] < found["shuffled", "kl"]
    assert found["shuffled", "f1_majority"] < 0.7
