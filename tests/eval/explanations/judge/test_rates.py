"""Figures of simulated judges whose bias and preference are known, without an endpoint."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from whyser.labels.classes import CLASSES
from whyser_eval.explanations.judge.files import Preference
from whyser_eval.explanations.judge.outcomes import PairOutcome, outcome_of
from whyser_eval.explanations.judge.rates import figures

#: How often the system is the one preferred, and how often the judge answers A unread.
PREFERENCE, BIAS = 0.7, 0.3


def simulated(random, per_emotion, *, preference=PREFERENCE, bias=BIAS, tie=0.0, effect=0.0):
    """Pairs as a judge weighs them that has a preference for each pair, by the length too, and
    answers A in either order with the bias' probability."""
    return [
        weighed(random, emotion, preference, bias, tie, effect)
        for emotion in CLASSES
        for _ in range(per_emotion)
    ]


def weighed(random, emotion, preference, bias, tie, effect):
    ratio = random.normal(0.4, 0.5)
    chance = 1 / (1 + np.exp(-(np.log(preference / (1 - preference)) + effect * ratio)))
    own: Preference = "first" if random.random() < chance else "second"
    if random.random() < tie:
        own = "tie"
    straight = "first" if random.random() < bias else own
    swapped = "second" if random.random() < bias else own
    placed = [(straight, "first"), (swapped, "second")]
    return PairOutcome(
        emotion,
        outcome_of(straight, swapped),
        sum(one == shown for one, shown in placed),
        sum(one != "tie" for one, _ in placed),
        ratio,
    )


def rows(pairs, draws=1000, seed=0):
    return {
        (one.emotion, one.metric, one.interval): one
        for one in figures(pairs, draws=draws, seed=seed)
    }


def expected(bias=BIAS, preference=PREFERENCE):
    """In both orders unread, or in one against the preference, the verdict flips with the order."""
    kept = 1 - bias
    return {
        "flip_rate": bias,
        "win_rate": kept * preference,
        "loss_rate": kept * (1 - preference),
        "win_tie_rate": kept * preference + bias / 2,
        "win_rate_decided": preference,
        "first_position_rate": (1 + bias) / 2,
    }


@pytest.mark.parametrize("bias", [0.0, 0.3, 0.8])
def test_a_known_bias_and_a_known_preference_are_recovered(bias):
    found = rows(simulated(np.random.default_rng(11), 250, bias=bias))
    for metric, true in expected(bias).items():
        one = found["all", metric, "bootstrap"]
        told = f"{one.value:.3f} [{one.low:.3f}, {one.high:.3f}], true {true:.3f}"
        print(f"bias {bias}: {metric} {told}")
        assert one.low <= true <= one.high
        assert one.value == pytest.approx(true, abs=0.04)


@pytest.mark.slow
def test_the_bootstrap_intervals_hold_the_truth_as_often_as_they_say():
    random = np.random.default_rng(5)
    true, runs = expected(), 300
    held = Counter()
    for seed in range(runs):
        found = rows(simulated(random, 50), draws=300, seed=seed)
        for metric in ("win_tie_rate", "flip_rate", "win_rate_decided"):
            one = found["all", metric, "bootstrap"]
            held[metric] += one.low <= true[metric] <= one.high
    print(held)
    assert all(0.92 <= count / runs <= 0.98 for count in held.values())


def test_length_is_taken_out():
    """A judge that likes length, and a system that writes half as much again: without the length
    its preference is what it is at equal length."""
    pairs = simulated(np.random.default_rng(3), 400, preference=0.6, bias=0.0, effect=1.5)
    found = rows(pairs)
    raw = found["all", "win_tie_rate", "bootstrap"]
    one = found["all", "win_rate_length_controlled", "bootstrap"]
    print(f"raw {raw.value:.3f}, controlled {one.value:.3f} [{one.low:.3f}, {one.high:.3f}]")
    assert raw.low > 0.6
    assert one.low <= 0.6 <= one.high
    rates = [found["all", f"win_tie_rate_{name}", "bootstrap"] for name in
             ("shorter", "similar", "longer")]  # fmt: skip
    assert [one.value for one in rates] == sorted(one.value for one in rates)
    assert sum(one.n for one in rates) == raw.n


def test_the_shares_share_out_all_pairs():
    random = np.random.default_rng(1)
    pairs = [
        *simulated(random, 4, tie=0.3),
        *(PairOutcome("sad", "unreadable", 1, 1, 0.0) for _ in range(3)),
    ]
    found = rows(pairs, draws=50)
    for emotion in ("all", "sad", "angry"):
        four = [found[emotion, f"{name}_rate", "bootstrap"] for name in
                ("win", "loss", "tie", "unreadable")]  # fmt: skip
        assert sum(one.value for one in four) == pytest.approx(1)
    n = {metric: found["all", metric, "bootstrap"].n for metric in
         ("win_rate", "win_tie_rate", "flip_rate")}  # fmt: skip
    assert n == {"win_rate": 35, "win_tie_rate": 32, "flip_rate": 32}


def test_strata_keep_their_size_in_every_draw():
    """Wins that the emotion decides leave nothing to chance: no draw changes the rate."""
    pairs = [
        PairOutcome(emotion, "win" if place % 2 else "loss", 1, 2, 0.0)
        for place, emotion in enumerate(CLASSES)
        for _ in range(10)
    ]
    one = rows(pairs)["all", "win_rate", "bootstrap"]
    assert (one.low, one.value, one.high) == (0.5, 0.5, 0.5)


def test_nothing_to_tell_of_is_none():
    found = rows([PairOutcome("sad", "unreadable", 0, 0, 0.0)], draws=20)
    for metric in ("win_tie_rate", "win_rate_decided", "first_position_rate", "flip_rate",
                   "win_rate_length_controlled"):  # fmt: skip
        one = found["all", metric, None]
        assert (one.value, one.low, one.n) == (None, None, 0)


def test_the_seed_decides_and_no_draws_are_no_interval():
    pairs = simulated(np.random.default_rng(2), 5)
    assert rows(pairs, draws=100) == rows(pairs, draws=100)
    assert rows(pairs, draws=100) != rows(pairs, draws=100, seed=1)
    assert ("all", "win_rate", "bootstrap") not in rows(pairs, draws=0)
    assert rows(pairs, draws=0)["all", "win_rate", "wilson"].low is not None
