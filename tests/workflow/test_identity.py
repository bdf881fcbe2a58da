from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from whyser.io.errors import InputError
from whyser_workflow.identity import (
    code_identity,
    digest_of,
    folder_identity,
    model_identity,
    options_identity,
    own_rows_identity,
    row_hashes,
    settings_identity,
)


@pytest.fixture
def yaml(tmp_path: Path) -> Path:
    path = tmp_path / "x.yaml"
    path.write_text("dataset: a\nlearning_rate: 0.001\n", encoding="utf-8")
    return path


def touch(path: Path) -> None:
    """Another time, the same content."""
    os.utime(path, (1, 1))


# ---- settings ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "# a comment\nlearning_rate: 0.001\n\ndataset: a  # another\n",
        'dataset: "a"\nlearning_rate: 1.0e-3\n',
        "dataset: a\nlearning_rate: 0.001\noutput_dir: elsewhere\nlogging_steps: 7\n"
        "plot_loss: true\nreport_to: wandb\noverwrite_cache: true\n",
    ],
)
def test_comments_order_and_places_change_nothing(yaml: Path, text: str) -> None:
    before = settings_identity(yaml)
    assert before == {"dataset": "a", "learning_rate": 0.001}
    yaml.write_text(text, encoding="utf-8")
    assert settings_identity(yaml) == before


def test_overrides_count_as_in_the_yaml(yaml: Path) -> None:
    changed = settings_identity(yaml, ["learning_rate=2.0e-3", "logging_steps=7"])
    assert changed == {"dataset": "a", "learning_rate": 0.002}
    assert settings_identity(yaml, ["learning_rate=0.001"]) == settings_identity(yaml)


def test_a_deepspeed_file_counts_by_what_it_says(yaml: Path, tmp_path: Path) -> None:
    engine = tmp_path / "zero.json"
    engine.write_text('{"zero_optimization": {"stage": 2}}')
    override = [f"deepspeed={engine}"]
    before = settings_identity(yaml, override)
    assert before["deepspeed"] == {"zero_optimization": {"stage": 2}}
    engine.write_text('{ "zero_optimization":\n  {"stage": 2} }\n')
    assert settings_identity(yaml, override) == before
    engine.write_text('{"zero_optimization": {"stage": 3}}')
    assert settings_identity(yaml, override)["deepspeed"]["zero_optimization"] == {"stage": 3}


def test_a_broken_deepspeed_file_is_named(yaml: Path, tmp_path: Path) -> None:
    (tmp_path / "zero.json").write_text("{")
    with pytest.raises(InputError, match=r"zero\.json:1: not valid JSON"):
        settings_identity(yaml, [f"deepspeed={tmp_path / 'zero.json'}"])


# ---- options -------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["--prompt {}", "--prompt={}"])
def test_a_changed_prompt_file_is_another_teacher(tmp_path: Path, form: str) -> None:
    file = tmp_path / "mine.txt"
    file.write_text("Why $EMOTION?")
    words = form.format(file).split()
    before = options_identity([*words, "--concurrency", "64"])
    assert before[-2:] == ["--concurrency", "64"]
    touch(file)
    assert options_identity([*words, "--concurrency", "64"]) == before
    file.write_text("How $EMOTION?")
    assert options_identity([*words, "--concurrency", "64"]) != before


# ---- rows ----------------------------------------------------------------------------------


def write(path: Path, rows: Any) -> Path:
    path.write_text(json.dumps(rows))
    return path


def test_a_row_counts_by_its_content(tmp_path: Path) -> None:
    file = write(tmp_path / "d.json", [{"a": 1, "b": 2}, {"a": 3}])
    before = row_hashes(file)
    assert len(before) == len({*before}) == 2
    file.write_text('[\n {"b": 2, "a": 1},\n {"a": 3}\n]\n')
    touch(file)
    assert row_hashes(file) == before
    assert row_hashes(write(file, [{"a": 3}, {"a": 1, "b": 2}])) == before[::-1]
    changed = row_hashes(write(file, [{"a": 1, "b": 2}, {"a": 4}]))
    assert (changed[0] == before[0], changed[1] == before[1]) == (True, False)


def test_rows_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        row_hashes(tmp_path / "gone.json")
    with pytest.raises(InputError, match=r"expected a list of rows\. Write the dataset again"):
        row_hashes(write(tmp_path / "d.json", {"a": 1}))


# ---- models --------------------------------------------------------------------------------


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text('{"width": 8}')
    (folder / "model.safetensors").write_bytes(bytes(range(256)))
    (folder / "tokenizer.json").write_text("{}")
    return folder


def test_a_model_of_a_hub_is_its_name() -> None:
    assert model_identity("Qwen/Qwen2-Audio-7B-Instruct") == "Qwen/Qwen2-Audio-7B-Instruct"


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json"])
def test_a_model_is_what_its_files_hold(model: Path, name: str) -> None:
    before = model_identity(str(model))
    touch(model / name)
    assert model_identity(str(model)) == before
    content = bytearray((model / name).read_bytes())
    content[0] ^= 1
    (model / name).write_bytes(content)
    assert model_identity(str(model)) != before


def test_logs_and_checkpoints_are_not_the_model(model: Path) -> None:
    before = model_identity(str(model))
    (model / "trainer_log.jsonl").write_text("{}")
    (model / "whyser_training.json").write_text("{}")
    (model / "checkpoint-1").mkdir()
    (model / "checkpoint-1/model.safetensors").write_bytes(b"1")
    assert model_identity(str(model)) == before
    (model / "adapter_config.json").write_text("{}")
    assert model_identity(str(model)) != before


def test_a_copy_elsewhere_is_the_same_model(model: Path, tmp_path: Path) -> None:
    before = model_identity(str(model))
    assert model_identity(str(model.rename(tmp_path / "elsewhere"))) == before


@pytest.mark.parametrize("place", [0, (5 << 20) - 1])
def test_large_weights_are_read_in_part(model: Path, place: int) -> None:
    """Beginning and end are read; so is the size."""
    weights = model / "model.safetensors"
    content = bytearray(5 << 20)
    weights.write_bytes(content)
    before = model_identity(str(model))
    content[place] = 1
    weights.write_bytes(content)
    changed = model_identity(str(model))
    weights.write_bytes(bytes((5 << 20) + 1))
    assert len({before, changed, model_identity(str(model))}) == 3


# ---- corpora -------------------------------------------------------------------------------


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    folder = tmp_path / "corpus"
    (folder / "wav").mkdir(parents=True)
    (folder / "wav/1.wav").write_bytes(b"RIFF")
    return folder


def test_a_corpus_is_its_files(corpus: Path) -> None:
    before = folder_identity(corpus)
    assert folder_identity(corpus) == before
    (corpus / "wav/2.wav").write_bytes(b"RIFF")
    with_another = folder_identity(corpus)
    (corpus / "wav/2.wav").write_bytes(b"RIFFRIFF")
    assert len({before, with_another, folder_identity(corpus)}) == 3


def test_a_corpus_is_the_same_by_a_link(corpus: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(corpus)
    assert folder_identity(tmp_path / "link") == folder_identity(corpus)


def test_a_name_that_is_not_utf_8_counts_too(corpus: Path) -> None:
    before = folder_identity(corpus)
    (corpus / os.fsdecode(b"caf\xe9.wav")).write_bytes(b"RIFF")
    assert folder_identity(corpus) != before


def test_a_folder_that_cannot_be_read_is_left_out(
    corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = folder_identity(corpus)
    lost = corpus / "lost+found"
    lost.mkdir()
    scandir = os.scandir

    def refuse(path: Any) -> Any:
        if Path(path) == lost:
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    # Root may read everything, so that file modes prove nothing there.
    monkeypatch.setattr(os, "scandir", refuse)
    assert folder_identity(corpus) == before


def test_a_folder_that_can_be_listed_and_not_entered_is_left_out(
    corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = folder_identity(corpus)
    (corpus / "locked/deep").mkdir(parents=True)
    (corpus / "locked/1.wav").write_bytes(b"RIFF")
    stat = Path.stat

    def refuse(path: Path, **options: Any) -> os.stat_result:
        if "locked" in path.parts[:-1]:
            raise PermissionError(13, "Permission denied", str(path))
        return stat(path, **options)

    monkeypatch.setattr(Path, "stat", refuse)
    if sys.version_info >= (3, 14):  # pragma: no cover
        pytest.skip("is_file has another way there")
    assert folder_identity(corpus) == before


def test_a_link_in_a_circle_ends(corpus: Path) -> None:
    (corpus / "wav/up").symlink_to(corpus)
    (corpus / "wav/nowhere").symlink_to("gone")
    assert len(folder_identity(corpus)) == 16


# ---- our own code --------------------------------------------------------------------------


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "a_room"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "one.py").write_text("A = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield folder
    for name in ("a_room", "a_room.one"):
        sys.modules.pop(name, None)


def test_code_counts_by_what_it_says(room: Path) -> None:
    whole, one = code_identity("a_room"), code_identity("a_room.one")
    touch(room / "one.py")
    (room / "__pycache__").mkdir(exist_ok=True)
    (room / "__pycache__/one.pyc").write_bytes(b"compiled")
    assert (code_identity("a_room"), code_identity("a_room.one")) == (whole, one)
    (room / "two.py").write_text("B = 1\n")
    assert code_identity("a_room.one") == one
    assert code_identity("a_room") != whole
    (room / "one.py").write_text("A = 2\n")
    assert code_identity("a_room.one") != one


def test_a_room_that_is_not_there() -> None:
    with pytest.raises(InputError, match=r"no module whyser\.attic"):
        code_identity("whyser.attic")


def test_a_digest_knows_no_order() -> None:
    assert digest_of({"a": 1, "b": None}) == digest_of({"b": None, "a": 1})
    assert digest_of({"a": 1}) != digest_of({"a": 2})


# ---- own rows ------------------------------------------------------------------------------


def test_own_rows_are_their_entries_and_files(tmp_path: Path) -> None:
    table = tmp_path / "dataset_info.json"
    entries = {name: {"file_name": f"{name}.json"} for name in ("a", "b", "c")}
    for name in entries:
        (tmp_path / f"{name}.json").write_text("[]", encoding="utf-8")
    table.write_text(json.dumps(entries), encoding="utf-8")
    before = own_rows_identity(table, ["a", "b"])
    touch(tmp_path / "a.json")
    (tmp_path / "c.json").write_text("[1]", encoding="utf-8")
    assert own_rows_identity(table, ["a", "b"]) == before
    (tmp_path / "b.json").write_text("[1]", encoding="utf-8")
    changed = own_rows_identity(table, ["a", "b"])
    table.write_text(json.dumps(entries | {"a": {"file_name": "c.json"}}), encoding="utf-8")
    assert len({before, changed, own_rows_identity(table, ["a", "b"])}) == 3
