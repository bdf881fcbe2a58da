"""The options of `./run.sh`.

This file needs only the standard library: run.sh reads wrong usage here before it installs
anything.
"""

from __future__ import annotations

import argparse
import os
import re
from pathlib import Path
from typing import Any

STAGES = (
    *("demo", "convert", "check", "teach", "build"),
    *("train", "predict", "baselines", "score", "report"),
)
#: The embedded demo's and the tiny model's configuration.
DEFAULT_TRAIN = "llamafactory_configs/tiny/full_sft_reason.yaml"
#: LLaMA-Factory's distributed launcher breaks on spaces, so names and paths under it have none.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")

_USAGE = """./run.sh [OPTIONS]        run the stages: {stages}
       ./run.sh test [ARGS]      run the fast tests: every unit, and one short run from corpora to a
                                 signed score; takes 3 to 8 minutes. ARGS are passed to pytest
       ./run.sh test --all [ARGS]  run every test, also those that start LLaMA-Factory, servers and
                                 benchmarks; takes about half an hour
       ./run.sh --version        print the version"""

_EPILOG = """environment:
  PYTHON                  interpreter for .venv, 3.11 to 3.13 [default: the first one found]
  CONSTRAINTS             pinned set to install: constraints.txt or constraints-2026.txt
                          [default: constraints.txt]
  TEACHER_URL, TEACHER_MODEL
                          the same as --teacher URL and --teacher-model
  TEACHER_KEY_VARIABLE    environment variable that holds the teacher's key
                          [default: OPENAI_API_KEY]
  TEACHER_OPTIONS         more options for 'whyser-teach listening', such as --concurrency 64

Example, the paper's row 11 on a GPU:
  ./run.sh --corpora msp_podcast=/corpora/MSP-PODCAST-Publish-1.12 crema_d=/corpora/CREMA-D \\
      --train llamafactory_configs/qwen2audio/lora_sft_reason.yaml \\
      --model Qwen/Qwen2-Audio-7B-Instruct --teacher serve --name row11"""


def parser() -> argparse.ArgumentParser:
    """The parser; every option is an attribute of what it returns."""
    found = argparse.ArgumentParser(
        prog="run.sh",
        usage=_USAGE.format(stages=" ".join(STAGES)),
        epilog=_EPILOG,
        description="Run every stage whose inputs changed, from corpora to a signed score and a "
        "report. A run writes into data/RUN, saves/RUN and results/RUN. A trained model is never "
        "overwritten or removed.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = found.add_argument
    pairs: dict[str, Any] = {"nargs": "+", "action": "extend", "type": _pair, "default": []}
    add(
        "--corpora",
        metavar="NAME=PATH",
        **pairs,
        help="run on these real corpora: the folder of a corpus that has a converter, or under "
        "another name a table, a folder or a recipe as in 'whyser-convert table' "
        "[default: the embedded demo]",
    )
    add(
        "--dataset",
        metavar="NAME",
        type=_name,
        help="train on your own rows, an entry of dataset_info.json, instead of corpora",
    )
    add(
        "--test",
        metavar="NAME",
        type=_name,
        help="predict and score this entry; --dataset needs it",
    )
    add(
        "--dev",
        metavar="NAME",
        type=_name,
        help="compute the evaluation loss on this entry [default: none, and no early stopping]",
    )
    add(
        "--dataset-dir",
        metavar="DIR",
        type=_path,
        default=".",
        help="find dataset_info.json with these entries in this folder [default: the one in which "
        "you are]",
    )
    add(
        "--name",
        metavar="RUN",
        type=_name,
        help="name the run [default: demo; with --corpora: real; with --dataset: its NAME]",
    )
    add(
        "--data",
        metavar="RUN",
        type=_name,
        help="use the corpora, cues and rationales of this run, and convert and teach nothing",
    )
    add(
        "--train",
        metavar="YAML",
        action="append",
        default=[],
        type=_path,
        help="train by this configuration; if several are given, each continues from the "
        f"checkpoint of the one before [default: {DEFAULT_TRAIN}]",
    )
    add(
        "--set",
        metavar="KEY=VALUE",
        **pairs,
        help="override these settings of every training configuration",
    )
    add(
        "--small",
        action="store_true",
        help="train a tiny model on a CPU in minutes by configurations that are meant for hours on "
        "a GPU, and predict on the CPU too",
    )
    add(
        "--predict",
        metavar="YAML",
        type=_path,
        help="predict by this configuration, which asks the open-form question; the closed form "
        "and the controls override its eval_dataset and output_dir [default: the last "
        "training configuration, '_sft_*' or '_dpo' in its name replaced by '_predict']",
    )
    add(
        "--set-predict",
        metavar="KEY=VALUE",
        **pairs,
        help="override these settings of the prediction configuration",
    )
    add(
        "--predict-with",
        choices=("vllm", "transformers"),
        help="generate the answers with this engine [default: as before under "
        "this name; otherwise vllm where it and a GPU are found]",
    )
    add(
        "--model",
        metavar="PATH",
        type=_path,
        help="start from this checkpoint [default: the demo's tiny Qwen2-Audio]",
    )
    add(
        "--speech",
        metavar="PATH",
        type=_path,
        help="start from a Qwen2-Audio that the run builds of this Whisper's encoder and of --llm",
    )
    add(
        "--llm",
        metavar="PATH",
        type=_path,
        help="the language model for --speech: a Qwen2 or a Llama with a chat template",
    )
    add(
        "--window",
        metavar="SECONDS",
        type=_count,
        help="let the model of --speech hear this many seconds of a clip; fewer take less time "
        "[default: 30]",
    )
    add(
        "--teacher",
        metavar="measured|serve|URL",
        help="who writes the rationales of the training utterances: measured cues, an audio model "
        "that this run serves with vLLM, or one at an OpenAI-compatible endpoint. Real "
        "corpora need the choice, unless the tiny model is trained [default: measured]",
    )
    add(
        "--teacher-model",
        metavar="NAME",
        help="the teacher's model name [default with 'serve': Qwen/Qwen2.5-Omni-7B]",
    )
    add(
        "--from",
        "--restart",
        dest="restart",
        metavar="STAGE",
        choices=STAGES,
        help="repeat this stage and all after it. What a teacher or a model has answered is kept, "
        "and so is a model of unchanged inputs; only 'train' and 'predict' begin anew, and keep "
        "the earlier model as saves/RUN.1 and the earlier answers as results/RUN/generated.1",
    )
    add("--to", metavar="STAGE", choices=STAGES, default=STAGES[-1], help="stop after this stage")
    add(
        "--jobs",
        metavar="N",
        type=_count,
        help="run this many jobs at a time [default: the number of cores; with --slurm what the "
        "profile says]",
    )
    add("--dry-run", action="store_true", help="print what would run, and run nothing")
    add(
        "--slurm",
        metavar="PROFILE",
        nargs="?",
        const="workflow/profiles/slurm",
        type=_path,
        help="submit every job to Slurm by this profile (docs/scale.md) "
        "[default: workflow/profiles/slurm]",
    )
    return found  # fmt: skip


def parse(words: list[str] | None = None) -> argparse.Namespace:
    """The options; wrong usage is printed, and ends the process with status 2."""
    found = parser()
    options = found.parse_args(words)
    if options.restart and STAGES.index(options.restart) > STAGES.index(options.to):
        found.error(f"--from {options.restart} comes after --to {options.to}")
    if options.data and options.corpora:
        found.error("--data and --corpora exclude each other: the corpora are those of that run")
    if options.data and options.restart in ("demo", "convert", "teach"):
        found.error(
            f"--from {options.restart} is work of the run {options.data}, which --data uses as it "
            "is; repeat it there"
        )
    if options.data and (options.teacher or options.teacher_model):
        found.error(f"--data {options.data} uses that run's rationales, so it takes no --teacher")
    if bool(options.speech) != bool(options.llm):
        found.error("--speech and --llm belong together: the run builds a model of both")
    if options.speech and options.model:
        found.error("--speech and --model exclude each other: a model that is built starts the run")
    if options.window and not options.speech:
        found.error("--window is that of the model that --speech and --llm build")
    if options.teacher_model and not (options.teacher or os.environ.get("TEACHER_URL")):
        found.error("--teacher-model needs --teacher serve or --teacher URL")
    _check_own_rows(found, options)
    options.name = options.name or options.dataset
    options.name = options.name or ("real" if options.corpora or options.data else "demo")
    if options.data == options.name:
        found.error(f"--data {options.data} is this run; give another --name")
    options.train = options.train or [DEFAULT_TRAIN]
    return options


def _check_own_rows(found: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    if bool(options.dataset) != bool(options.test):
        found.error("--dataset and --test belong together: a model is scored on rows of their own")
    if options.dev and not options.dataset:
        found.error("--dev names own rows, as --dataset does")
    for name in ("corpora", "data", "teacher", "teacher_model"):
        if options.dataset and getattr(options, name):
            found.error(
                f"--dataset and --{name.replace('_', '-')} exclude each other: own rows have their "
                "own sounds and answers"
            )


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise argparse.ArgumentTypeError(
            f"{text!r}: use letters, digits, '.', '_' and '-', a letter or digit first"
        )
    if text.endswith("_merged"):
        raise argparse.ArgumentTypeError(
            f"{text!r}: this name is for the merged model of {text.removesuffix('_merged')!r}"
        )
    return text


def _pair(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not (name and sign):
        raise argparse.ArgumentTypeError(f"expected NAME=VALUE, got {text!r}")
    return name, value


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a number from 1 on, got {text!r}")
    return int(text)


def _path(text: str) -> str:
    """A path of the folder in which the user is, or else of run.sh's folder.

    What lies below run.sh's folder is one path, from wherever it is called.
    """
    theirs = Path(os.path.normpath(Path(os.environ.get("WHYSER_CALLED_FROM", ""), text)))
    if not theirs.exists():
        return text
    return str(theirs.relative_to(Path.cwd()) if theirs.is_relative_to(Path.cwd()) else theirs)


if __name__ == "__main__":
    parse()
