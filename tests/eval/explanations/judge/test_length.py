"""The logistic fit compared with scikit-learn's, and on data that have no finite fit."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from whyser_eval.explanations.judge.rates import RIDGE, fit, rate_at_equal_length


def data(seed, n=300):
    random = np.random.default_rng(seed)
    ratios = random.normal(0.3, 0.7, n)
    chance = 1 / (1 + np.exp(-(0.5 + 1.2 * ratios)))
    wins = (random.random(n) < chance).astype(float)
    wins[random.random(n) < 0.2] = 0.5
    return ratios, wins, random.integers(0, 4, (5, n)).astype(float)


@pytest.mark.parametrize("seed", range(5))
def test_the_fit_is_scikit_learns(seed):
    """A tie is half a win and half a loss."""
    ratios, wins, weights = data(seed)
    found = np.column_stack(fit(ratios, wins, weights))
    columns = np.column_stack([np.ones_like(ratios), ratios])
    for own, (a, b) in zip(weights, found, strict=True):
        model = LogisticRegression(C=1 / RIDGE, fit_intercept=False, tol=1e-10, max_iter=1000)
        model.fit(
            np.vstack([columns, columns]),
            np.repeat([1, 0], len(ratios)),
            np.concatenate([own * wins, own * (1 - wins)]),
        )
        assert (a, b) == pytest.approx(model.coef_[0], abs=1e-5)


@pytest.mark.parametrize(
    ("wins", "expected"),
    [
        (lambda ratios: np.ones_like(ratios), 1.0),
        (lambda ratios: np.zeros_like(ratios), 0.0),
        (lambda ratios: (ratios > 0).astype(float), 0.5),
        (lambda ratios: (ratios < -0.5).astype(float), 0.0),
        (lambda ratios: np.full_like(ratios, 0.5), 0.5),
    ],
)
@pytest.mark.parametrize("scale", [1e-9, 0.3, 5.0, 50.0])
def test_data_that_a_line_parts_have_a_rate_all_the_same(wins, expected, scale):
    unit = np.linspace(-1, 1, 400)
    found = rate_at_equal_length(unit * scale, wins(unit), np.ones((2, 400)))
    assert np.isfinite(found).all()
    if scale == 0.3:
        assert found == pytest.approx([expected] * 2, abs=0.02)


def test_newton_ends_at_the_optimum_whatever_the_data():
    for seed in range(200):
        random = np.random.default_rng(seed)
        n = int(random.integers(1, 40))
        ratios = random.normal(0, random.choice([0.01, 1, 6]), n)
        wins = random.choice([0.0, 0.5, 1.0], n, p=random.dirichlet([0.3, 0.3, 0.3]))
        weights = random.integers(0, 3, (4, n)).astype(float)
        for own, a, b in zip(weights, *fit(ratios, wins, weights), strict=True):
            missed = own * (wins - 1 / (1 + np.exp(-(a + b * ratios))))
            slopes = missed.sum() - RIDGE * a, missed @ ratios - RIDGE * b
            assert np.abs(slopes).max() < 1e-6


def test_nothing_that_counts_is_no_rate():
    assert np.isnan(rate_at_equal_length(np.zeros(2), np.ones(2), np.zeros((1, 2)))).all()
