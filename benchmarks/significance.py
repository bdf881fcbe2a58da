"""Measures how fast `whyser_eval.statistics.significance` compares two systems, relative to a loop
over scikit-learn.

    python benchmarks/significance.py
    python benchmarks/significance.py --items 5000 --draws 1000 --strict

Two made-up systems answer for 46,000 utterances with five votes each and eight classes. The paired
bootstrap and the randomisation test each use 10,000 draws for majority and All-labels Macro-F1, on
the whole set and its strict subset. The baseline runs only the bootstrap, as a simple script would:
it draws utterances with replacement and calls `f1_score` for both systems, for a few draws, and
reports the time per draw. On these draws both ways must give the same F1 to within 1e-12, or the
script ends with status 1.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from figures import Figure, options_of, show

import whyser_eval
from whyser.io.console import say
from whyser.labels.classes import CLASSES
from whyser_eval.metrics.classification import f1_all_labels, f1_majority
from whyser_eval.metrics.data import MISS, Items, Subset
from whyser_eval.statistics.significance import bootstrapped, pair, randomised

ITEMS, DRAWS, BASELINE_DRAWS = 46_000, 10_000, 12
MAX_SECONDS, MAX_GB, MIN_RATIO = 5.0, 1.0, 600
METRICS = {"f1_majority": f1_majority, "f1_all_labels": f1_all_labels}


def main() -> None:
    arguments = _arguments()
    say(f"measures {Path(whyser_eval.__file__).parent}")
    figures = list(measuring(arguments.items, arguments.draws))
    title = f"Two systems, {arguments.items:,} utterances, {arguments.draws:,} draws"
    show(title, figures, strict=arguments.strict)
    if any(figure.met is False and figure.bound == "1e-12" for figure in figures):
        sys.exit(1)


def _arguments() -> argparse.Namespace:
    parser = options_of(__doc__)
    parser.add_argument(
        "--items", type=int, default=ITEMS, help="number of utterances [%(default)s]"
    )
    parser.add_argument("--draws", type=int, default=DRAWS, help="draws per test [%(default)s]")
    return parser.parse_args()


def measuring(count: int, draws: int) -> Iterator[Figure]:
    judged = (count, draws) == (ITEMS, DRAWS)
    first, second, subsets = systems(count)
    start = time.perf_counter()
    pairing = pair(first, second, subsets, METRICS)
    drawn = bootstrapped(pairing, draws=draws)
    seconds = time.perf_counter() - start
    start = time.perf_counter()
    randomised(pairing, draws=draws)
    swapping = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    gigabytes = peak * (1 if sys.platform == "darwin" else 1024) / 1e9
    yield Figure("distinct cells of the utterances", f"{len(pairing.members):,}")
    yield Figure(
        "paired bootstrap",
        f"{seconds:.3f} s",
        f"within {MAX_SECONDS:.0f} s",
        seconds <= MAX_SECONDS if judged else None,
    )
    yield Figure("approximate randomisation", f"{swapping:.3f} s")
    yield Figure(
        "  peak memory",
        f"{gigabytes:.2f} GB",
        f"within {MAX_GB:.0f} GB",
        gigabytes <= MAX_GB if judged else None,
    )
    loop, apart = scikit_learn(first, second, subsets)
    ratio = loop * draws / seconds
    yield Figure("  scikit-learn, per draw of the bootstrap", f"{loop * 1000:.0f} ms")
    yield Figure(
        "  times as fast as scikit-learn, all draws",
        f"{ratio:,.0f}",
        f"at least {MIN_RATIO}",
        ratio >= MIN_RATIO if judged else None,
    )
    yield Figure("  greatest difference in F1", f"{apart:.1e}", "1e-12", apart <= 1e-12)
    yield Figure("mean difference of the draws, majority, all", f"{drawn[0].mean():+.4f}")


def systems(count: int) -> tuple[Items, Items, dict[str, Subset]]:
    """Two systems that copy the label of 45 % and 40 % of the utterances, and the subsets."""
    random = np.random.default_rng(0)
    width = len(CLASSES)
    shares = random.dirichlet(np.full(width, 3.0))
    labels = random.choice(width, count, p=shares)
    votes = np.where(
        random.random((count, 5)) < 0.6, labels[:, None], random.choice(width, (count, 5), p=shares)
    )
    annotators = np.zeros((count, width), dtype=np.bool_)
    annotators[np.arange(count)[:, None], votes] = True
    annotators[np.arange(count), labels] = True
    strict = (votes == labels[:, None]).sum(axis=1) >= 3
    first, second = (
        np.where(random.random(count) < accuracy, labels, random.integers(MISS, width, count))
        for accuracy in (0.45, 0.40)
    )
    subsets = {"all": Subset(np.ones(count, dtype=np.bool_)), "strict": Subset(strict)}
    return Items(labels, first, annotators), Items(labels, second, annotators), subsets


def scikit_learn(first: Items, second: Items, subsets: dict[str, Subset]) -> tuple[float, float]:
    """Seconds per draw of both systems, metrics and subsets; the greatest difference in F1."""
    from sklearn.metrics import f1_score

    warnings.simplefilter("ignore")
    random = np.random.default_rng(1)
    classes = list(range(len(CLASSES)))
    taken, apart = 0.0, 0.0
    for _ in range(BASELINE_DRAWS):
        rows = random.integers(0, len(first), len(first))
        for subset in subsets.values():
            chosen = rows[subset.mask[rows]]
            for items in (first.take(chosen), second.take(chosen)):
                start = time.perf_counter()
                substituted = np.where(items.hit, items.predictions, items.labels)
                theirs = [
                    f1_score(gold, items.predictions, labels=classes, average="macro")
                    for gold in (items.labels, substituted)
                ]
                taken += time.perf_counter() - start
                ours = [metric(items).value for metric in METRICS.values()]
                apart = max(apart, *(abs(a - b) for a, b in zip(ours, theirs, strict=True)))
    return taken / BASELINE_DRAWS, apart


if __name__ == "__main__":
    main()
