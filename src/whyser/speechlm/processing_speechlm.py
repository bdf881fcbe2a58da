"""Prepares sound and text together."""

from __future__ import annotations

from transformers.models.qwen2_audio.processing_qwen2_audio import Qwen2AudioProcessor


class SpeechLMProcessor(Qwen2AudioProcessor):
    """Qwen2-Audio's processor with our feature extractor; tokens, template and the count of audio
    tokens are the same."""

    feature_extractor_class = "AutoFeatureExtractor"
