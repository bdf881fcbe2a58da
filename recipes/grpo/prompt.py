"""The prompt of LLaMA-Factory's qwen2_audio, as ms-swift's `--template whyser_qwen2_audio`.

ms-swift writes "Audio 1: " before a sound and a line break after it. A model that LLaMA-Factory
fine-tuned has seen neither (docs/serving.md, "A model that you trained").
"""

from __future__ import annotations

from typing import Any

from swift.template import register_template
from swift.template.templates.qwen import Qwen2AudioTemplate, QwenTemplateMeta


class WithoutNumber(Qwen2AudioTemplate):
    """A sound is its mark and nothing else."""

    def replace_tag(self, media_type: str, index: int, inputs: Any) -> list[str]:
        return ["<|audio_bos|><|AUDIO|><|audio_eos|>"]


register_template(QwenTemplateMeta("whyser_qwen2_audio", template_cls=WithoutNumber))
