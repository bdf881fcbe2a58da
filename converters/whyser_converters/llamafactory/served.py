"""Checks that a served model gets the prompt it was trained on, in its folder or a serving YAML.

An exported model has the chat template of its base checkpoint. No server warns of it, but the model
answers differently than under `do_predict`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Any

from whyser.io.errors import InputError
from whyser.io.files import read_text, read_yaml
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

#: How many characters of a difference a warning shows.
_SHOWN = 60


def check_served(target: str, findings: Findings) -> bool:
    """Warns if a served model gets other prompts or decoding than in training and `do_predict`.

    `target` is a model's folder, or a YAML for `vllm serve` or LLaMA-Factory's chat and api; for
    anything else the result is False. A model that cannot be served with its YAML is a problem.

    Raises: `InputError` when a file that it names is missing or broken.
    """
    path = Path(target)
    if _is_model(path):
        cure = f"Run whyser-convert servable {path}; official checkpoints need no change."
        faults = (*_template_faults(template_of(path), cure), *_decoding_faults(path, cure))
        findings.add_all(faults, path)
        return True
    settings = _serving_settings(target)
    if settings is None:
        return False
    by_vllm = "model" in settings
    model = str(settings.get("model" if by_vllm else "model-name-or-path", ""))
    # As in vLLM and LLaMA-Factory: a folder, or else a name on a hub.
    folder = Path(model) if _is_model(Path(model)) else None
    if folder is None:
        findings.notes.append(f"{path}: {model!r} is not a model's folder, so it is not checked")
    check = _vllm_faults if by_vllm else _llamafactory_faults
    findings.add_all((*check(settings, folder), *_speechlm_faults(settings, folder)), path)
    return True


def _is_model(folder: Path) -> bool:
    return (folder / "config.json").is_file()


def _serving_settings(target: str) -> Mapping[str, Any] | None:
    """The settings of a serving YAML, with dashes in the keys as in vLLM's help; None otherwise."""
    if not is_yaml(target):
        return None
    try:
        settings = read_yaml(Path(target))
    except InputError:
        return None  # The check of training YAMLs reports this.
    if not isinstance(settings, dict):
        return None
    dashed = {str(key).replace("_", "-"): value for key, value in settings.items()}
    trains = "dataset" in dashed or "eval-dataset" in dashed
    return dashed if not trains and ("model" in dashed or "infer-backend" in dashed) else None


def _vllm_faults(settings: Mapping[str, Any], model: Path | None) -> Iterator[CheckFault]:
    cure = f"Write 'chat-template: {TRAINED}', or run whyser-convert servable on its model."
    if given := settings.get("chat-template"):
        # vLLM uses a text that cannot be a path as the template itself.
        literal = any(mark in str(given) for mark in "{}\n")
        template = str(given) if literal else read_text(Path(str(given)))
        yield from _template_faults(template, cure)
    elif model is not None:
        yield from _template_faults(template_of(model), cure)
    if settings.get("chat-template-content-format", "auto") == "string":
        what = "with chat-template-content-format 'string' vLLM itself writes 'Audio 1: '"
        yield CheckFault(_PROMPTS, what, "Write openai.", warns=True)
    if settings.get("generation-config", "auto") == "auto" and model is not None:
        yield from _decoding_faults(model, "Write 'generation-config: vllm'.")


def _llamafactory_faults(settings: Mapping[str, Any], model: Path | None) -> Iterator[CheckFault]:
    if (template := settings.get("template")) != "qwen2_audio":
        what = f"template is {template!r}, but training used 'qwen2_audio'"
        yield CheckFault(_PROMPTS, what, "Write template: qwen2_audio.", warns=True)
    if settings.get("infer-backend") == "vllm":
        what = "LLaMA-Factory's own vLLM backend marks the start and end of a sound twice"
        cure = "Write infer_backend: huggingface, or serve with vllm serve."
        yield CheckFault(_PROMPTS, what, cure, warns=True)
    if model is not None:
        yield from _decoding_faults(model, f"Run whyser-convert servable {model}.")


def _speechlm_faults(settings: Mapping[str, Any], model: Path | None) -> Iterator[CheckFault]:
    if model is None or not is_speechlm(model):
        return
    if "model" in settings or settings.get("infer-backend") == "vllm":
        what = f"vLLM does not know {model}, which comes with its own code"
        cure = "Serve it with llamafactory-cli api and infer_backend: huggingface."
        yield CheckFault(_ENGINES, what, cure)
    else:
        yield from trust_faults(model, settings.get("trust-remote-code"))


def _template_faults(template: str | None, cure: str) -> Iterator[CheckFault]:
    """At most one fault: the first probe that this template writes differently from training."""
    what = _difference(template)
    if what is not None:
        yield CheckFault(_PROMPTS, what, cure, warns=True)


def _difference(template: str | None) -> str | None:
    if template is None:
        return "has no chat template; its processor's own writes 'Audio 1: ' before a sound"
    for probe in PROBES:
        try:
            served = render(template, probe)
        except InputError as error:
            return error.what
        expected = render(read_text(TRAINED), probe)
        if served == expected.replace("<|audio_bos|>", "").replace("<|audio_eos|>", ""):
            what = "its chat template leaves out the marks around a sound, "
            return what + "which only vLLM up to 0.16 adds"
        if served != expected:
            pairs = enumerate(zip_longest(served, expected))
            start = next(place for place, (here, there) in pairs if here != there)
            # From the beginning of a special token, if the difference is inside one.
            token = served.rfind("<|", 0, start)
            if token >= 0 and "|>" not in served[token:start]:
                start = token
            here, there = (text[start : start + _SHOWN] for text in (served, expected))
            return f"its chat template writes {here!r} where training wrote {there!r}"
    return None


def _decoding_faults(model: Path, cure: str) -> Iterator[CheckFault]:
    if found := decoding_of(model):
        given = ", ".join(f"{key} {value}" for key, value in found.items())
        what = f"the model's generation_config.json adds {given} to every request"
        yield CheckFault(_DECODING, what, cure, warns=True)
