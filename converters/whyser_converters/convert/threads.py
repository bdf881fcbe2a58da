"""Does work on files in threads, in the order of the files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, islice
from typing import TypeVar

Item = TypeVar("Item")
T = TypeVar("T")

_BATCH, _CHUNK = 512, 16


def in_threads(work: Callable[[Item], T], items: Iterator[Item]) -> Iterator[tuple[Item, T]]:
    """Items with their results, in order; the sound libraries release the interpreter.

    A thread takes several at a time, since handing over one costs more than probing a header.
    """

    def each(chunk: Sequence[Item]) -> list[T]:
        return [work(item) for item in chunk]

    with ThreadPoolExecutor() as pool:
        while batch := list(islice(items, _BATCH)):
            chunks = [batch[start : start + _CHUNK] for start in range(0, len(batch), _CHUNK)]
            yield from zip(batch, chain.from_iterable(pool.map(each, chunks)), strict=True)
