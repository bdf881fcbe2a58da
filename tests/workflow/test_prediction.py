from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from whyser.io.errors import InputError, WhyserError
from whyser.prompting.prompts import TRAINED
from whyser.records.training import TrainingFacts, read_training
from whyser_workflow import prediction
from whyser_workflow.identity import model_identity
from whyser_workflow.lock import locked
from whyser_workflow.plan import RunPlan
from whyser_workflow.prediction import predict
from whyser_workflow.serving import KEY, Server

from .conftest import PlanOf, write_rows

OPEN, CLOSED, SHUFFLED = SETS = (
    *("whyser_test_open", "whyser_test_closed", "whyser_test_open_shuffled"),
)
ROW_11 = ("--train", "llamafactory_configs/qwen2audio/lora_sft_reason.yaml")


class Programs:
    """Stands for the programs; the generating one answers every set, or stops before `stops_at`."""

    def __init__(self) -> None:
        self.started: list[list[str]] = []
        self.environments: list[dict[str, str]] = []
        self.inherits: list[int] = []
        self.asked: list[str] = []
        self.settings: dict[str, Any] = {}
        self.stops_at = ""

    def __call__(
        self, *words: str, env: dict[str, str] | None = None, pass_fds: tuple[int, ...] = ()
    ) -> None:
        self.started.append([*words])
        self.environments.append(env or {})
        self.inherits += [os.fstat(one).st_ino for one in pass_fds]
        if "whyser_workflow.generate" in words:
            self.settings = yaml.safe_load(Path(words[-1]).read_text(encoding="utf-8"))
            for name in self.settings["eval_dataset"].split(","):
                if name == self.stops_at:
                    raise WhyserError("killed")
                self.asked.append(name)
                file = Path(self.settings["output_dir"], name, "generated_predictions.jsonl")
                file.write_text("{}\n")
        if words[:2] == ("whyser-eval", "predict"):
            self.asked.append(Path(words[-1]).stem)
            for suffix in (".jsonl", ".ledger.jsonl", ".provenance.json"):
                file = Path(words[-1]).with_suffix(suffix)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text("{}\n")

    def words_of(self, program: str) -> list[list[str]]:
        return [words for words in self.started if words[:2] == program.split()]


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch) -> Programs:
    found = Programs()
    monkeypatch.setattr(prediction, "call", found)
    monkeypatch.setattr("whyser_workflow.training.call", found)
    return found


def trained(made: RunPlan) -> RunPlan:
    for name in made.test_sets:
        write_rows(made, name, [{"messages": [name], "audios": [f"{n}.wav"]} for n in range(3)])
    for name in made.training_sets:
        write_rows(made, name, [{"messages": [n]} for n in range(5)])
    made.saves.mkdir(parents=True, exist_ok=True)
    (made.saves / "model.safetensors").write_bytes(b"trained")
    return made


@pytest.fixture
def made(plan: PlanOf) -> RunPlan:
    return trained(plan())


# ---- with transformers ---------------------------------------------------------------------


def test_all_sets_are_answered_on_one_load_and_joined(made: RunPlan, programs: Programs) -> None:
    predict(made)
    copy = "results/demo/generated/whyser_settings.yaml"
    assert programs.started[:2] == [
        ["whyser-convert", "tokenize", copy, "--output", "data/demo/tokenized/test"],
        [sys.executable, "-m", "whyser_workflow.generate", copy],
    ]
    assert programs.asked == [*SETS]
    settings = programs.settings
    assert {key: settings[key] for key in ("model_name_or_path", "adapter_name_or_path")} == {
        "model_name_or_path": "saves/demo",
        "adapter_name_or_path": None,
    }
    assert settings["eval_on_each_dataset"] is True
    assert settings["output_dir"] == "results/demo/generated"
    assert settings["tokenized_path"] == "data/demo/tokenized/test"
    assert settings["max_new_tokens"] == 512
    assert programs.words_of("whyser-eval join") == [
        [
            *("whyser-eval", "join", "--model", "demo"),
            *("--manifest", f"data/demo/sharegpt/{name}.manifest.jsonl"),
            *("--predictions", f"results/demo/generated/{name}/generated_predictions.jsonl"),
            *("--output", f"results/demo/predictions/{name}.jsonl"),
        ]
        for name in SETS
    ]


def test_answered_sets_are_not_asked_again(made: RunPlan, programs: Programs) -> None:
    predict(made)
    predict(made)
    assert programs.asked == [*SETS]
    assert len(programs.words_of("whyser-eval join")) == 6


def test_a_further_control_is_asked_without_the_others(
    plan: PlanOf, made: RunPlan, programs: Programs
) -> None:
    predict(made)
    names = "eval_dataset=whyser_test_open,whyser_test_open_noise"
    predict(trained(plan("--set-predict", names)))
    assert programs.asked == [*SETS, "whyser_test_open_noise"]


def test_after_a_stop_in_the_third_set_only_it_is_asked(made: RunPlan, programs: Programs) -> None:
    programs.stops_at = SHUFFLED
    with pytest.raises(WhyserError, match="killed"):
        predict(made)
    partial = made.generated(SHUFFLED).with_name("partial.jsonl")
    partial.write_text("{}\n")
    programs.stops_at = ""
    predict(made)
    assert programs.asked == [OPEN, CLOSED, SHUFFLED]
    assert programs.settings["eval_dataset"] == SHUFFLED
    # What was answered of it is for the generating program to go on from.
    assert partial.exists()


def test_only_a_set_whose_rows_changed_is_asked_again(made: RunPlan, programs: Programs) -> None:
    predict(made)
    write_rows(made, CLOSED, [{"messages": ["other"]}])
    half = made.generated(CLOSED).with_name("partial.jsonl")
    half.write_text("{}\n")
    predict(made)
    assert programs.asked == [*SETS, CLOSED]
    assert not half.exists()


@pytest.mark.parametrize(
    "change",
    [
        ("--set-predict", "max_new_tokens=64"),
        ("--set-predict", "do_sample=true"),
    ],
)
def test_other_settings_ask_everything_again(
    plan: PlanOf, made: RunPlan, programs: Programs, change: tuple[str, ...]
) -> None:
    predict(made)
    predict(plan(*change))
    assert programs.asked == [*SETS, *SETS]
    key, _, value = change[1].partition("=")
    assert programs.settings[key] == yaml.safe_load(value)


def test_earlier_answers_are_kept(
    plan: PlanOf, made: RunPlan, programs: Programs, capsys: pytest.CaptureFixture[str]
) -> None:
    for limit in (64, 32):
        predict(made)
        for name in SETS:
            made.predictions(name).parent.mkdir(parents=True, exist_ok=True)
            made.predictions(name).write_text("joined")
        predict(plan("--set-predict", f"max_new_tokens={limit}"))
        predict(made)
    for number in range(1, 5):
        kept = Path(f"results/demo/generated.{number}")
        assert {path.name for path in kept.iterdir()} >= {*SETS}
    assert Path("results/demo/generated.1", f"{OPEN}.jsonl").read_text() == "joined"
    assert f"{OPEN}, {CLOSED}, {SHUFFLED}: the inputs changed; earlier answers are kept in " in (
        capsys.readouterr().err
    )


@pytest.mark.parametrize("change", ["per_device_eval_batch_size=2", "preprocessing_num_workers=1"])
def test_what_changes_the_speed_alone_asks_nothing(
    plan: PlanOf, made: RunPlan, programs: Programs, change: str
) -> None:
    programs.stops_at = SHUFFLED
    with pytest.raises(WhyserError, match="killed"):
        predict(made)
    programs.stops_at = ""
    predict(plan("--set-predict", change))
    assert programs.asked == [*SETS]


def test_another_model_is_asked_everything(made: RunPlan, programs: Programs) -> None:
    predict(made)
    (made.saves / "model.safetensors").write_bytes(b"trained again")
    predict(made)
    assert programs.asked == [*SETS, *SETS]


def test_an_adapter_is_that_of_the_run(plan: PlanOf, programs: Programs) -> None:
    predict(trained(plan(*ROW_11, "--model", "Qwen/Qwen2-Audio-7B-Instruct", "--name", "x")))
    assert programs.settings["model_name_or_path"] == "Qwen/Qwen2-Audio-7B-Instruct"
    assert programs.settings["adapter_name_or_path"] == "saves/x"


@pytest.mark.parametrize("gpus", ["0,1", "0"])
def test_on_several_gpus_there_is_a_process_for_each(
    plan: PlanOf, programs: Programs, monkeypatch: pytest.MonkeyPatch, gpus: str
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", gpus)
    predict(trained(plan("--set-predict", "use_cpu=false")))
    launcher = ["-m", "torch.distributed.run", "--nproc_per_node", "2"] if gpus == "0,1" else []
    copy = "results/demo/generated/whyser_settings.yaml"
    assert programs.started[1] == [
        *(sys.executable, *launcher, "-m", "whyser_workflow.generate", copy)
    ]


def test_ray_is_for_training_alone(
    made: RunPlan, programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("USE_RAY", "1")
    predict(made)
    assert programs.environments[1]["USE_RAY"] == "0"
    assert programs.asked == [*SETS]


def test_a_tiny_model_answers_on_few_threads(
    made: RunPlan, programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    predict(made)
    assert programs.environments[1]["OMP_NUM_THREADS"] == "4"
    assert programs.environments[1]["PATH"] == os.environ["PATH"]


def test_the_answers_are_written_by_one_process(
    made: RunPlan, programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def try_too(*words: str, **options: Any) -> None:
        with pytest.raises(InputError, match="results/demo/generated: is in use by another"):
            predict(made)
        programs(*words, **options)

    monkeypatch.setattr(prediction, "call", try_too)
    predict(made)
    # The program that answers holds the lock too, should this process be killed.
    assert programs.inherits == [Path("results/demo/generated/.lock").stat().st_ino]
    with locked(made.results / "generated"):
        pass


# ---- what is known of the training -----------------------------------------------------------


def test_training_is_described_beside_the_answers(
    plan: PlanOf, programs: Programs, place: Path
) -> None:
    (place / "meld").mkdir()
    words = ("--corpora", "meld=meld", "--teacher", "http://t/v1", "--teacher-model", "T/Omni")
    made = trained(plan(*words, *ROW_11, "--model", "Qwen/Q", "--name", "x"))
    predict(made)
    assert read_training(made.results) == TrainingFacts(
        system="x", checkpoint="Qwen/Q", rows={"whyser_train_reason": 5}, teacher="T/Omni"
    )


def test_rows_that_a_limit_leaves_out_are_not_counted(plan: PlanOf, programs: Programs) -> None:
    predict(trained(plan("--set", "max_samples=3")))
    assert read_training(Path("results/demo")) == TrainingFacts(
        system="demo",
        checkpoint="data/demo/model",
        rows={"whyser_train_reason": 3},
        teacher="measured cues",
    )


def test_rows_of_all_trainings_are_counted(plan: PlanOf, programs: Programs) -> None:
    folder = "llamafactory_configs/qwen2audio/"
    words = ("--train", f"{folder}lora_sft_mixture.yaml", *ROW_11, "--model", "Qwen/Q")
    predict(trained(plan(*words)))
    facts = read_training(Path("results/demo"))
    assert facts and facts.rows == {
        **dict.fromkeys(names_of(f"{folder}lora_sft_mixture.yaml"), 5),
        "whyser_train_reason": 5,
    }


def names_of(configuration: str) -> list[str]:
    return yaml.safe_load(Path(configuration).read_text())["dataset"].replace(" ", "").split(",")


# ---- with vLLM -----------------------------------------------------------------------------


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What was served, and when it was stopped."""
    found: list[Any] = []

    @contextmanager
    def serve(model: str, log: Path, *options: str) -> Iterator[Server]:
        found.append((model, str(log), options))
        try:
            yield Server("http://127.0.0.1:4321/v1", {KEY: "of this process"})
        finally:
            found.append("stopped")

    monkeypatch.setattr(prediction, "served", serve)
    return found


def test_one_server_is_asked_about_all_sets(
    plan: PlanOf, programs: Programs, served: list[Any]
) -> None:
    made = trained(
        plan("--predict-with", "vllm", "--set-predict", "eval_dataset=whyser_test_open_cot")
    )
    predict(made)
    assert served == [
        (
            *("saves/demo", "results/demo/generated/vllm.log"),
            (
                *("--chat-template", str(TRAINED), "--chat-template-content-format", "openai"),
                *("--generation-config", "vllm"),
                *("--served-model-name", "demo", "--limit-mm-per-prompt", '{"audio":1}'),
                *("--max-model-len", "4096"),
            ),
        ),
        "stopped",
    ]
    sets = [
        ("whyser_test_open_cot", "open", "none"),
        ("whyser_test_closed_cot", "closed", "none"),
        ("whyser_test_open_cot_shuffled", "open", "shuffled"),
    ]
    assert programs.words_of("whyser-eval predict") == [
        [
            *("whyser-eval", "predict", "data/demo/utterances/msp_podcast/utterances.jsonl"),
            *("--split", "test1", "--form", form, "--control", control, "--cot"),
            *("--template", "whyser", "--endpoint", "http://127.0.0.1:4321/v1", "--model", "demo"),
            *("--name", "demo", "--api-key-env", "WHYSER_SERVER_KEY"),
            *("--max-tokens", "512"),
            *("--output", f"results/demo/predictions/{name}.jsonl"),
        ]
        for name, form, control in sets
    ]
    assert programs.environments == [{KEY: "of this process"}] * 3
    limited = plan("--predict-with", "vllm", "--set-predict", "max_samples=9", "max_new_tokens=7")
    predict(trained(limited))
    words = programs.words_of("whyser-eval predict")[-1]
    assert words[-6:-2] == ["--max-tokens", "7", "--max-samples", "9"]
    assert not programs.words_of("whyser-eval join")
    facts = read_training(made.results)
    assert facts and facts.system == "demo"


def test_the_prompt_of_training_comes_as_a_flag(
    plan: PlanOf, programs: Programs, served: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder of the trained model stays as it is."""
    made = trained(plan("--predict-with", "vllm"))
    before = sorted(made.saves.iterdir())
    monkeypatch.setenv("VLLM_OPTIONS", "--dtype float32")
    predict(made)
    assert sorted(made.saves.iterdir()) == before
    (_, _, flags), _ = served
    template = Path(flags[flags.index("--chat-template") + 1])
    assert "<|AUDIO|>" in template.read_text(encoding="utf-8")
    assert flags[-2:] == ("--dtype", "float32")


def test_no_server_is_started_when_every_set_is_answered(
    plan: PlanOf, programs: Programs, served: list[Any]
) -> None:
    made = trained(plan(*ROW_11, "--model", "Qwen/Q", "--name", "x", "--predict-with", "vllm"))
    predict(made)
    started, known = len(programs.started), len(served)
    (made.results / "training.json").unlink()
    predict(made)
    assert (len(programs.started), len(served)) == (started, known)
    assert (made.results / "training.json").exists()


def test_a_server_is_asked_about_what_is_missing(
    plan: PlanOf, programs: Programs, served: list[Any]
) -> None:
    made = trained(plan("--predict-with", "vllm"))
    predict(made)
    (made.results / "predictions" / f"{CLOSED}.jsonl").unlink()
    predict(made)
    assert programs.asked == [*SETS, CLOSED]
    assert len(served) == 4


def test_a_ledger_of_another_model_is_not_used(
    plan: PlanOf, programs: Programs, served: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A ledger knows a model by its name, which is that of the run."""
    made = trained(plan("--predict-with", "vllm"))
    predict(made)
    ledger = made.results / "predictions" / f"{OPEN}.ledger.jsonl"
    ledger.write_text("answers of this model")
    predict(made)
    assert ledger.exists()
    (made.saves / "model.safetensors").write_bytes(b"trained again")
    seen: list[bool] = []

    def look(*words: str, **options: Any) -> None:
        if words[:2] == ("whyser-eval", "predict"):
            seen.append(Path(words[-1]).with_suffix(".ledger.jsonl").exists())

    monkeypatch.setattr(prediction, "call", look)
    predict(made)
    assert seen == [False] * 3


def test_a_model_with_a_short_window_is_served_as_a_wider_copy(
    plan: PlanOf, programs: Programs, served: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    widened: list[Path] = []
    monkeypatch.setattr(prediction, "widen", widened.append)
    made = trained(plan("--predict-with", "vllm"))
    small = {"model_type": "qwen2_audio", "audio_config": {"max_source_positions": 300}}
    (made.saves / "config.json").write_text(json.dumps(small))
    checkpoint = made.saves / "checkpoint-3"
    checkpoint.mkdir()
    before = {path.name for path in made.saves.iterdir()}
    predict(made)
    assert served[0][0] == "saves/demo_merged" and widened == [Path("saves/demo_merged")]
    assert not Path("saves/demo_merged/checkpoint-3").exists()
    assert {path.name for path in made.saves.iterdir()} == before
    predict(made)
    assert len(widened) == 1


def test_adapters_are_merged_once_and_anew_after_a_training(
    plan: PlanOf, programs: Programs, served: list[Any]
) -> None:
    words = (*ROW_11, "--model", "Qwen/Q", "--name", "x", "--predict-with", "vllm")
    made = trained(plan(*words))
    predict(made)
    copy = Path("results/x/generated/whyser_export.yaml")
    assert programs.words_of("llamafactory-cli export") == [
        ["llamafactory-cli", "export", str(copy)]
    ]
    assert yaml.safe_load(copy.read_text()) == {
        "template": "qwen2_audio",
        "trust_remote_code": False,
        "model_name_or_path": "Qwen/Q",
        "adapter_name_or_path": "saves/x",
        "finetuning_type": "lora",
        "export_dir": "saves/x_merged",
    }
    assert served[0][0] == "saves/x_merged"
    (made.results / "predictions" / f"{OPEN}.jsonl").unlink()
    predict(made)
    assert served[2][0] == "saves/x_merged"
    assert len(programs.words_of("llamafactory-cli export")) == 1
    (Path("saves/x_merged") / "model.safetensors").write_bytes(b"merged")
    (made.saves / "model.safetensors").write_bytes(b"trained again")
    predict(made)
    assert len(programs.words_of("llamafactory-cli export")) == 2
    assert Path("saves/x_merged.1/model.safetensors").read_bytes() == b"merged"


def test_a_merge_that_was_stopped_is_not_served(
    plan: PlanOf, programs: Programs, served: list[Any]
) -> None:
    made = trained(plan(*ROW_11, "--model", "Qwen/Q", "--name", "x", "--predict-with", "vllm"))
    half = Path("saves/x_merged/model.safetensors")
    half.parent.mkdir(parents=True)
    half.write_bytes(b"half")
    predict(made)
    assert len(programs.words_of("llamafactory-cli export")) == 1
    assert Path("saves/x_merged.1/model.safetensors").read_bytes() == b"half"


def test_inputs_of_the_answers_are_recorded(made: RunPlan, programs: Programs) -> None:
    predict(made)
    record = json.loads((made.generated(OPEN).parent / "inputs.json").read_text())
    assert record["engine"] == "transformers"
    assert record["settings"]["max_new_tokens"] == 512
    assert record["start"] == {
        "model_name_or_path": [model_identity("saves/demo")],
        "adapter_name_or_path": [],
    }
