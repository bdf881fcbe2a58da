from __future__ import annotations

from typing import Any

import pytest
import transformers

from whyser.speechlm.configuration_speechlm import BranchConfig, SpeechLMConfig

ENCODER = {"model_type": "wavlm"}


def _branch(**given: Any) -> BranchConfig:
    settings: dict[str, Any] = dict(encoder="emotion", connector="mlp", tokens=4, width=8)
    return BranchConfig(**settings | given)


def _config(**given: Any) -> SpeechLMConfig:
    return SpeechLMConfig(**{"emotion_config": dict(ENCODER)} | given)


@pytest.mark.parametrize(("fusion", "tokens"), [("sequence", 8), ("feature", 4)])
def test_how_many_tokens_a_clip_becomes(fusion: str, tokens: int) -> None:
    branches = {"content": _branch(), "emotion": _branch()}
    assert _config(branches=branches, fusion=fusion).audio_tokens == tokens


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"branches": {"voice": _branch()}}, "branch 'voice', expected 'content' or 'emotion'"),
        ({"branches": {"content": _branch(encoder="speech")}}, "give speech_config"),
        (
            {"branches": {"emotion": _branch(connector="qformer", width=10, depth=1, heads=4)}},
            "make the width a multiple of the heads",
        ),
        ({"fusion": "product"}, "expected 'sequence' or 'feature'"),
        (
            {
                "branches": {"content": _branch(), "emotion": _branch(tokens=3)},
                "fusion": "feature",
            },
            r"\[3, 4\] tokens: give both the same number, or fuse by sequence",
        ),
    ],
)
def test_what_does_not_fit_is_refused_with_a_cure(given: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        _config(**given)


@pytest.mark.parametrize("ties", [True, False])
def test_what_is_written_is_read_again(ties: bool, tmp_path: Any) -> None:
    text = transformers.LlamaConfig(hidden_size=32, tie_word_embeddings=ties)
    config = _config(text_config=text, branches={"emotion": _branch(beta=0.5)})
    config.save_pretrained(tmp_path)
    again = SpeechLMConfig.from_pretrained(tmp_path)
    assert again.to_dict() == config.to_dict() | {
        "transformers_version": again.transformers_version
    }
    assert isinstance(again.emotion_config, transformers.WavLMConfig)
    assert again.speech_config is None
    assert again.tie_word_embeddings is ties
