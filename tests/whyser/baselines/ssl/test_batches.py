"""The batches of an epoch."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("torch")

from whyser.baselines.ssl.batches import Buckets

LENGTHS = np.random.default_rng(0).integers(10, 1000, 1003).tolist()


@given(
    count=st.integers(1, 300),
    batch_size=st.integers(1, 17),
    processes=st.integers(1, 4),
    pool=st.integers(0, 5),
    epoch=st.integers(0, 3),
)
def test_each_clip_once_an_epoch(
    count: int, batch_size: int, processes: int, pool: int, epoch: int
) -> None:
    buckets = Buckets(LENGTHS[:count], batch_size, seed=1, processes=processes, pool=pool)
    buckets.epoch = epoch
    batches = list(buckets)
    assert len(batches) == len(buckets)
    # accelerate takes a batch that is not full for the end.
    assert [len(batch) for batch in batches[:-1]] == [batch_size] * (len(batches) - 1)
    turns = [turn for batch in batches for turn in batch]
    assert Counter(turns) == Counter((epoch, number) for number in range(count))


def test_seed_and_epoch_decide_the_order() -> None:
    def order(seed: int, epoch: int) -> list[list[int]]:
        buckets = Buckets(LENGTHS, 8, seed=seed)
        buckets.epoch = epoch
        return [[number for _, number in batch] for batch in buckets]

    assert order(0, 0) == order(0, 0)
    assert order(0, 0) != order(0, 1)
    assert order(0, 0) != order(1, 0)


def test_a_run_that_goes_on_finds_the_epoch_it_missed() -> None:
    whole, later = Buckets(LENGTHS, 8, seed=0), Buckets(LENGTHS, 8, seed=0)
    for epoch in range(3):
        whole.epoch = epoch
        batches = list(whole)
    later.epoch = 2
    assert list(later) == batches


def test_neighbours_are_of_a_length() -> None:
    bucketed, mixed = Buckets(LENGTHS, 8, seed=0), Buckets(LENGTHS, 8, seed=0, pool=0)
    assert _padding(bucketed) < 0.05
    assert _padding(mixed) > 0.3


def _padding(buckets: Buckets) -> float:
    batches = [[LENGTHS[number] for _, number in batch] for batch in buckets]
    computed = sum(len(batch) * max(batch) for batch in batches)
    return 1 - sum(map(sum, batches)) / computed


def test_processes_take_batches_of_a_length_at_a_time() -> None:
    batches = list(Buckets(LENGTHS, 8, seed=0, processes=4))
    spread = [
        max(LENGTHS[number] for batch in batches[start : start + 4] for _, number in batch)
        - min(LENGTHS[number] for batch in batches[start : start + 4] for _, number in batch)
        for start in range(0, len(batches) - 4, 4)
    ]
    assert np.mean(spread) < 0.1 * (max(LENGTHS) - min(LENGTHS))


def test_batches_of_an_epoch_do_not_grow_with_the_epoch() -> None:
    longest = [max(LENGTHS[number] for _, number in batch) for batch in Buckets(LENGTHS, 8, seed=0)]
    places = np.arange(len(longest))
    assert abs(np.corrcoef(places, longest)[0, 1]) < 0.3
