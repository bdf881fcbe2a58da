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
    assert "noise.wav: its name has not the form" in outcome.out + outcome.err
    assert "mine: 5 utterances" in outcome.out


def test_what_a_pattern_cannot_be(convert: Any, clips: Path, tmp_path: Path) -> None:
    for pattern, what in (
        ("{label", "bad pattern"),
        ("{1}_*.wav", "bad pattern"),
        ("x/{label}.wav", "has the form 'x/{label}.wav'. The first one is 'wav/a1.wav'"),
    ):
        outcome = convert("table", clips, tmp_path / "out", "--pattern", pattern)
        assert outcome.status == 1
        assert what in outcome.err
    outcome = convert("table", clips, tmp_path / "out")
    assert "Give a pattern with a field for the label" in outcome.err
