"""A user's folder with the shipped configurations, and plans as `./run.sh` makes them there."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml

from whyser.io.errors import WhyserError
from whyser_workflow import training
from whyser_workflow.options import parse
from whyser_workflow.plan import RunPlan, plan_of

PlanOf = Callable[..., RunPlan]

#: What a shell of the user's may have set.
OURS = (
    *("TEACHER_URL", "TEACHER_MODEL", "TEACHER_KEY_VARIABLE", "TEACHER_OPTIONS"),
    *("WHYSER_CALLED_FROM", "WHYSER_VLLM", "CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS"),
    *("USE_RAY", "FORCE_TORCHRUN", "NPROC_PER_NODE", "VLLM_OPTIONS"),
)
ROWS = [{"messages": [n], "audios": [f"{n}.wav"]} for n in range(8)]
#: A training of one process on a CPU.
YAML = """\
stage: sft
do_train: true
finetuning_type: full
dataset: whyser_train_reason
template: qwen2_audio
use_cpu: true
per_device_train_batch_size: 4
gradient_accumulation_steps: 2
learning_rate: 0.001
"""


@pytest.fixture
def place(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of run.sh, empty but for the shipped configurations."""
    for name in OURS:
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "place"
    folder.mkdir()
    (folder / "llamafactory_configs").symlink_to(root / "llamafactory_configs")
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def plan(place: Path) -> PlanOf:
    """The plan of `./run.sh WORDS`."""

    def call(*words: str, has_vllm: bool = False) -> RunPlan:
        return plan_of(parse(list(words)), has_vllm=has_vllm)

    return call


@pytest.fixture
def own_yaml(place: Path) -> Path:
    """A user's configuration of the family `tiny`, which predicts by the shipped one."""
    path = Path("tiny/full_sft_own.yaml")
    path.parent.mkdir()
    path.write_text(YAML, encoding="utf-8")
    path.with_name("full_predict.yaml").write_text(
        "stage: sft\ndo_predict: true\nfinetuning_type: full\neval_dataset: whyser_test_open\n"
        "template: qwen2_audio\nuse_cpu: true\npredict_with_generate: true\n",
        encoding="utf-8",
    )
    return path


def write_rows(plan: RunPlan, name: str, rows: Iterable[Any]) -> Path:
    """Writes a dataset where the stage `build` would."""
    path = plan.rows / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(list(rows)), encoding="utf-8")
    return path


class Programs:
    """Stands for the programs that a training starts; `trains` is what llamafactory-cli does."""

    def __init__(self) -> None:
        self.started: list[list[str]] = []
        self.environments: list[dict[str, str]] = []
        self.inherits: list[int] = []
        self.trains: Callable[[dict[str, Any]], None] = lambda settings: None

    def __call__(self, *words: str, **options: Any) -> None:
        self.started.append([*words])
        if words[0] == "llamafactory-cli":
            self.environments.append(options["env"])
            self.inherits += [os.fstat(one).st_ino for one in options["pass_fds"]]
            self.trains(yaml.safe_load(Path(words[2]).read_text(encoding="utf-8")))

    @property
    def names(self) -> list[str]:
        return [" ".join(words[:2]) for words in self.started]


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch) -> Programs:
    found = Programs()
    monkeypatch.setattr(training, "call", found)
    return found


@pytest.fixture
def made(plan: PlanOf, own_yaml: Path, tmp_path: Path) -> RunPlan:
    """A run of one training, whose rows and start model are there."""
    made = plan("--train", str(own_yaml))
    write_rows(made, "whyser_train_reason", ROWS)
    Path(made.model).mkdir(parents=True)
    (Path(made.model) / "config.json").write_text("{}")
    return made


def weights(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.safetensors").write_bytes(b"trained")
    return folder / "model.safetensors"


def checkpoint(folder: Path, steps: int, state: str = "{}") -> Path:
    path = folder / f"checkpoint-{steps}"
    weights(path)
    (path / "trainer_state.json").write_text(state)
    return path


def killed(_: dict[str, Any]) -> None:
    raise WhyserError("killed")
