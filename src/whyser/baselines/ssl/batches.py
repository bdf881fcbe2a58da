"""Batches of clips about as long as each other, so that little of them is padding.

Trainer's `group_by_length` is not used: for a dataset of one's own it reads every clip to know its
length, hands the longest out first and the batches of a group by falling length, and what an epoch
holds depends on how much chance was used before.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

#: Batches whose clips are sorted among each other: more pad less, and shuffle less.
POOL = 50

#: The epoch, and the clip's place in the data set.
Turn = tuple[int, int]

Numbers = npt.NDArray[np.int64]


class Buckets:
    """A batch sampler: each clip once an epoch, in an order that the seed and the epoch decide.

    All clips are shuffled, and dealt into pools; a pool is sorted by length and cut into batches;
    then the batches of all pools are shuffled. Processes take one batch each at a time (accelerate
    deals them in turn), so `processes` neighbours are of a length and stay together: the step waits
    for the longest. What does not fill a round of batches comes last, as accelerate wants it.

    Args:
        lengths: Of each clip, in any unit.
        pool: Rounds that are sorted together; 0 for batches of any length.
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
