"""Concordance compared with audmetric, with Lin's formula in numpy, and with values by hand."""

import audmetric
import numpy as np
import pytest

from whyser_eval.metrics.concordance import AttributePairs, ccc
from whyser_eval.metrics.data import Subset
from whyser_eval.statistics.bootstrap import ResamplingPlan, bootstrap, bootstrapped, jackknife
from whyser_eval.statistics.significance import bootstrapped as resampled_pairs
from whyser_eval.statistics.significance import pair_plans, randomised

NAMES = ("arousal", "valence", "dominance")


def lin(x, y):
    """As in the paper, with moments that divide by n."""
    covariance = ((x - x.mean()) * (y - y.mean())).mean()
    return 2 * covariance / (x.var() + y.var() + (x.mean() - y.mean()) ** 2)


def drawn(seed, n=200):
    random = np.random.default_rng(seed)
    references = random.random((n, 3))
    answers = np.clip(references * random.normal(0.6, 0.3) + random.normal(0, 0.2, (n, 3)), 0, 1)
    return AttributePairs(NAMES, references, answers)


def plan_of(pairs, mask=None):
    mask = np.ones(len(pairs.references), dtype=bool) if mask is None else mask
    ones = np.ones(len(mask), dtype=np.int64)
    return ResamplingPlan.of_statistics({"ccc": ccc(pairs)}, ones, {"all": Subset(mask)})


@pytest.mark.parametrize("seed", range(20))
def test_concordance_is_that_of_audmetric_and_of_lin(seed):
    pairs = drawn(seed, n=3 + 20 * seed)
    columns = list(zip(pairs.references.T, pairs.predictions.T, strict=True))
    theirs = [audmetric.concordance_cc(x, y) for x, y in columns]
    assert [ccc(pairs.of(name)).value for name in NAMES] == pytest.approx(theirs, abs=1e-12)
    assert theirs == pytest.approx([lin(x, y) for x, y in columns], abs=1e-12)
    assert ccc(pairs).value == pytest.approx(np.mean(theirs), abs=1e-12)


def test_three_utterances_by_hand():
    """x = 0, 1/2, 1 and y = 1/2, 1/2, 1: means 1/2 and 2/3, variances 1/6 and 1/18, covariance
    1/12, so 2/12 / (1/6 + 1/18 + 1/36) = 2/3."""
    x, y = np.array([[0.0], [0.5], [1.0]]), np.array([[0.5], [0.5], [1.0]])
    assert ccc(AttributePairs(("arousal",), x, y)).value == pytest.approx(2 / 3)


def test_the_opposite_is_below_zero():
    x = np.array([[0.0], [0.5], [1.0]])
    assert ccc(AttributePairs(("arousal",), x, 1 - x)).value == -1


def test_an_unread_answer_is_the_middle_and_gains_nothing():
    pairs = drawn(0)
    silent = pairs.predictions.copy()
    silent[::2, 0] = np.nan
    middle = np.where(np.isnan(silent), 0.5, silent)
    given = AttributePairs(NAMES, pairs.references, silent)
    assert ccc(given).value == ccc(AttributePairs(NAMES, pairs.references, middle)).value
    assert given.unread.tolist() == [True, False] * 100 and not given.of("valence").unread.any()
    # Whoever never answers agrees with nobody.
    nothing = np.full_like(silent, np.nan)
    silence = ccc(AttributePairs(NAMES, pairs.references, nothing)).value
    assert silence == pytest.approx(0, abs=1e-12)


def test_what_was_not_rated_does_not_count():
    pairs = drawn(1)
    references = pairs.references.copy()
    references[50:, 0] = np.nan
    references[:, 2] = np.nan
    some = AttributePairs(NAMES, references, pairs.predictions)
    first = lin(references[:50, 0], pairs.predictions[:50, 0])
    second = lin(references[:, 1], pairs.predictions[:, 1])
    # The mean is over the two attributes that somebody rated.
    assert ccc(some).value == pytest.approx((first + second) / 2, abs=1e-12)
    assert ccc(some).counts[1].tolist() == [50, 200, 0]
    assert not some.of("dominance").unread.any()


@pytest.mark.parametrize("value", [0.0, 0.1, 0.3, 1.0])
def test_where_all_are_alike_there_is_nothing_to_agree_on(value):
    """Also in the last digits of sums, where a variance of 0 may come out as 1e-17."""
    alike = np.full((7, 1), value)
    for weight in (1, 3, 1000):
        pairs = AttributePairs(
            ("arousal",), np.repeat(alike, weight, axis=0), np.repeat(alike, weight, axis=0)
        )
        assert ccc(pairs).value == 0
    # The centre is that of all utterances, and not of a subset that is alike.
    varied = np.vstack([alike, np.full((7, 1), 0.7)])
    plan = plan_of(AttributePairs(("arousal",), varied, varied), np.arange(14) < 7)
    assert plan.observed[0] == 0


def test_values_that_hardly_differ_keep_their_digits():
    """A thousandth of the scale, on 100,000 utterances: sums of squares would lose six digits."""
    random = np.random.default_rng(0)
    x = 0.9 + 1e-3 * random.random((100_000, 1))
    y = x + 1e-4 * random.random((100_000, 1))
    pairs = AttributePairs(("arousal",), x, y)
    assert ccc(pairs).value == pytest.approx(lin(x[:, 0], y[:, 0]), rel=1e-9)


def test_each_draw_is_the_concordance_of_the_drawn_utterances():
    pairs = drawn(2, n=60)
    plan = plan_of(pairs)
    counts = np.random.default_rng(0).multinomial(60, np.full(60, 1 / 60), size=5)
    for count, value in zip(counts, plan.values(counts.astype(float))[0], strict=True):
        rows = np.repeat(np.arange(60), count)
        x, y = pairs.references[rows], pairs.predictions[rows]
        assert value == pytest.approx(np.mean([lin(x[:, k], y[:, k]) for k in range(3)]))
    left_out = jackknife(plan)[0]
    x, y = np.delete(pairs.references, 7, axis=0), np.delete(pairs.predictions, 7, axis=0)
    assert left_out[7] == pytest.approx(np.mean([lin(x[:, k], y[:, k]) for k in range(3)]))


@pytest.mark.parametrize("interval", ["percentile", "bca"])
def test_the_interval_is_that_of_scipy(interval):
    from scipy.stats import bootstrap as theirs

    pairs = drawn(3, n=300).of("valence")
    x, y = pairs.references[:, 0], pairs.predictions[:, 0]
    (ours,) = bootstrap(plan_of(pairs), draws=4000, seed=0, interval=interval)
    found = theirs(
        (x, y), lambda a, b: lin(a, b), paired=True, vectorized=False, n_resamples=2000,
        method={"percentile": "percentile", "bca": "BCa"}[interval],
        rng=np.random.default_rng(0),
    ).confidence_interval  # fmt: skip
    width = found.high - found.low
    assert (ours.low, ours.high) == pytest.approx((found.low, found.high), abs=0.1 * width)
    assert ours.value == pytest.approx(lin(x, y))


def test_speakers_are_drawn_with_all_of_their_utterances():
    pairs = drawn(4, n=40)
    speakers = np.repeat(np.arange(8), 5)
    plan = plan_of(pairs).by_cluster(speakers)
    twice_the_first = np.array([[2.0, 0, 1, 1, 1, 1, 1, 1]])
    rows = np.concatenate([np.arange(5), np.arange(5), np.arange(10, 40)])
    x, y = pairs.references[rows], pairs.predictions[rows]
    expected = np.mean([lin(x[:, k], y[:, k]) for k in range(3)])
    assert plan.values(twice_the_first)[0, 0] == pytest.approx(expected)
    assert bootstrapped(plan, draws=10, seed=0).shape == (1, 10)


def test_two_systems_are_compared_on_the_same_draws():
    good = drawn(5)
    poor = AttributePairs(NAMES, good.references, np.roll(good.predictions, 1, axis=0))
    pairing = pair_plans(plan_of(good), plan_of(poor))
    moved = resampled_pairs(pairing, draws=200)[0]
    expected = ccc(good).value - ccc(poor).value
    assert moved.mean() == pytest.approx(expected, abs=0.05)
    assert np.abs(randomised(pairing, draws=200)[0]).max() < expected
