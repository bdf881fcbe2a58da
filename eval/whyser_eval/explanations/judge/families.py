"""Whose model is whose: a judge prefers what sounds like itself, so kinship is told.

Source: Panickssery et al., LLM Evaluators Recognize and Favor Their Own Generations (2024).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

#: The paper's (2.1).
TEACHER = "Qwen2.5-Omni"

#: Family -> the words that tell it in the name of a model or of its maker, digits left out.
FAMILIES: dict[str, str] = {
    "Qwen": r"qwen|qwq|qvq|q2a|q2\.5o",
    "OpenAI": r"openai|gpt|chatgpt|o[134]",
    "Google": r"google|gemini|gemma|palm",
    "Anthropic": r"anthropic|claude",
    "Llama": r"llama",
    "Mistral": r"mistral(?:ai)?|mixtral|ministral|voxtral|magistral|pixtral|devstral",
    "DeepSeek": r"deepseek",
    "Phi": r"phi",
    "GLM": r"glm|chatglm|zai",
    "Kimi": r"kimi|moonshotai",
    "Baichuan": r"baichuan",
    "Command": r"command|aya|cohere",
    "Nemotron": r"nemotron",
    "Nova": r"nova",
    "Grok": r"grok",
}

#: A word ends where no letter follows: "phi4" and "phi-4", but no "philosopher".
_WORDS = {
    family: re.compile(rf"(?<![a-z0-9])(?:{words})(?![a-z])", re.IGNORECASE)
    for family, words in FAMILIES.items()
}


def families_of(model: str) -> frozenset[str]:
    """The families that a name tells: two for one that was distilled into another, none if unknown.

    >>> [*families_of("openai/gpt-oss-20b"), *families_of("gemini-2.0-flash"), *families_of("mine")]
    ['OpenAI', 'Google']
    >>> sorted(families_of("deepseek-ai/DeepSeek-R1-Distill-Qwen-7B"))
    ['DeepSeek', 'Qwen']
    """
    return frozenset(family for family, words in _WORDS.items() if words.search(model))


def kinship(judge: str, teachers: Iterable[str], systems: Iterable[str]) -> Iterator[str]:
    """Warnings where a judge may be partial to its own kin, or where that cannot be told.

    >>> print(*kinship("Qwen/Qwen3-32B", ["Qwen2.5-Omni"], ["demo"]))
    judge Qwen/Qwen3-32B and teacher Qwen2.5-Omni are of one family (Qwen): it may prefer its own
    """
    own = families_of(judge)
    if not own:
        yield f"judge {judge} is of no known family: whether it is the teacher's was not checked"
    named = [("teacher", one) for one in teachers] + [("system", one) for one in systems]
    for role, name in named:
        other = families_of(name)
        if name == judge:
            yield f"judge {judge} is the {role} too: it may prefer its own"
        elif shared := own & other:
            told = " and ".join(sorted(shared))
            yield (
                f"judge {judge} and {role} {name} are of one family ({told}): it may prefer its own"
            )
        elif own and role == "teacher" and not other:
            yield f"teacher {name} is of no known family: whether it is the judge's was not checked"
