"""Sound and text together."""

from __future__ import annotations

from transformers.models.qwen2_audio.processing_qwen2_audio import Qwen2AudioProcessor


class SpeechLMProcessor(Qwen2AudioProcessor):
    """Qwen2-Audio's, with a feature extractor of our own: tokens, template and how tokens of sound
    are counted are its."""

    feature_extractor_class = "AutoFeatureExtractor"
