"""Standard errors by utterance and by speaker: scipy's for a rate, the bootstrap's for an F1."""

import numpy as np
import pytest
from scipy.stats import sem

from whyser_eval.metrics.classification import f1_majority, wa
from whyser_eval.metrics.data import Items, Subset
from whyser_eval.statistics.clustering import Clustering, clustering
from whyser_eval.statistics.significance import bootstrapped, differences, pair

SPEAKERS, EACH = 40, 25


def systems(random, spread):
    """Two systems that are right as often as each speaker's own share says."""
    n = SPEAKERS * EACH
    speakers = np.repeat(np.arange(SPEAKERS), EACH)
    labels = random.integers(0, 4, n)
    found = []
    for _ in range(2):
        share = np.clip(random.normal(0.55, spread, SPEAKERS), 0, 1)[speakers]
        predicted = np.where(random.random(n) < share, labels, random.integers(0, 4, n))
        found.append(Items(labels, predicted, labels[:, None] == np.arange(4)))
    return *found, speakers


def test_errors_of_a_rate_are_those_of_scipy():
    first, second, speakers = systems(np.random.default_rng(0), 0.2)
    found = clustering(wa(first), wa(second), speakers)
    gain = (wa(first).numerator - wa(second).numerator)[:, 0]
    assert found.by_utterance == pytest.approx(sem(gain), rel=1e-12)
    # Speakers of the same size: the standard error of the mean over their means.
    assert found.by_speaker == pytest.approx(sem(gain.reshape(SPEAKERS, EACH).mean(axis=1)))
    assert found.speakers == SPEAKERS


@pytest.mark.parametrize("spread", [0.0, 0.25])
def test_errors_of_an_f1_are_those_of_both_bootstraps(spread):
    first, second, speakers = systems(np.random.default_rng(1), spread)
    found = clustering(f1_majority(first), f1_majority(second), speakers)
    everything = {"all": Subset(np.ones(len(first), dtype=bool))}
    for names, error in ((None, found.by_utterance), (list(map(str, speakers)), found.by_speaker)):
        pairing = pair(first, second, everything, {"f1_majority": f1_majority}, names)
        assert error == pytest.approx(bootstrapped(pairing, draws=4000).std(), rel=0.05)


def test_a_utterance_for_each_speaker_is_no_clustering():
    first, second, _ = systems(np.random.default_rng(2), 0.25)
    found = clustering(f1_majority(first), f1_majority(second), np.arange(len(first)))
    assert found.ratio == pytest.approx(1)
    assert not found.is_noteworthy


def test_systems_that_agree_have_no_error():
    first, _, speakers = systems(np.random.default_rng(2), 0.25)
    found = clustering(f1_majority(first), f1_majority(first), speakers)
    assert (found.by_utterance, found.ratio, found.is_noteworthy) == (0, 1, False)


def test_few_speakers_need_a_larger_ratio():
    assert Clustering(1.0, 1.3, 200).is_noteworthy
    assert not Clustering(1.0, 1.3, 5).is_noteworthy
    assert not Clustering(1.0, 1.05, 10_000).is_noteworthy


@pytest.mark.slow
@pytest.mark.parametrize(
    ("spread", "errs", "warned"), [(0.0, (0.02, 0.08), (0, 0.1)), (0.12, (0.12, 0.23), (0.75, 1))]
)
def test_the_warning_is_where_the_test_errs(spread, errs, warned):
    """Two systems alike: how often the test by utterance errs, and how often it is warned of."""
    random = np.random.default_rng(17)
    runs, wrong, warnings, expected = 500, 0, 0, 0.0
    for seed in range(runs):
        first, second, speakers = systems(random, spread)
        everything = {"all": Subset(np.ones(len(first), dtype=bool))}
        pairing = pair(first, second, everything, {"f1_majority": f1_majority})
        wrong += differences(pairing, draws=200, seed=seed)[0].p <= 0.05
        found = clustering(f1_majority(first), f1_majority(second), speakers)
        warnings += found.is_noteworthy
        expected += found.false_positives / runs
    print(
        f"\nspread {spread}: errs {wrong / runs:.3f}, said {expected:.3f}, warned {warnings / runs}"
    )
    assert expected == pytest.approx(wrong / runs, abs=0.06)
    assert errs[0] <= wrong / runs <= errs[1]
    assert warned[0] <= warnings / runs <= warned[1]
