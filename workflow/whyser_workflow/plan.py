"""A run as it was asked for, with every choice made: what Snakemake and the stages read.

The plan is written to `data/RUN/run.json` before anything starts, so that a stage on another
machine reads the same one.
"""

from __future__ import annotations

import json
import os
import re
import shlex
from argparse import Namespace
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import TypeAdapter

from whyser.io.addresses import without_secrets
from whyser.io.errors import InputError, did_you_mean
from whyser.io.files import read_json, read_record, write_json
from whyser_converters.check.model import names_in
from whyser_converters.check.settings import settings_of
from whyser_converters.corpora.registry import CORPORA
from whyser_converters.datasets.dataset_info import read_table
from whyser_converters.datasets.sharegpt import Control, OwnControl

TeacherKind = Literal["measured", "endpoint", "serve"]

#: Rows and epochs for a model of a million weights, with large steps and without early stopping,
#: since the run is short.
SMALL = (
    *("use_cpu=true", "bf16=false", "preprocessing_num_workers=2", "dataloader_num_workers=0"),
    *("plot_loss=false", "max_samples=700", "num_train_epochs=4", "per_device_train_batch_size=16"),
    *("gradient_accumulation_steps=1", "learning_rate=2e-3", "lora_rank=16", "lora_alpha=32"),
    *("logging_steps=10", "save_strategy=no", "eval_strategy=no", "load_best_model_at_end=false"),
    "early_stopping_steps=null",
)
SMALL_PREDICT = (
    *("use_cpu=true", "bf16=false", "preprocessing_num_workers=2", "dataloader_num_workers=0"),
    "per_device_eval_batch_size=50",
)

#: The teacher of the paper's set-up that a node can serve.
SERVED_TEACHER = "Qwen/Qwen2.5-Omni-7B"
#: Rows of the dev split, whose loss is enough for early stopping.
DEV_ROWS = 1000
#: The datasets that the stage `build` can write.
_TRAINING_SET = re.compile(r"whyser_(train|dev|task)_[a-z_]+")
#: As the rules of the workflow have it.
_CORPUS_NAME = re.compile(r"[a-z][a-z0-9_]*")
_CONTROLS = tuple(control for control in get_args(Control) if control != "none")
_TEST_SET = re.compile(rf"whyser_test_(open|closed)(_cot)?(_({'|'.join(_CONTROLS)}))?")


@dataclass(frozen=True)
class Teacher:
    """Who writes the rationales of the training split.

    `url` is without password and query, which may be secret and stay in the environment. `options`
    go to `whyser-teach listening`.
    """

    kind: TeacherKind = "measured"
    url: str = ""
    model: str = ""
    key_variable: str = "OPENAI_API_KEY"
    options: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "measured cues" if self.kind == "measured" else self.model

    @property
    def address(self) -> str:
        """The endpoint's address as $TEACHER_URL has it, with password and query."""
        given = os.environ.get("TEACHER_URL", "")
        return given if without_secrets(given) == self.url else self.url


@dataclass(frozen=True)
class OwnRows:
    """A user's own datasets: entries of the `dataset_info.json` in `folder`."""

    folder: str
    train: str
    test: str
    dev: str | None = None

    @property
    def given(self) -> dict[str, str]:
        """Dataset -> split."""
        dev = {self.dev: "dev"} if self.dev else {}
        return {self.train: "train", **dev, self.test: "test"}

    @property
    def settings(self) -> tuple[str, ...]:
        """Settings of the training; without dev rows there is no evaluation loss to wait for."""
        without = ("eval_strategy=no", "load_best_model_at_end=false", "early_stopping_steps=null")
        return (
            f"dataset={self.train}",
            f"eval_dataset={self.dev or 'null'}",
            *(() if self.dev else without),
        )


@dataclass(frozen=True)
class RunPlan:
    """One run.

    `sources` has the folder, the table or the recipe of each corpus, none in a demo and with `own`
    rows. `data_run` is the run whose corpora, cues and rationales are used, itself as a rule.
    `settings` and `predict_settings` are overrides of the configurations, `key=value`. `parts` are
    those of a model that the run builds, whose window is in seconds; None for its encoder's own.
    `identities` says what each corpus is made of; one with another identity is converted again.
    """

    name: str
    data_run: str
    sources: dict[str, str]
    trains: tuple[str, ...]
    settings: tuple[str, ...]
    predict: str
    predict_settings: tuple[str, ...]
    predict_with: Literal["vllm", "transformers"]
    model: str
    teacher: Teacher = field(default_factory=Teacher)
    restart: str | None = None
    parts: dict[str, str] = field(default_factory=dict)
    window: int | None = None
    own: OwnRows | None = None
    identities: dict[str, str] = field(default_factory=dict)

    # ---- where its files are ---------------------------------------------------------------

    @property
    def data(self) -> Path:
        return Path("data", self.name)

    @property
    def shared(self) -> Path:
        """The folder with corpora, cues and rationales."""
        return Path("data", self.data_run)

    @property
    def owns_data(self) -> bool:
        """Whether it converts and teaches itself, and does not use another run's work."""
        return self.data_run == self.name

    @property
    def rows(self) -> Path:
        return self.data / "sharegpt"

    @property
    def saves(self) -> Path:
        return Path("saves", self.name)

    @property
    def results(self) -> Path:
        return Path("results", self.name)

    @property
    def own_model(self) -> Path:
        """The model of a run without `--model`: built of parts, or the demo's tiny one."""
        return self.data / "model"

    def utterances(self, corpus: str) -> Path:
        return self.shared / "utterances" / corpus / "utterances.jsonl"

    def known_table(self, corpus: str) -> Path:
        """What was found in the table before it was converted."""
        return self.data / ".stages" / f"{corpus}.table.json"

    def taught(self, corpus: str, file: str) -> Path:
        return self.shared / "rationales" / corpus / f"{file}.jsonl"

    def generated(self, test_set: str) -> Path:
        return self.results / "generated" / test_set / "generated_predictions.jsonl"

    def predictions(self, test_set: str) -> Path:
        return self.results / "predictions" / f"{test_set}.jsonl"

    # ---- what it holds ---------------------------------------------------------------------

    @property
    def is_demo(self) -> bool:
        return not self.sources and self.own is None

    @property
    def corpora(self) -> list[str]:
        """In the order of the merged files: the registry's, then tables as they were given; own
        rows are one."""
        if self.own:
            return [self.own.train]
        known = [name for name in CORPORA if self.is_demo or name in self.sources]
        return [*known, *self.tables]

    @property
    def tables(self) -> list[str]:
        """The corpora that have no converter of their own."""
        return [name for name in self.sources if name not in CORPORA]

    def source(self, corpus: str) -> str:
        return self.sources.get(corpus) or str(self.shared / "corpora" / corpus)

    @property
    def listened(self) -> list[Path]:
        """The rationales of an audio teacher, for all corpora: the training split's, and the dev
        split's where the evaluation loss needs them."""
        names = ["listening", *(["listening_dev"] if self.explains_dev else [])]
        return [self.shared / "rationales" / f"{name}.jsonl" for name in names]

    @property
    def rationales(self) -> list[Path]:
        """Those of the teacher; own rows have their answers. In a demo, measured ones follow those
        of an audio teacher: of two that were kept the first is used."""
        if self.own:
            return []
        measured = [self.taught(corpus, "rationales") for corpus in self.corpora]
        if self.teacher.kind == "measured":
            return measured
        return [*self.listened, *(measured if self.is_demo else [])]

    @property
    def explains_dev(self) -> bool:
        """Whether a dataset is of the dev split, whose utterances the rationales choose."""
        return any(name.startswith("whyser_dev_") for name in self.training_sets)

    @property
    def test_split(self) -> str:
        """The paper tests on MSP-Podcast's Test1 only; without it the test splits are pooled."""
        return "test1" if "msp_podcast" in self.corpora else "test"

    @property
    def tested(self) -> list[str]:
        return ["msp_podcast"] if "msp_podcast" in self.corpora else self.corpora

    def split_options(self, corpus: str) -> list[str]:
        """With MSP-Podcast the corpora without official splits are trained on whole, as in the
        paper."""
        if "msp_podcast" not in self.corpora:
            return []
        if corpus in self.tables:
            return ["--splits", "stated"]
        is_official = "official" in CORPORA[corpus].split_schemes
        return [] if is_official else ["--split-scheme", "train"]

    def conversion(self, corpus: str) -> str:
        """The words of the command that converts a corpus."""
        place, out = self.source(corpus), str(self.shared / "utterances")
        options = self.split_options(corpus)
        words = ["table", place, out, "--name", corpus] if corpus in self.tables else []
        return shlex.join([*(words or [corpus, place, out]), *options])

    @property
    def is_tiny(self) -> bool:
        return family_of(self.trains[-1]) == "tiny"

    @property
    def prompt(self) -> str:
        """The paper trains on the open form only. A tiny model knows no language but what it is
        taught, so it is taught both forms; a pretrained one understands the closed form unseen."""
        return "mix" if self.is_demo or self.is_tiny else "open"

    @cached_property
    def training_sets(self) -> list[str]:
        """The datasets of the training configurations, in their order."""
        names = (
            name
            for train in self.trains
            for key in ("dataset", "eval_dataset")
            for name in names_in(settings_of(Path(train), self.settings).get(key))
        )
        return list(dict.fromkeys(names))

    @cached_property
    def test_sets(self) -> list[str]:
        """The open form, the closed form, the shuffled control of the open form, and those that the
        configuration names after the open form."""
        settings = settings_of(Path(self.predict), self.predict_settings)
        names = names_in(settings.get("eval_dataset"))
        if self.own:
            return list(dict.fromkeys([self.own.test, f"{self.own.test}_shuffled", *names]))
        if not names or "_open" not in names[0] or control_of(names[0]) != "none":
            raise InputError(
                f"eval_dataset is {settings.get('eval_dataset')!r}, expected a test set of the "
                "open form",
                file=self.predict,
                cure="Give 'whyser_test_open' or 'whyser_test_open_cot'; the closed form and the "
                "shuffled control follow from it. Other controls may come after it.",
            )
        first, *more = names
        derived = [first, first.replace("_open", "_closed"), f"{first}_shuffled"]
        return list(dict.fromkeys([*derived, *more]))

    @property
    def own_controls(self) -> list[str]:
        """The controls of the own test set."""
        test = self.own.test if self.own else ""
        return [name.removeprefix(f"{test}_") for name in self.test_sets if name != test]

    @property
    def sets(self) -> list[str]:
        """All datasets of the run."""
        return [*self.training_sets, *self.test_sets]

    @cached_property
    def rows_wanted(self) -> int | None:
        """The most utterances that a training uses; None when it uses all."""
        settings = [settings_of(Path(train), self.settings) for train in self.trains]
        limits = [int(one.get("max_samples") or 0) for one in settings]
        return max(limits) if all(limits) else None

    @property
    def labels(self) -> str:
        """Labels of single annotators are trained on with a rationale for each."""
        return "annotators" if "whyser_train_sampled" in self.training_sets else "majority"

    def saved(self, number: int) -> Path:
        """The folder of the training with this number; each of several has its own."""
        if len(self.trains) == 1:
            return self.saves
        train = self.trains[number]
        return self.saves / f"{family_of(train)}_{Path(train).stem}"

    def start_of(self, number: int) -> dict[str, str]:
        """The checkpoint that the training with this number starts from, as settings.

        A folder of whole weights, and the adapters on top of it. After the last training it is
        what predicts.
        """
        base, adapters = self.model, list[str]()
        for done, train in enumerate(self.trains[:number]):
            settings = settings_of(Path(train), self.settings)
            if settings.get("finetuning_type") != "lora":
                base, adapters = str(self.saved(done)), []
                continue
            # The first goes on from the adapter that it names itself, if any. A new adapter is
            # stacked on it; otherwise the trained one replaces it.
            adapters = adapters or names_in(settings.get("adapter_name_or_path"))
            if adapters and not settings.get("create_new_adapter"):
                adapters.pop()
            adapters.append(str(self.saved(done)))
        found = {"model_name_or_path": base}
        return found | ({"adapter_name_or_path": ",".join(adapters)} if adapters else {})

    def overrides_of(self, number: int) -> list[str]:
        """What the training with this number has beside its configuration: start and settings."""
        return [*as_words(self.start_of(number)), *self.settings]

    # ---- its file --------------------------------------------------------------------------

    @property
    def path(self) -> Path:
        return self.data / "run.json"

    def write(self, path: Path | None = None) -> Path:
        """Writes the plan to `data/RUN/run.json`, or to another path for a dry run."""
        write_json(path or self.path, asdict(self))
        return path or self.path


_FORM = TypeAdapter(RunPlan)


def read_plan(path: Path) -> RunPlan:
    """Raises: `InputError` for a missing or broken file."""
    return read_record(path, _FORM, cure="Give the command of that run again.")


def control_of(test_set: str) -> str:
    """The control of a test set, by the end of its name.

    >>> control_of("whyser_test_open_cot_noise"), control_of("whyser_test_open_cot")
    ('noise', 'none')
    """
    return next((one for one in _CONTROLS if test_set.endswith(f"_{one}")), "none")


def family_of(configuration: str) -> str:
    """The folder of a configuration is its model's family."""
    return Path(configuration).parent.name


# ---- from options to a plan --------------------------------------------------------------------


def plan_of(options: Namespace, *, has_vllm: bool) -> RunPlan:
    """The plan that the options ask for.

    Args: `has_vllm`, whether vLLM and a GPU are there.

    Raises: `InputError` for a corpus, folder or configuration that does not exist, for a
    configuration whose datasets no stage writes, and for a teacher that was not chosen.
    """
    _refuse_taken(options)
    sources = _sources(options.corpora)
    data_run, own = options.name, _own_rows(options)
    teacher = None if own else _teacher(options, os.environ)
    if options.data:
        other = read_plan(Path("data", options.data, "run.json"))
        sources, teacher, data_run = other.sources, other.teacher, other.data_run
        own = other.own
    small, small_predict = (SMALL, SMALL_PREDICT) if options.small else ((), ())
    plan = RunPlan(
        name=options.name,
        data_run=data_run,
        sources=sources,
        trains=tuple(map(_configuration, options.train)),
        settings=(*small, *(own.settings if own else ()), *map("=".join, options.set)),
        predict=_configuration(options.predict or _predict_of(options.train[-1])),
        predict_settings=(
            *small_predict,
            *([f"eval_dataset={own.test}"] if own else ()),
            *map("=".join, options.set_predict),
        ),
        predict_with=options.predict_with
        or _engine_before(options)
        or ("vllm" if has_vllm and not own else "transformers"),
        model=options.model or str(Path("data", options.name, "model")),
        parts={"speech": options.speech, "llm": options.llm} if options.speech else {},
        window=options.window,
        teacher=teacher or Teacher(),
        restart=options.restart,
        own=own,
    )
    if own and plan.predict_with == "vllm":
        raise InputError(
            "--predict-with vllm asks our questions, and own rows have their own",
            cure="Give --predict-with transformers.",
        )
    _refuse_unwritten(plan)
    if plan.is_tiny and plan.parts:
        raise InputError(
            "--speech and --llm build a larger model than that of llamafactory_configs/tiny/",
            cure="Give --train with the configurations of llamafactory_configs/small/.",
        )
    if sources and not (teacher or plan.is_tiny):
        raise InputError(
            "real corpora need the choice of a teacher",
            cure="Give --teacher measured (rationales from measured cues), --teacher serve (an "
            "audio model on this machine's GPU) or --teacher URL.",
        )
    return plan


#: Settings that a run decides, and the options for them.
_TAKEN = {"model_name_or_path": "--model", "output_dir": "--name", "dataset_dir": "--name"}


def _refuse_taken(options: Namespace) -> None:
    for option, given, taken in (
        ("--set", options.set, _TAKEN),
        ("--set-predict", options.set_predict, _TAKEN | {"adapter_name_or_path": "--train"}),
    ):
        for key, _ in given:
            if key in taken:
                raise InputError(
                    f"{option}: the run itself sets {key}", cure=f"Give {taken[key]} instead."
                )


def _engine_before(options: Namespace) -> Literal["vllm", "transformers"] | None:
    """The engine that has answered under this name, so that its answers are not asked for again."""
    if options.restart != "predict":
        records = Path("results", options.name, "generated").glob("*/inputs.json")
        if record := min(records, default=None):
            found: Literal["vllm", "transformers"] | None = read_json(record).get("engine")
            return found
    return None


def _sources(given: Iterable[tuple[str, str]]) -> dict[str, str]:
    sources = {}
    called_from = os.environ.get("WHYSER_CALLED_FROM", "")
    for name, folder in given:
        path = Path(called_from, folder)
        if name not in CORPORA:
            _refuse_bad_name(name, path)
        if not folder or not (path.is_dir() or (path.is_file() and name not in CORPORA)):
            what = "folder" if name in CORPORA else "table, recipe or folder"
            raise InputError(f"no {what} {folder!r} for {name}", cure="Correct --corpora.")
        sources[name] = str(path)
    return sources


def _refuse_bad_name(name: str, place: Path) -> None:
    """Raises: `InputError` for a table whose name cannot be a folder's, or is a slip of the pen."""
    if not _CORPUS_NAME.fullmatch(name):
        cure = "Use small letters, digits and '_', a letter first."
        raise InputError(f"bad name of a corpus {name!r}", cure=cure)
    for spec in CORPORA.values():
        if place.is_dir() and spec.is_at(place):
            raise InputError(
                f"{str(place)!r} looks like {spec.title}, and {name!r} is no corpus with a "
                "converter",
                cure=f"Give it as {spec.name}={place}.",
            )
    if not place.exists():
        raise InputError(f"no corpus {name!r}", cure=did_you_mean(name, CORPORA))


def _own_rows(options: Namespace) -> OwnRows | None:
    """Raises: `InputError` for a name that is no entry, or is given twice."""
    if not options.dataset:
        return None
    table = Path(options.dataset_dir, "dataset_info.json")
    entries = read_table(table)
    own = OwnRows(options.dataset_dir, options.dataset, options.test, options.dev)
    for name in (own.train, own.test, *([own.dev] if own.dev else ())):
        if name not in entries:
            raise InputError(f"no dataset {name!r}", file=table, cure=did_you_mean(name, entries))
    if len(own.given) < 2 + bool(own.dev):
        raise InputError(
            "--dataset, --test and --dev name one dataset twice",
            cure="Give rows for the test that the model is not trained on.",
        )
    return own


def _teacher(options: Namespace, environment: Mapping[str, str]) -> Teacher | None:
    """The chosen teacher; None without a choice."""
    chosen = options.teacher or environment.get("TEACHER_URL")
    if not chosen:
        return None
    if chosen == "measured":
        return Teacher()
    kind: TeacherKind = "serve" if chosen == "serve" else "endpoint"
    model = options.teacher_model or environment.get("TEACHER_MODEL", "")
    if kind == "endpoint" and not re.match(r"https?://", chosen):
        raise InputError(
            f"no teacher {chosen!r}", cure="Give 'measured', 'serve', or an address: http://..."
        )
    if kind == "endpoint" and not model:
        raise InputError(
            "the teacher at an endpoint needs its model's name", cure="Give --teacher-model NAME."
        )
    return Teacher(
        kind,
        without_secrets(chosen) if kind == "endpoint" else "",
        model or SERVED_TEACHER,
        environment.get("TEACHER_KEY_VARIABLE") or "OPENAI_API_KEY",
        tuple(shlex.split(environment.get("TEACHER_OPTIONS", ""))),
    )


def _configuration(path: str) -> str:
    if not Path(path).is_file():
        raise InputError(f"no configuration {path!r}", cure="Ours are in llamafactory_configs/.")
    return path


def _predict_of(train: str) -> str:
    """The family's prediction configuration: lora_sft_reason.yaml -> lora_predict.yaml."""
    path = Path(train)
    found = path.with_name(re.sub(r"_(sft|dpo)[_.].*", "_predict.yaml", path.name))
    if found == path or not found.is_file():
        raise InputError(
            f"no prediction configuration belongs to {train}",
            cure="Give it with --predict.",
        )
    return str(found)


def _refuse_unwritten(plan: RunPlan) -> None:
    training_set, test_set = _TRAINING_SET, _TEST_SET
    if plan.own:
        own = (plan.own.train, *([plan.own.dev] if plan.own.dev else ()))
        training_set = re.compile("|".join(map(re.escape, own)))
        controls = "|".join(get_args(OwnControl))
        test_set = re.compile(rf"{re.escape(plan.own.test)}(_({controls}))?")
    for names, form, of in (
        (plan.training_sets, training_set, plan.trains),
        (plan.test_sets, test_set, (plan.predict,)),
    ):
        for name in names:
            if not form.fullmatch(name):
                raise InputError(
                    f"reads the dataset {name!r}, which no stage writes",
                    file=", ".join(of),
                    cure="docs/targets.md lists the datasets.",
                )


def as_words(settings: Mapping[str, Any]) -> Sequence[str]:
    """Settings as LLaMA-Factory takes them after a YAML.

    >>> as_words({"use_cpu": True, "early_stopping_steps": None, "model_name_or_path": "a b"})
    ['use_cpu=true', 'early_stopping_steps=null', 'model_name_or_path=a b']
    """
    return [
        f"{key}={value if isinstance(value, str) else json.dumps(value)}"
        for key, value in settings.items()
    ]
