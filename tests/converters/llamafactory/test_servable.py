from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from whyser.prompting.prompts import TRAINED

#: What `llamafactory-cli export` leaves of the base checkpoint.
OFFICIAL = "Audio 1: <|audio_bos|><|AUDIO|><|audio_eos|>\n"
SAMPLING = {"do_sample": True, "temperature": 0.7, "top_p": 0.5, "repetition_penalty": 1.1}
TOKENS = {"eos_token_id": [1, 2], "pad_token_id": 2, "transformers_version": "4.57.6"}

Convert = Callable[..., Any]


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    folder = tmp_path / "merged"
    folder.mkdir()
    tokens = {"added_tokens_decoder": {"5": {"content": "<|AUDIO|>"}}}
    files = {
        "config.json": "{}",
        "tokenizer_config.json": json.dumps(tokens),
        "chat_template.jinja": OFFICIAL,
        "generation_config.json": json.dumps({**SAMPLING, **TOKENS}),
        "Modelfile": "FROM .",
    }
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_template_and_decoding_are_those_of_training_and_the_originals_stay(
    convert: Convert, exported: Path
) -> None:
    before = contents(exported)
    outcome = convert("servable", exported)
    assert outcome.status == 0
    assert outcome.err.count("wrote ") == 2
    after = contents(exported)
    assert after["chat_template.jinja"] == TRAINED.read_bytes()
    assert json.loads(after["generation_config.json"]) == TOKENS
    assert after["chat_template.original.jinja"] == before["chat_template.jinja"]
    assert after["generation_config.original.json"] == before["generation_config.json"]
    untouched = before.keys() - {"chat_template.jinja", "generation_config.json"}
    assert {name: after[name] for name in untouched} == {name: before[name] for name in untouched}


def test_the_token_is_found_where_transformers_5_lists_it(convert: Convert, exported: Path) -> None:
    (exported / "tokenizer_config.json").write_text("{}", encoding="utf-8")
    assert "has no token <|AUDIO|>" in convert("servable", exported).err
    tokens = {"added_tokens": [{"id": 5, "content": "<|AUDIO|>"}]}
    (exported / "tokenizer.json").write_text(json.dumps(tokens), encoding="utf-8")
    assert convert("servable", exported).status == 0


def test_a_second_time_nothing_is_written(convert: Convert, exported: Path) -> None:
    convert("servable", exported)
    before = contents(exported)
    outcome = convert("servable", exported)
    assert (outcome.status, "wrote" in outcome.err) == (0, False)
    assert contents(exported) == before


def test_the_first_original_is_kept(convert: Convert, exported: Path) -> None:
    convert("servable", exported)
    (exported / "chat_template.jinja").write_text("somebody's own", encoding="utf-8")
    convert("servable", exported)
    assert (exported / "chat_template.original.jinja").read_text("utf-8") == OFFICIAL


def test_a_folder_without_either_file_gets_the_template(convert: Convert, exported: Path) -> None:
    """The processor would take its own default, which is the official one."""
    (exported / "chat_template.jinja").unlink()
    (exported / "generation_config.json").unlink()
    outcome = convert("servable", exported)
    assert outcome.err.count("wrote ") == 1
    assert (exported / "chat_template.jinja").read_bytes() == TRAINED.read_bytes()
    assert not list(exported.glob("*original*"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("Modelfile", "is not an export or a trained model of LLaMA-Factory"),
        ("config.json", "is not a model's folder"),
        ("adapter_config.json", "is an adapter without its model"),
        ("tokenizer_config.json", "has no token <|AUDIO|>"),
        ("generation_config.json", "expected an object"),
    ],
)
def test_what_is_not_ours_to_change_is_refused_untouched(
    convert: Convert, exported: Path, change: str, message: str
) -> None:
    path = exported / change
    if change in ("Modelfile", "config.json"):
        path.unlink()
    else:
        path.write_text("[]", encoding="utf-8")
    before = contents(exported)
    outcome = convert("servable", exported)
    assert outcome.status == 1
    assert message in outcome.err
    assert contents(exported) == before
