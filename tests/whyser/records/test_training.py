from __future__ import annotations

import json
from pathlib import Path

import pytest

from whyser.io.errors import InputError
from whyser.records.training import TrainingFacts, read_training, write_training

FACTS = TrainingFacts(
    system="row11",
    checkpoint="Qwen/Qwen2-Audio-7B-Instruct",
    rows={"whyser_train_reason": 15000},
    teacher="Qwen/Qwen2.5-Omni-7B",
)


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    write_training(tmp_path, FACTS)
    assert json.loads((tmp_path / "training.json").read_text()) == {
        "system": "row11",
        "checkpoint": "Qwen/Qwen2-Audio-7B-Instruct",
        "rows": {"whyser_train_reason": 15000},
        "teacher": "Qwen/Qwen2.5-Omni-7B",
    }
    assert read_training(tmp_path) == FACTS


def test_its_sentence() -> None:
    assert str(FACTS) == (
        "row11 was trained from Qwen/Qwen2-Audio-7B-Instruct on 15,000 rows of "
        "whyser_train_reason. Teacher: Qwen/Qwen2.5-Omni-7B."
    )
    both = FACTS.model_copy(update={"rows": {"a": 1000, "b": 20}, "teacher": "measured cues"})
    assert str(both).endswith(" on 1,000 rows of a and 20 rows of b. Teacher: measured cues.")


def test_results_of_an_unknown_training(tmp_path: Path) -> None:
    assert read_training(tmp_path) is None
    assert read_training(tmp_path / "nowhere") is None


@pytest.mark.parametrize(
    "content", ["{", "[]", '{"system": "x"}', '{"system": "x", "checkpoint": "y", "rows": [1]}']
)
def test_a_broken_file_is_named_with_the_cure(tmp_path: Path, content: str) -> None:
    (tmp_path / "training.json").write_text(content)
    with pytest.raises(InputError, match=r"training\.json.*") as caught:
        read_training(tmp_path)
    assert str(tmp_path) in str(caught.value)


def test_the_cure_of_a_field_that_is_missing(tmp_path: Path) -> None:
    (tmp_path / "training.json").write_text('{"system": "x"}')
    with pytest.raises(InputError, match=r"Run \./run\.sh --from predict again\."):
        read_training(tmp_path)
