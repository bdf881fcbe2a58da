from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from whyser.io.errors import InputError
from whyser_converters.check.findings import Findings
from whyser_converters.check.settings import Job, jobs_of


def jobs(folder: Path, text: str, dataset_dir: Path | None = None) -> tuple[list[Job], Findings]:
    path = folder / "x.yaml"
    path.write_text(text, encoding="utf-8")
    findings = Findings("x.yaml")
    return jobs_of(str(path), dataset_dir, findings), findings


def test_jobs_of_a_yaml_name_its_datasets(tmp_path: Path) -> None:
    text = "dataset: a, b\neval_dataset: [c]\ndataset_dir: here\ncutoff_len: 512\n"
    table, media = Path("here/dataset_info.json"), Path("here")
    found, findings = jobs(tmp_path, text)
    assert found == [
        Job("a", table, media, 512, trains=True, stage="sft"),
        Job("b", table, media, 512, trains=True, stage="sft"),
        Job("c", table, media, 512, stage="sft"),
    ]
    assert findings.problems == findings.warnings == []
    elsewhere, _ = jobs(tmp_path, text, tmp_path)
    assert {(job.table, job.media_dir) for job in elsewhere} == {
        (tmp_path / "dataset_info.json", tmp_path)
    }


def test_llamafactorys_defaults_hold(tmp_path: Path) -> None:
    [job], _ = jobs(tmp_path, "eval_dataset: a")
    assert job == Job("a", Path("data/dataset_info.json"), Path("data"), 2048, stage="sft")


def test_media_dir_and_packing_are_taken_as_llamafactory_does(tmp_path: Path) -> None:
    [job], _ = jobs(tmp_path, "dataset: a\nmedia_dir: sound\ncutoff_len: 512\nneat_packing: true")
    assert (job.media_dir, job.cutoff_len) == (Path("sound"), 511)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("dataset: [a", "not valid YAML"),
        ("- a", "holds no settings"),
        ("cutoff_len: 5", "names no dataset"),
        ("dataset: a\ncutoff_len: many", "bad cutoff_len 'many'"),
        ("dataset: a\ncutoff_len: true", "bad cutoff_len True"),
        ("dataset: a\ndataset_dir: ONLINE", "dataset_dir is 'ONLINE', expected a folder"),
        ("dataset: a\ndataset_dir: REMOTE:a/b", "dataset_dir is 'REMOTE:a/b'"),
        ("dataset: a\nmedia_dir: 5", "media_dir is 5, expected a folder"),
    ],
)
def test_settings_that_cannot_be_checked_are_refused(
    tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(InputError) as caught:
        jobs(tmp_path, text)
    assert message in str(caught.value)
    assert str(tmp_path / "x.yaml") in str(caught.value)


def test_names_that_llamafactory_takes_otherwise_are_named(tmp_path: Path) -> None:
    found, findings = jobs(tmp_path, "dataset: a,b,a\neval_dataset: b")
    twice, both = findings.problems
    assert "dataset names 'a' 2 times, but LLaMA-Factory uses it once" in twice
    assert "'b' is used for training and for evaluation" in both
    assert [job.name for job in found] == ["a", "b", "b"]


def test_an_empty_name_is_looked_for_as_llamafactory_does(
    convert: Callable[..., Any],
    dataset: Callable[..., Path],
    row: Callable[..., Any],
    tmp_path: Path,
) -> None:
    dataset([row()])
    path = tmp_path / "x.yaml"
    path.write_text("dataset: d,", encoding="utf-8")
    outcome = convert("check", path, "--dataset-dir", tmp_path)
    assert outcome.status == 1
    assert "no dataset ''" in outcome.err


def test_settings_that_go_around_the_check_are_warned_of(tmp_path: Path) -> None:
    tokenized = tmp_path / "tokens"
    text = f"dataset: a\nval_size: 0.1\ntokenized_path: {tokenized}"
    _, findings = jobs(tmp_path, text)
    [warning] = findings.warnings
    assert "val_size draws rows at random" in warning
    tokenized.mkdir()
    (tokenized / "state.json").write_text("{}", encoding="utf-8")
    _, findings = jobs(tmp_path, text)
    assert f"training reads {tokenized}" in findings.warnings[1]
    assert findings.problems == []


def test_the_budget_is_that_of_the_yaml(
    convert: Callable[..., Any],
    dataset: Callable[..., Path],
    row: Callable[..., Any],
    tmp_path: Path,
) -> None:
    dataset([row()])
    path = tmp_path / "x.yaml"
    status = {}
    for cutoff_len in (60, 61):
        path.write_text(f"dataset: d\ncutoff_len: {cutoff_len}", encoding="utf-8")
        outcome = convert("check", path, "--dataset-dir", tmp_path)
        status[cutoff_len] = (outcome.status, "do not fit cutoff_len 60" in outcome.err)
    assert status == {60: (1, True), 61: (0, False)}


def test_a_yaml_that_is_missing_hides_no_other_target(
    convert: Callable[..., Any],
    dataset: Callable[..., Path],
    row: Callable[..., Any],
    tmp_path: Path,
) -> None:
    outcome = convert("check", tmp_path / "gone.yaml", dataset([row("What?")]))
    assert outcome.status == 1
    assert "gone.yaml: no such file" in outcome.err
    assert "row 0: 0 <audio>" in outcome.err


@pytest.mark.parametrize(
    ("encoding", "message"),
    [
        ("utf-8", None),
        ("utf-8-sig", "begins with a byte-order mark"),
        ("utf-16", "is in utf-16"),
    ],
)
def test_a_table_that_only_we_can_read_is_named_once(
    tmp_path: Path, encoding: str, message: str | None
) -> None:
    table = tmp_path / "dataset_info.json"
    table.write_text('{"a": {}, "b": {}}', encoding=encoding)
    _, of_yaml = jobs(tmp_path, "dataset: a, b", tmp_path)
    of_table = Findings("table")
    assert [job.name for job in jobs_of(str(table), None, of_table)] == ["a", "b"]
    cure = "which LLaMA-Factory refuses. Save it as UTF-8 without a mark."
    expected = [] if message is None else [f"{table}: {message}, {cure}"]
    for findings in (of_yaml, of_table):
        assert findings.problems == expected


@pytest.mark.parametrize(
    "text", ["a: " + "[" * 5_000, "a: " + "9" * 5_000, "a: 2024-99-99", "a: {", 'a: "\\ud83d": b']
)
def test_text_that_is_no_yaml_is_named(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError, match=r"x\.yaml: not valid YAML"):
        jobs(tmp_path, text)
