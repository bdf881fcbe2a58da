"""The metrics compared with scikit-learn and with calculations by hand, and their invariants."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score, recall_score

from whyser.labels.classes import CLASSES
from whyser.labels.votes import label_set
from whyser_eval.metrics.classification import (
    confusion,
    f1_all_labels,
    f1_majority,
    f1_multilabel,
    f1_relaxed,
    hit_rate,
    hit_rate_macro,
)
from whyser_eval.metrics.data import MISS, Items
from whyser_eval.metrics.declaration import metrics_of

# Three classes, five items, worked by hand in the tests below.
#   item   y      A               p
#   1      sad    {sad}           sad      hit, right
#   2      sad    {sad, happy}    happy    hit by a minority label
#   3      happy  {happy, fear}   sad      no hit
#   4      happy  {happy}         unread   no hit
#   5      fear   {fear, sad}     fear     hit, right
HAND = Items.from_names(
    ["sad", "sad", "happy", "happy", "fear"],
    ["sad", "happy", "sad", None, "fear"],
    [{"sad"}, {"sad", "happy"}, {"happy", "fear"}, {"happy"}, {"fear", "sad"}],
    classes=["happy", "sad", "fear"],
)


def random_items(seed, n=300, width=8, misses=0.2):
    random = np.random.default_rng(seed)
    labels = random.integers(0, width, n)
    predictions = np.where(random.random(n) < misses, MISS, random.integers(0, width, n))
    annotators = random.random((n, width)) < 0.2
    annotators[np.arange(n), labels] = True
    return Items(labels, predictions, annotators)


def names(positions):
    return [CLASSES[position] if position != MISS else "unread" for position in positions]


@pytest.mark.parametrize("seed", range(20))
def test_f1_majority_agrees_with_scikit_learn(seed):
    items = random_items(seed, n=seed * 20 + 1)
    expected = f1_score(
        names(items.labels),
        names(items.predictions),
        labels=list(CLASSES),
        average="macro",
        zero_division=0,
    )
    assert f1_majority(items).value == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_f1_all_labels_agrees_with_scikit_learn_on_substituted_labels(seed):
    items = random_items(seed)
    predictions = names(items.predictions)
    substituted = [
        p if p in CLASSES and chosen[CLASSES.index(p)] else y
        for y, p, chosen in zip(names(items.labels), predictions, items.annotators, strict=True)
    ]
    expected = f1_score(
        substituted, predictions, labels=list(CLASSES), average="macro", zero_division=0
    )
    assert f1_all_labels(items).value == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_f1_multilabel_agrees_with_scikit_learn_on_indicators(seed):
    items = random_items(seed)
    expected = f1_score(items.annotators, items.predicted, average="macro", zero_division=0)
    assert f1_multilabel(items).value == pytest.approx(expected, abs=1e-12)


def test_hit_rate_macro_is_recall_when_every_rater_agrees():
    items = random_items(3)
    agreed = Items(items.labels, items.predictions, items.gold)
    expected = recall_score(
        names(items.labels),
        names(items.predictions),
        labels=list(CLASSES),
        average="macro",
        zero_division=0,
    )
    assert hit_rate_macro(agreed).value == pytest.approx(expected, abs=1e-12)


def test_f1_majority_by_hand():
    # happy: TP 0, predicted 1, true 2 -> 0 / 3
    # sad:   TP 1, predicted 2, true 2 -> 2 / 4
    # fear:  TP 1, predicted 1, true 1 -> 2 / 2
    assert f1_majority(HAND).per_column.tolist() == [0, 0.5, 1]
    assert f1_majority(HAND).value == pytest.approx((0 + 0.5 + 1) / 3)


def test_f1_all_labels_by_hand():
    # y' = sad, happy, happy, happy, fear: item 2 takes its prediction.
    # happy: TP 1, predicted 1, true 3 -> 2 / 4
    # sad:   TP 1, predicted 2, true 1 -> 2 / 3
    # fear:  TP 1, predicted 1, true 1 -> 2 / 2
    assert f1_all_labels(HAND).value == pytest.approx((2 / 4 + 2 / 3 + 1) / 3)


def test_f1_multilabel_by_hand():
    # happy: TP item 2; FP none; FN items 3, 4       -> 2 / (2 + 0 + 2)
    # sad:   TP item 1; FP item 3; FN items 2, 5     -> 2 / (2 + 1 + 2)
    # fear:  TP item 5; FP none; FN item 3           -> 2 / (2 + 0 + 1)
    assert f1_multilabel(HAND).value == pytest.approx((2 / 4 + 2 / 5 + 2 / 3) / 3)


def test_f1_relaxed_by_hand():
    # As multilabel, but items 2 and 5 are hits and miss nothing.
    # happy: TP 1, FP 0, FN items 3, 4 -> 2 / (2 + 0 + 2)
    # sad:   TP 1, FP 1, FN none       -> 2 / (2 + 1 + 0)
    # fear:  TP 1, FP 0, FN item 3     -> 2 / (2 + 0 + 1)
    assert f1_relaxed(HAND).value == pytest.approx((2 / 4 + 2 / 3 + 2 / 3) / 3)


def test_hit_rates_by_hand():
    # Hits: items 1, 2, 5 of 5. Given sad 2 of 2, given happy 0 of 2, given fear 1 of 1.
    assert hit_rate(HAND).value == pytest.approx(3 / 5)
    assert hit_rate_macro(HAND).value == pytest.approx((0 / 2 + 2 / 2 + 1 / 1) / 3)
    assert hit_rate(HAND).counts == (3, 5)


def test_confusion_counts_misses_in_the_last_column():
    assert confusion(HAND).tolist() == [[0, 1, 0, 1], [1, 1, 0, 0], [0, 0, 1, 0]]


def test_a_declared_class_without_support_counts_as_zero():
    two = Items.from_names(["sad"], ["sad"], classes=["sad", "fear"])
    assert f1_majority(two).value == 0.5


def test_an_unread_answer_never_raises_a_score():
    for name, metric in metrics_of("classes").items():
        for row in range(len(HAND)):
            predictions = HAND.predictions.copy()
            predictions[row] = HAND.labels[row]
            right = metric(Items(HAND.labels, predictions, HAND.annotators)).value
            predictions[row] = MISS
            unread = metric(Items(HAND.labels, predictions, HAND.annotators)).value
            assert unread <= right, name


votes = st.lists(st.sampled_from([*CLASSES, "other"]), min_size=1, max_size=7)
answers = st.lists(
    st.tuples(st.sampled_from(CLASSES), st.sampled_from([*CLASSES, "other", None]), votes),
    min_size=1,
    max_size=40,
)


@given(answers)
@settings(max_examples=150, deadline=None)
def test_all_labels_is_never_below_the_majority(rows):
    # The label need not be among the votes: CREMA-D's acted emotion often is not.
    items = Items.from_names(
        [label for label, _, _ in rows],
        [prediction for _, prediction, _ in rows],
        [label_set(chosen) for _, _, chosen in rows],
        classes=CLASSES,
    )
    assert f1_all_labels(items).value >= f1_majority(items).value - 1e-12


@given(answers)
@settings(max_examples=100, deadline=None)
def test_all_labels_is_the_majority_when_raters_agree(rows):
    items = Items.from_names(
        [label for label, _, _ in rows], [p for _, p, _ in rows], classes=CLASSES
    )
    assert f1_all_labels(items).value == f1_majority(items).value


def test_references_outside_the_declared_classes_are_refused():
    with pytest.raises(ValueError, match="contempt"):
        Items.from_names(["contempt"], ["sad"], classes=["sad"])
    with pytest.raises(ValueError, match="length"):
        Items.from_names(["sad"], [], classes=["sad"])
