"""Distribution metrics compared with scipy and with calculations by hand."""

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.stats import entropy
from sklearn.metrics import f1_score

from whyser_eval.metrics.distribution import (
    FLOOR,
    Distributions,
    ece,
    f1_distribution,
    js,
    kl,
    set_recall,
)


@pytest.fixture
def found():
    random = np.random.default_rng(4)
    references, predictions = random.dirichlet(np.full(8, 0.4), (2, 200))
    labels = references.argmax(axis=1)
    return Distributions(references, predictions, references > 0.2, labels)


def test_divergences_are_those_of_scipy(found):
    floored = np.maximum(found.predictions, FLOOR)
    ours = kl(found).numerator[:, 0]
    # scipy makes both sides sum to 1, which the floor moves in the sixth digit.
    assert ours == pytest.approx(entropy(found.references, floored, axis=1), abs=1e-4)
    distances = jensenshannon(found.references, found.predictions, base=2, axis=1)
    assert js(found).value == pytest.approx((distances**2).mean(), abs=1e-12)


def test_f1_of_the_likely_classes_is_that_of_scikit_learn(found):
    theirs = f1_score(
        found.references > 1 / 8, found.predictions > 1 / 8, average="macro", zero_division=0
    )
    assert f1_distribution(found).value == pytest.approx(theirs, abs=1e-12)


def test_exactly_one_in_c_is_not_chosen():
    even = np.full((1, 4), 0.25)
    certain = np.array([[1.0, 0, 0, 0]])
    counts = f1_distribution(Distributions(certain, even, certain > 0, np.array([0]))).counts
    assert counts[0].sum() == 0
    assert counts[1].tolist() == [1, 0, 0, 0]  # one class chosen by the votes, none predicted


def test_a_last_digit_chooses_nothing():
    """One of eight samples that name a class, of ten: 0.1 / 0.8 comes out above 1/8."""
    shares = np.array([[0.7, 0.1, 0, 0, 0, 0, 0, 0]])
    shares = shares / shares.sum()
    assert shares[0, 1] > 1 / 8
    found = Distributions(np.eye(8)[:1], shares, np.array([[False, True] + [False] * 6]), [1])
    assert set_recall(found).value == 0
    assert f1_distribution(found).per_column.tolist() == [1, 0, 0, 0, 0, 0, 0, 0]
    assert f1_distribution(found).counts[1].tolist() == [2, 0, 0, 0, 0, 0, 0, 0]


def test_calibration_error_by_hand():
    # Confidences 0.9 (right), 0.9 (wrong), 0.5 (right), bins of 1/15: 0.9 in bin 13, 0.5 in 7.
    # Bin 13: |1 right - 1.8 of confidence| = 0.8; bin 7: |1 - 0.5| = 0.5. (0.8 + 0.5) / 3.
    predictions = np.array([[0.9, 0.1], [0.9, 0.1], [0.5, 0.5]])
    labels = np.array([0, 1, 0])
    gold = labels[:, None] == np.arange(2)
    found = ece(Distributions(gold * 1.0, predictions, gold, labels))
    assert found.value == pytest.approx(1.3 / 3)


def test_bins_of_confidence_hold_their_upper_end():
    """Guo et al. (2017): bin m is ((m - 1) / 15, m / 15], here as pandas cuts it.

    Shares of samples fall on the ends: of ten, 0.2 is the end of bin 3 and 0.6 of bin 9.
    """
    confidence = np.array([k / 10 for k in (2, 4, 6, 8, 10)] * 8 + [k / 5 for k in (1, 3)])
    right = np.arange(len(confidence)) % 3 == 0
    rest = (1 - confidence) / 7
    predictions = np.column_stack([confidence, *[rest] * 7])
    labels = np.where(right, 0, 1)
    gold = labels[:, None] == np.arange(8)
    bins = pd.cut(confidence, np.linspace(0, 1, 16), labels=False)
    groups = pd.DataFrame({"bin": bins, "gap": right - confidence}).groupby("bin")["gap"]
    theirs = groups.sum().abs().sum() / len(confidence)
    assert ece(Distributions(gold * 1.0, predictions, gold, labels)).value == pytest.approx(theirs)
    # The first sample: 0.2 in bin 3, which is column 2.
    numerator = ece(Distributions(gold * 1.0, predictions, gold, labels)).numerator
    assert np.flatnonzero(numerator[0]).tolist() == [2]
    assert np.flatnonzero(numerator[4]).tolist() == [14]


def test_a_last_digit_does_not_change_the_bin():
    """Four of six samples that name a class: 0.4 / 0.6 comes out above 10/15."""
    given = np.array([[0.4, 0.1, 0.1]])
    shares = given / np.array([[sum([0.1] * 6)]])
    assert shares[0, 0] * 15 > 10
    found = ece(Distributions(np.eye(3)[:1], shares, np.eye(3)[:1] > 0, np.array([0])))
    assert np.flatnonzero(found.numerator[0]).tolist() == [9]


def test_some_classes_are_a_distribution_of_their_own(found):
    own = np.array([True, False, True, True, False, True, False, True])
    narrow = found.over(own)
    for ours, whole in (
        (narrow.references, found.references),
        (narrow.predictions, found.predictions),
    ):
        assert ours == pytest.approx(whole[:, own] / whole[:, own].sum(axis=1, keepdims=True))
    assert (narrow.annotators == found.annotators[:, own]).all()
    names = np.array(list("abcdefgh"))
    kept = [names[own][label] if label >= 0 else None for label in narrow.labels]
    assert kept == [names[label] if own[label] else None for label in found.labels]


def test_set_recall_by_hand():
    # 1/C = 1/4. A = {0, 1}, of which 0.4 and 0.2: one of two. A = {3}, of which 0.3: one of one.
    predictions = np.array([[0.4, 0.2, 0.4, 0.0], [0.3, 0.3, 0.1, 0.3]])
    annotators = np.array([[True, True, False, False], [False, False, False, True]])
    found = set_recall(Distributions(annotators * 1.0, predictions, annotators, np.array([0, 3])))
    assert found.value == pytest.approx((1 / 2 + 1) / 2)


def test_a_perfect_system_is_perfect():
    shares = np.array([[0.5, 0.5, 0.0], [0.0, 1.0, 0.0]])
    same = Distributions(shares, shares, shares > 0, np.array([0, 1]))
    assert (kl(same).value, js(same).value) == pytest.approx((0, 0), abs=1e-12)
    assert set_recall(same).value == 1


def probabilities(world, *shares):
    for row, share in zip(world.predictions, shares, strict=False):
        row["probabilities"] = share


def test_a_system_with_probabilities_is_scored_by_them(world, whyser_eval):
    probabilities(world, *({row["label"]: 0.6, "neutral": 0.2} for row in world.utterances))
    assert whyser_eval(*world.score_arguments())[0] == 0
    rows = world.scores()
    found = rows["tiny", "none", "all", "kl"]
    # Votes 3 : 1 for label and neutral, probabilities 0.6 : 0.2, that is 3 : 1 too. Where the
    # label is neutral (2 of 16), votes are all on it, and so are the probabilities.
    assert found["value"] == pytest.approx(0, abs=1e-5)
    assert found["low"] <= found["high"]
    assert rows["tiny", "none", "strict", "set_recall"]["n"] == 16
    assert found["signature"].startswith("kl|")


def test_a_plain_system_has_no_distribution_scores(world, whyser_eval):
    whyser_eval(*world.score_arguments())
    assert not {"kl", "js", "ece"} & {key[3] for key in world.scores()}


def test_samples_are_a_distribution_and_vote_for_the_class(world, whyser_eval):
    world.predictions[0]["text"] = "I think the emotion is sad"
    world.predictions[0]["samples"] = ["no idea"] + ["I think the emotion is angry"] * 2
    assert whyser_eval(*world.score_arguments("--draws", "0"))[0] == 0
    sample = world.samples()[0]
    assert (sample["prediction"], sample["text"]) == ("angry", "I think the emotion is angry")
    assert "|samples:4|" in world.scores()["tiny", "none", "all", "js"]["signature"]
    assert "|votes:" in world.scores()["tiny", "none", "all", "js"]["signature"]
    assert ("tiny", "none", "all", "js") in world.scores()


def test_mostly_unread_is_unread(world, whyser_eval):
    world.predictions[0]["text"] = "I think the emotion is angry"
    world.predictions[0]["samples"] = ["no idea"] * 2
    whyser_eval(*world.score_arguments("--draws", "0"))
    assert world.samples()[0]["prediction"] is None


@pytest.mark.parametrize(
    ("shares", "word"),
    [
        ({"sad": 0.7, "angry": 0.7}, "more than 1"),
        ({"sad": -0.1}, "greater than or equal to 0"),
        ({"gloomy": 0.5}, "gloomy"),
    ],
)
def test_bad_probabilities_are_named(world, whyser_eval, shares, word):
    probabilities(world, shares)
    status, _, err = whyser_eval(*world.score_arguments())
    assert status == 1
    assert "predictions.jsonl:1" in err
    assert word in err


def test_answers_without_probabilities_are_told(world, whyser_eval):
    """Uniform on all but one is well calibrated, and says nothing."""
    world.predictions[0]["probabilities"] = {"sad": 1.0}
    _, _, err = whyser_eval(*world.score_arguments())
    assert "warning: 15 of 16 answers of tiny (open) give no label a probability" in err
