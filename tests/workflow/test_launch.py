"""`python -m whyser_workflow`: lock, dry run, restart, and what Snakemake is called with."""

from __future__ import annotations

import fcntl
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from whyser.io.errors import InputError, WhyserError
from whyser_workflow import __main__ as launch
from whyser_workflow.__main__ import RULES
from whyser_workflow.lock import locked
from whyser_workflow.options import STAGES, parse
from whyser_workflow.plan import plan_of, read_plan
from whyser_workflow.training import RECORD, inputs_of

from .conftest import PlanOf


class Snakemake:
    """Stands for the program; `does` happens while it runs."""

    def __init__(self) -> None:
        self.called: list[list[str]] = []
        self.inherits: list[int] = []
        self.elsewhere: list[bool] = []
        self.status = 0
        self.does: Callable[[], None] = lambda: None

    def __call__(
        self, words: list[str], *, check: bool, pass_fds: tuple[int, ...]
    ) -> SimpleNamespace:
        self.called.append(words)
        self.inherits = [os.fstat(one).st_ino for one in pass_fds]
        self.does()
        return SimpleNamespace(returncode=self.status)

    def forced(self) -> list[str]:
        """What the last call repeats: the words up to the next option."""
        words = self.called[-1]
        if "--forcerun" not in words:
            return []
        assert words.count("--forcerun") == 1, "Snakemake takes the last one only"
        rest = words[words.index("--forcerun") + 1 :]
        return rest[: next(n for n, word in enumerate(rest) if word.startswith("--"))]


@pytest.fixture
def snakemake(monkeypatch: pytest.MonkeyPatch) -> Snakemake:
    found = Snakemake()
    monkeypatch.setattr(launch, "subprocess", SimpleNamespace(run=found))
    monkeypatch.setattr(
        launch,
        "refuse_what_would_fail",
        lambda plan, *, elsewhere: found.elsewhere.append(elsewhere),
    )
    monkeypatch.setattr(launch, "find_vllm", lambda: None)
    return found


@pytest.fixture
def start(
    place: Path, snakemake: Snakemake, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., None]:
    def call(*words: str) -> None:
        monkeypatch.setattr(sys, "argv", ["run.sh", *words])
        launch.main()

    return call


Start = Callable[..., None]


def finished() -> Path:
    """The rows, the model and the answers of a run that came to its end."""
    plan = plan_of(parse([]), has_vllm=False)
    rows = [plan.rows / f"{name}.json" for name in plan.sets]
    for file in (*rows, *map(plan.predictions, plan.test_sets)):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("[]")
    folder = plan.saves
    folder.mkdir(parents=True)
    (folder / RECORD).write_text('{"finished": true}')
    (folder / "model.safetensors").write_bytes(b"trained")
    return folder


def test_snakemake_gets_plan_stage_and_jobs(start: Start, snakemake: Snakemake) -> None:
    finished()
    start("--to", "build", "--jobs", "3")
    assert snakemake.called == [
        [
            *(sys.executable, "-m", "snakemake", "--snakefile", "workflow/Snakefile"),
            *("--cores", "3", "--config", "plan=data/demo/run.json"),
            *("--nolock", "--rerun-incomplete", "--keep-going"),
            *("--rerun-triggers", "params", "input", "mtime", "--logger", "whyser"),
            *("--", "until_build"),
        ]
    ]
    assert json.loads(Path("data/demo/run.json").read_text())["name"] == "demo"


def test_no_file_of_a_run_has_the_secrets_of_the_teachers_address(
    start: Start, snakemake: Snakemake, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (place / "meld").mkdir()
    monkeypatch.setenv("TEACHER_URL", "http://other.example/v1")
    address = "https://me:pass@t.example/v1?api-key=word"
    start("--corpora", "meld=meld", "--teacher", address, "--teacher-model", "m", "--name", "x")
    for file in place.rglob("*"):
        if file.is_file() and not file.is_relative_to(place / "llamafactory_configs"):
            assert not {"pass", "word"} & {*re.findall(r"\w+", file.read_text())}, file
    teacher = read_plan(place / "data/x/run.json").teacher
    assert teacher.url == "https://t.example/v1"
    # A job is a process of its own, which inherits the environment.
    assert teacher.address == address
    monkeypatch.setenv("TEACHER_URL", "http://other.example/v1")
    assert teacher.address == teacher.url


def test_under_slurm_there_is_a_profile(start: Start, snakemake: Snakemake) -> None:
    start("--slurm")
    words = snakemake.called[0]
    assert words[words.index("--profile") + 1] == "workflow/profiles/slurm"
    assert words[words.index("--cores") + 1] == "999"
    assert "--jobs" not in words
    start("--slurm", "--jobs", "16")
    words = snakemake.called[1]
    assert words[words.index("--jobs") + 1] == "16"
    # The machine of the command is not that of the stages.
    assert snakemake.elsewhere == [True, True]
    start()
    assert snakemake.elsewhere == [True, True, False]
    words = snakemake.called[2]
    assert words[words.index("--cores") + 1] == str(os.cpu_count())


def test_a_dry_run_writes_nothing(start: Start, snakemake: Snakemake) -> None:
    folder = finished()
    seen: list[dict[str, Any]] = []

    def look() -> None:
        (plan,) = [word for word in snakemake.called[0] if word.startswith("plan=")]
        seen.append(json.loads(Path(plan.removeprefix("plan=")).read_text()))

    snakemake.does = look
    before = sorted(Path().rglob("*"))
    start("--dry-run", "--restart", "train", "--set", "seed=3")
    assert sorted(Path().rglob("*")) == before
    assert (folder / "model.safetensors").read_bytes() == b"trained"
    assert seen[0]["settings"] == ["seed=3"]
    assert "--dry-run" in snakemake.called[0]


def test_what_would_fail_is_refused_before_anything_is_written(
    start: Start, snakemake: Snakemake, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(plan: Any, *, elsewhere: bool) -> None:
        raise InputError("bad")

    monkeypatch.setattr(launch, "refuse_what_would_fail", refuse)
    before = sorted(Path().rglob("*"))
    with pytest.raises(InputError, match="bad"):
        start()
    assert (snakemake.called, sorted(Path().rglob("*"))) == ([], before)


def test_a_failed_stage_is_a_failed_run(
    start: Start, snakemake: Snakemake, capsys: pytest.CaptureFixture[str]
) -> None:
    snakemake.status = 1
    with pytest.raises(WhyserError, match="The same command continues from there"):
        start()
    assert "done" not in capsys.readouterr().out


def test_the_report_is_named(
    start: Start, snakemake: Snakemake, capsys: pytest.CaptureFixture[str]
) -> None:
    start("--to", "score")
    assert "report.html" not in capsys.readouterr().out
    start()
    assert "Open results/demo/report.html in a browser." in capsys.readouterr().out


# ---- two runs of one name ------------------------------------------------------------------

HOLDER = """
import fcntl, pathlib, sys
path = pathlib.Path(sys.argv[1])
path.parent.mkdir(parents=True, exist_ok=True)
stream = path.open("w")
fcntl.flock(stream, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


def test_a_second_run_of_the_name_is_refused(
    start: Start, plan: PlanOf, snakemake: Snakemake
) -> None:
    other = subprocess.Popen(
        [sys.executable, "-S", "-c", HOLDER, "data/demo/.lock"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert other.stdout and other.stdout.readline() == "held\n"
    finished()
    try:
        with pytest.raises(InputError) as caught:
            start("--restart", "train")
        assert str(caught.value) == (
            "data/demo: is in use by another process. Wait until it ends, or give another --name."
        )
        assert snakemake.called == []
        # The model of the run that is going on stays where it is.
        assert Path("saves/demo/model.safetensors").exists()
        start("--name", "another")
        assert len(snakemake.called) == 1
    finally:
        other.communicate("")
    start()
    assert len(snakemake.called) == 2


def test_the_lock_is_held_as_long_as_snakemake_runs(
    start: Start, plan: PlanOf, snakemake: Snakemake
) -> None:
    def try_too() -> None:
        with Path("data/demo/.lock").open("w") as stream, pytest.raises(BlockingIOError):
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)

    snakemake.does = try_too
    start()
    # It goes on when its parent alone is killed, and holds the lock then.
    assert snakemake.inherits == [Path("data/demo/.lock").stat().st_ino]
    with locked(plan().data):
        try_too()


# ---- --restart -----------------------------------------------------------------------------


def test_restart_train_sets_the_model_aside(
    start: Start, snakemake: Snakemake, capsys: pytest.CaptureFixture[str]
) -> None:
    finished()
    start("--restart", "train")
    assert Path("saves/demo.1/model.safetensors").read_bytes() == b"trained"
    assert not Path("saves/demo").exists()
    assert "What was made before is kept as saves/demo.1" in capsys.readouterr().err
    assert snakemake.forced() == ["train"]


def test_the_same_restart_after_a_failure_keeps_what_is_trained(
    start: Start, plan: PlanOf, snakemake: Snakemake
) -> None:
    finished()

    def train_half() -> None:
        folder = Path("saves/demo")
        if not folder.exists():
            folder.mkdir()
            record = inputs_of(plan(), 0) | {"finished": False}
            (folder / RECORD).write_text(json.dumps(record))

    snakemake.does, snakemake.status = train_half, 1
    for _ in range(2):
        with pytest.raises(WhyserError, match="The same command continues from there"):
            start("--restart", "train")
        assert snakemake.forced() == ["train"]
    snakemake.status = 0
    start("--restart", "train")
    assert sorted(Path("saves").iterdir()) == [Path("saves/demo"), Path("saves/demo.1")]
    # That run is done, so this is a new restart.
    start("--restart", "train")
    assert Path("saves/demo.2").exists()


def test_a_run_that_ends_without_the_option_ends_its_restart(
    start: Start, plan: PlanOf, snakemake: Snakemake
) -> None:
    finished()
    snakemake.status = 1
    with pytest.raises(WhyserError):
        start("--restart", "train")
    # The model of the same inputs, as the mark of a restart would keep it.
    record = inputs_of(plan(), 0) | {"finished": True}
    (finished() / RECORD).write_text(json.dumps(record))
    with pytest.raises(WhyserError):
        start("--restart", "train")
    assert not Path("saves/demo.2").exists()
    snakemake.status = 0
    start()
    start("--restart", "train")
    assert Path("saves/demo.2").exists()


@pytest.mark.parametrize("stage", [stage for stage in STAGES if stage != "train"])
def test_another_restart_repeats_all_rules_of_its_stage(
    start: Start, snakemake: Snakemake, stage: str
) -> None:
    finished()
    start("--restart", stage)
    assert snakemake.forced() == sorted(RULES[stage])
    assert Path("saves/demo/model.safetensors").exists()


def test_what_is_gone_or_unfinished_is_made_again(start: Start, snakemake: Snakemake) -> None:
    """The workflow's own marks say that it was made."""
    start()
    assert snakemake.forced() == ["build", "predict", "train"]
    folder = finished()
    start()
    assert snakemake.forced() == []
    (folder / RECORD).write_text('{"finished": false}')
    start("--restart", "teach")
    assert snakemake.forced() == ["cues", "listening", "measured", "train"]
    (folder / RECORD).write_text('{"finished": true}')
    Path("results/demo/predictions/whyser_test_closed.jsonl").unlink()
    start()
    assert snakemake.forced() == ["predict"]
    Path("data/demo/sharegpt/whyser_test_open.json").unlink()
    start()
    assert snakemake.forced() == ["build", "predict"]
    start("--to", "train")
    assert snakemake.forced() == ["build"]


def test_every_rule_that_is_repeated_exists(root: Path) -> None:
    files = [*(root / "workflow/rules").glob("*.smk"), root / "workflow/Snakefile"]
    lines = [line.strip() for file in files for line in file.read_text().splitlines()]
    rules = {line[5:-1] for line in lines if line.startswith("rule ") and line.endswith(":")}
    assert rules == {rule for names in RULES.values() for rule in names}
    assert [*RULES] == [*STAGES]
