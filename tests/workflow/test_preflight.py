"""Everything that would fail hours later, found before anything starts and all at once."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from whyser.io.errors import BadInput
from whyser_workflow import preflight
from whyser_workflow.plan import RunPlan, Teacher
from whyser_workflow.preflight import refuse_what_would_fail
from whyser_workflow.training import RECORD, inputs_of

from .conftest import PlanOf

pytest.importorskip("llamafactory")

FOLDER = "llamafactory_configs/"
ROW_11 = ("--train", f"{FOLDER}qwen2audio/lora_sft_reason.yaml")


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A machine without GPU and vLLM, with a large disk, that reaches no hub."""
    found = SimpleNamespace(vllm=None, gpu=False, free=10**12, hub=lambda name: None, asked=[])

    def model_info(_: Any, name: str, **__: Any) -> None:
        found.asked.append(name)
        found.hub(name)

    monkeypatch.setattr(preflight, "find_vllm", lambda: found.vllm)
    monkeypatch.setattr(preflight, "has_gpu", lambda: found.gpu)
    monkeypatch.setattr("whyser_workflow.batch.has_gpu", lambda: False)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=found.free))
    monkeypatch.setattr("huggingface_hub.HfApi.model_info", model_info)
    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda *_: None)
    return found


@pytest.fixture
def problems(plan: PlanOf) -> Callable[..., list[str]]:
    """What is wrong with `./run.sh WORDS`."""

    def call(*words: str) -> list[str]:
        before = sorted(Path().rglob("*"))
        try:
            refuse_what_would_fail(plan(*words))
        except BadInput as error:
            assert str(error).endswith("in the run; nothing was started")
            return list(map(str, error.problems))
        finally:
            assert sorted(Path().rglob("*")) == before
        return []

    return call


def test_a_table_is_understood_before_the_start(
    problems: Callable[..., list[str]], place: Path
) -> None:
    table = place / "labels.csv"
    table.write_text("file,label,speaker\n1.wav,sad,a\n2.wav,W,b\n", encoding="utf-8")
    (problem,) = problems("--corpora", "mine=labels.csv", "--name", "x")
    assert problem.startswith("labels.csv: 1 label has no class: 'W' (1). Give the class")
    table.write_text("file,label\n1.wav,sad\n2.wav,angry\n", encoding="utf-8")
    (problem,) = problems("--corpora", "mine=labels.csv", "--name", "x")
    assert "has no split 'test' to test on (test splits: none)" in problem
    table.write_text("file,label,speaker\n1.wav,sad,a\n2.wav,angry,b\n", encoding="utf-8")
    assert problems("--corpora", "mine=labels.csv", "--name", "x") == []


def test_what_two_tables_leave_open_is_asked_at_once(
    problems: Callable[..., list[str]], place: Path
) -> None:
    (place / "mine.csv").write_text("file,label,split\n1.wav,W,train\n2.wav,sad,fold1\n")
    (place / "yours.csv").write_text("id,label,speaker\n1,sad,a\n2,angry,b\n")
    (place / "a.yaml").write_text("table: yours.csv\nmap: {audio: id}\nmerge: {sda: sad}\n")
    found = problems("--corpora", "mine=mine.csv", "yours=yours.csv", "its=a.yaml", "--name", "x")
    for number, words in enumerate(
        (
            "mine.csv: 1 label has no class: 'W' (1)",
            "mine.csv: column 'split' has values that name no split: 'fold1' (1)",
            "yours.csv: no column is the sound file; not used yet: none",
            "yours.csv: its has no label code 'sda' to merge. Expected one of [sad, angry]. Did "
            "you mean 'sad'?",
        )
    ):
        assert found[number].startswith(words)
    assert len(found) == 4


Problems = Callable[..., list[str]]


def test_the_demo_can_run(problems: Problems, machine: SimpleNamespace) -> None:
    assert problems() == []
    assert machine.asked == []


def test_row_11_can_run(problems: Problems, machine: SimpleNamespace) -> None:
    assert problems(*ROW_11, "--model", "Qwen/Qwen2-Audio-7B-Instruct") == []
    assert machine.asked == ["Qwen/Qwen2-Audio-7B-Instruct"]


def test_all_problems_are_named_at_once(
    problems: Problems, machine: SimpleNamespace, place: Path
) -> None:
    machine.free = 10**9
    (place / "empty").mkdir()
    found = problems(
        *("--corpora", "ravdess=empty", "--teacher", "serve", "--model", "nowhere"),
        *("--set", "num_train_epoch=3", "--set-predict", "template=llama3"),
    )
    for words in ("empty: is not a", "no folder 'nowhere'", "'num_train_epoch'",
                  "--teacher serve: this machine has no GPU", "template", "1 GB left"):  # fmt: skip
        assert len([one for one in found if words in one]) == 1, words
    assert len(found) == 6


# ---- the model -----------------------------------------------------------------------------


def hub_error(name: str) -> Exception:
    from httpx import Request, Response
    from huggingface_hub import errors

    request = Request("GET", "https://huggingface.co/api/models/x")
    return getattr(errors, name)("no", response=Response(404, request=request))


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("RepositoryNotFoundError", "is not on the hub"),
        ("GatedRepoError", "is gated, and this account has no access to it"),
        ("HfHubHTTPError", "is not in the cache, and the hub cannot be asked (HfHubHTTPError)"),
    ],
)
def test_a_misspelt_model_of_a_hub(
    problems: Problems, machine: SimpleNamespace, name: str, says: str
) -> None:
    def refuse(_: str) -> None:
        raise hub_error(name)

    machine.hub = refuse
    (problem,) = problems("--model", "Qwen/Qwen2-Audio-7B-Instuct")
    assert problem == (
        f"--model: 'Qwen/Qwen2-Audio-7B-Instuct' {says}. Give a folder that holds a model, or the "
        "name of one on a hub, 'owner/name'."
    )


def test_without_a_network_a_model_in_the_cache_is_enough(
    problems: Problems, machine: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def offline(_: str) -> None:
        raise ConnectionError("offline")

    machine.hub = offline
    (problem,) = problems("--model", "Qwen/Qwen2-Audio-7B-Instruct")
    assert "the hub cannot be asked (ConnectionError)" in problem
    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda *_: "/cache/config.json")
    assert problems("--model", "Qwen/Qwen2-Audio-7B-Instruct") == []


@pytest.mark.parametrize("name", ["saves/row11/checkpoint-5", "./model", "/no/model", "model"])
def test_a_model_folder_that_is_not_there(
    problems: Problems, machine: SimpleNamespace, name: str
) -> None:
    (problem,) = problems("--model", name)
    assert problem.startswith(f"--model: no folder {name!r}. Give a folder that holds a model")
    assert machine.asked == []


def test_parts_of_a_model_that_are_not_there(
    problems: Problems, machine: SimpleNamespace, place: Path
) -> None:
    small = ("--train", f"{FOLDER}small/lora_sft_reason.yaml")
    (place / "llm").mkdir()
    first, second = problems(*small, "--speech", "./whisper", "--llm", "llm")
    assert first.startswith("--speech: no folder './whisper'")
    assert second.startswith("llm: has no config.json")
    (place / "llm/config.json").write_text("{}")
    assert problems(*small, "--speech", "openai/whisper-base", "--llm", "llm") == []
    assert machine.asked == ["openai/whisper-base"]


def test_a_folder_without_a_model(problems: Problems, place: Path) -> None:
    (place / "mine").mkdir()
    (problem,) = problems("--model", "mine")
    assert problem.startswith("mine: has no config.json, so it is no model.")
    (place / "mine/config.json").write_text("{}")
    assert problems("--model", "mine") == []


# ---- configurations ------------------------------------------------------------------------


def test_a_misspelt_setting_of_a_training(problems: Problems) -> None:
    (problem,) = problems("--set", "num_train_epoch=3")
    assert problem.startswith(f"{FOLDER}tiny/full_sft_reason.yaml: LLaMA-Factory refuses the key")
    assert "num_train_epochs" in problem


def test_a_misspelt_setting_of_the_prediction(problems: Problems) -> None:
    (problem,) = problems("--set-predict", "max_new_token=5")
    assert problem.startswith(f"{FOLDER}tiny/full_predict.yaml: LLaMA-Factory refuses the key")


def test_a_configuration_that_does_not_train_or_predict(problems: Problems) -> None:
    found = problems("--set", "do_train=false", "--set-predict", "do_predict=false")
    assert found == [
        f"{FOLDER}tiny/full_sft_reason.yaml: does not train. It needs 'do_train: true'.",
        f"{FOLDER}tiny/full_predict.yaml: does not predict. It needs 'do_predict: true'.",
    ]


def test_a_prediction_of_another_family(problems: Problems) -> None:
    (problem,) = problems("--predict", f"{FOLDER}qwen25omni/lora_predict.yaml")
    assert problem == (
        f"{FOLDER}qwen25omni/lora_predict.yaml: has the template 'qwen2_omni', and the model is "
        "trained with 'qwen2_audio'. Give the prediction configuration of the same family."
    )


def test_a_deepspeed_file_that_is_not_there(problems: Problems) -> None:
    (problem,) = problems("--set", "deepspeed=zero9.json")
    assert "deepspeed names 'zero9.json', and there is no such file" in problem


def test_every_training_is_looked_at(problems: Problems) -> None:
    words = (*ROW_11, "--train", f"{FOLDER}qwen2audio/lora_dpo.yaml", "--set", "do_train=false")
    assert [problem.split(":")[0] for problem in problems(*words)] == [
        *(f"{FOLDER}qwen2audio/lora_sft_reason.yaml", f"{FOLDER}qwen2audio/lora_dpo.yaml")
    ]


def test_a_batch_that_the_gpus_cannot_share(
    problems: Problems, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2")
    (problem,) = problems(*ROW_11)
    assert problem.startswith(
        f"{FOLDER}qwen2audio/lora_sft_reason.yaml: a global batch of 8 rows cannot be shared by 3 "
        "GPUs that take 1 at a time. Set per_device_train_batch_size and"
    )
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2,3,4,5,6,7")
    assert problems(*ROW_11) == []


@pytest.mark.parametrize(
    "name", ["lora_sft_reason_zero2", "full_sft_reason", "lora_sft_reason_ray"]
)
def test_a_configuration_for_eight_gpus_is_not_refused_on_them(
    problems: Problems, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    words = (
        "--train",
        f"{FOLDER}qwen2audio/{name}.yaml",
        "--model",
        "Qwen/Qwen2-Audio-7B-Instruct",
    )
    for gpus in ("0,1,2,3,4,5,6,7", "0,1,2,3", "0"):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", gpus)
        assert [one for one in problems(*words) if "batch" in one] == []
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2")
    (problem,) = [one for one in problems(*words) if "batch" in one]
    assert "a global batch of 8 rows cannot be shared by 3 GPUs that take 1 at a time" in problem


def test_on_other_machines_this_machine_does_not_count(
    plan: PlanOf, problems: Problems, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2")
    words = (*ROW_11, "--model", "Qwen/Q", "--predict-with", "vllm", "--teacher", "serve")
    here = problems(*words)
    assert [one for one in here if "3 GPUs" in one or "vllm" in one or "serve" in one] == here
    assert len(here) == 3
    refuse_what_would_fail(plan(*words), elsewhere=True)


# ---- corpora, disk and engine --------------------------------------------------------------


def test_a_folder_of_another_corpus_is_named(problems: Problems, native_corpora: Path) -> None:
    (problem,) = problems("--corpora", f"meld={native_corpora / 'ravdess'}")
    assert "is not a MELD folder" in problem and "It looks like RAVDESS" in problem
    assert problems("--corpora", f"ravdess={native_corpora / 'ravdess'}") == []


@pytest.mark.parametrize(("words", "needed"), [((), 2), (ROW_11, 20)])
def test_a_full_disk(
    problems: Problems, machine: SimpleNamespace, words: tuple[str, ...], needed: int
) -> None:
    machine.free = (needed - 1) * 10**9
    (problem,) = problems(*words)
    assert f"has {needed - 1} GB left, and the run needs {needed}. Free some space" in problem
    machine.free = needed * 10**9
    assert problems(*words) == []


def test_vllm_where_it_is_missing_or_cannot_serve_the_family(
    problems: Problems, machine: SimpleNamespace
) -> None:
    assert problems("--predict-with", "vllm") == [
        "--predict-with vllm: vLLM is not installed. docs/serving.md installs it."
    ]
    machine.vllm = "/bin/vllm"
    assert problems("--predict-with", "vllm") == []
    speechlm = ("--predict", f"{FOLDER}speechlm/lora_predict.yaml", "--predict-with", "vllm")
    found = problems("--train", f"{FOLDER}speechlm/lora_sft_semollm.yaml", *speechlm)
    assert [one for one in found if "vllm" in one] == [
        "--predict-with vllm: vLLM cannot serve models of speechlm. Give --predict-with "
        "transformers."
    ]


# ---- the teacher ---------------------------------------------------------------------------


def test_a_teacher_to_serve_needs_gpu_and_vllm(
    problems: Problems, machine: SimpleNamespace
) -> None:
    (problem,) = problems("--teacher", "serve")
    assert problem.startswith("--teacher serve: this machine has no GPU. docs/serving.md")
    machine.gpu = True
    (problem,) = problems("--teacher", "serve")
    assert problem.startswith("--teacher serve: vLLM is not installed. docs/serving.md")
    machine.vllm = "/bin/vllm"
    assert problems("--teacher", "serve") == []


@pytest.fixture
def seen() -> list[tuple[str, str | None]]:
    """Path and credentials of what the teacher was asked."""
    return []


@pytest.fixture
def endpoint(seen: list[tuple[str, str | None]]) -> Iterator[str]:
    """A teacher that wants a key."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append((self.path, self.headers["Authorization"]))
            self.send_response(401)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}).start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    server.server_close()


def test_a_teacher_that_answers_is_accepted(
    problems: Problems, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "*")
    assert problems("--teacher", endpoint, "--teacher-model", "m") == []


def test_a_teacher_is_asked_with_its_query_and_never_through_a_proxy_on_this_machine(
    problems: Problems,
    endpoint: str,
    seen: list[tuple[str, str | None]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("TEACHER_URL", f"{endpoint}?api-version=2")
    assert problems("--teacher-model", "m") == []
    assert [path for path, _ in seen] == ["/v1/models?api-version=2"]


def test_no_message_has_the_password_of_the_teacher(
    problems: Problems, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEACHER_URL", "http://me:pass@127.0.0.1:9/v1?key=word")
    (problem,) = problems("--teacher-model", "m")
    assert problem.startswith("the teacher at http://127.0.0.1:9/v1 does not answer (")
    assert "pass" not in problem and "word" not in problem


def test_a_teacher_that_does_not_answer(
    problems: Problems, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "*")
    (problem,) = problems("--teacher", "http://127.0.0.1:9/v1", "--teacher-model", "m")
    assert problem.startswith("the teacher at http://127.0.0.1:9/v1 does not answer (")
    assert problem.endswith("Start it, or correct --teacher.")


# ---- what is there already -----------------------------------------------------------------


def trained(made: RunPlan) -> None:
    made.saves.mkdir(parents=True)
    record = inputs_of(made, 0, with_rows=False) | {"rows": {}, "finished": True}
    (made.saves / RECORD).write_text(json.dumps(record))


def test_a_model_of_other_settings_is_named_before_anything_starts(
    problems: Problems, plan: PlanOf
) -> None:
    trained(plan())
    assert problems("--set", "logging_steps=7") == []
    (problem,) = problems("--set", "seed=43", "num_train_epochs=5")
    assert problem.startswith(
        "saves/demo: was trained from other inputs:\n"
        "  num_train_epochs: 4.0 -> 5\n"
        "  seed: 42 -> 43\n"
        "It is kept as it is. Give another --name for a new run, or --restart train"
    )
    assert problems("--set", "seed=43", "--restart", "train") == []
    assert problems("--set", "seed=43", "--name", "another") == []


# ---- work of another run -------------------------------------------------------------------


def test_data_of_a_run_that_is_not_finished(problems: Problems, plan: PlanOf, place: Path) -> None:
    """A teacher has taught then, and need not be there any more."""
    (place / "meld").mkdir()
    first = plan("--corpora", "meld=meld", "--teacher", "serve", *ROW_11, "--name", "row11")
    first.write()
    words = ("--data", "row11", *ROW_11, "--name", "row10")
    files = [
        "data/row11/utterances/meld/utterances.jsonl",
        "data/row11/rationales/listening.jsonl",
        "data/row11/rationales/listening_dev.jsonl",
    ]
    cure = "no such file. Finish the run row11 first."
    found = [one for one in problems(*words) if "MELD folder" not in one]
    assert found == [f"{file}: {cure}" for file in files]
    for file in files:
        Path(file).parent.mkdir(parents=True, exist_ok=True)
        Path(file).touch()
    assert [one for one in problems(*words) if "MELD folder" not in one] == []


def test_data_that_does_not_hold_what_is_trained_on(
    problems: Problems, plan: PlanOf, place: Path
) -> None:
    (place / "meld").mkdir()
    taught = ("--corpora", "meld=meld", "--teacher", "serve", *ROW_11)
    first = plan(*taught, "--name", "row11", "--set", "max_samples=100")
    first.write()
    for file in (first.utterances("meld"), *first.rationales):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()

    def found(*words: str) -> list[str]:
        return [
            one for one in problems("--data", "row11", "--name", "x", *words) if "--data" in one
        ]

    row_10 = ("--train", f"{FOLDER}qwen2audio/lora_sft_label.yaml", "--set", "max_samples=100")
    assert found(*row_10) == []
    cure = "Give --set max_samples=100, or --corpora instead of --data."
    assert found(*row_10, "max_samples=101") == [
        "--data row11: its teacher explained 100 utterances, and this training uses 101. " + cure
    ]
    assert found(*row_10, "max_samples=null") == [
        "--data row11: its teacher explained 100 utterances, and this training uses all. " + cure
    ]
    assert found(*row_10, "dataset=whyser_train_sampled") == [
        "--data row11: its rationales are for majority labels, and this training needs one for "
        "each annotator's. Give --corpora instead of --data."
    ]
    no_loss = plan(*taught, "--name", "row11", "--set", "max_samples=100", "eval_dataset=null")
    no_loss.write()
    assert found(*row_10) == [
        "--data row11: its teacher explained no utterances of the dev split, and this training "
        "computes an evaluation loss. Give --set eval_strategy=no eval_dataset=null, or --corpora "
        "instead of --data."
    ]
    # Cues are of all utterances.
    replace(first, teacher=Teacher()).write()
    first.taught("meld", "rationales").parent.mkdir()
    first.taught("meld", "rationales").touch()
    assert found(*row_10, "max_samples=101") == []


def test_two_trainings_in_one_folder(problems: Problems) -> None:
    tiny = f"{FOLDER}tiny/full_sft_reason.yaml"
    assert problems("--train", tiny, "--train", tiny) == [
        "saves/demo/tiny_full_sft_reason: would hold two trainings, since two YAMLs have one name. "
        "Rename a YAML, or give each only once."
    ]


def test_vllm_is_not_told_how_to_draw(problems: Problems, machine: SimpleNamespace) -> None:
    machine.vllm = "/bin/vllm"
    words = ("--set-predict", "do_sample=true", "--predict-with")
    assert problems(*words, "transformers") == []
    (problem,) = problems(*words, "vllm")
    assert "do_sample and num_beams are not passed on to vLLM. Set do_sample=false" in problem
