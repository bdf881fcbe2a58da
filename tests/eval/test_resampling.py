"""The multinomial over cells is the item bootstrap."""

import numpy as np
import pytest

from whyser_eval import resampling
from whyser_eval.metrics import METRICS, Items, f1_all_labels, f1_majority
from whyser_eval.resampling import bootstrap, bootstrap_draws, collapse, evaluate


@pytest.fixture
def items():
    random = np.random.default_rng(7)
    n, width = 150, 4
    labels = random.integers(0, width, n)
    predictions = np.where(random.random(n) < 0.5, labels, random.integers(-1, width, n))
    annotators = random.random((n, width)) < 0.3
    annotators[np.arange(n), labels] = True
    return Items(labels, predictions, annotators)


@pytest.fixture
def subsets(items):
    strict = np.random.default_rng(8).random(len(items)) < 0.6
    return {"all": np.ones(len(items), dtype=bool), "strict": strict}


def test_collapsing_changes_no_value(items, subsets):
    cells = collapse(items, subsets)
    assert len(cells.members) < len(items) == cells.members.sum()
    values = evaluate(cells, METRICS, [cells.members[None, :]])
    for (subset, metric), value in values.items():
        whole = METRICS[metric](items.take(np.flatnonzero(subsets[subset]))).value
        assert value[0] == pytest.approx(whole, abs=1e-12)


def test_the_draws_are_those_of_a_naive_item_bootstrap(items, subsets):
    random = np.random.default_rng(1)
    rows = random.integers(0, len(items), (4000, len(items)))
    cells = collapse(items, subsets)
    drawn = evaluate(cells, METRICS, bootstrap_draws(cells.members, 4000, seed=2))
    for metric in (f1_majority, f1_all_labels):
        for subset, mask in subsets.items():
            naive = [metric(items.take(chosen[mask[chosen]])).value for chosen in rows[:1500]]
            fast = drawn[subset, metric.__name__]
            for q in (2.5, 25, 50, 75, 97.5):
                assert np.percentile(fast, q) == pytest.approx(np.percentile(naive, q), abs=0.01)
            assert fast.std() == pytest.approx(np.std(naive), rel=0.08)


def test_the_seed_decides(items, subsets):
    first, again, other = (
        bootstrap(items, subsets, METRICS, draws=50, seed=seed) for seed in (3, 3, 4)
    )
    assert first == again
    assert first != other
    assert [found.value for found in first] == [found.value for found in other]


def test_the_batch_size_changes_nothing(items, subsets, monkeypatch):
    whole = bootstrap(items, subsets, METRICS, draws=64, seed=3)
    monkeypatch.setattr(resampling, "_COUNTS_PER_BATCH", 500)
    assert bootstrap(items, subsets, METRICS, draws=64, seed=3) == whole


def test_intervals_hold_their_value(items, subsets):
    for found in bootstrap(items, subsets, METRICS, draws=500, seed=0):
        assert found.low < found.value < found.high


def test_without_draws_there_are_no_intervals(items, subsets):
    for found in bootstrap(items, subsets, METRICS, draws=0, seed=0):
        assert found.value is not None
        assert found.low is found.high is None


def test_an_empty_subset_has_no_value(items):
    nobody = {"all": np.ones(len(items), bool), "strict": np.zeros(len(items), bool)}
    for found in bootstrap(items, nobody, METRICS, draws=20, seed=0):
        assert (found.value is None) == (found.subset == "strict") == (found.n == 0)
