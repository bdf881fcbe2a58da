"""Which part of a clip the encoder gets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

pytest.importorskip("torch")
pytest.importorskip("transformers")

from whyser.baselines.ssl.pretrained import load
from whyser.baselines.ssl.sounds import Ear, Probed, Sounds, probe_all
from whyser.io.errors import BadInput
from whyser.records.corpus import Clip, Corpus


@pytest.fixture
def sounds(encoder: Callable[[str], Path], corpus: Path, tmp_path: Path) -> Sounds:
    """One clip that counts up, of which a quarter is heard."""
    from transformers import Wav2Vec2FeatureExtractor

    path = tmp_path / "ramp.wav"
    soundfile.write(path, np.arange(16_000, dtype=np.float32) / 16_000, 16_000, subtype="FLOAT")
    clip = Clip(Corpus(corpus), next(Corpus(corpus).utterances()))
    ear = replace(
        Ear.of(load(str(encoder("wavlm")))),
        extractor=Wav2Vec2FeatureExtractor(do_normalize=False),
    )
    return Sounds([Probed(clip, path, 16_000)], ear, 4_000, seed=0)


def first_of(sounds: Sounds, epoch: int) -> int:
    row = sounds[epoch, 0]
    assert row["lengths"] == len(row["sound"]) == 4_000
    return round(float(row["sound"][0]) * 16_000)


def test_training_hears_another_stretch_each_epoch(sounds: Sounds) -> None:
    starts = [first_of(sounds, epoch) for epoch in range(50)]
    assert len(set(starts)) > 40
    assert min(starts) >= 0 and max(starts) <= 12_000
    assert min(starts) < 1_500 and max(starts) > 10_500
    # The epoch decides, not what was drawn before.
    assert first_of(sounds, 7) == starts[7]


def test_a_test_hears_the_middle(sounds: Sounds) -> None:
    sounds.seed = None
    assert first_of(sounds, 0) == first_of(sounds, 1) == 6_000


def test_a_clip_below_a_frame_is_padded_to_one(sounds: Sounds, tmp_path: Path) -> None:
    path = tmp_path / "click.wav"
    soundfile.write(path, np.full(10, 0.5, dtype=np.float32), 16_000, subtype="FLOAT")
    clip = sounds.probed[0].clip
    row = Sounds([Probed(clip, path, 10)], sounds.ear, 4_000)[0]
    assert row["lengths"] == len(row["sound"]) == 400
    assert row["sound"].tolist() == [0.5] * 10 + [0.0] * 390


def test_another_rate_is_counted_at_16_khz(corpus: Path, tmp_path: Path) -> None:
    path = tmp_path / "slow.wav"
    soundfile.write(path, np.zeros(8_000, dtype=np.float32), 8_000)
    probed = probe_all([Clip(_At(corpus, path), next(Corpus(corpus).utterances()))])
    assert probed[0].frames == 16_000


def test_all_that_cannot_be_read_is_named_at_once(corpus: Path, tmp_path: Path) -> None:
    one, two, *_ = Corpus(corpus).utterances()
    (tmp_path / "empty.wav").touch()
    with pytest.raises(BadInput) as caught:
        probe_all(
            [
                Clip(_At(corpus, tmp_path / "empty.wav"), one),
                Clip(_At(corpus, tmp_path / "no"), two),
            ]
        )
    assert "empty.wav: is empty (0 bytes)" in str(caught.value)
    assert "no: no such sound file" in str(caught.value)
    assert "2 problems in the sound" in str(caught.value)


class _At(Corpus):
    """A corpus whose sound lies in one file."""

    def __init__(self, path: Path, sound: Path) -> None:
        super().__init__(path)
        object.__setattr__(self, "sound", sound)

    def audio_path(self, utterance: object) -> Path:
        return self.__dict__["sound"]
