"""Checks that a served model gets the prompt it was trained on: its folder, and serving YAMLs.

An exported model has the chat template of its base checkpoint, and no server warns: it answers,
but not as `do_predict` would.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Any

import yaml

from whyser.io.errors import InputError
from whyser.io.files import read_text
from whyser.prompting.prompts import OPEN, TRAINED
from whyser_converters.check.findings import CheckFault, Findings
from whyser_converters.check.model import is_speechlm
from whyser_converters.check.settings import is_yaml
from whyser_converters.check.speechlm import trust_faults
from whyser_converters.llamafactory.chat_template import Messages, render, template_of
from whyser_converters.llamafactory.servable import decoding_of

_ENGINES = "engines that do not know the model"
_PROMPTS, _DECODING = "prompts unlike those of training", "decoding unlike that of do_predict"

_QUESTION: Messages = [
    {"role": "user", "content": [{"type": "audio"}, {"type": "text", "text": OPEN.text}]}
]
#: The usual prompt, and one with everything that a chat may hold.
PROBES: tuple[Messages, ...] = (
    _QUESTION,
    [
        {"role": "system", "content": "Be brief."},
        *_QUESTION,
        {"role": "assistant", "content": "sad"},
        {"role": "user", "content": "Why?"},
    ],
)

#: Characters of a difference that are shown.
_SHOWN = 60


def is_model(target: str) -> bool:
    return (Path(target) / "config.json").is_file()


def serving_settings(target: str) -> Mapping[str, Any] | None:
    """Settings of a YAML for `vllm serve` or LLaMA-Factory's chat and api; None for any other.

    Keys are as vLLM's help has them, with dashes.
    """
    if not is_yaml(target):
        return None
    try:
        settings = yaml.safe_load(read_text(Path(target)))
    except (InputError, yaml.YAMLError):
        return None  # told by who reads it as a training YAML
    if not isinstance(settings, dict):
        return None
    dashed = {str(key).replace("_", "-"): value for key, value in settings.items()}
    trains = "dataset" in dashed or "eval-dataset" in dashed
    return dashed if not trains and ("model" in dashed or "infer-backend" in dashed) else None


def check_model(model: Path, findings: Findings) -> None:
    """Warns where a model's folder gives other prompts or decoding than training and `do_predict`.

    Raises: `InputError` when its template or generation config is broken.
    """
    cure = f"Run whyser-convert servable {model}; an official checkpoint asked zero-shot is right."
    for fault in (*_template_faults(template_of(model), cure), *_decoding_faults(model, cure)):
        findings.add(fault, model)


def check_serving(path: Path, settings: Mapping[str, Any], findings: Findings) -> None:
    """Warns likewise for a serving YAML; a model that cannot be served with it is a problem.

    Raises: `InputError` when a file that it names is missing or broken.
    """
    by_vllm = "model" in settings
    model = str(settings.get("model" if by_vllm else "model-name-or-path", ""))
    # As in vLLM and LLaMA-Factory: a folder, or else a name on a hub.
    folder = Path(model) if is_model(model) else None
    if folder is None:
        findings.notes.append(f"{path}: no model in {model!r} to look into")
    faults = _vllm_faults(settings, folder) if by_vllm else _llamafactory_faults(settings, folder)
    for fault in (*faults, *_speechlm_faults(settings, folder)):
        findings.add(fault, path)


def _vllm_faults(settings: Mapping[str, Any], model: Path | None) -> Iterator[CheckFault]:
    cure = f"Write 'chat-template: {TRAINED}', or run whyser-convert servable on its model."
    if given := settings.get("chat-template"):
        # vLLM takes a text that cannot be a path as the template itself.
        literal = any(mark in str(given) for mark in "{}\n")
        template = str(given) if literal else read_text(Path(str(given)))
        yield from _template_faults(template, cure)
    elif model is not None:
        yield from _template_faults(template_of(model), cure)
    if settings.get("chat-template-content-format", "auto") == "string":
        what = "chat-template-content-format is 'string': vLLM itself writes 'Audio 1: ' then"
        yield CheckFault(_PROMPTS, what, "Write openai.", warns=True)
    if settings.get("generation-config", "auto") == "auto" and model is not None:
        yield from _decoding_faults(model, "Write 'generation-config: vllm'.")


def _llamafactory_faults(settings: Mapping[str, Any], model: Path | None) -> Iterator[CheckFault]:
    if (template := settings.get("template")) != "qwen2_audio":
        what = f"template is {template!r}, training had 'qwen2_audio'"
        yield CheckFault(_PROMPTS, what, "Write template: qwen2_audio.", warns=True)
    if settings.get("infer-backend") == "vllm":
        what = "LLaMA-Factory's own vLLM backend marks the start and end of a sound twice"
        cure = "Write infer_backend: huggingface, or serve by vllm serve."
        yield CheckFault(_PROMPTS, what, cure, warns=True)
    if model is not None:
        yield from _decoding_faults(model, f"Run whyser-convert servable {model}.")


def _speechlm_faults(settings: Mapping[str, Any], model: Path | None) -> Iterator[CheckFault]:
    if model is None or not is_speechlm(model):
        return
    if "model" in settings or settings.get("infer-backend") == "vllm":
        what = f"vLLM does not know {model}, which brings its code"
        cure = "Serve it by llamafactory-cli api with infer_backend: huggingface."
        yield CheckFault(_ENGINES, what, cure)
    else:
        yield from trust_faults(model, settings.get("trust-remote-code"))


def _template_faults(template: str | None, cure: str) -> Iterator[CheckFault]:
    """At most one fault: the first probe that this template writes differently from training."""
    if template is None:
        what = "has no chat template; its processor's own writes 'Audio 1: ' before a sound"
        yield CheckFault(_PROMPTS, what, cure, warns=True)
        return
    trained = read_text(TRAINED)
    for probe in PROBES:
        try:
            served = render(template, probe)
        except InputError as error:
            yield CheckFault(_PROMPTS, error.what, cure, warns=True)
            return
        expected = render(trained, probe)
        if served == _unmarked(expected):
            what = "its chat template leaves out the marks around a sound"
            what += ", which only vLLM up to 0.16 adds"
            yield CheckFault(_PROMPTS, what, cure, warns=True)
            return
        if served != expected:
            start = _first_difference(served, expected)
            here, there = (text[start : start + _SHOWN] for text in (served, expected))
            what = f"its chat template writes {here!r} where training wrote {there!r}"
            yield CheckFault(_PROMPTS, what, cure, warns=True)
            return


def _unmarked(prompt: str) -> str:
    return prompt.replace("<|audio_bos|>", "").replace("<|audio_eos|>", "")


def _first_difference(one: str, other: str) -> int:
    """The position where two texts differ, or where the token that differs begins."""
    pairs = enumerate(zip_longest(one, other))
    start = next(place for place, (here, there) in pairs if here != there)
    token = one.rfind("<|", 0, start)
    return token if token >= 0 and "|>" not in one[token:start] else start


def _decoding_faults(model: Path, cure: str) -> Iterator[CheckFault]:
    if found := decoding_of(model):
        given = ", ".join(f"{key} {value}" for key, value in found.items())
        what = f"the model's generation_config.json adds {given} to every request"
        yield CheckFault(_DECODING, what, cure, warns=True)
