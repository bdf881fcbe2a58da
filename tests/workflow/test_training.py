from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from whyser.io.errors import InputError, WhyserError
from whyser_workflow.plan import RunPlan
from whyser_workflow.training import (
    RECORD,
    call,
    changes,
    environment_of,
    inputs_of,
    is_finished,
    refuse_change,
    set_aside,
    tokenised,
    train,
)

from .conftest import ROWS, YAML, PlanOf, Programs, checkpoint, killed, weights, write_rows


def record(made: RunPlan) -> dict[str, Any]:
    return json.loads((made.saves / RECORD).read_text())


# ---- what is started -----------------------------------------------------------------------


def test_rows_are_checked_and_tokenised_before_the_training(
    made: RunPlan, programs: Programs
) -> None:
    seen: list[dict[str, Any]] = []
    programs.trains = seen.append
    train(made, 0)
    copy = "saves/demo/whyser_settings.yaml"
    assert programs.started == [
        ["whyser-convert", "check", copy],
        ["whyser-convert", "tokenize", copy, "--output", "data/demo/tokenized/train-0"],
        ["llamafactory-cli", "train", copy],
    ]
    (settings,) = seen
    assert settings == {
        **yaml.safe_load(YAML),
        "model_name_or_path": "data/demo/model",
        "dataset_dir": "data/demo/sharegpt",
        "output_dir": "saves/demo",
        "overwrite_output_dir": True,
        "resume_from_checkpoint": None,
        "tokenized_path": "data/demo/tokenized/train-0",
    }


def test_inputs_are_recorded_before_the_first_step(made: RunPlan, programs: Programs) -> None:
    during: list[dict[str, Any]] = []
    programs.trains = lambda _: during.append(record(made))
    train(made, 0)
    (before,) = during
    assert before.pop("finished") is False
    assert before == inputs_of(made, 0)
    assert record(made) == before | {"finished": True}
    assert is_finished(made.saves)


@pytest.mark.parametrize(("gpus", "steps"), [("0,1", 4), ("0,1,2,3", 2), ("3", 8)])
def test_the_configured_batch_is_kept_on_several_gpus(
    plan: PlanOf,
    made: RunPlan,
    own_yaml: Path,
    programs: Programs,
    monkeypatch: pytest.MonkeyPatch,
    gpus: str,
    steps: int,
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", gpus)
    seen: list[dict[str, Any]] = []
    programs.trains = seen.append
    words = ("--set", "use_cpu=false", "gradient_accumulation_steps=8")
    train(plan("--train", str(own_yaml), *words), 0)
    written = yaml.safe_load((made.saves / "whyser_settings.yaml").read_text())
    assert seen == [written]
    assert written["gradient_accumulation_steps"] == steps
    assert written["per_device_train_batch_size"] == 4
    # The record has what was asked for, so that another machine goes on with it.
    assert record(made)["settings"]["gradient_accumulation_steps"] == 8


def test_a_batch_that_is_written_for_eight_gpus_stays_on_two(
    plan: PlanOf,
    made: RunPlan,
    own_yaml: Path,
    programs: Programs,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    Path("zero.json").write_text('{"stage": 2}')
    words = ("--set", "use_cpu=false", "deepspeed=zero.json", "gradient_accumulation_steps=1")
    seen: list[dict[str, Any]] = []
    programs.trains = seen.append
    train(plan("--train", str(own_yaml), *words), 0)
    assert seen[0]["gradient_accumulation_steps"] == 4


def test_the_folder_is_held_as_long_as_the_training_runs(made: RunPlan, programs: Programs) -> None:
    def try_too(_: dict[str, Any]) -> None:
        with pytest.raises(InputError, match="saves/demo: is in use by another process"):
            train(made, 0)

    programs.trains = try_too
    train(made, 0)
    # The training holds it too, should the process that started it be killed.
    assert programs.inherits == [(made.saves / ".lock").stat().st_ino]
    assert is_finished(made.saves)


def test_small_numbers_stay_numbers(
    plan: PlanOf, made: RunPlan, own_yaml: Path, programs: Programs
) -> None:
    """PyYAML reads 2e-3 as text, but LLaMA-Factory's reader does not."""
    omegaconf = pytest.importorskip("omegaconf")
    train(plan("--train", str(own_yaml), "--set", "learning_rate=2e-3"), 0)
    read = omegaconf.OmegaConf.load(made.saves / "whyser_settings.yaml")
    assert read.learning_rate == 0.002


def test_what_our_tokenising_does_not_know_is_left_to_llamafactory(
    programs: Programs, tmp_path: Path
) -> None:
    for settings in ({"template": "qwen2_omni"}, {"template": "qwen2_audio", "stage": "rm"}):
        assert tokenised(settings, tmp_path / "x.yaml", tmp_path / "t") == settings
    assert programs.started == []


def test_threads_of_a_small_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    assert environment_of({"use_cpu": True})["OMP_NUM_THREADS"] == "4"
    assert "OMP_NUM_THREADS" not in environment_of({})
    # LLaMA-Factory would start a process for each GPU, on the CPU.
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    assert environment_of({"use_cpu": True})["CUDA_VISIBLE_DEVICES"] == ""
    assert environment_of({})["CUDA_VISIBLE_DEVICES"] == "0,1"
    # One GPU: LLaMA-Factory refuses DeepSpeed without torchrun. Ray starts its workers itself.
    assert "FORCE_TORCHRUN" not in environment_of({})
    assert environment_of({"deepspeed": "ds_z2.json"})["FORCE_TORCHRUN"] == "1"
    monkeypatch.setenv("USE_RAY", "1")
    assert "FORCE_TORCHRUN" not in environment_of({"deepspeed": "ds_z2.json"})
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    assert environment_of({"use_cpu": True})["OMP_NUM_THREADS"] == "2"


def test_a_program_that_fails_is_named() -> None:
    with pytest.raises(WhyserError, match="sh -c failed with status 3; see the lines above"):
        call("sh", "-c", "exit 3")


# ---- never lost ----------------------------------------------------------------------------


def test_a_finished_training_is_kept(
    made: RunPlan, programs: Programs, capsys: pytest.CaptureFixture[str]
) -> None:
    train(made, 0)
    model = weights(made.saves)
    started = len(programs.started)
    # What changes nothing: a touched dataset, a comment, where results and logs go.
    os.utime(made.rows / "whyser_train_reason.json", (1, 1))
    yaml_file = Path(made.trains[0])
    yaml_file.write_text(f"# seen\n{YAML}logging_steps: 7\noutput_dir: elsewhere\n")
    train(made, 0)
    assert len(programs.started) == started
    assert model.read_bytes() == b"trained"
    assert "saves/demo is trained from the same inputs already; it is kept" in (
        capsys.readouterr().err
    )


def test_changed_settings_are_named_key_by_key(
    plan: PlanOf, made: RunPlan, own_yaml: Path, programs: Programs
) -> None:
    train(made, 0)
    model = weights(made.saves)
    started = len(programs.started)
    other = plan("--train", str(own_yaml), "--set", "learning_rate=0.5", "seed=3")
    with pytest.raises(InputError) as caught:
        train(other, 0)
    assert str(caught.value) == (
        "saves/demo: was trained from other inputs:\n"
        "  learning_rate: 0.001 -> 0.5\n"
        "  seed: null -> 3\n"
        "It is kept as it is. Give another --name for a new run, or --restart train, which keeps "
        "this folder under a new name and trains again."
    )
    assert len(programs.started) == started
    assert model.read_bytes() == b"trained"
    assert record(made)["finished"] is True


def test_changed_rows_are_named_by_number(made: RunPlan, programs: Programs) -> None:
    train(made, 0)
    rows = [*ROWS[:1], {"messages": ["other"]}, *ROWS[2:7], {"messages": ["last"]}, {"more": 1}]
    write_rows(made, "whyser_train_reason", rows)
    with pytest.raises(InputError, match="whyser_train_reason: 8 -> 9 rows; 3 differ: 2, 8, 9\n"):
        train(made, 0)
    write_rows(made, "whyser_train_reason", ROWS[:1])
    with pytest.raises(InputError, match=r"8 -> 1 rows; 7 differ: 2, 3, 4, 5, 6, \.\.\.\n"):
        train(made, 0)


def test_another_start_model_is_named(made: RunPlan, programs: Programs) -> None:
    train(made, 0)
    weights(Path(made.model))
    with pytest.raises(InputError) as caught:
        train(made, 0)
    model = r"data/demo/model \(content [0-9a-f]{16}\)"
    assert re.search(rf"\n  model_name_or_path: {model} -> {model}\n", str(caught.value))


def test_a_start_model_that_was_moved_is_the_same(
    plan: PlanOf, made: RunPlan, own_yaml: Path, programs: Programs
) -> None:
    train(made, 0)
    Path(made.model).rename("elsewhere")
    moved = plan("--train", str(own_yaml), "--model", "elsewhere")
    assert not list(changes(record(made), inputs_of(moved, 0)))


def test_an_adapter_of_the_yaml_counts(plan: PlanOf, made: RunPlan, own_yaml: Path) -> None:
    weights(Path("adapter"))
    with own_yaml.open("a") as stream:
        stream.write("adapter_name_or_path: adapter\n")
    before = inputs_of(made, 0)
    Path("adapter/model.safetensors").write_bytes(b"another")
    (line,) = changes(before, inputs_of(made, 0))
    assert line.startswith("adapter_name_or_path: adapter (content ")


@pytest.mark.parametrize(
    "setting", ["dataloader_num_workers=2", "per_device_eval_batch_size=4", "save_total_limit=3"]
)
def test_what_changes_the_speed_alone_keeps_the_model(
    plan: PlanOf, made: RunPlan, own_yaml: Path, programs: Programs, setting: str
) -> None:
    train(made, 0)
    other = plan("--train", str(own_yaml), "--set", setting)
    assert not list(changes(record(made), inputs_of(other, 0)))


def test_only_the_first_changes_are_listed() -> None:
    before = {"settings": {}, "start": {}}
    after = {"settings": {f"key_{n:02}": n for n in range(12)}, "start": {}}
    lines = list(changes(before, after))
    assert (len(lines), lines[11]) == (12, "key_11: null -> 11")


def test_a_long_list_of_changes_is_cut(tmp_path: Path) -> None:
    (tmp_path / RECORD).write_text('{"settings": {}, "start": {}}')
    after = {"settings": {f"key_{n:02}": n for n in range(12)}, "start": {}}
    with pytest.raises(InputError) as caught:
        refuse_change(tmp_path, after)
    lines = str(caught.value).splitlines()
    assert lines[10:12] == ["  key_09: null -> 9", "  ..."]


def test_a_yaml_that_is_edited_meanwhile_changes_nothing(made: RunPlan, programs: Programs) -> None:
    """A training reads its own copy, and the edited file is not taken for what was trained."""
    yaml_file = Path(made.trains[0])

    def edit(settings: dict[str, Any]) -> None:
        yaml_file.write_text(YAML.replace("0.001", "0.5"))
        copy = yaml.safe_load((made.saves / "whyser_settings.yaml").read_text())
        assert copy["learning_rate"] == settings["learning_rate"] == 0.001

    programs.trains = edit
    train(made, 0)
    assert record(made)["settings"]["learning_rate"] == 0.001
    with pytest.raises(InputError, match=r"learning_rate: 0\.001 -> 0\.5"):
        train(made, 0)


def test_a_changed_deepspeed_file_is_named(
    plan: PlanOf, made: RunPlan, own_yaml: Path, programs: Programs
) -> None:
    engine = Path("zero.json")
    engine.write_text('{"stage": 2}')
    words = ("--train", str(own_yaml), "--set", "deepspeed=zero.json")
    train(plan(*words), 0)
    engine.write_text('{"stage":  2}\n')
    train(plan(*words), 0)
    engine.write_text('{"stage": 3}')
    with pytest.raises(InputError, match=r'deepspeed: \{"stage": 2\} -> \{"stage": 3\}'):
        train(plan(*words), 0)


@pytest.mark.parametrize("file", ["model.safetensors", "pytorch_model.bin", "checkpoint-5/x"])
def test_a_model_without_a_record_is_never_trained_over(
    made: RunPlan, programs: Programs, file: str
) -> None:
    path = made.saves / file
    path.parent.mkdir(parents=True)
    path.write_bytes(b"from before")
    with pytest.raises(InputError, match="saves/demo: holds a model, and no record"):
        train(made, 0)
    assert path.read_bytes() == b"from before"
    assert programs.started == []


# ---- going on ------------------------------------------------------------------------------


def test_an_unfinished_training_goes_on_from_its_last_checkpoint(
    made: RunPlan, programs: Programs
) -> None:
    programs.trains = killed
    with pytest.raises(WhyserError, match="killed"):
        train(made, 0)
    assert not is_finished(made.saves)
    # In the order of their numbers, not of their letters.
    for steps in (8, 16, 120):
        checkpoint(made.saves, steps)
    seen: list[dict[str, Any]] = []
    programs.trains = seen.append
    train(made, 0)
    assert seen[0]["resume_from_checkpoint"] == "saves/demo/checkpoint-120"
    assert seen[0]["overwrite_output_dir"] is False
    assert is_finished(made.saves)


def test_an_unfinished_training_of_other_inputs_is_kept(
    plan: PlanOf, made: RunPlan, own_yaml: Path, programs: Programs
) -> None:
    programs.trains = killed
    with pytest.raises(WhyserError, match="killed"):
        train(made, 0)
    kept = checkpoint(made.saves, 8)
    with pytest.raises(InputError, match="seed: null -> 3"):
        train(plan("--train", str(own_yaml), "--set", "seed=3"), 0)
    assert (kept / "model.safetensors").read_bytes() == b"trained"


def test_an_incomplete_checkpoint_is_renamed_also_the_second_time(
    made: RunPlan, programs: Programs
) -> None:
    programs.trains = killed
    for round_ in range(2):
        checkpoint(made.saves, 8)
        checkpoint(made.saves, 16, '{"global_st')
        shutil.rmtree(made.saves / "checkpoint-24", ignore_errors=True)
        weights(made.saves / "checkpoint-24")
        seen: list[dict[str, Any]] = []

        def stop(settings: dict[str, Any], seen: list[dict[str, Any]] = seen) -> None:
            seen.append(settings)
            raise WhyserError("killed")

        programs.trains = stop
        if not (made.saves / RECORD).exists():
            (made.saves / RECORD).write_text(json.dumps(inputs_of(made, 0)))
        with pytest.raises(WhyserError, match="killed"):
            train(made, 0)
        assert seen[0]["resume_from_checkpoint"] == "saves/demo/checkpoint-8", round_
    assert sorted(path.name for path in made.saves.glob("*checkpoint*")) == [
        "checkpoint-8",
        *("incomplete-checkpoint-16", "incomplete-checkpoint-16.1"),
        *("incomplete-checkpoint-24", "incomplete-checkpoint-24.1"),
    ]


def test_a_model_is_set_aside_under_the_next_free_name(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    assert set_aside(folder) is None
    folder.mkdir()
    assert set_aside(folder) is None
    for number in (1, 2):
        weights(folder).write_bytes(str(number).encode())
        assert set_aside(folder) == tmp_path / f"demo.{number}"
    assert not folder.exists()
    assert [(tmp_path / f"demo.{n}/model.safetensors").read_bytes() for n in (1, 2)] == [
        *(b"1", b"2")
    ]


# ---- several trainings ---------------------------------------------------------------------


def test_the_second_training_starts_from_the_first(
    plan: PlanOf, made: RunPlan, own_yaml: Path, programs: Programs
) -> None:
    second = own_yaml.with_name("full_sft_second.yaml")
    second.write_text(YAML)
    both = plan("--train", str(own_yaml), "--train", str(second))
    first_folder, second_folder = both.saved(0), both.saved(1)
    seen: list[dict[str, Any]] = []

    def learn(settings: dict[str, Any]) -> None:
        seen.append(settings)
        weights(Path(settings["output_dir"]))

    programs.trains = learn
    train(both, 0)
    train(both, 1)
    assert [one["model_name_or_path"] for one in seen] == ["data/demo/model", str(first_folder)]
    assert [one["output_dir"] for one in seen] == [str(first_folder), str(second_folder)]
    # The first one trained again is another start.
    (first_folder / "model.safetensors").write_bytes(b"other")
    with pytest.raises(InputError, match=f"model_name_or_path: {first_folder} "):
        train(both, 1)


def test_before_the_rows_are_there_the_rest_is_compared(
    plan: PlanOf, made: RunPlan, own_yaml: Path, programs: Programs
) -> None:
    train(made, 0)
    shutil.rmtree(made.rows)
    refuse_change(made.saves, inputs_of(made, 0, with_rows=False))
    other = plan("--train", str(own_yaml), "--set", "seed=3")
    with pytest.raises(InputError, match="seed: null -> 3"):
        refuse_change(made.saves, inputs_of(other, 0, with_rows=False))


def test_a_tiny_model_that_has_yet_to_be_written_is_no_change(
    made: RunPlan, programs: Programs
) -> None:
    train(made, 0)
    shutil.rmtree(made.model)
    refuse_change(made.saves, inputs_of(made, 0, with_rows=False))
