"""Makes an exported model answer as it was trained, under any server.

`llamafactory-cli export` keeps two files of the base checkpoint that training never used: its chat
template, and its `generation_config.json`, which may ask for sampling and a repetition penalty.
vLLM applies the penalty to greedy requests too, and LLaMA-Factory's api samples whatever is
requested, because transformers treats `do_sample: false` as not set.

A small model may hear less of a clip than vLLM accepts; `window.py` widens it.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from whyser.io.errors import InputError
from whyser.io.files import atomic_path, read_json, read_text, write_json, write_text
from whyser.prompting.prompts import TRACES, TRAINED
from whyser_converters.llamafactory.chat_template import FILE, template_of
from whyser_converters.llamafactory.window import widen

GENERATION = "generation_config.json"


def make_servable(model: Path) -> list[Path]:
    """Gives a model's folder the template and the decoding of training, and a window of 30 s.

    A replaced template or decoding is kept as a copy (`chat_template.original.jinja`).

    Returns: The files that were written; none when nothing had to change.

    Raises: `InputError` for a folder that holds no complete model trained with LLaMA-Factory.
    """
    _refuse_foreign(model)
    trained, generation = read_text(TRAINED), _generation(model)
    changed = widen(model)
    if template_of(model) != trained:
        changed.append(model / FILE)
        _keep(model / FILE)
        write_text(model / FILE, trained)
    if decoding_of(model):
        changed.append(model / GENERATION)
        _keep(model / GENERATION)
        tokens = {key: value for key, value in generation.items() if not _decodes(key)}
        write_json(model / GENERATION, tokens)
    return changed


def decoding_of(model: Path) -> dict[str, Any]:
    """The decoding settings that a model's folder adds to a request without any.

    Empty for plain greedy decoding, which is how `do_predict` answers here.
    """
    return {key: value for key, value in _generation(model).items() if _decodes(key) and value}


def _generation(model: Path) -> dict[str, Any]:
    path = model / GENERATION
    found = read_json(path) if path.exists() else {}
    if not isinstance(found, dict):
        raise InputError("expected an object", file=path, cure="Export the model again.")
    return found


def _decodes(key: str) -> bool:
    """Whether a setting says how to decode; the others name tokens, or the file's own origin."""
    own = key.startswith("_") or key == "transformers_version"
    return not (own or key.endswith(("_token_id", "_token_ids")))


def _refuse_foreign(model: Path) -> None:
    # transformers 5 lists added tokens only in the second file.
    files = [model / name for name in ("tokenizer_config.json", "tokenizer.json")]
    if (model / "adapter_config.json").exists():
        what = "is an adapter without its model"
        cure = "Merge it with llamafactory-cli export, and name that folder."
    elif not (model / "config.json").exists():
        what, cure = "is not a model's folder", "It has no config.json."
    elif not any((model / trace).exists() for trace in TRACES):
        what = "is not an export or a trained model of LLaMA-Factory"
        cure = f"It has none of {', '.join(TRACES)}; an official checkpoint keeps its template."
    elif not any('"<|AUDIO|>"' in read_text(file) for file in files if file.is_file()):
        what, cure = "has no token <|AUDIO|>", "Only the template qwen2_audio is supported."
    else:
        return
    raise InputError(what, file=model, cure=cure)


def _keep(path: Path) -> None:
    """Copies the original; an existing copy is older and stays."""
    copy = path.with_suffix(f".original{path.suffix}")
    if path.exists() and not copy.exists():
        with atomic_path(copy) as temporary:
            shutil.copyfile(path, temporary)
