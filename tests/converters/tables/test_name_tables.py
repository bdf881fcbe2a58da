from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from .conftest import CLIPS


def flat(clips: Path, tmp_path: Path, form: str) -> Path:
    """The clips under names that hold the annotation."""
    for name, (label, speaker) in CLIPS.items():
        path = tmp_path / "named" / form.format(name=name, label=label, speaker=speaker)
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(clips / "wav" / f"{name}.wav", path)
    return tmp_path / "named"


def test_a_pattern_reads_the_names(tabled: Any, clips: Path, tmp_path: Path) -> None:
    folder = flat(clips, tmp_path, "{speaker}_{label}_{name}.WAV")
    result = tabled(folder, "--pattern", "{speaker}_{label}_*.wav")
    found = {(one.speaker, one.label_raw) for one in result.utterances}
    assert found == {(f"mine/{speaker}", label) for label, speaker in CLIPS.values()}


def test_folders_of_labels_need_no_pattern(tabled: Any, clips: Path, tmp_path: Path) -> None:
    folder = flat(clips, tmp_path, "train/{label}/{name}.wav")
    result = tabled(folder)
    assert {one.split for one in result.utterances} == {"train"}
    assert {one.label_raw for one in result.utterances} == {label for label, _ in CLIPS.values()}


def test_a_name_of_another_form_is_counted(convert: Any, clips: Path, tmp_path: Path) -> None:
    folder = flat(clips, tmp_path, "{speaker}_{label}_{name}.wav")
    shutil.copy(clips / "wav" / "a1.wav", folder / "noise.wav")
    outcome = convert(
        "table", folder, tmp_path / "out", "--name", "mine", "--pattern", "{speaker}_{label}_*.wav"
    )
    assert outcome.status == 0
    assert "'noise.wav' has not the form '{speaker}_{label}_*.wav'" in outcome.out + outcome.err
    assert "mine: 5 utterances" in outcome.out


def test_what_a_pattern_cannot_be(convert: Any, clips: Path, tmp_path: Path) -> None:
    for pattern, what in (
        ("{label", "bad pattern"),
        ("{1}_*.wav", "bad pattern"),
        ("{speaker}{label}.wav", "nothing shows where the field before 'label' ends"),
        ("{label}*.wav", "nothing shows where the field before '*' ends"),
        ("x/{label}.wav", "has the form 'x/{label}.wav'. The first one is 'wav/a1.wav'"),
    ):
        outcome = convert("table", clips, tmp_path / "out", "--pattern", pattern)
        assert outcome.status == 1
        assert what in outcome.err
    outcome = convert("table", clips, tmp_path / "out")
    assert "Give a pattern with a field for the label" in outcome.err


def test_fields_of_a_known_width(tabled: Any, clips: Path, tmp_path: Path) -> None:
    """EmoDB's names have no marks between the codes."""
    folder = tmp_path / "emodb"
    folder.mkdir()
    for name, clip in (("03a01Wa", "a1"), ("08b02Ta", "b1")):
        shutil.copy(clips / "wav" / f"{clip}.wav", folder / f"{name}.wav")
    words = ("--merge", "W=angry", "--merge", "T=sad", "--splits", "train")
    pattern = "{speaker:2}{text:3}{label:1}{version}.wav"
    result = tabled(folder, "--pattern", pattern, *words)
    assert [(one.speaker, one.label) for one in result.utterances] == [
        ("mine/03", "angry"),
        ("mine/08", "sad"),
    ]


def test_what_a_folder_holds_is_said(convert: Any, clips: Path, tmp_path: Path) -> None:
    folder = flat(clips, tmp_path, "{label}/{name}.wav")
    shutil.copytree(folder / "anger", folder / "fan")
    outcome = convert("table", folder, tmp_path / "out")
    assert "has folders that are named after emotions, and others: ['fan']" in outcome.err
    (tmp_path / "corpus_of_languages/en").mkdir(parents=True)
    (tmp_path / "corpus_of_languages/en/train.csv").write_text("file,label\na.wav,sad\n")
    outcome = convert("table", tmp_path / "corpus_of_languages", tmp_path / "out")
    assert "contains no table, and these folders in it do: en" in outcome.err


def test_a_name_that_fits_in_two_ways_is_asked_about(
    convert: Any, tabled: Any, clips: Path, tmp_path: Path
) -> None:
    """MSP-IMPROV: the third part is the speaker, and the fourth fits the pattern too."""
    folder = tmp_path / "improv"
    folder.mkdir()
    shutil.copy(clips / "wav" / "a1.wav", folder / "MSP-IMPROV-S01A-F01-S-FM01.wav")
    words = ("--map", "label=x", "--merge", "S01A=angry", "--name", "mine")
    outcome = convert(
        "table", folder, tmp_path / "out", *words, "--pattern", "*-*-{x}-{speaker}-*.wav"
    )
    assert outcome.status == 1
    said = " ".join(outcome.err.split())
    assert "in two ways: x is 'S01A' or 'F01' and speaker is 'F01' or 'S'" in said
    assert "Write a field or a star for each part of the name." in said
    (one,) = tabled(folder, *words[:4], "--pattern", "*-*-{x}-{speaker}-*-*.wav").utterances
    assert (one.label_raw, one.speaker) == ("S01A", "mine/F01")
