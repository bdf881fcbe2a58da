"""Makes an exported model answer as it was trained, under any server.

`llamafactory-cli export` leaves two things of the base checkpoint in the folder that training never
knew: its chat template, and its `generation_config.json`. The second may ask for sampling and a
repetition penalty. vLLM adds the penalty to a greedy request, and LLaMA-Factory's api samples
whatever it is asked, for transformers takes `do_sample: false` for nothing said.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from whyser.io.errors import InputError
from whyser.io.files import atomic_path, read_json, read_text, write_json, write_text
from whyser.prompting.prompts import TRAINED
from whyser_converters.llamafactory.chat_template import FILE, template_of

GENERATION = "generation_config.json"

#: What LLaMA-Factory leaves where it exported or trained, and no official checkpoint has.
TRACES = ("Modelfile", "trainer_state.json", "training_args.bin")


def make_servable(model: Path) -> list[Path]:
    """Gives a model's folder the template and the greedy decoding of training.

    A file that is replaced is kept as a copy (`chat_template.original.jinja`).

    Returns: The files that were written; none when all was as it should be.

    Raises: `InputError` for a folder that holds no complete model trained with LLaMA-Factory.
    """
    _refuse_foreign(model)
    trained, generation = read_text(TRAINED), _generation(model)
    changed = []
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
    if (model / "adapter_config.json").exists():
        raise InputError(
            "is an adapter without its model",
            file=model,
            cure="Merge it by llamafactory-cli export, and name that folder.",
        )
    if not (model / "config.json").exists():
        raise InputError("is no folder of a model", file=model, cure="It has no config.json.")
    if not any((model / trace).exists() for trace in TRACES):
        raise InputError(
            "is not what LLaMA-Factory exports or trains",
            file=model,
            cure=f"It has none of {', '.join(TRACES)}; an official checkpoint keeps its template.",
        )
    # transformers 5 lists tokens that were added in the second file only.
    files = [model / name for name in ("tokenizer_config.json", "tokenizer.json")]
    if not any('"<|AUDIO|>"' in read_text(file) for file in files if file.is_file()):
        raise InputError(
            "has no token <|AUDIO|>", file=model, cure="Only the template qwen2_audio is known."
        )


def _keep(path: Path) -> None:
    """Copies the original; an existing copy is older and stays."""
    copy = path.with_suffix(f".original{path.suffix}")
    if path.exists() and not copy.exists():
        with atomic_path(copy) as temporary:
            shutil.copyfile(path, temporary)
