"""Prepares sound for the encoders, and tells the processor the number of audio tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from transformers import (
    BatchFeature,
    SequenceFeatureExtractor,
    Wav2Vec2FeatureExtractor,
    WhisperFeatureExtractor,
)


class SpeechLMFeatureExtractor(SequenceFeatureExtractor):
    """Maps waveforms to the inputs of each encoder, and a mask that gives the number of tokens.

    Args:
        num_audio_tokens: Tokens of a clip, whatever its length.
        max_duration: Seconds to which a longer clip is cut, from its start.
        shortest: Samples of which every encoder makes a frame; a shorter clip is padded with zeros.
        mel: Settings of the `WhisperFeatureExtractor`, None without an encoder of spectrograms.
        waveform: Settings of the `Wav2Vec2FeatureExtractor`, None without an encoder of waveforms.
    """

    model_input_names = ["input_features", "input_values", "audio_lengths", "attention_mask"]  # noqa: RUF012

    def __init__(
        self,
        num_audio_tokens: int = 1,
        max_duration: float = 30.0,
        shortest: int = 1,
        mel: dict[str, Any] | None = None,
        waveform: dict[str, Any] | None = None,
        sampling_rate: int = 16_000,
        feature_size: int = 1,
        padding_value: float = 0.0,
        **others: Any,
    ) -> None:
        super().__init__(feature_size, sampling_rate, padding_value, **others)
        self.num_audio_tokens, self.max_duration = num_audio_tokens, max_duration
        self.shortest, self.mel, self.waveform = shortest, mel, waveform
        self._mel = WhisperFeatureExtractor(**mel) if mel else None
        self._waveform = Wav2Vec2FeatureExtractor(**waveform) if waveform else None

    def __call__(
        self,
        raw_speech: Any,
        sampling_rate: int | None = None,
        return_tensors: str | None = None,
        **_: Any,
    ) -> BatchFeature:
        """
        Args: `raw_speech`, one or several clips float[n] at `sampling_rate` Hz. Arguments for
            padding and masks are ignored; these are always as the encoders need them.

        Returns: the encoders' `input_features`, float[B, mels, frames], and `input_values`,
            float[B, n]; `audio_lengths`, int[B] in samples; `attention_mask`, int[B, 4 T], all
            ones, for which the formula of the template `qwen2_audio` gives T tokens.

        Raises: `ValueError` for another sampling rate, which would change the voice.
        """
        if sampling_rate not in {None, self.sampling_rate}:
            raise ValueError(
                f"the sound has {sampling_rate} Hz, the model needs {self.sampling_rate}: "
                "resample it first"
            )
        clips = [self._heard(clip) for clip in _several(raw_speech)]
        features: dict[str, Any] = {"audio_lengths": np.array([len(clip) for clip in clips])}
        given = {"sampling_rate": self.sampling_rate, "return_tensors": "np"}
        if self._mel:
            mels = self._mel(clips, padding="max_length", **given)
            features["input_features"] = mels["input_features"]
        if self._waveform:
            # Without its mask, the normalisation of loudness would include the padding.
            features["input_values"] = self._waveform(
                clips, padding="longest", return_attention_mask=True, **given
            )["input_values"]
        features["attention_mask"] = np.ones((len(clips), 4 * self.num_audio_tokens), np.int64)
        return BatchFeature(features, tensor_type=return_tensors)

    def to_dict(self) -> dict[str, Any]:
        settings: dict[str, Any] = super().to_dict()
        return {key: value for key, value in settings.items() if not key.startswith("_")}

    def _heard(self, clip: Any) -> np.ndarray[Any, Any]:
        samples = np.asarray(clip, np.float32)[: round(self.max_duration * self.sampling_rate)]
        return np.pad(samples, (0, max(0, self.shortest - len(samples))))


def _several(given: Any) -> Sequence[Any]:
    """Several clips as they are, one clip as a list of one."""
    if isinstance(given, list | tuple):
        return given if np.ndim(given[0]) else [given]
    return given if np.ndim(given) > 1 else [given]
