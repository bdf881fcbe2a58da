"""What would fail hours later, in seconds and for the whole run: all problems at once."""

from __future__ import annotations

import importlib.util
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import ProxyHandler, build_opener

from whyser.chat import ChatSettings
from whyser.io.errors import BadInput, InputError, Problems
from whyser_converters.check.findings import CheckFault
from whyser_converters.check.run import run_faults
from whyser_converters.check.settings import setting_faults, settings_of
from whyser_converters.corpora.registry import CORPORA, check_folder
from whyser_workflow.batch import accumulation, processes_of
from whyser_workflow.plan import RunPlan, as_words, family_of, read_plan
from whyser_workflow.serving import find_vllm, has_gpu
from whyser_workflow.tables import known_table
from whyser_workflow.training import inputs_of, refuse_change

#: Free disk that a run needs at the least, in GB: its own files, and a checkpoint of a 7B adapter;
#: for families with smaller models, theirs.
NEEDED_GB, NEEDED_BY_SMALLER_GB = 20, {"tiny": 2, "small": 6}
#: Families whose models vLLM can serve.
SERVABLE = ("qwen2audio", "small", "tiny")


def refuse_what_would_fail(plan: RunPlan, *, elsewhere: bool = False) -> None:
    """Looks at everything; `elsewhere`, the stages run on other machines, whose GPUs are not known.

    Raises: `BadInput` with everything that is wrong with the plan.
    """
    problems = Problems("the run; nothing was started")
    anywhere = (_corpora, _model, _configurations, _teacher, _prediction, _disk, _trained)
    for check in anywhere if elsewhere else (*anywhere, _machine):
        for problem in check(plan):
            problems.add(problem)
    problems.raise_any()


def _corpora(plan: RunPlan) -> Iterator[InputError]:
    for name, place in plan.sources.items():
        try:
            if name not in plan.tables:
                check_folder(CORPORA[name], Path(place))
            elif plan.owns_data:
                _refuse_no_test(plan, name, Path(place))
        except InputError as problem:
            yield problem
        except BadInput as error:
            yield from error.problems
    if not plan.owns_data:
        for corpus in plan.corpora:
            if not plan.utterances(corpus).is_file():
                yield _unfinished(plan, plan.utterances(corpus))
            elif plan.own:
                yield from _other_rows(plan, plan.utterances(corpus).parent)
        other = read_plan(plan.shared / "run.json")
        yield from _other_rationales(plan, other)
        files = [file for file in plan.rationales if file in other.rationales]
        yield from (_unfinished(plan, file) for file in files if not file.is_file())


def _refuse_no_test(plan: RunPlan, name: str, place: Path) -> None:
    """Raises: `InputError` for a table without the test split; else as `known_table`."""
    splits = known_table(plan, name).test_splits
    if name in plan.tested and plan.test_split not in splits:
        found = ", ".join(splits) or "none"
        raise InputError(
            f"has no split {plan.test_split!r} to test on (test splits: {found})",
            file=place,
            cure="Name a column with the split or the speaker, in a recipe (docs/new_corpus.md).",
        )


def _other_rationales(plan: RunPlan, other: RunPlan) -> Iterator[InputError]:
    """Rationales that this run trains on, and that the other one did not have written."""
    if plan.labels == "annotators" and other.labels != plan.labels:
        yield InputError(
            f"--data {plan.data_run}: its rationales are for majority labels, and this training "
            "needs one for each annotator's",
            cure="Give --corpora instead of --data.",
        )
    if any(file not in other.rationales for file in plan.rationales):
        yield InputError(
            f"--data {plan.data_run}: its teacher explained no utterances of the dev split, and "
            "this training computes an evaluation loss",
            cure="Give --set eval_strategy=no eval_dataset=null, or --corpora instead of --data.",
        )
    taught = None if plan.teacher.kind == "measured" else other.rows_wanted
    if taught and not (plan.rows_wanted and plan.rows_wanted <= taught):
        yield InputError(
            f"--data {plan.data_run}: its teacher explained {taught:,} utterances, and this "
            f"training uses {format(plan.rows_wanted, ',') if plan.rows_wanted else 'all'}",
            cure=f"Give --set max_samples={taught}, or --corpora instead of --data.",
        )


def _other_rows(plan: RunPlan, folder: Path) -> Iterator[InputError]:
    """Own rows under a control that the other run did not write."""
    for name in plan.sets:
        if not (folder / f"{name}.json").is_file():
            yield InputError(
                f"--data {plan.data_run}: it has no rows {name!r}",
                cure="Give --dataset and --test instead of --data.",
            )


def _unfinished(plan: RunPlan, file: Path) -> InputError:
    return InputError("no such file", file=file, cure=f"Finish the run {plan.data_run} first.")


def _model(plan: RunPlan) -> Iterator[InputError]:
    own = {} if Path(plan.model) == plan.own_model else {"model": plan.model}
    for option, name in (own | plan.parts).items():
        if Path(name).is_dir():
            if not (Path(name) / "config.json").is_file():
                yield InputError("has no config.json, so it is no model", file=name, cure=_MODEL)
        elif name.count("/") != 1 or name.startswith((".", "/", "~")):
            yield InputError(f"--{option}: no folder {name!r}", cure=_MODEL)
        elif problem := _why_not_on_a_hub(name):
            yield InputError(f"--{option}: {name!r} {problem}", cure=_MODEL)


_MODEL = "Give a folder that holds a model, or the name of one on a hub, 'owner/name'."


def _why_not_on_a_hub(name: str) -> str | None:
    """None for a model that is in the cache, or that the hub has."""
    from huggingface_hub import HfApi, try_to_load_from_cache
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RepositoryNotFoundError

    if isinstance(try_to_load_from_cache(name, "config.json"), str):
        return None
    try:
        HfApi().model_info(name, timeout=5)
    except GatedRepoError:
        return "is gated, and this account has no access to it"
    except RepositoryNotFoundError:
        return "is not on the hub"
    except (HfHubHTTPError, OSError, ValueError, RuntimeError) as error:
        return f"is not in the cache, and the hub cannot be asked ({type(error).__name__})"
    return None


def _configurations(plan: RunPlan) -> Iterator[InputError]:
    folders = Counter(map(plan.saved, range(len(plan.trains))))
    for folder in (folder for folder, count in folders.items() if count > 1):
        yield InputError(
            "would hold two trainings, since two YAMLs have one name", file=folder,
            cure="Rename a YAML, or give each only once.",
        )  # fmt: skip
    for number, train in enumerate(plan.trains):
        try:
            settings = _known_settings(train, plan.settings, plan.start_of(number))
        except InputError as problem:
            yield problem
            continue
        yield from _errors([*run_faults(settings), *setting_faults(settings)], train)
        if not settings.get("do_train"):
            yield InputError("does not train", file=train, cure="It needs 'do_train: true'.")
    if importlib.util.find_spec("llamafactory") is None:
        yield InputError("LLaMA-Factory is not installed", cure="Run ./install.sh.")


def _known_settings(path: str, overrides: tuple[str, ...], start: dict[str, str]) -> dict[str, Any]:
    """The settings without checkpoints that this run trains itself."""
    settings = settings_of(Path(path), [*as_words(start), *overrides])
    for key in start:
        settings.pop(key)
    return settings


def _errors(faults: list[CheckFault], file: str) -> Iterator[InputError]:
    for fault in faults:
        if not fault.warns:
            yield InputError(fault.what, file=file, cure=fault.cure)


def _machine(plan: RunPlan) -> Iterator[InputError]:
    """What this machine's GPUs and programs must be able to do."""
    for train in plan.trains:
        try:
            settings = settings_of(Path(train), plan.settings)
            accumulation(settings, processes_of(settings))
        except InputError as problem:
            yield problem.at(train)
    serves = plan.teacher.kind == "serve" and plan.owns_data
    if serves and not (find_vllm() and has_gpu()):
        what = "vLLM is not installed" if has_gpu() else "this machine has no GPU"
        yield InputError(
            f"--teacher serve: {what}",
            cure="docs/serving.md installs vLLM; --teacher URL asks a server elsewhere.",
        )
    if plan.predict_with == "vllm" and find_vllm() is None:
        yield InputError(
            "--predict-with vllm: vLLM is not installed", cure="docs/serving.md installs it."
        )


def _teacher(plan: RunPlan) -> Iterator[InputError]:
    teacher = plan.teacher
    # With --data the other run has taught.
    if teacher.kind == "endpoint" and plan.owns_data:
        try:
            asked = ChatSettings(teacher.address, teacher.model)
            # This machine itself is never asked through a proxy.
            by = ProxyHandler(None if asked.proxy else {})
            build_opener(by).open(asked.url("/models"), timeout=10).close()
        except HTTPError:
            pass  # It answers; the key is the teacher's business.
        except InputError as problem:
            yield problem
        except (OSError, ValueError) as error:
            through = f" through the proxy {asked.proxy.address}" if asked.proxy else ""
            yield InputError(
                f"the teacher at {asked.address} does not answer{through} ({error})",
                cure="Start it, or correct --teacher.",
            )


def _prediction(plan: RunPlan) -> Iterator[InputError]:
    try:
        settings = _known_settings(
            plan.predict, plan.predict_settings, plan.start_of(len(plan.trains))
        )
    except InputError as problem:
        yield problem
        return
    settings["adapter_name_or_path"] = None
    is_greedy = not settings.get("do_sample") and settings.get("num_beams", 1) == 1
    if plan.predict_with == "vllm" and not is_greedy:
        yield InputError(
            "do_sample and num_beams are not passed on to vLLM",
            file=plan.predict,
            cure="Set do_sample=false and num_beams=1, or give --predict-with transformers.",
        )
    yield from _errors(list(run_faults(settings)), plan.predict)
    if not settings.get("do_predict"):
        yield InputError("does not predict", file=plan.predict, cure="It needs 'do_predict: true'.")
    trained = settings_of(Path(plan.trains[-1]), plan.settings)
    if settings.get("template") != trained.get("template"):
        yield InputError(
            f"has the template {settings.get('template')!r}, and the model is trained with "
            f"{trained.get('template')!r}",
            file=plan.predict,
            cure="Give the prediction configuration of the same family.",
        )
    if plan.predict_with == "vllm" and family_of(plan.predict) not in SERVABLE:
        yield InputError(
            f"--predict-with vllm: vLLM cannot serve models of {family_of(plan.predict)}",
            cure="Give --predict-with transformers.",
        )


def _disk(plan: RunPlan) -> Iterator[InputError]:
    needed = NEEDED_BY_SMALLER_GB.get(family_of(plan.trains[-1]), NEEDED_GB)
    free = shutil.disk_usage(".").free / 1e9
    if free < needed:
        yield InputError(
            f"the disk of {Path.cwd()} has {free:.0f} GB left, and the run needs {needed}",
            cure="Free some space, or clone Whyser on a larger disk.",
        )


def _trained(plan: RunPlan) -> Iterator[InputError]:
    """What was trained under this name from other settings."""
    if plan.restart == "train":
        return
    for number in range(len(plan.trains)):
        try:
            refuse_change(plan.saved(number), inputs_of(plan, number, with_rows=False))
        except InputError as problem:
            yield problem
