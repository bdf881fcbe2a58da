"""Measures how fast `whyser-convert tokenize` is, compared with LLaMA-Factory's preprocessing.

    python benchmarks/tokenising.py [--strict]
    python benchmarks/tokenising.py --clips 200 --processes 4

The input is clips of noise from 0.1 s to 40 s and the demo's tiny model with the window of the real
one. The rows have every target and various questions; a second dataset has preference pairs. From
one YAML each way writes the folder that training starts from, with the same number of processes.
The script compares the two folders integer by integer and ends with status 1 if they differ.

Each way runs in a separate process. Its time starts after LLaMA-Factory and PyTorch are imported
and the YAML and the tokenizer are read, which both ways need, and ends when the folder is written.
It includes starting the worker processes, loading the rows and checking them. Both ways read clips
from the page cache. LLaMA-Factory runs once; our command runs several times, and the slowest run
counts.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import yaml
from figures import Figure, options_of, run, show

import whyser_converters
from whyser.demo.model import write_model
from whyser.demo.sentences import MSP_PODCAST
from whyser.io.console import say
from whyser.labels.classes import EmotionClass
from whyser.prompting.answer import TARGETS, render_answer
from whyser.prompting.prompts import QUESTIONS
from whyser_converters.datasets.dataset_info import entry

FULL_CLIPS, MIN_RATIO = 1_000, 25.0
SHORTEST_S, LONGEST_S = 0.1, 40.0
RATE, ROUNDS = 16_000, 3

#: What both ways do before their time starts; the arguments are the YAML and the folder to write.
READ = """
import json, os, sys, time, warnings
os.environ["LLAMAFACTORY_VERBOSITY"] = "WARN"
warnings.simplefilter("ignore")
import torchaudio
from pathlib import Path
from llamafactory.data import get_dataset, get_template_and_fix_tokenizer
from llamafactory.hparams import get_train_args
from llamafactory.model import load_tokenizer
from whyser_converters.llamafactory.tokenize.settings import read_run
from whyser_converters.llamafactory.tokenize.write import write
import yaml
path, folder = map(Path, sys.argv[1:])
"""
STOCK = """
settings = yaml.safe_load(path.read_text())
model, data, training, finetuning, _ = get_train_args({**settings, "tokenized_path": str(folder)})
loaded = load_tokenizer(model)
template = get_template_and_fix_tokenizer(loaded["tokenizer"], data)
stage = {"sft": "sft", "dpo": "rm"}[finetuning.stage]
start = time.perf_counter()
get_dataset(template, model, data, training, stage, **loaded)
"""
OURS = """
job = read_run(path)
start = time.perf_counter()
write(job, folder)
"""
REPORT = "print('SECONDS', time.perf_counter() - start)"


def main() -> None:
    arguments = _parse()
    # Show which code is measured, because it may be an installed copy or another checkout.
    say(f"measures {Path(whyser_converters.__file__).parent}")
    with tempfile.TemporaryDirectory(prefix="whyser_benchmark_") as folder:
        work = Path(folder)
        os.environ["HF_DATASETS_CACHE"] = str(work / "cache")
        write_model(work / "model", window=30)
        seconds = write_clips(work, arguments.clips)
        say(f"wrote {arguments.clips:,} clips, {seconds / 3600:.1f} h")
        figures = [
            figure
            for stage, rows in (("sft", answers(work)), ("dpo", pairs(work)))
            for figure in comparing(work, stage, rows, arguments)
        ]
    title = f"Tokenising, {arguments.processes} processes on {os.cpu_count()} cores"
    show(title, figures, strict=arguments.strict)
    if any(each.bound == "identical" and not each.met for each in figures):
        sys.exit(1)


def _parse() -> argparse.Namespace:
    parser = options_of(__doc__)
    parser.add_argument(
        "--clips", type=int, default=FULL_CLIPS, help="number of clips [%(default)s]"
    )
    parser.add_argument(
        "--processes", type=int, default=2, help="processes of each way [%(default)s]"
    )
    return parser.parse_args()


# ---- what is tokenised --------------------------------------------------------------------


def write_clips(work: Path, count: int) -> float:
    """Writes clips of evenly spaced lengths and returns their total length in seconds."""
    rng = np.random.default_rng(0)
    lengths = np.linspace(SHORTEST_S, LONGEST_S, count)
    for number, seconds in enumerate(lengths):
        samples = rng.normal(0, 0.1, round(seconds * RATE)).astype(np.float32)
        soundfile.write(str(work / f"{number:06d}.wav"), samples, RATE, subtype="PCM_16")
    return float(lengths.sum())


def answers(work: Path) -> list[dict[str, Any]]:
    """One row per clip, with answers of all targets in turn."""
    questions = [question.text for question in QUESTIONS.values()]
    return [
        {
            "messages": [
                {"role": "user", "content": f"<audio>{questions[number % len(questions)]}"},
                {"role": "assistant", "content": _answer(number)},
            ],
            "audios": [clip.name],
        }
        for number, clip in enumerate(sorted(work.glob("*.wav")))
    ]


def pairs(work: Path) -> list[dict[str, Any]]:
    """One row per clip, with a chosen and a rejected answer."""
    return [
        {
            "messages": row["messages"][:1],
            "chosen": row["messages"][1],
            "rejected": {"role": "assistant", "content": _answer(number + 1)},
            "audios": row["audios"],
        }
        for number, row in enumerate(answers(work))
    ]


LABELS: tuple[EmotionClass, ...] = ("sad", "happy", "angry")


def _answer(number: int) -> str:
    """An answer of each target in turn, with and without the transcript."""
    turn, place = divmod(number, len(TARGETS))
    target = list(TARGETS)[place]
    words = list(MSP_PODCAST)[number % len(MSP_PODCAST)]
    return render_answer(
        {"sad": 60, "happy": 40} if target == "distribution" else LABELS[number % 3],
        transcript=words if turn % 2 or target == "asr" else None,
        rationale=f"Take {number}: '{words}' is said slowly. The voice is low.",
        descriptors="female, low pitch, slow speed, soft volume",
        attributes="arousal 2.4 of 7, valence 3.1 of 7, dominance 3.0 of 7",
        target=target,
    )


# ---- the two ways -------------------------------------------------------------------------


def comparing(
    work: Path, stage: str, rows: list[dict[str, Any]], arguments: argparse.Namespace
) -> Iterator[Figure]:
    """Runs both ways on the same YAML."""
    path = _yaml(work, stage, rows, arguments.processes)
    stock = _seconds(STOCK, path, work / f"{stage}_stock")
    say(f"{stage}: LLaMA-Factory took {stock:.1f} s")
    ours = max(_ours(path, work / f"{stage}_ours") for _ in range(ROUNDS))
    full = len(rows) == FULL_CLIPS
    yield Figure(f"stage {stage}, {len(rows):,} clips: LLaMA-Factory", f"{stock:.1f} s")
    yield Figure("  whyser-convert tokenize", f"{ours:.2f} s")
    yield Figure(
        "  times as fast",
        f"{stock / ours:.0f}",
        f"at least {MIN_RATIO:.0f} at {FULL_CLIPS:,} clips",
        stock / ours >= MIN_RATIO if full else None,
    )
    yield from identity(work / f"{stage}_stock", work / f"{stage}_ours")


def identity(stock: Path, ours: Path) -> Iterator[Figure]:
    """For each column, the number of compared integers and whether all are identical."""
    from datasets import load_from_disk

    expected, found = (load_from_disk(str(folder))["train"] for folder in (stock, ours))
    for column in expected.column_names:
        if column.endswith(("input_ids", "attention_mask", "labels")):
            rows = expected[column]
            same = list(found[column]) == list(rows) and found.features == expected.features
            yield Figure(f"  {column}", f"{sum(map(len, rows)):,}", "identical", same)


def _yaml(work: Path, stage: str, rows: list[dict[str, Any]], processes: int) -> Path:
    listed = entry(f"{stage}.json")
    if stage == "dpo":
        columns = {**listed["columns"], "chosen": "chosen", "rejected": "rejected"}
        listed |= {"ranking": True, "columns": columns}
    (work / f"{stage}.json").write_text(json.dumps(rows), encoding="utf-8")
    (work / "dataset_info.json").write_text(json.dumps({stage: listed}), encoding="utf-8")
    settings = {
        "model_name_or_path": str(work / "model"), "stage": stage, "do_train": True,
        "finetuning_type": "full", "dataset_dir": str(work), "dataset": stage,
        "template": "qwen2_audio", "cutoff_len": 2048, "overwrite_cache": True,
        "preprocessing_num_workers": processes, "output_dir": str(work / "saves"),
        "report_to": "none", "use_cpu": True,
    }  # fmt: skip
    path = work / f"{stage}.yaml"
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return path


def _ours(path: Path, folder: Path) -> float:
    shutil.rmtree(folder, ignore_errors=True)
    return _seconds(OURS, path, folder)


def _seconds(way: str, path: Path, folder: Path) -> float:
    said, _ = run("-c", READ + way + REPORT, str(path), str(folder))
    return float(said.rpartition("SECONDS ")[2].split()[0])


if __name__ == "__main__":
    main()
