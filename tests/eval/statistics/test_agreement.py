"""Agreement compared with published examples and other implementations."""

import random
from collections import Counter

import krippendorff
import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from whyser_eval.statistics.agreement import cohen_kappa, fleiss_kappa, krippendorff_alpha


@pytest.mark.parametrize("seed", range(20))
def test_cohen_is_scikit_learns(seed):
    drawn = random.Random(seed)
    pairs = [(drawn.choice("abcd"), drawn.choice("abc")) for _ in range(drawn.randint(5, 200))]
    expected = cohen_kappa_score(*zip(*pairs, strict=True))
    assert cohen_kappa(Counter(pairs)) == pytest.approx(expected)


def test_cohen_where_chance_alone_agrees():
    assert cohen_kappa({("a", "a"): 3}) is None
    assert cohen_kappa({("a", "a"): 3, ("b", "b"): 1}) == 1


#: Krippendorff, Computing Krippendorff's Alpha-Reliability (2011), section C: four observers of
#: twelve units, some of whom saw nothing of some.
OBSERVERS = ["1 2 3 3 2 1 4 1 2 . . .", "1 2 3 3 2 2 4 1 2 5 . 3", ". 3 3 3 2 3 4 2 2 5 1 .",
             "1 2 3 3 2 4 4 1 2 5 1 ."]  # fmt: skip


def test_alpha_of_krippendorffs_own_example():
    units = zip(*(line.split() for line in OBSERVERS), strict=True)
    ballots = Counter(tuple(one for one in unit if one != ".") for unit in units)
    assert krippendorff_alpha(ballots) == pytest.approx(0.743, abs=5e-4)


#: Fleiss (1971), in the arrangement that textbooks give: ten subjects by fourteen raters.
SUBJECTS = [
    (0, 0, 0, 0, 14), (0, 2, 6, 4, 2), (0, 0, 3, 5, 6), (0, 3, 9, 2, 0), (2, 2, 8, 1, 1),
    (7, 7, 0, 0, 0), (3, 2, 6, 3, 0), (2, 5, 3, 2, 2), (6, 5, 2, 1, 0), (0, 2, 2, 3, 7),
]  # fmt: skip


def test_fleiss_of_the_textbook_example():
    ballots = Counter(
        tuple(name for name, count in zip("abcde", row, strict=True) for _ in range(count))
        for row in SUBJECTS
    )
    assert fleiss_kappa(ballots) == pytest.approx(0.210, abs=5e-4)


@pytest.mark.parametrize("seed", range(20))
def test_alpha_is_the_reference_implementations_with_ratings_missing(seed):
    drawn = random.Random(seed)
    units = [
        [drawn.choice([0, 0, 1, 2]) if drawn.random() < 0.8 else None for _ in range(6)]
        for _ in range(drawn.randint(5, 40))
    ]
    ballots = Counter(tuple(str(one) for one in unit if one is not None) for unit in units)
    table = np.array(units, dtype=float).T
    expected = krippendorff.alpha(reliability_data=table, level_of_measurement="nominal")
    assert krippendorff_alpha(ballots) == pytest.approx(expected)


def test_alpha_where_there_is_nothing_to_tell():
    assert krippendorff_alpha({("a", "a"): 3}) is None
    assert krippendorff_alpha({("a",): 3}) is None
    assert krippendorff_alpha({("a", "b"): 2, ("b", "a"): 1}) < 0
