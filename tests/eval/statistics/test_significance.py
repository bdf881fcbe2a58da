"""Tests of differences: compared with a naive version, and in simulations with a known truth."""

import numpy as np
import pytest

from whyser_eval.metrics.classification import f1_majority
from whyser_eval.metrics.data import Items, Subset
from whyser_eval.metrics.declaration import metrics_of
from whyser_eval.statistics.significance import differences, holm, pair

F1 = {"f1_majority": f1_majority}


def simulated(random, n, accuracy, width=4):
    """Items whose predictions are right so often."""
    labels = random.integers(0, width, n)
    annotators = random.random((n, width)) < 0.2
    annotators[np.arange(n), labels] = True
    return labels, annotators, [predicted(random, labels, one, width) for one in accuracy]


def predicted(random, labels, accuracy, width):
    guesses = random.integers(0, width, len(labels))
    return np.where(random.random(len(labels)) < accuracy, labels, guesses)


def systems(random, n, *accuracy):
    labels, annotators, predictions = simulated(random, n, accuracy)
    return [Items(labels, one, annotators) for one in predictions]


def everything(items):
    return {"all": Subset(np.ones(len(items), dtype=bool))}


def test_values_are_differences_of_the_metrics():
    first, second = systems(np.random.default_rng(0), 300, 0.7, 0.5)
    strict = np.random.default_rng(1).random(300) < 0.5
    subsets = everything(first) | {"strict": Subset(strict)}
    for found in differences(pair(first, second, subsets, metrics_of("classes")), draws=100):
        rows = np.flatnonzero(subsets[found.subset].mask)
        metric = metrics_of("classes")[found.metric]
        wanted = metric(first.take(rows)).value - metric(second.take(rows)).value
        assert found.value == pytest.approx(wanted, abs=1e-12)
        assert found.n == len(rows)
        assert found.low <= found.value <= found.high


@pytest.mark.parametrize("clustered", [False, True])
def test_draws_are_those_of_naive_tests(clustered):
    random = np.random.default_rng(3)
    first, second = systems(random, 200, 0.6, 0.5)
    speakers = np.arange(200) // 5 if clustered else np.arange(200)
    names = [f"s{one}" for one in speakers] if clustered else None
    (found,) = differences(pair(first, second, everything(first), F1, names), draws=4000)

    resampled, swapped = [], []
    for _ in range(1500):
        chosen = random.integers(0, speakers.max() + 1, speakers.max() + 1)
        rows = np.concatenate([np.flatnonzero(speakers == one) for one in chosen])
        resampled.append(f1_majority(first.take(rows)).value - f1_majority(second.take(rows)).value)
        swap = (random.random(speakers.max() + 1) < 0.5)[speakers]
        one, other = (
            Items(first.labels, np.where(swap, a, b), first.annotators)
            for a, b in ((second.predictions, first.predictions),
                         (first.predictions, second.predictions))
        )  # fmt: skip
        swapped.append(f1_majority(one).value - f1_majority(other).value)
    low, high = np.percentile(resampled, [2.5, 97.5])
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.015)
    assert found.p == pytest.approx(np.mean(np.abs(swapped) >= abs(found.value)), abs=0.04)


@pytest.mark.slow
def test_false_positives_are_as_rare_as_the_level_says():
    """Two systems alike: at 0.05 the test errs in 3 to 7 of 100 cases."""
    random = np.random.default_rng(11)
    runs, wrong = 600, 0
    for seed in range(runs):
        first, second = systems(random, 150, 0.6, 0.6)
        (found,) = differences(pair(first, second, everything(first), F1), draws=400, seed=seed)
        wrong += found.p <= 0.05
    print(f"\nfalse positives of the randomisation test at 0.05: {wrong / runs:.3f}")
    assert 0.03 <= wrong / runs <= 0.07


@pytest.mark.slow
def test_intervals_of_a_difference_hold_it_as_often_as_they_say():
    random = np.random.default_rng(12)
    truth = differences_of_many(random)
    runs, inside = 1500, 0
    for seed in range(runs):
        first, second = systems(random, 600, 0.7, 0.55)
        (found,) = differences(pair(first, second, everything(first), F1), draws=400, seed=seed)
        inside += found.low <= truth <= found.high
    print(f"\ncoverage of the paired bootstrap's 95 % interval: {inside / runs:.3f}")
    assert 0.93 <= inside / runs <= 0.97


def differences_of_many(random):
    first, second = systems(random, 400_000, 0.7, 0.55)
    return f1_majority(first).value - f1_majority(second).value


def test_speakers_who_answer_alike_make_a_difference_less_sure():
    """Ten copies of each utterance, of one speaker: as if there were a tenth of the data."""
    first, second = systems(np.random.default_rng(5), 40, 0.7, 0.5)
    tenfold = [one.take(np.repeat(np.arange(40), 10)) for one in (first, second)]
    names = [f"s{number // 10}" for number in range(400)]
    plain = differences(pair(*tenfold, everything(tenfold[0]), F1), draws=2000)[0]
    speakers = differences(pair(*tenfold, everything(tenfold[0]), F1, names), draws=2000)[0]
    few = differences(pair(first, second, everything(first), F1), draws=2000)[0]
    assert speakers.value == pytest.approx(plain.value)
    assert speakers.high - speakers.low == pytest.approx(few.high - few.low, rel=0.1)
    assert plain.high - plain.low < 0.5 * (speakers.high - speakers.low)
    assert speakers.smallest > 2 * plain.smallest


def test_systems_that_agree_do_not_differ():
    first, _ = systems(np.random.default_rng(6), 50, 0.5, 0.5)
    (found,) = differences(pair(first, first, everything(first), F1), draws=200)
    assert (found.value, found.low, found.high) == (0, 0, 0)
    assert found.p_bootstrap == found.p == 1


def test_a_subset_without_utterances_says_nothing():
    first, second = systems(np.random.default_rng(7), 30, 0.5, 0.5)
    nobody = {"none": Subset(np.zeros(30, dtype=bool))}
    (found,) = differences(pair(first, second, everything(first) | nobody, F1), draws=100)[1:]
    assert (found.value, found.p, found.smallest, found.n) == (None, None, None, 0)


def test_other_references_are_refused():
    first, _ = systems(np.random.default_rng(8), 30, 0.5, 0.5)
    other, _ = systems(np.random.default_rng(9), 30, 0.5, 0.5)
    with pytest.raises(ValueError, match="same references"):
        pair(first, other, everything(first), F1)


def test_holm_is_never_below_the_single_p_and_keeps_the_order():
    random = np.random.default_rng(10)
    for _ in range(100):
        values = list(random.random(random.integers(1, 9)))
        adjusted = holm(values)
        assert all(one <= other <= 1 for one, other in zip(values, adjusted, strict=True))
        ranked = [adjusted[place] for place in np.argsort(values)]
        assert ranked == sorted(ranked)
