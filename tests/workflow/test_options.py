from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from whyser_workflow.options import DEFAULT_TRAIN, STAGES, parse


def test_without_options_it_is_the_whole_demo() -> None:
    options = parse([])
    assert (options.name, options.train, options.corpora) == ("demo", [DEFAULT_TRAIN], [])
    assert (options.restart, options.to) == (None, "report")
    assert (options.data, options.model, options.teacher, options.predict) == (None,) * 4
    assert options.jobs is None
    assert not (options.dry_run or options.slurm or options.small)


def test_a_run_on_real_corpora_has_another_name() -> None:
    assert parse(["--corpora", "meld=/m"]).name == "real"
    assert parse(["--data", "row11"]).name == "real"
    assert parse(["--corpora", "meld=/m", "--name", "row11"]).name == "row11"
    assert parse(["--dataset", "mine", "--test", "mine_test"]).name == "mine"


def test_pairs_are_collected_over_all_their_options() -> None:
    options = parse(["--set", "a=1", "b=x=y", "--set", "c=", "--set-predict", "d=2"])
    assert options.set == [("a", "1"), ("b", "x=y"), ("c", "")]
    assert options.set_predict == [("d", "2")]
    # The defaults of one call are not those of the next.
    assert parse([]).set == []


@pytest.mark.parametrize("word", ["--from", "--restart"])
def test_a_restart_has_two_names(word: str) -> None:
    assert parse([word, "train"]).restart == "train"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--corpora", "ravdess"], "--corpora: expected NAME=VALUE, got 'ravdess'"),
        (["--corpora"], "--corpora: expected at least one argument"),
        (["--set", "fast"], "--set: expected NAME=VALUE, got 'fast'"),
        (["--set", "=1"], "--set: expected NAME=VALUE, got '=1'"),
        (["--set-predict", "fast"], "--set-predict: expected NAME=VALUE, got 'fast'"),
        (["--name", "two words"], "--name: 'two words': use letters, digits"),
        (["--name", ".."], "--name: '..': use letters, digits"),
        (["--name", "a/b"], "--name: 'a/b': use letters, digits"),
        (["--data", ".hidden"], "--data: '.hidden': use letters, digits"),
        (["--from", "score", "--to", "build"], "--from score comes after --to build"),
        (["--from", "begin"], f"invalid choice: 'begin' (choose from {'demo'!r}"),
        (["--to", "end"], "--to: invalid choice: 'end'"),
        (["--predict-with", "magic"], "--predict-with: invalid choice: 'magic'"),
        (["--data", "row11", "--corpora", "meld=/m"], "--data and --corpora exclude each other"),
        (["--data", "row11", "--name", "row11"], "--data row11 is this run"),
        (["--data", "row11", "--from", "teach"], "--from teach is work of the run row11"),
        (["--data", "row11", "--teacher", "measured"], "so it takes no --teacher"),
        (["--data", "row11", "--teacher-model", "x"], "so it takes no --teacher"),
        (["--teacher-model", "x"], "--teacher-model needs --teacher serve or --teacher URL"),
        (["--name", "row11_merged"], "this name is for the merged model of 'row11'"),
        (["--speech", "x"], "--speech and --llm belong together"),
        (["--llm", "x"], "--speech and --llm belong together"),
        (["--speech", "x", "--llm", "y", "--model", "z"], "--speech and --model exclude"),
        (["--window", "6"], "--window is that of the model that --speech and --llm build"),
        (["--speech", "x", "--llm", "y", "--window", "0"], "--window: expected a number from 1 on"),
        (["--jobs", "0"], "--jobs: expected a number from 1 on, got '0'"),
        (["--jobs", "-1"], "--jobs: expected"),
        (["--jobs", "all"], "--jobs: expected a number from 1 on, got 'all'"),
        (["--dataset", "mine"], "--dataset and --test belong together"),
        (["--test", "mine"], "--dataset and --test belong together"),
        (["--dev", "mine"], "--dev names own rows"),
        (["--dataset", "a", "--test", "b", "--corpora", "meld=/m"], "--dataset and --corpora"),
        (["--dataset", "a", "--test", "b", "--data", "c"], "--dataset and --data exclude"),
        (["--dataset", "a", "--test", "b", "--teacher", "serve"], "--dataset and --teacher"),
        (["--dataset", "a b", "--test", "b"], "--dataset: 'a b': use letters, digits"),
        (["--nonsense", "1"], "unrecognized arguments: --nonsense 1"),
        # An abbreviation of today is ambiguous tomorrow.
        (["--mod", "x"], "unrecognized arguments: --mod x"),
        (["tests"], "unrecognized arguments: tests"),
    ],
)
def test_wrong_usage(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parse(words)
    assert caught.value.code == 2
    # Python 3.13 quotes no choices.
    said = capsys.readouterr().err.replace("choose from demo", "choose from 'demo'")
    assert message in said


def test_paths_are_those_of_the_users_folder_or_of_run_sh(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.yaml").touch()
    (tmp_path / "model").mkdir()
    monkeypatch.setenv("WHYSER_CALLED_FROM", str(tmp_path))
    words = ["--train", "mine.yaml", "--train", "ours.yaml", "--predict", "mine.yaml"]
    options = parse([*words, "--model", "model"])
    assert options.train == [str(tmp_path / "mine.yaml"), "ours.yaml"]
    assert options.predict == str(tmp_path / "mine.yaml")
    assert options.model == str(tmp_path / "model")
    assert parse(["--model", "Qwen/Qwen2-Audio"]).model == "Qwen/Qwen2-Audio"


def test_it_needs_only_the_standard_library(root: Path) -> None:
    """run.sh finds wrong usage before anything is installed."""
    file = root / "workflow/whyser_workflow/options.py"
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(file), "--help"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert f"run the stages: {' '.join(STAGES)}" in done.stdout
    assert "./run.sh test --all [ARGS]  run every test" in done.stdout
