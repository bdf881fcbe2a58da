from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import transformers

from whyser.speechlm.feature_extraction_speechlm import SpeechLMFeatureExtractor


@pytest.fixture
def both() -> SpeechLMFeatureExtractor:
    mel = transformers.WhisperFeatureExtractor(feature_size=8, chunk_length=2).to_dict()
    waveform = transformers.Wav2Vec2FeatureExtractor(return_attention_mask=True).to_dict()
    return SpeechLMFeatureExtractor(
        num_audio_tokens=7,
        max_duration=2.0,
        shortest=640,
        mel={key: value for key, value in mel.items() if key != "mel_filters"},
        waveform=waveform,
    )


def test_each_encoder_gets_what_its_own_extractor_makes(both: Any, noise: Any) -> None:
    clips = [noise(1.5, 1), noise(0.5, 2)]
    found = both(clips, sampling_rate=16_000, return_tensors="np")
    assert found["audio_lengths"].tolist() == [24_000, 8000]
    assert found["input_features"].shape == (2, 8, 200)
    assert found["input_values"].shape == (2, 24_000)
    mel = transformers.WhisperFeatureExtractor(feature_size=8, chunk_length=2)
    own = mel(clips, sampling_rate=16_000, return_tensors="np")["input_features"]
    np.testing.assert_array_equal(found["input_features"], own)
    waveform = transformers.Wav2Vec2FeatureExtractor()
    alone = waveform(clips[1], sampling_rate=16_000, return_tensors="np")["input_values"]
    np.testing.assert_allclose(found["input_values"][1, :8000], alone[0], atol=1e-6)
    assert not found["input_values"][1, 8000:].any()


def test_the_mask_says_the_number_of_tokens_by_the_template_s_closed_form(
    both: Any, noise: Any
) -> None:
    for tokens in (1, 2, 7, 110):
        both.num_audio_tokens = tokens
        mels = both(noise(1))["attention_mask"].sum(-1)
        assert ((mels - 1) // 2 + 1 - 2) // 2 + 1 == [tokens]


def test_a_long_clip_is_cut_and_a_short_one_followed_by_silence(both: Any, noise: Any) -> None:
    found = both([noise(5), noise(0.01)], sampling_rate=16_000)
    assert found["audio_lengths"].tolist() == [32_000, 640]


@pytest.mark.parametrize("kind", [list, np.asarray])
def test_a_clip_alone_is_a_batch_of_one(kind: Any, both: Any, noise: Any) -> None:
    clip = noise(0.2)
    assert both(kind(clip))["audio_lengths"].tolist() == [3200]
    assert both([clip])["input_values"].shape == (1, 3200)


def test_a_batch_may_be_an_array(both: Any, noise: Any) -> None:
    batch = np.stack([noise(0.2, 1), noise(0.2, 2)])
    assert both(batch)["audio_lengths"].tolist() == [3200, 3200]


def test_another_sampling_rate_is_refused(both: Any, noise: Any) -> None:
    with pytest.raises(ValueError, match=r"8000 Hz.*needs 16000: resample"):
        both(noise(1), sampling_rate=8000)


def test_what_is_written_is_read_again(both: Any, noise: Any, tmp_path: Any) -> None:
    both.save_pretrained(tmp_path)
    again = SpeechLMFeatureExtractor.from_pretrained(tmp_path)
    assert again.to_dict() == both.to_dict()
    for key, value in both([noise(1)]).items():
        np.testing.assert_array_equal(again([noise(1)])[key], value)
