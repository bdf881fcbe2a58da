"""Batches of clips of similar length, which need little padding.

Trainer's `group_by_length` is not used: it would read every clip to know its length, it orders
batches by length, and its epochs depend on the random numbers drawn before.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

#: Batches whose clips are sorted together: a larger pool pads less, and shuffles less.
POOL = 50

#: The epoch, and the clip's index in the data set.
Turn = tuple[int, int]

Numbers = npt.NDArray[np.int64]


class Buckets:
    """A batch sampler: each clip once an epoch, in an order that depends on seed and epoch only.

    All clips are shuffled and divided into pools; each pool is sorted by length and cut into
    batches; then the batches of all pools are shuffled. A step waits for the longest batch, so the
    batches of all processes in a step, a round, have similar lengths. An incomplete round comes
    last, as accelerate requires.

    Args:
        lengths: The clips' lengths, in any unit.
        pool: Rounds that are sorted together; 0 for unsorted batches.
    """

    drop_last = False

    def __init__(
        self,
        lengths: Sequence[int],
        batch_size: int,
        *,
        seed: int,
        processes: int = 1,
        pool: int = POOL,
    ) -> None:
        self.lengths = np.asarray(lengths)
        self.batch_size, self.seed = batch_size, seed
        self.processes, self.pool = processes, pool
        self.epoch = 0

    def __len__(self) -> int:
        return -(-len(self.lengths) // self.batch_size)

    def __iter__(self) -> Iterator[list[Turn]]:
        random = np.random.default_rng([self.seed, self.epoch])
        order = random.permutation(len(self.lengths))
        size = self.batch_size * self.processes
        full = len(order) - len(order) % size
        rounds = [
            part
            for pool in _parts(order[:full], size * self.pool or max(1, full))
            for part in _parts(self._sorted(pool) if self.pool else pool, size)
        ]
        chosen = [rounds[place] for place in random.permutation(len(rounds))]
        for part in [*chosen, self._sorted(order[full:])]:
            for batch in _parts(part, self.batch_size):
                yield [(self.epoch, int(number)) for number in batch]

    def _sorted(self, numbers: Numbers) -> Numbers:
        return numbers[np.argsort(self.lengths[numbers], kind="stable")]


def _parts(numbers: Numbers, size: int) -> Iterator[Numbers]:
    for start in range(0, len(numbers), size):
        yield numbers[start : start + size]
