"""Asks the trained model of a plan about every test set.

With transformers, by LLaMA-Factory's own generation (`generate.py`); with vLLM, by serving the
merged model and `whyser-eval predict`. Both go on where they were stopped, and leave
`results/RUN/predictions/SET.jsonl`.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from whyser.io.console import run, say
from whyser.io.files import read_json, write_json
from whyser.prompting.prompts import TRAINED
from whyser.records.training import TrainingFacts, write_training
from whyser_converters.check.model import names_in
from whyser_converters.check.settings import settings_of
from whyser_converters.llamafactory.window import is_narrow, widen
from whyser_workflow.batch import processes_of
from whyser_workflow.identity import (
    digest_of,
    row_hashes,
    settings_identity,
    start_identity,
)
from whyser_workflow.lock import locked
from whyser_workflow.plan import RunPlan, as_words, control_of, read_plan
from whyser_workflow.serving import KEY, served, vllm_options
from whyser_workflow.training import (
    call,
    environment_of,
    free_name,
    set_aside,
    tokenised,
    write_settings,
)

RECORD = "inputs.json"


def _start(plan: RunPlan) -> dict[str, Any]:
    """The checkpoint as settings; the adapter that the configuration names is not of this run."""
    return {"adapter_name_or_path": None} | plan.start_of(len(plan.trains))


def _overrides(plan: RunPlan) -> list[str]:
    return [*as_words(_start(plan)), *plan.predict_settings]


def _models(start: Mapping[str, Any]) -> dict[str, list[str]]:
    """The models of a start by what they hold, without their names."""
    return {key: [*models] for key, models in start_identity(start).items()}


def inputs_of(plan: RunPlan) -> dict[str, dict[str, Any]]:
    """Test set -> what its answers are made from."""
    # A set more changes no answer of the others.
    overrides = [*_overrides(plan), f"eval_dataset={plan.test_sets[0]}"]
    shared = {
        "settings": settings_identity(Path(plan.predict), overrides),
        "start": _models(_start(plan)),
        "engine": plan.predict_with,
    }
    return {
        name: {**shared, "rows": digest_of({"rows": row_hashes(plan.rows / f"{name}.json")})}
        for name in plan.test_sets
    }


def predict(plan: RunPlan) -> None:
    """Answers every set that has no answers from the same inputs."""
    with locked(plan.results / "generated") as lock:
        _begin(plan)
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
        system=plan.name,
        checkpoint=plan.model,
        rows=rows,
        teacher="own rows" if plan.own else str(plan.teacher),
    )


def _begin(plan: RunPlan) -> None:
    """Begins the sets that have no answers, whole or partial, from the same inputs.

    A server's ledger of answers knows the model by the run's name only.
    """
    inputs = inputs_of(plan)
    records = {name: plan.generated(name).with_name(RECORD) for name in plan.test_sets}
    outdated = [
        name
        for name, record in records.items()
        if not (record.is_file() and read_json(record) == inputs[name])
    ]
    if kept := set_answers_aside(plan, outdated):
        say(f"{', '.join(outdated)}: the inputs changed; earlier answers are kept in {kept}")
    for name in outdated:
        records[name].parent.mkdir(parents=True, exist_ok=True)
        write_json(records[name], inputs[name])


def set_answers_aside(plan: RunPlan, names: Iterable[str]) -> Path | None:
    """Moves all answers to these sets into the first free `results/RUN/generated.1`, `.2`, ...;
    None where there are none."""
    kept = free_name(plan.results / "generated")
    for name in names:
        folder = plan.generated(name).parent
        files = [*(plan.results / "predictions").glob(f"{name}.*")]
        if files or any(path.name != RECORD for path in folder.glob("*")):
            kept.mkdir(exist_ok=True)
            if folder.is_dir():
                folder.rename(kept / name)
            for file in files:
                file.rename(kept / file.name)
    return kept if kept.is_dir() else None


def _generate(plan: RunPlan, lock: int) -> None:
    missing = [name for name in plan.test_sets if not plan.generated(name).is_file()]
    if missing:
        settings = settings_of(Path(plan.predict), _overrides(plan)) | {
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
            *("--output", str(plan.predictions(name))),
        )


def _ask_server(plan: RunPlan) -> None:
    missing = [name for name in plan.test_sets if not plan.predictions(name).is_file()]
    if not missing:
        return
    utterances = [str(plan.utterances(corpus)) for corpus in plan.tested]
    log = plan.results / "generated" / "vllm.log"
    # Prompt and decoding of training as flags: the folder of a trained model stays as it is.
    flags = ["--chat-template", str(TRAINED), "--chat-template-content-format", "openai"]
    flags += ["--generation-config", "vllm"]
    flags += ["--served-model-name", plan.name, *vllm_options()]
    limits = _limits(settings_of(Path(plan.predict), plan.predict_settings))
    with served(str(_merged(plan)), log, *flags) as server:
        for name in missing:
            form = "closed" if "_closed" in name else "open"
            call(
                *("whyser-eval", "predict", *utterances, "--split", plan.test_split),
                *("--form", form, "--control", control_of(name)),
                *(["--cot"] if "_cot" in name else []),
                *("--template", "whyser", "--endpoint", server.url, "--model", plan.name),
                *("--name", plan.name, "--api-key-env", KEY, *limits),
                *("--output", str(plan.predictions(name))),
                env=server.environment,
            )


def _limits(settings: Mapping[str, Any]) -> list[str]:
    """The limits of a prediction configuration as options of `whyser-eval predict`."""
    options = {"max_new_tokens": "--max-tokens", "max_samples": "--max-samples"}
    return [
        word
        for key, option in options.items()
        if settings.get(key)
        for word in (option, str(settings[key]))
    ]


def _merged(plan: RunPlan) -> Path:
    """A folder of whole weights that vLLM accepts: the trained one, or a copy with its adapters
    merged and its window widened."""
    start = plan.start_of(len(plan.trains))
    base = Path(start["model_name_or_path"])
    if "adapter_name_or_path" not in start and not is_narrow(base):
        return base
    folder = plan.saves.with_name(f"{plan.saves.name}_merged")
    record = folder / RECORD
    inputs = _models(start)
    if not (record.is_file() and read_json(record) == inputs):
        set_aside(folder)
        if "adapter_name_or_path" in start:
            _merge(plan, start, folder)
        else:
            shutil.copytree(base, folder, ignore=shutil.ignore_patterns("checkpoint-*", ".lock"))
        widen(folder)
        write_json(record, inputs)
    return folder


def _merge(plan: RunPlan, start: Mapping[str, Any], folder: Path) -> None:
    say(f"merging the adapters into {folder}")
    base = settings_of(Path(plan.predict), plan.predict_settings)
    settings = {**start, "finetuning_type": "lora", "export_dir": str(folder)}
    settings |= {key: base[key] for key in ("template", "trust_remote_code") if key in base}
    copy = plan.results / "generated" / "whyser_export.yaml"
    write_settings(copy, settings)
    call("llamafactory-cli", "export", str(copy))


def main() -> None:
    """`python -m whyser_workflow.prediction PLAN`."""
    (path,) = sys.argv[1:]
    predict(read_plan(Path(path)))


if __name__ == "__main__":
    run(main)
