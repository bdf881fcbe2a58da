from __future__ import annotations

import re
from pathlib import Path

import pytest
import soundfile

from whyser.demo.native_ravdess import STEREO

NAME = re.compile(r"03-01-0[1-8]-0[12]-0[12]-0[12]-(0[1-9]|1\d|2[0-4])\.wav")


@pytest.fixture(scope="module")
def clips(corpora: Path) -> list[Path]:
    return sorted((corpora / "ravdess").rglob("*.wav"))


def test_names_and_folders(clips: list[Path]) -> None:
    for clip in clips:
        assert NAME.fullmatch(clip.name), clip.name
        assert clip.parent.name == f"Actor_{clip.stem[-2:]}"
        assert not clip.name.startswith("03-01-01-02"), "neutral was never acted strongly"
    assert {clip.name[6:8] for clip in clips} == {f"{code:02d}" for code in range(1, 9)}


def test_actors_of_several_folds(clips: list[Path]) -> None:
    actors = {clip.stem[-2:] for clip in clips}
    assert {"01", "11", "20", "21"} <= actors
    assert {"04", "10", "12", "14"} <= actors
    assert len(actors) > 12


def test_48_khz_and_five_stereo_files(clips: list[Path]) -> None:
    stereo = set()
    for clip in clips:
        info = soundfile.info(str(clip))
        assert (info.samplerate, info.subtype) == (48_000, "PCM_16")
        if info.channels == 2:
            stereo.add(clip.stem)
    assert stereo == set(STEREO)


def test_some_files_are_larger_than_their_sound(clips: list[Path]) -> None:
    filled = [clip for clip in clips if b"FLLR" in clip.read_bytes()[:64]]
    assert filled
    for clip in filled:
        info = soundfile.info(str(clip))
        assert clip.stat().st_size > 44 + 2 * info.channels * info.frames
