"""Losses compared with calculations by hand."""

from __future__ import annotations

import math
from typing import cast, get_args

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from whyser.baselines.ssl.losses import Criterion, Loss, class_weights, targets
from whyser.labels.classes import EmotionClass, Label
from whyser.records.corpus import Clip, Corpus
from whyser.records.utterance import Utterance, Vote

#: p = (1/4, 3/4) in both rows.
LOGITS = torch.tensor([[0.0, math.log(3)], [5.0, 5.0 + math.log(3)]])
EVEN = torch.ones(2)


def clip(label: Label, *votes: Label) -> Clip:
    given = tuple(
        Vote(rater=str(place), primary=vote, raw=vote) for place, vote in enumerate(votes)
    )
    utterance = Utterance(
        id="c/1", corpus="c", split="train", audio=None, duration=None, sampling_rate=None,
        channels=None, transcript="", speaker=None, gender=None, label=label, label_raw="x",
        votes=given,
    )  # fmt: skip
    return Clip(cast(Corpus, None), utterance)


def test_the_focal_loss() -> None:
    # Right with p = 3/4: (1/4)^2 ln(4/3) = 0.0179801. Wrong with p = 1/4: (3/4)^2 ln 4 = 0.7797905.
    # Mean 0.3988853.
    loss = Criterion("focal", EVEN)(LOGITS, torch.tensor([[0.0, 1.0], [1.0, 0.0]]))
    assert loss.item() == pytest.approx(0.3988853, abs=1e-6)


def test_gamma_of_0_is_cross_entropy() -> None:
    target = torch.tensor([[0.0, 1.0], [1.0, 0.0]])
    # (ln(4/3) + ln 4) / 2 = (0.2876821 + 1.3862944) / 2.
    for criterion in (Criterion("focal", EVEN, 0.0), Criterion("cross-entropy", EVEN)):
        assert criterion(LOGITS, target).item() == pytest.approx(0.8369882, abs=1e-6)


def test_votes_count_by_their_share() -> None:
    # 1/4 ln 4 + 3/4 ln(4/3) = 0.3465736 + 0.2157616, the least that a target of p can cost.
    loss = Criterion("cross-entropy", EVEN)(LOGITS, torch.tensor([[0.25, 0.75]] * 2))
    assert loss.item() == pytest.approx(0.5623351, abs=1e-6)


def test_balanced_weighs_by_inverse_frequency() -> None:
    clips = [clip("sad"), clip("sad"), clip("sad"), clip("angry")]
    # 4 / (2 * 1) and 4 / (2 * 3).
    weights = class_weights(clips, ("angry", "sad"))
    assert weights.tolist() == pytest.approx([2, 2 / 3])
    # (2/3 ln(4/3) + 2 ln 4) / 2 = (0.1917880 + 2.7725887) / 2.
    loss = Criterion("balanced", weights)(LOGITS, torch.tensor([[0.0, 1.0], [1.0, 0.0]]))
    assert loss.item() == pytest.approx(1.4821884, abs=1e-6)


@pytest.mark.parametrize("kind", get_args(Loss))
def test_certainty_has_a_slope(kind: Loss) -> None:
    logits = torch.tensor([[200.0, -200.0], [-200.0, 200.0]], requires_grad=True)
    Criterion(kind, EVEN, gamma=0.5)(logits, torch.tensor([[1.0, 0.0], [1.0, 0.0]])).backward()
    assert torch.isfinite(logits.grad).all()


def test_targets() -> None:
    classes: tuple[EmotionClass, ...] = ("angry", "sad")
    clips = [
        clip("sad", "sad", "sad", "angry", "other", "fear"),
        clip("angry"),
        clip("sad", "fear"),
    ]
    # Other, and fear that is not among the classes, do not count; without a vote that does, the
    # label has it all.
    assert targets(clips, classes, "votes") == pytest.approx(
        np.array([[1 / 3, 2 / 3], [1, 0], [0, 1]])
    )
    assert targets(clips, classes, "majority").tolist() == [[0, 1], [1, 0], [0, 1]]
