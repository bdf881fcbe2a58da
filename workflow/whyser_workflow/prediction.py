"""Asks the trained model of a plan about every test set.

With transformers, by LLaMA-Factory's own generation (`generate.py`); with vLLM, by serving the
merged model and `whyser-eval predict`. Both go on where they were stopped, and leave
`results/RUN/predictions/SET.jsonl`.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from whyser.io.console import run, say
from whyser.io.files import read_json, write_json
from whyser.prompting.prompts import TRAINED
from whyser.records.training import TrainingFacts, write_training
from whyser_converters.check.model import names_in
from whyser_converters.check.settings import settings_of
from whyser_workflow.batch import processes_of
from whyser_workflow.identity import digest_of, model_identity, row_hashes, settings_identity
from whyser_workflow.lock import locked
from whyser_workflow.plan import RunPlan, as_words, read_plan
from whyser_workflow.serving import KEY, served, vllm_options
from whyser_workflow.training import (
    call,
    environment_of,
    set_aside,
    tokenised,
    write_settings,
)

RECORD = "inputs.json"


def start_of_prediction(plan: RunPlan) -> dict[str, Any]:
    """The checkpoint as settings; the adapter that the configuration names is not of this run."""
    return {"adapter_name_or_path": None} | plan.start_of(len(plan.trains))


def inputs_of(plan: RunPlan, test_set: str) -> dict[str, Any]:
    """What the answers to a test set are made from."""
    start = start_of_prediction(plan)
    return {
        "settings": settings_identity(
            Path(plan.predict), [*as_words(start), *plan.predict_settings]
        ),
        "start": [model_identity(name) for value in start.values() for name in names_in(value)],
        "rows": digest_of({"rows": row_hashes(plan.rows / f"{test_set}.json")}),
        "engine": plan.predict_with,
    }


def predict(plan: RunPlan) -> None:
    """Answers every set that has no answers from the same inputs."""
    with locked(plan.results / "generated") as lock:
        for name in plan.test_sets:
            _clear_outdated(plan, name, inputs_of(plan, name))
        if plan.predict_with == "vllm":
            _ask_server(plan)
        else:
            _generate(plan, lock)
    write_training(plan.results, facts_of(plan))


def facts_of(plan: RunPlan) -> TrainingFacts:
    """What a reader of the scores must know of the training."""
    rows = {}
    for train in plan.trains:
        settings = settings_of(Path(train), plan.settings)
        for name in names_in(settings.get("dataset")):
            count = len(row_hashes(plan.rows / f"{name}.json"))
            rows[name] = min(count, settings.get("max_samples") or count)
    return TrainingFacts(
        system=plan.name, checkpoint=plan.model, rows=rows, teacher=str(plan.teacher)
    )


def _clear_outdated(plan: RunPlan, name: str, inputs: Mapping[str, Any]) -> None:
    """Begins a set again whose answers, whole or partial, are from other inputs.

    The ledger of a server's answers knows the model by the run's name only.
    """
    folder = plan.generated(name).parent
    record = folder / RECORD
    if record.is_file() and read_json(record) == inputs:
        return
    if folder.is_dir():
        shutil.rmtree(folder)
    for file in (plan.results / "predictions").glob(f"{name}.*"):
        file.unlink()
    folder.mkdir(parents=True)
    write_json(record, inputs)


def _generate(plan: RunPlan, lock: int) -> None:
    missing = [name for name in plan.test_sets if not plan.generated(name).is_file()]
    if missing:
        settings = settings_of(
            Path(plan.predict), [*as_words(start_of_prediction(plan)), *plan.predict_settings]
        ) | {
            "dataset_dir": str(plan.rows),
            "eval_dataset": ",".join(missing),
            "eval_on_each_dataset": True,
            "output_dir": str(plan.results / "generated"),
            "overwrite_output_dir": True,
        }
        copy = plan.results / "generated" / "whyser_settings.yaml"
        write_settings(copy, settings)
        write_settings(copy, tokenised(settings, copy, plan.data / "tokenized" / "test"))
        # As llamafactory-cli starts a training: a process for each GPU.
        processes = processes_of(settings)
        launcher = ["-m", "torch.distributed.run", "--nproc_per_node", str(processes)]
        words = [*(launcher if processes > 1 else ()), "-m", "whyser_workflow.generate", str(copy)]
        # A worker of Ray would not know our way to answer.
        environment = environment_of(settings) | {"USE_RAY": "0"}
        call(sys.executable, *words, env=environment, pass_fds=(lock,))
    for name in plan.test_sets:
        call(
            *("whyser-eval", "join", "--model", plan.name),
            *("--manifest", str(plan.rows / f"{name}.manifest.jsonl")),
            *("--predictions", str(plan.generated(name))),
            *("--output", str(plan.results / "predictions" / f"{name}.jsonl")),
        )


def _ask_server(plan: RunPlan) -> None:
    predictions = {name: plan.results / "predictions" / f"{name}.jsonl" for name in plan.test_sets}
    missing = [name for name, file in predictions.items() if not file.is_file()]
    if not missing:
        return
    utterances = [str(plan.utterances(corpus)) for corpus in plan.tested]
    log = plan.results / "generated" / "vllm.log"
    # Prompt and decoding of training as flags: the folder of a trained model stays as it is.
    flags = ["--chat-template", str(TRAINED), "--chat-template-content-format", "openai"]
    flags += ["--generation-config", "vllm"]
    flags += ["--served-model-name", plan.name, *vllm_options()]
    with served(str(_merged(plan)), log, *flags) as server:
        for name in missing:
            form = "closed" if "_closed" in name else "open"
            control = "shuffled" if name.endswith("_shuffled") else "none"
            call(
                *("whyser-eval", "predict", *utterances, "--split", plan.test_split),
                *("--form", form, "--control", control, *(["--cot"] if "_cot" in name else [])),
                *("--template", "whyser", "--endpoint", server.url, "--model", plan.name),
                *("--name", plan.name, "--api-key-env", KEY),
                *("--output", str(predictions[name])),
                env=server.environment,
            )


def _merged(plan: RunPlan) -> Path:
    """A folder with whole weights: the trained one, or a base with its adapters merged."""
    start = plan.start_of(len(plan.trains))
    if "adapter_name_or_path" not in start:
        return Path(start["model_name_or_path"])
    folder = plan.saves.with_name(f"{plan.saves.name}_merged")
    names = [name for value in start.values() for name in names_in(value)]
    record, inputs = folder / RECORD, {name: model_identity(name) for name in names}
    if not (record.is_file() and read_json(record) == inputs):
        set_aside(folder)
        say(f"merging the adapters into {folder}")
        base = settings_of(Path(plan.predict), plan.predict_settings)
        kept = {key: base[key] for key in ("template", "trust_remote_code") if key in base}
        settings = {**kept, **start, "finetuning_type": "lora", "export_dir": str(folder)}
        copy = plan.results / "generated" / "whyser_export.yaml"
        write_settings(copy, settings)
        call("llamafactory-cli", "export", str(copy))
        write_json(record, inputs)
    return folder


def main() -> None:
    """`python -m whyser_workflow.prediction PLAN`."""
    (path,) = sys.argv[1:]
    predict(read_plan(Path(path)))


if __name__ == "__main__":
    run(main)
