"""The blocks in which a test set is answered, with a trainer that takes no time to import."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

#: 8 batches of a process, 2 rows each, on 1 process.
BLOCK = 16


class Trainer:
    """Stands for LLaMA-Factory's: it answers a row with the row, and may be killed."""

    def __init__(self, folder: Path, processes: int = 1) -> None:
        self.args = SimpleNamespace(
            output_dir=str(folder), per_device_eval_batch_size=2, world_size=processes
        )
        self.accelerator = SimpleNamespace(wait_for_everyone=lambda: None)
        self.asked: list[list[int]] = []
        self.killed_in_block = 0
        self.killed_while_saving = False

    def is_world_process_zero(self) -> bool:
        return True

    def predict(self, block: Rows, **options: Any) -> str:
        if len(self.asked) + 1 == self.killed_in_block and not self.killed_while_saving:
            raise KeyboardInterrupt
        self.asked.append(block.rows)
        return "result"

    def save_predictions(self, block: Rows, result: str) -> None:
        assert result == "result"
        file = Path(self.args.output_dir) / "generated_predictions.jsonl"
        lines = [json.dumps({"predict": row}) + "\n" for row in block.rows]
        if self.killed_while_saving and len(self.asked) == self.killed_in_block:
            file.write_text(lines[0])
            raise KeyboardInterrupt
        file.write_text("".join(lines))


class Rows:
    def __init__(self, rows: list[int]) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def select(self, places: range) -> Rows:
        return Rows([self.rows[place] for place in places])


@pytest.fixture
def generate(root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The module, with LLaMA-Factory and transformers played."""
    played = {
        "llamafactory": {},
        "llamafactory.train": {},
        "llamafactory.train.sft": {},
        "llamafactory.train.sft.workflow": {"CustomSeq2SeqTrainer": None, "ComputeSimilarity": 1},
        "llamafactory.train.sft.trainer": {"CustomSeq2SeqTrainer": Trainer},
        "llamafactory.train.tuner": {"run_exp": lambda: None},
        "transformers": {},
        "transformers.trainer_utils": {"PredictionOutput": lambda *found: found},
    }
    for name, content in played.items():
        module = ModuleType(name)
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, name, module)
        parent, _, own = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], own, module)
    file = root / "workflow/whyser_workflow/generate.py"
    spec = importlib.util.spec_from_file_location("played_generate", file)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module


def answers(folder: Path, name: str) -> list[int]:
    file = folder / name / "generated_predictions.jsonl"
    return [json.loads(line)["predict"] for line in file.read_text().splitlines()]


def test_sets_are_answered_in_whole_blocks(generate: ModuleType, tmp_path: Path) -> None:
    trainer = generate.BlockwiseTrainer(tmp_path)
    result = trainer.predict({"open": Rows([*range(40)]), "closed": Rows([*range(100, 116)])})
    assert [len(block) for block in trainer.asked] == [16, 16, 8, 16]
    assert answers(tmp_path, "open") == [*range(40)]
    assert answers(tmp_path, "closed") == [*range(100, 116)]
    assert result == (None, None, {"predict_sets": 2})
    assert {file.name for file in tmp_path.rglob("*")} == {
        *("open", "closed", "generated_predictions.jsonl")
    }
    assert trainer.args.output_dir == str(tmp_path)


def test_a_set_with_a_file_is_not_asked_again(generate: ModuleType, tmp_path: Path) -> None:
    sets = {"open": Rows([*range(20)]), "closed": Rows([*range(20)])}
    generate.BlockwiseTrainer(tmp_path).predict(sets)
    (tmp_path / "closed/generated_predictions.jsonl").unlink()
    again = generate.BlockwiseTrainer(tmp_path)
    again.predict(sets)
    assert again.asked == [[*range(16)], [*range(16, 20)]]


@pytest.mark.parametrize("saving", [False, True])
def test_after_a_kill_whole_blocks_are_kept(
    generate: ModuleType, tmp_path: Path, saving: bool
) -> None:
    sets = {"open": Rows([*range(40)])}
    killed = generate.BlockwiseTrainer(tmp_path)
    killed.killed_in_block, killed.killed_while_saving = 3, saving
    with pytest.raises(KeyboardInterrupt):
        killed.predict(sets)
    # A part of the answers never looks like all of them.
    assert not (tmp_path / "open/generated_predictions.jsonl").exists()
    again = generate.BlockwiseTrainer(tmp_path)
    again.predict(sets)
    assert again.asked == [[*range(32, 40)]]
    assert answers(tmp_path, "open") == [*range(40)]


@pytest.mark.parametrize(
    ("lines", "kept"),
    [(0, 0), (15, 0), (16, 16), (17, 16), (33, 32)],
)
def test_a_part_of_a_block_is_cut_off(
    generate: ModuleType, tmp_path: Path, lines: int, kept: int
) -> None:
    partial = tmp_path / "open/partial.jsonl"
    partial.parent.mkdir()
    text = [f'{{"predict": {n}}}\n' for n in range(lines)]
    partial.write_text("".join(text))
    trainer = generate.BlockwiseTrainer(tmp_path)
    assert trainer._whole_blocks(partial, BLOCK) == kept
    assert partial.read_text() == "".join(text[:kept])


def test_a_line_that_was_cut_short_is_asked_again(generate: ModuleType, tmp_path: Path) -> None:
    partial = tmp_path / "open/partial.jsonl"
    partial.parent.mkdir()
    text = [f'{{"predict": {n}}}\n' for n in range(BLOCK)]
    partial.write_text("".join(text)[:-3])
    trainer = generate.BlockwiseTrainer(tmp_path)
    trainer.predict({"open": Rows([*range(20)])})
    assert answers(tmp_path, "open") == [*range(20)]


def test_a_block_is_as_large_as_all_processes_need(generate: ModuleType, tmp_path: Path) -> None:
    trainer = generate.BlockwiseTrainer(tmp_path, processes=2)
    trainer.predict({"open": Rows([*range(40)])})
    assert [len(block) for block in trainer.asked] == [32, 8]


def test_llamafactory_is_given_the_trainer_and_computes_no_similarity(
    generate: ModuleType,
) -> None:
    generate.main()
    assert generate.sft.CustomSeq2SeqTrainer is generate.BlockwiseTrainer
    assert generate.sft.ComputeSimilarity("tokenizer") is None
