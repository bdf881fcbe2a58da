from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import soundfile

from whyser.io.audio import load
from whyser_converters.corpora.ravdess import FOLDS

NAMES = ("03-01-02-01-01-02-01", "03-01-06-02-02-01-12", "03-01-08-01-02-02-03")


@pytest.fixture
def ravdess(tmp_path: Path, write_wav: Any) -> Path:
    root = tmp_path / "ravdess"
    for name in NAMES:
        write_wav(root / f"Actor_{name[-2:]}/{name}.wav", rate=48_000, channels=2)
    return root


def test_names_become_utterances(converted: Any, ravdess: Path) -> None:
    result = converted("ravdess", ravdess)
    calm = result["ravdess/03-01-02-01-01-02-01"]
    assert (calm.label, calm.label_raw) == ("other", "calm")
    assert (calm.split, calm.speaker, calm.gender) == ("test", "ravdess/01", "male")
    assert calm.transcript == "Kids are talking by the door"
    assert calm.votes == ()
    fear = result["ravdess/03-01-06-02-02-01-12"]
    assert (fear.label, fear.label_raw, fear.split) == ("fear", "fearful", "dev")
    assert (fear.gender, fear.transcript) == ("female", "Dogs are sitting by the door")
    assert result["ravdess/03-01-08-01-02-02-03"].split == "train"
    assert "contempt" not in result.card["classes"]


def test_sound_is_written_as_16_khz_mono(converted: Any, ravdess: Path) -> None:
    result = converted("ravdess", ravdess)
    assert result.card["audio_root"] == "audio"
    for item in result.utterances:
        written = soundfile.info(str(result.folder / "audio" / item.audio))
        assert (written.samplerate, written.channels, written.subtype) == (16_000, 1, "PCM_16")
        assert (written.frames, item.duration) == (1_600, 0.1)


def test_names_in_capitals(converted: Any, ravdess: Path) -> None:
    """Some of them, then all: none is passed over."""
    before = converted("ravdess", ravdess)
    for path in sorted(ravdess.rglob("*.wav")):
        path.rename(path.with_suffix(".WAV"))
        after = converted("ravdess", ravdess)
        assert after.utterances == before.utterances
        assert after.card["unused"] == before.card["unused"]


def test_merge_calm(converted: Any, ravdess: Path) -> None:
    result = converted("ravdess", ravdess, "--merge", "calm=neutral", "--no-audio")
    calm = result["ravdess/03-01-02-01-01-02-01"]
    assert (calm.label, calm.label_raw, calm.audio) == ("neutral", "calm", None)


def test_song_and_the_doubled_tree_are_counted(
    converted: Any, ravdess: Path, write_wav: Any
) -> None:
    write_wav(ravdess / "Actor_01/03-02-02-01-01-02-01.wav")
    write_wav(ravdess / f"audio_speech_actors_01-24/Actor_01/{NAMES[0]}.wav")
    write_wav(ravdess / "Actor_01/._03-01-01-01-01-01-01.wav")
    write_wav(ravdess / "Actor_01/test tone.wav")
    result = converted("ravdess", ravdess)
    assert [item.id for item in result.utterances] == sorted(f"ravdess/{name}" for name in NAMES)
    assert result.utterances[0].audio == f"{NAMES[0]}.wav"
    assert (result.card["read"], result.card["dropped"]) == (3, {})
    assert result.card["unused"] == {
        "second copy of a file in the doubled Kaggle tree": 1,
        "song": 1,
        "wav whose name is not of RAVDESS' form": 1,
    }


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("03-01-09-01-01-01-01", "bad emotion code '09'"),
        ("03-01-03-01-01-01-25", "bad actor code '25'"),
        ("03-01-03-01-03-01-01", "bad statement code '03'"),
        ("03-01-03-01-01-01", "bad file name '03-01-03-01-01-01'"),
    ],
)
def test_bad_names(faulty: Any, ravdess: Path, write_wav: Any, name: str, message: str) -> None:
    write_wav(ravdess / f"Actor_01/{name}.wav")
    result = faulty("ravdess", ravdess, f"{name}.wav: {message}")
    assert len(result.utterances) == 3


@pytest.mark.shared_data
class TestRealClips:
    def test_folds_are_the_published_ones(self, shared_data: Path) -> None:
        folds = json.loads((shared_data / "splits/ravdess_folds.json").read_text())
        published = [tuple(folds[f"fold_{number}"]["test_actors"]) for number in range(1, 7)]
        assert published == list(FOLDS)

    def test_360_clips(self, converted: Any, shared_data: Path) -> None:
        result = converted("ravdess", shared_data / "ravdess")
        items = result.utterances
        assert Counter(item.split for item in items) == {"train": 180, "test": 120, "dev": 60}
        actors = {
            split: {i.speaker[-2:] for i in items if i.split == split}
            for split in ("train", "dev", "test")
        }
        assert actors == {"train": {"02", "05", "15"}, "dev": {"12"}, "test": {"01", "20"}}
        stereo = 0
        for item in items:
            stem = item.id.partition("/")[2]
            source = soundfile.info(str(shared_data / f"ravdess/Actor_{stem[-2:]}/{stem}.wav"))
            written = soundfile.info(str(result.folder / "audio" / item.audio))
            assert (written.samplerate, written.channels) == (16_000, 1)
            # 48 kHz is three times 16 kHz: right to a sample.
            assert abs(written.frames - source.frames / 3) < 1
            assert item.duration == written.frames / 16_000
            stereo += source.channels == 2
        assert stereo == 5
        # Quiet clips are kept, and are not silent.
        assert all(
            abs(load(result.folder / "audio" / item.audio)).max() > 0 for item in items[::20]
        )
