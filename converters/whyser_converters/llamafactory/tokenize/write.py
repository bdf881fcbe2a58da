"""Writes the folder from which `llamafactory-cli train` starts at once."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, ClassVar

from whyser.io.console import track
from whyser.io.errors import InputError
from whyser.io.files import read_json, write_json
from whyser.temporary import names_when_full
from whyser_converters.check.findings import Findings
from whyser_converters.check.settings import setting_faults
from whyser_converters.llamafactory.tokenize.encode import RowEncoder
from whyser_converters.llamafactory.tokenize.rows import Rows, judge_rows
from whyser_converters.llamafactory.tokenize.settings import TokenizeRun
from whyser_converters.llamafactory.tokenize.shards import (
    Crew,
    Shard,
    Workshop,
    common_stamp,
    crew,
    shards_of,
)
from whyser_converters.llamafactory.tokenize.sounds import count_frames

#: Marks a folder as written by this command, with the hash of its inputs.
CARD = "whyser_tokenize.json"


@dataclass(frozen=True)
class WrittenSplit:
    """Totals of a written split, `longest` in tokens; `at_limit` rows have `cutoff_len` tokens."""

    name: str
    rows: int
    tokens: int
    longest: int
    at_limit: int

    COLUMNS: ClassVar = ("split", "rows", "tokens", "longest", "at cutoff_len")

    def row(self) -> tuple[str, ...]:
        numbers = (self.rows, self.tokens, self.longest, self.at_limit)
        return self.name, *(f"{number:,}" for number in numbers)


@dataclass(frozen=True)
class Written:
    """The finished folder; `new` of its `shards` were written now, the others were reused."""

    splits: Sequence[WrittenSplit]
    shards: int
    new: int
    warnings: Sequence[str]


def write(run: TokenizeRun, output: Path, workers: int | None = None) -> Written:
    """Tokenises the run's rows into `output`, by default with as many workers as the YAML says.

    The same call resumes a run that was killed. It replaces its earlier output if an input has
    changed, and otherwise leaves it as it is.

    Raises: `WhyserError` with all rows that LLaMA-Factory would drop, truncate or crash on;
    `InputError` for an output folder with other contents.
    """
    refuse_foreign(output)
    findings = Findings(str(run.yaml))
    findings.add_all(setting_faults({"val_size": run.data_args.val_size}), run.yaml)
    rows = judge_rows(run, findings)
    frames = count_frames(run, rows, findings)
    splits = _load(run, findings)
    encoders = {name: RowEncoder(run, name, frames, rows.faulty) for name in splits}
    folder = output.absolute().with_name(f".{output.absolute().name}.parts")
    workshop = Workshop(splits, encoders, folder, common_stamp(run))
    shards = [
        shard
        for split, dataset in workshop.datasets.items()
        for shard in shards_of(run, split, len(dataset))
    ]
    workers = workers or run.data_args.preprocessing_num_workers or 1
    with crew(workshop, min(workers, len(shards))) as work:
        stamps = list(work(Workshop.stamp, [(shard,) for shard in shards]))
        whole = hashlib.sha256(" ".join([*workshop.datasets, *stamps]).encode()).hexdigest()
        is_done = not len(findings) and _stamp_of(output) == whole
        new = 0 if is_done else _make(workshop, shards, stamps, work, rows, findings)
    findings.raise_any()
    if not is_done:
        _finish(run, workshop, shards, stamps, whole, output)
    return Written(_summaries(run, output), len(shards), new, findings.warnings)


def refuse_foreign(output: Path) -> None:
    """Raises: `InputError` when the folder holds anything that this command did not write."""
    if output.is_dir() and not any(output.iterdir()):
        return
    if output.exists() and not (output / CARD).is_file():
        cure = "Give another --output, or remove it."
        raise InputError("was not written by this command", file=output, cure=cure)


def _load(run: TokenizeRun, findings: Findings) -> Mapping[str, Any]:
    """The splits from LLaMA-Factory's loader, rows aligned but not yet tokenised."""
    import datasets
    from datasets.exceptions import DatasetsError
    from llamafactory.data.data_utils import split_dataset
    from llamafactory.data.loader import _get_merged_dataset

    datasets.disable_progress_bars()
    # One process, as starting others takes longer, and never an older cache, which does not notice
    # that a sound has moved and would keep its old path.
    loading = copy(run.data_args)
    loading.preprocessing_num_workers, loading.overwrite_cache = None, True
    args = (run.model_args, loading, run.training_args, run.kind)
    per_dataset = run.data_args.eval_on_each_dataset
    try:
        train = _get_merged_dataset(run.data_args.dataset, *args)
        held_out = _get_merged_dataset(run.data_args.eval_dataset, *args, return_dict=per_dataset)
        seed = run.training_args.seed
        splits = split_dataset(train, held_out, run.data_args, seed=seed)
    except (ValueError, TypeError, KeyError, DatasetsError) as error:
        findings.raise_any()
        what = f"LLaMA-Factory cannot load its rows ({str(error).rstrip('.')})"
        raise InputError(what, file=run.yaml, cure="Correct the dataset or its entry.") from None
    return {name: dataset for part in splits for name, dataset in part.items()}


def _make(
    workshop: Workshop,
    shards: Sequence[Shard],
    stamps: Sequence[str],
    work: Crew,
    rows: Rows,
    findings: Findings,
) -> int:
    """Writes the missing shards, reports the rows that would be spoilt, and returns the number."""
    pairs = zip(shards, stamps, strict=True)
    missing = [pair for pair in pairs if not workshop.path(pair[1]).exists()]
    spoilt = dict(chain.from_iterable(track(work(Workshop.make, missing), "rows", len(missing))))
    for key, fault in spoilt.items():
        rows.report(fault, rows.places[key], findings)
    return len(missing)


def _finish(
    run: TokenizeRun,
    workshop: Workshop,
    shards: Sequence[Shard],
    stamps: Sequence[str],
    whole: str,
    output: Path,
) -> None:
    """Combines the shards into one `DatasetDict`, and renames it into place."""
    from datasets import Dataset, DatasetDict, concatenate_datasets

    pieces: dict[str, list[Any]] = {name: [] for name in workshop.datasets}
    for shard, stamp in zip(shards, stamps, strict=True):
        pieces[shard.split].append(Dataset.from_file(str(workshop.path(stamp))))
    splits = {name: concatenate_datasets(parts) for name, parts in pieces.items()}
    finished, old = workshop.folder / "finished", workshop.folder / "old"
    for leftover in (finished, old):
        shutil.rmtree(leftover, ignore_errors=True)
    with names_when_full(output):
        DatasetDict(splits).save_to_disk(str(finished))
    rows = {name: len(dataset) for name, dataset in splits.items()}
    write_json(finished / CARD, {"yaml": str(run.yaml), "rows": rows, "stamp": whole})
    if output.exists():
        output.replace(old)
    finished.replace(output)
    shutil.rmtree(workshop.folder)


def _stamp_of(output: Path) -> str | None:
    card = output / CARD
    return str(read_json(card).get("stamp")) if card.is_file() else None


def _summaries(run: TokenizeRun, output: Path) -> list[WrittenSplit]:
    import pyarrow.compute as pc
    from datasets import load_from_disk

    limit = run.data_args.cutoff_len
    summaries = []
    for name, dataset in load_from_disk(str(output)).items():
        table = dataset.data.table
        columns = [one for one in table.column_names if one.endswith("input_ids")]
        lengths = [pc.list_value_length(table[one]) for one in columns]
        tokens = sum(pc.sum(one).as_py() for one in lengths)
        longest = max(pc.max(one).as_py() for one in lengths)
        at_limit = max(pc.sum(pc.greater_equal(one, limit)).as_py() for one in lengths)
        summaries.append(WrittenSplit(name, len(dataset), tokens, longest, at_limit))
    return summaries
