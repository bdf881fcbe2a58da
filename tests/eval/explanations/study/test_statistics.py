"""The bootstrap over raters and items, and the comparison of raters, against naive versions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from whyser_eval.explanations.study.files import RaterFile, SavedFile
from whyser_eval.explanations.study.read import agreements_with_others, fences
from whyser_eval.explanations.study.statistics import bootstrapped, votes
from whyser_eval.statistics.bootstrap import percentiles
from whyser_eval.statistics.proportions import t_interval, wilson


def bootstrap(chosen, *, draws=2000, seed=0, strata=None, mask=None):
    k = chosen.shape[1]
    subsets = {"all": np.ones(k, dtype=bool) if mask is None else mask}
    strata = np.zeros(k, dtype=np.int64) if strata is None else strata
    return bootstrapped(chosen, strata, subsets, draws=draws, seed=seed)["all"]


def answers(random, raters=10, items=32, *, missing=0.0, of_raters=0.7, of_items=0.7):
    """Choices that depend on who answers and on what, about 0.68 of them 1."""
    logits = 0.9 + random.normal(0, of_raters, (raters, 1)) + random.normal(0, of_items, items)
    chosen = (random.random((raters, items)) < 1 / (1 + np.exp(-logits))).astype(float)
    chosen[random.random((raters, items)) < missing] = np.nan
    return chosen


@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_draws_are_those_of_a_naive_bootstrap(missing):
    random = np.random.default_rng(4)
    chosen = answers(random, missing=missing)
    strata = np.arange(32) % 2
    naive = []
    for _ in range(3000):
        rows = random.integers(0, 10, 10)
        columns = np.concatenate(
            [random.choice(np.flatnonzero(strata == one), 16) for one in (0, 1)]
        )
        naive.append(np.nanmean(chosen[np.ix_(rows, columns)]))
    drawn = bootstrap(chosen, strata=strata, draws=5000)
    assert drawn.mean() == pytest.approx(np.mean(naive), abs=0.005)
    assert percentiles(drawn) == pytest.approx(np.percentile(naive, [2.5, 97.5]), abs=0.02)


def test_every_stratum_keeps_its_number():
    """Where answers depend on the stratum alone, nothing varies."""
    strata = np.array([0, 0, 0, 1, 1])
    chosen = np.tile(np.array([1.0, 1, 1, 0, 0]), (4, 1))
    assert set(bootstrap(chosen, strata=strata).tolist()) == {0.6}
    assert len(set(bootstrap(chosen).tolist())) > 2


def test_draws_without_an_answer_have_no_value():
    chosen = np.array([[1.0, np.nan], [np.nan, np.nan]])
    drawn = bootstrap(chosen, mask=np.array([True, False]))
    assert 0 < np.isnan(drawn).mean() < 1
    assert percentiles(drawn) == (1, 1)


def test_coverage_over_other_raters_and_other_items():
    """Of 300 studies of ten raters and 32 items, who differ: the bootstrap's interval holds the
    truth in at least 93 of a hundred, the pooled binomial one in fewer than 80."""
    random = np.random.default_rng(1)
    spread = np.hypot(0.7, 0.7)
    truth = (1 / (1 + np.exp(-random.normal(0.9, spread, 1_000_000)))).mean()
    held = {"t": 0, "bootstrap": 0, "binomial": 0}
    for seed in range(300):
        chosen = answers(random)
        found = {
            "t": t_interval(chosen.mean(axis=1).tolist()),
            "bootstrap": percentiles(bootstrap(chosen, draws=500, seed=seed)),
            "binomial": wilson(chosen.sum(), chosen.size),
        }
        for name, (low, high) in found.items():
            held[name] += low <= truth <= high
    assert held["bootstrap"] >= 0.93 * 300
    assert held["t"] >= 0.88 * 300
    assert held["binomial"] < 0.8 * 300


def test_coverage_of_the_t_interval_over_other_raters_on_these_items():
    random = np.random.default_rng(2)
    of_items = 0.9 + random.normal(0, 0.7, 32)
    shares = 1 / (1 + np.exp(-(of_items + random.normal(0, 0.7, (100_000, 1)))))
    held = 0
    for _ in range(1000):
        own = shares[random.integers(0, len(shares), 10)]
        means = (random.random((10, 32)) < own).mean(axis=1)
        low, high = t_interval(means.tolist())
        held += low <= shares.mean() <= high
    assert 0.93 <= held / 1000 <= 0.97


TABLES = arrays(
    float,
    st.tuples(st.integers(1, 6), st.integers(1, 8)),
    elements=st.sampled_from([0.0, 1.0, float("nan")]),
)


@given(TABLES)
def test_agreement_with_the_others_is_the_naive_one(chosen):
    for rater, found in enumerate(agreements_with_others(chosen)):
        same = []
        for own, others in zip(chosen[rater], np.delete(chosen, rater, axis=0).T, strict=True):
            others = others[~np.isnan(others)]
            if np.isnan(own) or 2 * others.sum() == len(others):
                continue
            same.append(own == (2 * others.sum() > len(others)))
        assert found == pytest.approx(np.mean(same) if same else np.nan, nan_ok=True)


@given(TABLES)
def test_a_draw_is_a_share(chosen):
    drawn = bootstrap(chosen, draws=20)
    known = drawn[~np.isnan(drawn)]
    assert ((known >= 0) & (known <= 1)).all()


def test_fences_are_tukeys():
    """Quartiles 3 and 9 of 0, 2, 4, 6, 8, 10, 30, missing ones apart: 3 - 9 and 9 + 9."""
    values = np.array([0, 2, 4, np.nan, 6, 8, 10, 30.0])
    assert fences(values) == (-6, 18)
    assert fences(values[:4]) == (-np.inf, np.inf)


def test_choices_are_told_by_system_not_by_side(study):
    """The rater prefers the system's own on the first ten, whichever candidate that is."""
    chosen = study.of("prefer")[:10]
    file = study.file("r1", chosen.__contains__)
    picked = {one["choice"] for one in file["answers"] if one["item"] in chosen}
    assert picked == {"first", "second"}
    found = votes([saved(study, file)], study.key, "prefer")
    assert found.chosen.tolist() == [[1.0] * 10 + [0.0] * 22]


def test_the_hash_tells_who_chose_what(study):
    def hash_of(rater, count):
        file = study.file(rater, study.of("accept")[:count].__contains__)
        return votes([saved(study, file)], study.key, "accept").hash

    assert hash_of("r1", 3) == hash_of("r1", 3)
    assert len({hash_of("r1", 3), hash_of("r2", 3), hash_of("r1", 4)}) == 3


def saved(study, file):
    return SavedFile(study.folder, RaterFile.model_validate(file))
