"""Writes the datasets that a plan's configurations name."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from whyser.io.console import run
from whyser.io.files import atomic_path
from whyser_converters.datasets.dataset_info import read_table, register
from whyser_workflow.plan import DEV_ROWS, RunPlan, control_of, read_plan
from whyser_workflow.training import call


def build(plan: RunPlan) -> None:
    """Writes every training and test set into the plan's folder of rows, and checks them."""
    if plan.own:
        _copy_own(plan)
    else:
        for name in plan.training_sets:
            call("whyser-convert", *training_words(plan, name))
        for name in plan.test_sets:
            call("whyser-convert", *test_words(plan, name))
    call("whyser-convert", "check", str(plan.rows / "dataset_info.json"))


def _copy_own(plan: RunPlan) -> None:
    """The rows as `whyser-convert import` wrote them."""
    (corpus,) = plan.corpora
    source = plan.utterances(corpus).parent
    entries = read_table(source / "dataset_info.json")
    for name in plan.sets:
        for suffix in (".manifest.jsonl", ".json"):
            with atomic_path(plan.rows / f"{name}{suffix}") as copy:
                shutil.copyfile(source / f"{name}{suffix}", copy)
        table = plan.rows / "dataset_info.json"
        register(table, name, plan.rows / f"{name}.json", as_given=entries[name])


def training_words(plan: RunPlan, name: str) -> list[str]:
    """The command for `whyser_train_reason`, `whyser_dev_label`, `whyser_task_asr`, ...: a split,
    or a task of the training split with a question of its own, and the target."""
    _, kind, what = name.split("_", 2)
    words = ["preference" if what == "preference" else "sharegpt"]
    words += map(str, map(plan.utterances, plan.corpora))
    words += ["--split", "dev" if kind == "dev" else "train", "--output", str(plan.rows / name)]
    words += ["--max-samples", str(DEV_ROWS)] if kind == "dev" else []
    if what != "preference":
        words += ["--prompt", "task" if kind == "task" else plan.prompt]
        target = "reason" if what == "sampled" else what
        words += ["--target", target]
        words += ["--labels", "sampled", "--epochs", "2"] if what == "sampled" else []
        words += ["--no-asr"] if kind == "task" and what != "asr" else []
    # Rationales choose the utterances of every target, so rows 10 and 11, and all tasks of a
    # mixture, have the same utterances in the same order.
    return [*words, *taught_words(plan)]


def taught_words(plan: RunPlan) -> Iterator[str]:
    for file in plan.rationales:
        yield from ("--rationales", str(file))
    for corpus in plan.corpora:
        yield from ("--cues", str(plan.taught(corpus, "cues")))


def test_words(plan: RunPlan, name: str) -> list[str]:
    """The command for `whyser_test_open`, `whyser_test_closed_cot_noise`, ..."""
    words = ["sharegpt", *map(str, map(plan.utterances, plan.tested))]
    words += ["--split", plan.test_split, "--target", "label", "--output", str(plan.rows / name)]
    words += ["--prompt", "closed" if "_closed" in name else "open"]
    words += ["--cot"] if "_cot" in name else []
    control = control_of(name)
    return [*words, *(["--control", control] if control != "none" else [])]


def main() -> None:
    """`python -m whyser_workflow.building PLAN`."""
    (path,) = sys.argv[1:]
    build(read_plan(Path(path)))


if __name__ == "__main__":
    run(main)
