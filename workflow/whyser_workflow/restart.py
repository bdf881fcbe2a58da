"""`--restart train` and `--restart predict`: what was made is set aside, and made anew.

A restart that was stopped goes on by the same command: what it has made since stays. It ends with
the first run that comes to its end.
"""

from __future__ import annotations

from pathlib import Path

from whyser.io.errors import InputError
from whyser.io.files import write_text
from whyser_workflow.lock import locked
from whyser_workflow.plan import RunPlan
from whyser_workflow.prediction import set_answers_aside
from whyser_workflow.training import inputs_of, refuse_change, set_aside


def restart(plan: RunPlan) -> Path | None:
    """Sets aside what the plan's `restart` repeats; returns where it is kept.

    Raises: `InputError` while a training or a prediction writes there.
    """
    if plan.restart == "train":
        kept = _restart_training(plan)
    elif plan.restart == "predict":
        kept = _restart_prediction(plan)
    else:
        return None
    write_text(_mark(plan), plan.restart)
    return kept


def end_restart(plan: RunPlan) -> None:
    """The run is done: the next restart begins again."""
    _mark(plan).unlink(missing_ok=True)


def _restart_training(plan: RunPlan) -> Path | None:
    numbers = range(len(plan.trains))
    for folder in filter(Path.is_dir, map(plan.saved, numbers)):
        with locked(folder):
            pass
    if _is_under_way(plan) and not any(_is_of_others(plan, number) for number in numbers):
        return None
    return set_aside(plan.saves)


def _restart_prediction(plan: RunPlan) -> Path | None:
    if _is_under_way(plan):
        return None
    with locked(plan.results / "generated"):
        return set_answers_aside(plan, plan.test_sets)


def _is_under_way(plan: RunPlan) -> bool:
    return _mark(plan).is_file() and _mark(plan).read_text("utf-8") == plan.restart


def _mark(plan: RunPlan) -> Path:
    """The mark of a restart that is under way."""
    return plan.data / ".restarted"


def _is_of_others(plan: RunPlan, number: int) -> bool:
    """Whether the folder holds a model of other inputs than the plan's; rows count if they are
    there."""
    folder = plan.saved(number)
    if not folder.is_dir():
        return False
    has_rows = all((plan.rows / f"{name}.json").is_file() for name in plan.training_sets)
    try:
        refuse_change(folder, inputs_of(plan, number, with_rows=has_rows))
    except InputError:
        return True
    return False
