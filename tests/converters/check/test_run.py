"""Faults of a run's own settings; the keys are compared with LLaMA-Factory's own parser."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from whyser_converters.check.run import known_keys, run_faults

from ...programs import start


def told(**settings: Any) -> str:
    return "\n".join(f"{fault.what}. {fault.cure}" for fault in run_faults(settings))


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("adapter_name_or_path", "saves/gone"),
        ("adapter_name_or_path", "here,saves/gone"),
        ("adapter_name_or_path", ["here", "saves/gone"]),
        ("model_name_or_path", "/nowhere/gone"),
        ("model_name_or_path", "./gone"),
        ("ref_model", "data/demo/model"),
        ("resume_from_checkpoint", "saves/x/checkpoint-250"),
        ("resume_from_checkpoint", "x/checkpoint-250"),
        ("adapter_name_or_path", "my_adapter"),
    ],
)
def test_a_checkpoint_that_does_not_exist_is_named(key: str, value: Any) -> None:
    Path("here").mkdir()
    found = told(**{key: value})
    assert f"{key} names " in found and "there is no such folder" in found
    assert "'here'" not in found


def test_what_exists_and_what_a_hub_has_is_taken(tmp_path: Path) -> None:
    (tmp_path / "saves/here").mkdir(parents=True)
    assert told(model_name_or_path="Qwen/Qwen2-Audio-7B-Instruct") == ""
    assert told(adapter_name_or_path="saves/here", model_name_or_path=str(tmp_path)) == ""
    assert told(adapter_name_or_path=None) == ""
    assert told(resume_from_checkpoint=True) == ""


def test_an_adapter_that_only_a_hub_may_have_is_warned_of() -> None:
    [fault] = run_faults({"adapter_name_or_path": "runs/row11"})
    assert fault.warns and "'runs/row11', and there is no such folder: it would be" in fault.what


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"predict_with_generate": True}, "ZeRO-3 cannot predict"),
        (
            {"adapter_name_or_path": "a", "create_new_adapter": True},
            "ZeRO-3 continues training the given adapter instead of merging it",
        ),
        ({"do_train": True}, ""),
    ],
)
def test_zero_3_is_told_what_it_cannot(settings: dict[str, Any], message: str) -> None:
    Path("a").mkdir()
    for stage in (2, 3):
        engine = {"zero_optimization": {"stage": stage}}
        Path("z.json").write_text(json.dumps(engine), encoding="utf-8")
        for given in ("z.json", engine):
            found = told(deepspeed=given, **settings)
            assert found.startswith(message) if stage == 3 and message else found == ""


def test_a_deepspeed_file_that_is_missing_or_broken_is_named() -> None:
    assert "deepspeed names 'z.json', and there is no such file" in told(deepspeed="z.json")
    Path("z.json").write_text("{", encoding="utf-8")
    assert "z.json is not valid JSON" in told(deepspeed="z.json")
    for engine in ([], {"zero_optimization": None}, {"zero_optimization": 3}):
        Path("z.json").write_text(json.dumps(engine), encoding="utf-8")
        assert "z.json holds no object of settings" in told(deepspeed="z.json")


def test_packing_is_warned_of() -> None:
    [fault] = run_faults({"packing": True})
    assert fault.warns and "attend to each other's sound" in fault.what
    assert told(packing=True, neat_packing=True) == ""


@pytest.mark.slow
def test_an_unknown_key_is_named_with_its_like() -> None:
    assert told(cutof_len=1) == (
        "LLaMA-Factory refuses the key 'cutof_len'. Did you mean 'cutoff_len'?"
    )


KEYS = """
import dataclasses, json
from llamafactory.hparams import parser
print("KEYS", json.dumps([f.name for one in (*parser._TRAIN_ARGS, *parser._INFER_ARGS)
                          for f in dataclasses.fields(one) if f.init]))
"""


@pytest.mark.slow
def test_every_key_of_llamafactory_is_known(tmp_path: Path) -> None:
    done = start(["python", "-c", KEYS], tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    [line] = [line for line in done.stdout.splitlines() if line.startswith("KEYS ")]
    theirs = set(json.loads(line.removeprefix("KEYS ")))
    assert len(theirs) > 300
    assert theirs <= known_keys()


def test_overrides_are_checked_as_they_are_launched(
    convert: Callable[..., Any], dataset: Callable[..., Path], row: Callable[..., Any]
) -> None:
    folder = dataset([row()]).parent
    Path("x.yaml").write_text("dataset: gone\nmodel_name_or_path: saves/gone\n", encoding="utf-8")
    outcome = convert("check", "x.yaml", f"dataset_dir={folder}")
    assert outcome.status == 1
    assert "no dataset 'gone'" in outcome.err and "'saves/gone'" in outcome.err
    mended = ("dataset=d", f"dataset_dir={folder}", "model_name_or_path=a/b", "cutoff_len=61")
    assert convert("check", "x.yaml", *mended).status == 0
    outcome = convert("check", "x.yaml", "dataset={")
    assert (outcome.status, "'dataset={' is not a setting" in outcome.err) == (1, True)
    outcome = convert("check", "dataset=d")
    assert outcome.status == 2
    assert "overrides a setting, so give its YAML too" in outcome.err


def test_an_export_needs_no_dataset(convert: Callable[..., Any]) -> None:
    text = "adapter_name_or_path: saves/gone\nexport_dir: saves/merged\n"
    Path("x.yaml").write_text(text, encoding="utf-8")
    assert "adapter_name_or_path names 'saves/gone'" in convert("check", "x.yaml").err
    Path("saves/gone").mkdir(parents=True)
    assert convert("check", "x.yaml").status == 0


# ---- libraries -----------------------------------------------------------------------------


def without(*libraries: str) -> Callable[[str], bool]:
    return lambda library: library not in libraries


@pytest.mark.parametrize(
    ("settings", "library", "extra"),
    [
        ({"quantization_bit": 4}, "bitsandbytes", "qlora"),
        ({"quantization_bit": 8, "quantization_method": "bnb"}, "bitsandbytes", "qlora"),
        ({"deepspeed": {"zero_optimization": {}}}, "deepspeed", "deepspeed"),
        ({"ray_num_workers": 8}, "ray", "ray"),
    ],
)
def test_a_library_that_the_run_lacks_is_a_problem(
    settings: dict[str, Any], library: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Elsewhere it is installed, and a run that does not use it does not need it."""
    monkeypatch.setattr("whyser_converters.check.run.is_installed", without(library))
    assert told() == ""
    (fault,) = run_faults(settings)
    assert not fault.warns
    assert fault.what == f"the run needs {library}, which is not installed here"
    assert fault.cure == f"Run: pip install 'whyser[{extra}]'"


def test_another_quantisation_needs_no_bitsandbytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("whyser_converters.check.run.is_installed", without("bitsandbytes"))
    assert told(quantization_bit=4, quantization_method="hqq") == ""


def test_without_llamafactory_a_yaml_is_checked_for_another_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """So all that is missing is one warning."""
    monkeypatch.setattr(
        "whyser_converters.check.run.is_installed", without("llamafactory", "bitsandbytes")
    )
    (fault,) = run_faults({"quantization_bit": 4})
    assert fault.warns
    assert fault.what == (
        "the run needs LLaMA-Factory and bitsandbytes, which are not installed here"
    )
    assert fault.cure == "Run: pip install 'whyser[train,qlora]'"
