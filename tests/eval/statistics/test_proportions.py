"""Intervals of shares compared with SciPy's and with the paper's."""

import pytest
from scipy.stats import binomtest, ttest_1samp

from whyser_eval.statistics.proportions import against_half, t_against_half, t_interval, wilson


@pytest.mark.parametrize(("successes", "n"), [(0, 7), (7, 7), (3, 7), (360, 400), (1, 1)])
def test_wilson_is_scipys(successes, n):
    expected = binomtest(successes, n).proportion_ci(0.95, method="wilson")
    assert wilson(successes, n) == pytest.approx((expected.low, expected.high))


def test_half_a_win_lies_between_none_and_one():
    (low, high), (half_low, half_high), (next_low, next_high) = (
        wilson(successes, 20) for successes in (9, 9.5, 10)
    )
    assert low < half_low < next_low
    assert high < half_high < next_high


def test_nothing_to_tell_of():
    assert wilson(0, 0) is None
    assert against_half(0, 0) is None
    assert t_interval([0.5]) is None


def test_two_sided_against_one_half():
    assert against_half(10, 20) == 1
    assert against_half(2, 20) == against_half(18, 20) < 0.001


def test_t_interval_is_scipys():
    values = [0.5, 0.6, 0.8, 0.4]
    expected = ttest_1samp(values, 0).confidence_interval()
    assert t_interval(values) == pytest.approx((expected.low, expected.high))


def test_the_papers_interval_over_ten_raters():
    """221 of 320 accepted, with this spread over the raters, is [58.9, 79.2] (paper, 3.4)."""
    accepted = [16, 17, 18, 19, 21, 23, 25, 26, 27, 29]
    assert sum(accepted) == 221
    low, high = t_interval([count / 32 for count in accepted])
    assert (round(100 * low, 1), round(100 * high, 1)) == (58.9, 79.2)


def test_over_raters_against_one_half_is_scipys():
    values = [0.5, 0.6, 0.8, 0.4]
    assert t_against_half(values) == pytest.approx(ttest_1samp(values, 0.5).pvalue)
    assert t_against_half([0.6]) is None
    assert t_against_half([0.6, 0.6]) is None


def test_the_interval_of_confidence_one_less_p_ends_at_one_half():
    values = [0.5, 0.6, 0.8, 0.4]
    low, _ = t_interval(values, 1 - t_against_half(values))
    assert low == pytest.approx(0.5)
