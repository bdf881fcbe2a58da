"""What a score must beat before it means that the model listened."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from whyser.labels import EmotionClass
from whyser_eval.metrics import FloatArray, IntArray, Items, Metric
from whyser_eval.references import References
from whyser_eval.resampling import Cells, Estimate, batch_sizes, collapse, estimates, evaluate

#: Guesses that the prior row averages over when no interval was asked for.
_FEWEST_PRIOR_DRAWS = 100


def majority_class(references: References) -> EmotionClass:
    """The most frequent label; of equals the first declared."""
    counts = np.bincount(references.labels, minlength=len(references.classes))
    return references.classes[int(counts.argmax())]


def prior_estimates(
    references: References, metrics: Mapping[str, Metric], *, draws: int, seed: int
) -> list[Estimate]:
    """Guessing by the shares of the reference labels: the mean over `draws` runs of guesses.

    The references stay fixed, the guesses vary; `low` and `high` are percentiles of the runs.
    """
    shares = np.bincount(references.labels, minlength=len(references.classes)) / len(references)
    cells = collapse(references.items([None] * len(references)), references.subsets)
    runs = max(draws, _FEWEST_PRIOR_DRAWS)
    guessed = evaluate(
        _with_every_guess(cells, len(shares)),
        metrics,
        _guesses(cells.members, shares, runs, seed=seed),
    )
    values = {key: float(found.mean()) for key, found in guessed.items()}
    return estimates(cells, values, guessed if draws else {})


def _with_every_guess(cells: Cells, width: int) -> Cells:
    """Each cell once per class that could be guessed for it."""
    rows = np.repeat(np.arange(len(cells.members)), width)
    guesses = np.tile(np.arange(width), len(cells.members))
    return Cells(
        Items(cells.items.labels[rows], guesses, cells.items.annotators[rows]),
        cells.members[rows],
        {name: mask[rows] for name, mask in cells.subsets.items()},
    )


def _guesses(members: IntArray, shares: FloatArray, draws: int, *, seed: int) -> Iterator[IntArray]:
    generator = np.random.default_rng(seed)
    width = len(members) * len(shares)
    for size in batch_sizes(draws, width):
        drawn = generator.multinomial(members, shares, size=(size, len(members)))
        yield drawn.reshape(size, width)


@dataclass(frozen=True)
class Contest:
    """A system against its own control on one metric."""

    name: str
    own: Estimate
    control: Estimate


def warnings(contests: Iterable[Contest]) -> list[str]:
    """A line for each system that does not beat its shuffled control.

    The intervals must not overlap; without intervals the values decide.
    """
    return [
        f"{contest.name} does not beat its own answers to shuffled audio: {contest.own.metric} "
        f"{_shown(contest.own)} against {_shown(contest.control)}. It may not be listening."
        for contest in contests
        if not _is_beaten(contest)
    ]


def _is_beaten(contest: Contest) -> bool:
    own, control = contest.own, contest.control
    floor = own.low if own.low is not None else own.value
    ceiling = control.high if control.high is not None else control.value
    return floor is not None and ceiling is not None and floor > ceiling


def _shown(estimate: Estimate) -> str:
    return format_estimate(estimate.value, estimate.low, estimate.high)


def format_estimate(value: float | None, low: float | None, high: float | None) -> str:
    """A value with its interval, as tables print it.

    >>> format_estimate(0.61234, 0.55, 0.66), format_estimate(0.5, None, None)
    ('0.612 [0.550, 0.660]', '0.500')
    """
    if value is None:
        return "-"
    return f"{value:.3f}" if low is None else f"{value:.3f} [{low:.3f}, {high:.3f}]"


def paired(systems: Sequence[tuple[str, str, str]]) -> Iterator[tuple[int, int]]:
    """Positions of (model, form, none) and of the same under shuffled audio."""
    position = {system: index for index, system in enumerate(systems)}
    for (model, form, control), index in position.items():
        shuffled = position.get((model, form, "shuffled"))
        if control == "none" and shuffled is not None:
            yield index, shuffled
