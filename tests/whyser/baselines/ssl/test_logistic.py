"""The fit on statistics equals scikit-learn's logistic regression."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("sklearn")

import torch
from sklearn.linear_model import LogisticRegression

from whyser.baselines.ssl.logistic import STRENGTHS, Learnt, _minimise, best_of, fit, standardise
from whyser.baselines.ssl.losses import Criterion
from whyser.baselines.ssl.network import Classifier

STATES, WIDTH, CLASSES = 2, 3, 3


@pytest.fixture
def learnt() -> Learnt:
    """Sixty clips of three classes, whose features differ in scale and overlap."""
    random = np.random.default_rng(0)
    labels = np.arange(60) % CLASSES
    features = random.standard_normal((60, STATES, 2 * WIDTH)) * np.arange(1, 7) + 5
    features[:, 0, 0] += labels
    features[:, 1, 5] -= 4 * labels
    return Learnt(torch.from_numpy(features).float(), torch.eye(CLASSES)[torch.from_numpy(labels)])


def classifier() -> Classifier:
    return Classifier(STATES, WIDTH, CLASSES, pooling="statistics", hidden=0, dropout=0.0)


class Given:
    """Clips as `KeptSounds` give them."""

    def __init__(self, learnt: Learnt) -> None:
        self.features, self.targets = learnt.features, learnt.targets.numpy()
        self.labels = self.targets.argmax(1)

    def __len__(self) -> int:
        return len(self.features)

    def kept(self, number: int) -> torch.Tensor:
        return self.features[number]


@pytest.mark.parametrize("strength", [1e-3, 1.0])
def test_the_weights_are_scikit_learns(strength: float, learnt: Learnt) -> None:
    own = classifier()
    standardise(own, learnt)
    criterion = Criterion("cross-entropy", torch.ones(CLASSES))
    loss = _minimise(own, learnt, criterion, strength)
    rows = learnt.features.flatten(1).numpy().astype(np.float64)
    rows = (rows - rows.mean(0)) / rows.std(0)
    labels = learnt.targets.argmax(1).numpy()
    theirs = LogisticRegression(C=strength, max_iter=5000, tol=1e-10)
    theirs.fit(rows, labels)
    head: Any = own.head
    assert np.allclose(head.weight.detach().numpy(), theirs.coef_, atol=2e-3)
    logs = np.log(theirs.predict_proba(rows))[range(60), labels]
    assert loss == pytest.approx(-logs.mean(), abs=1e-4)


def test_dev_chooses_the_penalty_and_is_then_learnt(learnt: Learnt) -> None:
    train = Learnt(learnt.features[:40], learnt.targets[:40])
    dev = Learnt(learnt.features[40:], learnt.targets[40:])
    given: Any = [Given(train), Given(dev)]
    criterion = Criterion("cross-entropy", torch.ones(CLASSES))
    own = classifier()
    found = fit(own, *given, criterion)
    assert [row["strength"] for row in found] == [*STRENGTHS]
    losses = [row["loss"] for row in found]
    assert losses == sorted(losses, reverse=True)
    expected = classifier()
    standardise(expected, learnt)
    _minimise(expected, learnt, criterion, best_of(found)["strength"])
    for ours, other in zip(own.parameters(), expected.parameters(), strict=True):
        assert torch.allclose(ours, other, atol=2e-3)


def test_of_equals_the_strongest_penalty_is_chosen() -> None:
    rows = [{"strength": one, "dev_f1_macro": score} for one, score in ((1e-3, 0.4), (1e-2, 0.5))]
    rows.append({"strength": 1.0, "dev_f1_macro": 0.5})
    assert best_of(rows)["strength"] == 1e-2
