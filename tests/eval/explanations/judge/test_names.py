"""The model family that a name belongs to."""

import pytest

from whyser_eval.explanations.judge.panel import families_of, kinship


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("Qwen/Qwen2.5-Omni-7B", "Qwen"), ("QwQ-32B", "Qwen"), ("Q2.5O+CoT", "Qwen"),
        ("Q2A", "Qwen"), ("gpt-4o", "OpenAI"), ("openai/gpt-oss-20b", "OpenAI"),
        ("o1", "OpenAI"), ("o3-mini", "OpenAI"), ("o4-mini-2025-04-16", "OpenAI"),
        ("gemini-2.0-flash", "Google"), ("google/gemma-3-27b-it", "Google"),
        ("claude-sonnet-4", "Anthropic"), ("meta-llama/Llama-3.3-70B-Instruct", "Llama"),
        ("mistralai/Mixtral-8x22B", "Mistral"), ("Voxtral-Mini-3B", "Mistral"),
        ("deepseek-chat", "DeepSeek"), ("microsoft/Phi-4", "Phi"), ("phi4", "Phi"),
        ("zai-org/GLM-4.5", "GLM"), ("Baichuan-Omni-1.5", "Baichuan"),
    ],
)  # fmt: skip
def test_a_name_tells_its_family(name, family):
    assert families_of(name) == {family}


@pytest.mark.parametrize(
    "name", ["tiny", "demo", "row11", "ollama", "philosopher", "foo1", "SALMONN", "proto3"]
)
def test_other_names_tell_none(name):
    assert families_of(name) == frozenset()


def test_kin_by_either_parent():
    (told,) = kinship("DeepSeek-R1-Distill-Qwen-32B", ["Qwen2.5-Omni"], ["row11"])
    assert "(Qwen)" in told
    assert list(kinship("gemini-2.0-flash", ["Qwen2.5-Omni"], ["row11", "Q2A+CoT"])) == []
    (told,) = kinship("gpt-4o", ["Qwen2.5-Omni"], ["gpt-4o-audio-preview"])
    assert "system gpt-4o-audio-preview" in told


def test_what_cannot_be_told_is_not_passed_over():
    (told,) = kinship("gpt-4o", ["our-teacher"], ["row11"])
    assert told.startswith("the model family of teacher our-teacher is unknown")
    told = list(kinship("ours", ["ours"], ["ours"]))
    assert "judge ours is also the teacher: the judge may favour its own" in told
    assert "judge ours is also the system: the judge may favour its own" in told
