"""Dev Macro-F1 compared with scikit-learn's, and the rows that are printed."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from whyser.baselines.ssl.epochs import epochs_of, is_exhausted, macro_f1


@pytest.mark.parametrize("seed", range(5))
def test_macro_f1_is_scikit_learns(seed: int) -> None:
    from sklearn.metrics import f1_score

    random = np.random.default_rng(seed)
    # Class 3 is in neither, class 2 in the answers alone.
    labels, answers = random.integers(0, 2, 40), random.integers(0, 3, 40)
    expected = f1_score(labels, answers, labels=range(4), average="macro", zero_division=0)
    assert macro_f1(labels, answers, 4) == pytest.approx(expected)


def test_rows_of_epochs() -> None:
    history = [
        {"epoch": 1.0, "loss": 2.0},
        {"epoch": 1.0, "eval_loss": 1.5, "eval_f1_macro": 0.25},
        {"epoch": 2.0, "train_loss": 1.0},
    ]
    assert epochs_of(history) == [{"epoch": 1, "loss": 2.0, "dev_loss": 1.5, "dev_f1_macro": 0.25}]


@pytest.mark.parametrize(
    ("found", "patience", "expected"),
    [
        ([0.1, 0.3, 0.2], 1, True),
        ([0.1, 0.3, 0.2], 2, False),
        # No better is not better.
        ([0.3, 0.3, 0.3], 2, True),
        ([0.1, 0.2, 0.3], 1, False),
        ([0.3, 0.1, 0.1], None, False),
        ([], 1, False),
    ],
)
def test_patience(found: list[float], patience: int | None, expected: bool) -> None:
    history = [
        {"epoch": place + 1.0, "eval_loss": 1.0, "eval_f1_macro": value}
        for place, value in enumerate(found)
    ]
    assert is_exhausted(history, patience) is expected
