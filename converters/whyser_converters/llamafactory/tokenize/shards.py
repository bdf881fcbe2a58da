"""Writes the rows in shards, each a file named by the hash of all its inputs.

So an existing shard is always right and is reused, even after a killed run. If a row, a setting,
the tokenizer, a package or the length of a sound changes, so does the name. A sound affects rows
and name only by its number of mel frames; every run reads the headers.
"""

from __future__ import annotations

import gc
import hashlib
import json
import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from itertools import pairwise, repeat
from pathlib import Path
from typing import Any

import whyser
from whyser.io.files import atomic_path
from whyser_converters.check.findings import CheckFault
from whyser_converters.llamafactory.tokenize.encode import RowEncoder
from whyser_converters.llamafactory.tokenize.rows import Key
from whyser_converters.llamafactory.tokenize.settings import TokenizeRun

#: Rows per shard, if LLaMA-Factory's result does not depend on it.
ROWS = 250

#: Data options that change the place or the loading speed of the rows, but not the rows.
_WITHOUT_EFFECT = ("tokenized_path", "overwrite_cache", "preprocessing_num_workers")


@dataclass(frozen=True)
class Shard:
    """Rows `start` up to `stop` of a split."""

    split: str
    start: int
    stop: int


def shards_of(run: TokenizeRun, split: str, rows: int) -> list[Shard]:
    """The shards of the split.

    LLaMA-Factory packs rows within the batches of its processes. So packed rows are sharded in the
    same way: an equal share for each process (`datasets.Dataset.shard`), in batches from its start.
    """
    if not run.data_args.packing or run.generates(split):
        bounds = [(0, rows)]
        size = ROWS
    else:
        processes = min(run.data_args.preprocessing_num_workers or 1, rows)
        share, more = divmod(rows, processes)
        starts = [share * each + min(each, more) for each in range(processes + 1)]
        bounds = list(pairwise(starts))
        size = run.data_args.preprocessing_batch_size
    return [
        Shard(split, start, min(start + size, stop))
        for first, stop in bounds
        for start in range(first, stop, size)
    ]


@dataclass
class Workshop:
    """What a process needs to write shards: rows and encoder of each split, and the folder."""

    datasets: Mapping[str, Any]
    encoders: Mapping[str, RowEncoder]
    folder: Path
    common: str

    def stamp(self, shard: Shard) -> str:
        """The hash of all inputs of the shard."""
        encoder, rows = self.encoders[shard.split], self._rows(shard)
        frames = [[encoder.frames.get(one) for one in sounds or ()] for sounds in rows["_audios"]]
        made_of = [self.common, encoder.run.generates(shard.split), rows, frames]
        return hashlib.sha256(json.dumps(made_of).encode()).hexdigest()[:32]

    def path(self, stamp: str) -> Path:
        return self.folder / f"{stamp}.arrow"

    def make(self, shard: Shard, stamp: str) -> list[tuple[Key, CheckFault]]:
        """Writes the shard, unless some of its rows would be spoilt; returns these rows."""
        encoder = self.encoders[shard.split]
        encoder.cut.clear()
        columns = encoder.columns(self._rows(shard))
        if not encoder.cut and not encoder.faulty:
            _write(self.path(stamp), columns)
        return list(encoder.cut)

    def _rows(self, shard: Shard) -> Mapping[str, list[Any]]:
        rows: Mapping[str, list[Any]] = self.datasets[shard.split][shard.start : shard.stop]
        return rows


def _write(path: Path, columns: Mapping[str, Any]) -> None:
    """Uses the writer of `datasets.map`, which chooses the types of the columns."""
    from datasets.arrow_writer import ArrowWriter

    with atomic_path(path) as temporary, ArrowWriter(path=str(temporary)) as writer:
        writer.write_batch(dict(columns))
        writer.finalize()


def common_stamp(run: TokenizeRun) -> str:
    """The hash of what all shards share: settings, template, tokenizer and packages."""
    settings = run.data_args.to_dict()
    for key in _WITHOUT_EFFECT:
        settings.pop(key)
    tokenizer = run.tokenizer
    backend = getattr(tokenizer, "backend_tokenizer", None)
    vocabulary = backend.to_str() if backend else json.dumps(tokenizer.get_vocab(), sort_keys=True)
    packages = {
        name: version(name) for name in ("llamafactory", "transformers", "tokenizers", "datasets")
    }
    parts = [
        *(settings, repr(run.template), vocabulary, tokenizer.special_tokens_map),
        *(run.processor.audio_bos_token, run.processor.audio_eos_token, run.kind),
        *(packages, whyser.__version__),
    ]
    return hashlib.sha256(json.dumps(parts, default=str).encode()).hexdigest()


#: A method of the workshop over many arguments, its results in order.
Crew = Callable[[Callable[..., Any], Sequence[tuple[Any, ...]]], Iterator[Any]]


@contextmanager
def crew(workshop: Workshop, workers: int) -> Iterator[Crew]:
    """Processes that share the workshop as it is now.

    They are forked, because any other start would import PyTorch again in each, which takes longer
    than thousands of rows. If forking is impossible, one process does all the work.
    """
    if workers < 2 or "fork" not in multiprocessing.get_all_start_methods():
        yield lambda method, arguments: (method(workshop, *each) for each in arguments)
        return
    fork = multiprocessing.get_context("fork")
    # A child's garbage collector would copy what PyTorch has in memory. Freezing prevents that,
    # and 1,000 rows take two thirds of the time.
    gc.freeze()
    try:
        with ProcessPoolExecutor(workers, fork, _enter, (workshop, os.getpid())) as pool:
            yield lambda method, arguments: pool.map(_work, repeat(method), arguments)
    finally:
        gc.unfreeze()


def _enter(workshop: Workshop, parent: int) -> None:
    global _workshop
    _workshop = workshop
    threading.Thread(target=_leave_with, args=(parent,), daemon=True).start()


_workshop: Workshop


def _leave_with(parent: int) -> None:
    """Ends this process after its parent, which may be killed without stopping its children."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def _work(method: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    return method(_workshop, *arguments)
