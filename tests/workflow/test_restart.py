from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from whyser.io.errors import InputError, WhyserError
from whyser_workflow.lock import locked
from whyser_workflow.plan import RunPlan
from whyser_workflow.restart import end_restart, restart
from whyser_workflow.training import is_finished, train

from .conftest import (
    ROWS,
    PlanOf,
    Programs,
    checkpoint,
    killed,
    weights,
    write_rows,
)


@pytest.fixture
def restarted(made: RunPlan, programs: Programs) -> RunPlan:
    """A finished model was set aside, and its training was killed half way."""
    made = replace(made, restart="train")
    train(made, 0)
    weights(made.saves)
    made.data.mkdir(exist_ok=True)
    assert restart(made) == Path("saves/demo.1")
    programs.trains = killed
    with pytest.raises(WhyserError, match="killed"):
        train(made, 0)
    checkpoint(made.saves, 8)
    return made


def test_a_restart_that_was_killed_goes_on(restarted: RunPlan, programs: Programs) -> None:
    assert restart(restarted) is None
    seen: list[dict[str, Any]] = []
    programs.trains = seen.append
    train(restarted, 0)
    assert seen[0]["resume_from_checkpoint"] == "saves/demo/checkpoint-8"
    # A later stage may fail; what is trained stays then, too.
    assert restart(restarted) is None
    assert is_finished(restarted.saves)
    assert sorted(Path("saves").iterdir()) == [Path("saves/demo"), Path("saves/demo.1")]
    end_restart(restarted)
    assert restart(restarted) == Path("saves/demo.2")


def test_a_restart_of_other_settings_begins_again(
    plan: PlanOf, restarted: RunPlan, own_yaml: Path, programs: Programs
) -> None:
    other = plan("--train", str(own_yaml), "--set", "seed=3", "--restart", "train")
    assert restart(other) == Path("saves/demo.2")
    assert Path("saves/demo.2/checkpoint-8/model.safetensors").read_bytes() == b"trained"
    programs.trains = lambda settings: None
    train(other, 0)
    assert restart(other) is None


def test_a_restart_whose_rows_changed_begins_again(restarted: RunPlan, programs: Programs) -> None:
    """The training refuses other rows, and names `--restart train` as the cure."""
    write_rows(restarted, "whyser_train_reason", ROWS[:3])
    with pytest.raises(InputError, match="8 -> 3 rows"):
        train(restarted, 0)
    assert restart(restarted) == Path("saves/demo.2")
    shutil.rmtree(restarted.rows)
    assert restart(restarted) is None


def test_nothing_is_set_aside_under_a_training_that_runs(made: RunPlan, programs: Programs) -> None:
    train(made, 0)
    kept = weights(made.saves)
    with locked(made.saves), pytest.raises(InputError, match="saves/demo: is in use by another"):
        restart(replace(made, restart="train"))
    assert kept.exists()


# ---- --restart predict -----------------------------------------------------------------------


def test_answers_are_set_aside_once(plan: PlanOf) -> None:
    made = plan("--restart", "predict")
    assert restart(made) is None
    end_restart(made)
    for name in made.test_sets:
        for file in (made.generated(name), made.predictions(name)):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(name)
    assert restart(made) == Path("results/demo/generated.1")
    kept = Path("results/demo/generated.1")
    for name in made.test_sets:
        assert (kept / name / "generated_predictions.jsonl").read_text() == name
        assert (kept / f"{name}.jsonl").read_text() == name
        assert not made.generated(name).exists() and not made.predictions(name).exists()
    # Stopped, and called again: what was answered since stays.
    made.predictions(made.test_sets[0]).write_text("again")
    assert restart(made) is None
    assert made.predictions(made.test_sets[0]).read_text() == "again"
    # A restart of the training that is under way is another one.
    assert restart(plan("--restart", "train")) is None
    assert restart(made) == Path("results/demo/generated.2")


def test_other_stages_set_nothing_aside(plan: PlanOf) -> None:
    weights(Path("saves/demo"))
    assert restart(plan("--restart", "score")) is None
    assert Path("saves/demo/model.safetensors").exists()
