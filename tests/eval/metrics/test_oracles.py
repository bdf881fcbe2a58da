"""The metrics compared with audmetric and scikit-learn, which share no code with them.

The data are random, with misses, classes that no reference has, and classes that nothing predicts.
Both libraries get the declared classes and count 0 / 0 as 0. audmetric drops items whose prediction
is outside its labels, so misses are one more label there, and that label is left out of the mean.
"""

import audmetric
import numpy as np
import pytest
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, recall_score

from whyser.labels.classes import CLASSES
from whyser_eval.metrics.classification import (
    confusion,
    f1_all_labels,
    f1_majority,
    f1_multilabel,
    f1_relaxed,
    hit_rate,
    hit_rate_macro,
    ua,
    wa,
)
from whyser_eval.metrics.data import MISS, Items

#: A word that no class is called: what a miss is to a library that knows none.
UNREAD = "unread"
WITH_MISSES = [*CLASSES, UNREAD]


def mean_over_classes(per_class):
    """audmetric's figures by label, without that of the misses."""
    return np.mean([per_class[name] for name in CLASSES])


def drawn(seed):
    """Items, and the same as names; every third draw lacks a class on one side or on both."""
    random = np.random.default_rng(seed)
    n, width = int(random.integers(1, 400)), len(CLASSES)
    labels = random.choice(width, n, p=random.dirichlet(np.full(width, 0.5)))
    answers = np.where(random.random(n) < 0.5, labels, random.integers(0, width, n))
    if seed % 3 == 1:
        labels[labels == 2] = 3
    if seed % 3 == 2:
        answers[answers == 5] = 6
        labels[labels == 5] = 6
    answers[random.random(n) < random.choice([0, 0.2, 1], p=[0.3, 0.6, 0.1])] = MISS
    annotators = random.random((n, width)) < 0.25
    annotators[np.arange(n), labels] = True
    items = Items(labels, answers, annotators)
    return items, [CLASSES[one] for one in labels], named(answers)


def named(answers):
    return [CLASSES[one] if one != MISS else UNREAD for one in answers]


DRAWS = pytest.mark.parametrize("seed", range(30))


def test_the_draws_hold_what_they_should():
    """Misses, all and none; classes absent from the references, and from either side."""
    shares, absent, nowhere = [], 0, 0
    for seed in range(30):
        items, references, predictions = drawn(seed)
        shares.append(float((items.predictions == MISS).mean()))
        missing = set(CLASSES) - set(references)
        absent += bool(missing)
        nowhere += bool(missing - set(predictions))
    assert min(shares) == 0 and max(shares) == 1
    assert absent > 10 and nowhere > 5


@DRAWS
def test_ua_is_that_of_both(seed):
    items, references, predictions = drawn(seed)
    expected = audmetric.recall_per_class(references, predictions, WITH_MISSES, zero_division=0)
    assert ua(items).value == pytest.approx(mean_over_classes(expected), abs=1e-12)
    assert ua(items).value == pytest.approx(
        recall_score(
            references, predictions, labels=list(CLASSES), average="macro", zero_division=0
        ),
        abs=1e-12,
    )


@DRAWS
def test_wa_is_that_of_both(seed):
    items, references, predictions = drawn(seed)
    assert wa(items).value == pytest.approx(audmetric.accuracy(references, predictions), abs=1e-12)
    assert wa(items).value == pytest.approx(accuracy_score(references, predictions), abs=1e-12)


@DRAWS
def test_f1_majority_is_that_of_audmetric(seed):
    items, references, predictions = drawn(seed)
    expected = audmetric.fscore_per_class(references, predictions, WITH_MISSES, zero_division=0)
    assert f1_majority(items).value == pytest.approx(mean_over_classes(expected), abs=1e-12)


@DRAWS
def test_without_misses_the_averages_are_audmetrics_own(seed):
    items, references, _ = drawn(seed)
    answers = np.where(items.predictions == MISS, 0, items.predictions)
    items, predictions = Items(items.labels, answers, items.annotators), named(answers)
    given = {"labels": list(CLASSES), "zero_division": 0}
    assert ua(items).value == pytest.approx(
        audmetric.unweighted_average_recall(references, predictions, **given), abs=1e-12
    )
    assert f1_majority(items).value == pytest.approx(
        audmetric.unweighted_average_fscore(references, predictions, **given), abs=1e-12
    )


def test_a_miss_is_not_forgotten_as_audmetric_forgets_it():
    # One of two sads is read: recall 1 / 2. Told of the classes alone, audmetric sees 1 / 1.
    items = Items.from_names(["sad", "sad"], ["sad", None], classes=["sad"])
    forgetful = audmetric.unweighted_average_recall(
        ["sad", "sad"], ["sad", UNREAD], labels=["sad"], zero_division=0
    )
    assert (ua(items).value, forgetful) == (0.5, 1)


@DRAWS
def test_each_class_has_the_scores_of_scikit_learn(seed):
    items, references, predictions = drawn(seed)
    given = {"labels": list(CLASSES), "average": None, "zero_division": 0}
    f1 = f1_score(references, predictions, **given)
    recall = recall_score(references, predictions, **given)
    assert f1_majority(items).per_column == pytest.approx(f1, abs=1e-12)
    assert ua(items).per_column == pytest.approx(recall, abs=1e-12)


@DRAWS
def test_the_confusion_is_that_of_both(seed):
    items, references, predictions = drawn(seed)
    counted = confusion(items)
    with_misses = confusion_matrix(references, predictions, labels=WITH_MISSES)
    assert counted.tolist() == with_misses[:-1].tolist()
    expected = audmetric.confusion_matrix(references, predictions, labels=WITH_MISSES)
    assert counted.tolist() == expected[:-1]


@DRAWS
def test_all_labels_is_audmetrics_f1_of_the_substituted_labels(seed):
    items, references, predictions = drawn(seed)
    substituted = [
        answer if answer != UNREAD and chosen[CLASSES.index(answer)] else label
        for label, answer, chosen in zip(references, predictions, items.annotators, strict=True)
    ]
    expected = audmetric.fscore_per_class(substituted, predictions, WITH_MISSES, zero_division=0)
    assert f1_all_labels(items).value == pytest.approx(mean_over_classes(expected), abs=1e-12)


@DRAWS
def test_the_hit_rates_are_the_accuracy_and_the_recall_of_hits(seed):
    items, references, predictions = drawn(seed)
    # A hit is made right, all else is made a miss: accuracy is then D4, recall D5.
    hits = [
        label if answer != UNREAD and chosen[CLASSES.index(answer)] else UNREAD
        for label, answer, chosen in zip(references, predictions, items.annotators, strict=True)
    ]
    assert hit_rate(items).value == pytest.approx(accuracy_score(references, hits), abs=1e-12)
    recalls = audmetric.recall_per_class(references, hits, WITH_MISSES, zero_division=0)
    assert hit_rate_macro(items).value == pytest.approx(mean_over_classes(recalls), abs=1e-12)


@DRAWS
def test_relaxed_is_scikit_learns_f1_where_a_hit_has_one_label(seed):
    items, _, _ = drawn(seed)
    # D3 forgives a hit the other labels: with A = {p} for hits, D2 and D3 are the same.
    forgiven = np.where(items.hit[:, None], items.predicted, items.annotators)
    expected = f1_score(forgiven, items.predicted, average="macro", zero_division=0)
    assert f1_relaxed(items).value == pytest.approx(expected, abs=1e-12)
    same = Items(items.labels, items.predictions, forgiven)
    assert f1_multilabel(same).value == pytest.approx(expected, abs=1e-12)


# By hand: two classes, four items, one class with no prediction, one with no miss.
#   item   y      A              p
#   1      sad    {sad}          sad      hit, right
#   2      sad    {sad, happy}   unread   no hit
#   3      sad    {sad, happy}   sad      hit, right
#   4      happy  {happy, sad}   sad      hit by a minority label
HAND = Items.from_names(
    ["sad", "sad", "sad", "happy"],
    ["sad", None, "sad", "sad"],
    [{"sad"}, {"sad", "happy"}, {"sad", "happy"}, {"happy", "sad"}],
    classes=["happy", "sad"],
)


def test_accuracies_by_hand():
    # Recall of happy 0 / 1, of sad 2 / 3; 2 of 4 are right.
    assert ua(HAND).value == pytest.approx((0 / 1 + 2 / 3) / 2)
    assert wa(HAND).value == pytest.approx(2 / 4)


def test_the_readings_by_hand_where_one_class_is_never_predicted():
    # MV   happy: TP 0, FP 0, FN 1 -> 0 / 1.   sad: TP 2, FP 1, FN 1 -> 4 / (4 + 1 + 1)
    assert f1_majority(HAND).value == pytest.approx((0 / 1 + 4 / 6) / 2)
    # D1   item 4 takes its prediction: y' = sad, sad, sad, sad.
    #      happy: no label, no prediction -> 0 / 0 = 0.   sad: TP 3, FP 0, FN 1 -> 6 / (6 + 1)
    assert f1_all_labels(HAND).value == pytest.approx((0 + 6 / 7) / 2)
    # D2   happy: TP 0, FP 0, FN items 2, 3, 4 -> 0 / 3.  sad: TP 3, FP 0, FN item 2 -> 6 / (6 + 1)
    assert f1_multilabel(HAND).value == pytest.approx((0 / 3 + 6 / 7) / 2)
    # D3   hits 1, 3, 4 miss nothing: happy: FN item 2 -> 0 / 1.  sad: as in D2.
    assert f1_relaxed(HAND).value == pytest.approx((0 / 1 + 6 / 7) / 2)
    # D4   hits 1, 3, 4 of 4.   D5   given happy 1 / 1, given sad 2 / 3.
    assert hit_rate(HAND).value == pytest.approx(3 / 4)
    assert hit_rate_macro(HAND).value == pytest.approx((1 / 1 + 2 / 3) / 2)
