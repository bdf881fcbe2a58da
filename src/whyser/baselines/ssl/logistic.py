"""A penalised logistic regression on the layer statistics of a frozen encoder.

There are thousands of features and often only hundreds of clips. This fit has one minimum, needs no
learning rate and takes seconds. Dev chooses the penalty; then dev is learnt too, because nothing
stops early.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from whyser.baselines.ssl.epochs import macro_f1
from whyser.baselines.ssl.frozen import KeptSounds
from whyser.baselines.ssl.network import Classifier
from whyser.baselines.ssl.pooling import LayerStatistics
from whyser.baselines.ssl.reference import Moments
from whyser.io.console import say

#: Inverse strengths of the penalty, strongest first: scikit-learn's C.
STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
#: Steps of L-BFGS; most fits need fewer than a hundred.
_STEPS = 300


@dataclass(frozen=True)
class Learnt:
    """The features of clips, float[n, S, 2 W], and their targets, float[n, C]."""

    features: Tensor
    targets: Tensor

    @classmethod
    def of(cls, sounds: KeptSounds) -> Learnt:
        features = torch.stack([sounds.kept(number) for number in range(len(sounds))])
        return cls(features, torch.as_tensor(sounds.targets))

    def __add__(self, other: Learnt) -> Learnt:
        return Learnt(
            torch.cat([self.features, other.features]), torch.cat([self.targets, other.targets])
        )


def fit(
    classifier: Classifier, train: KeptSounds, dev: KeptSounds, criterion: nn.Module
) -> list[dict[str, float]]:
    """Fits the head, and returns the dev Macro-F1 of each strength."""
    learnt, held = Learnt.of(train), Learnt.of(dev)
    standardise(classifier, learnt)
    found = []
    for strength in STRENGTHS:
        # The weights of a stronger penalty are where the next fit begins.
        loss = _minimise(classifier, learnt, criterion, strength)
        score = _score(classifier, held, dev.labels)
        found.append({"strength": strength, "loss": loss, "dev_f1_macro": score})
        say(f"C {strength:g}: loss {loss:.4f}, dev Macro-F1 {score:.4f}")
    both = learnt + held
    standardise(classifier, both)
    _minimise(classifier, both, criterion, best_of(found)["strength"])
    return found


def best_of(found: list[dict[str, float]]) -> dict[str, float]:
    """The strongest penalty of those with the best dev Macro-F1."""
    return max(found, key=lambda row: row["dev_f1_macro"])


def standardise(classifier: Classifier, learnt: Learnt) -> None:
    moments = Moments()
    for features in learnt.features:
        moments.add(features)
    pooling: Any = classifier.pooling
    pooling.centre.copy_(moments.mean)
    pooling.scale.copy_(moments.deviation)


def _minimise(
    classifier: Classifier, learnt: Learnt, criterion: nn.Module, strength: float
) -> float:
    """Minimises the criterion's mean + |w|^2 / (2 n C); returns the criterion's mean."""
    pooling, head = classifier.pooling, classifier.head
    if not (isinstance(pooling, LayerStatistics) and isinstance(head, nn.Linear)):
        raise TypeError("a logistic regression needs statistics and a linear head")
    features = pooling(learnt.features)
    penalty = 1 / (2 * len(features) * strength)
    steps = torch.optim.LBFGS(
        head.parameters(), max_iter=_STEPS, line_search_fn="strong_wolfe", tolerance_change=1e-7
    )

    def loss() -> Tensor:
        steps.zero_grad()
        total: Tensor = criterion(head(features), learnt.targets)
        total = total + penalty * head.weight.square().sum()
        total.backward()  # type: ignore[no-untyped-call]
        return total

    steps.step(loss)  # type: ignore[no-untyped-call]
    with torch.no_grad():
        return float(criterion(head(features), learnt.targets))


@torch.no_grad()
def _score(classifier: Classifier, held: Learnt, labels: Any) -> float:
    logits = classifier.of_statistics(held.features)
    return macro_f1(labels, logits.argmax(1).numpy(), logits.shape[1])
