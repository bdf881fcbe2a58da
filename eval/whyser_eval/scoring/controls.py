"""Chance baselines, the controls that a system that listens must beat, and those it must stand."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain

import numpy as np

from whyser_eval.metrics.data import MISS, FloatArray, IntArray, Items, ScoreEstimate
from whyser_eval.scoring.references import References
from whyser_eval.scoring.systems import SystemName
from whyser_eval.statistics.bootstrap import (
    Cells,
    ResamplingPlan,
    ScoreKey,
    collapse,
    estimates,
    in_batches,
    percentiles,
)
from whyser_eval.statistics.formatting import format_estimate

#: Runs that the prior baseline averages over when no interval is wanted.
_FEWEST_PRIOR_DRAWS = 100


def class_counts(references: References) -> IntArray:
    """int[C], utterances of each majority label."""
    labels = references.labels[references.labels != MISS]
    return np.bincount(labels, minlength=len(references.classes))


def prior_shares(references: References) -> FloatArray:
    """float[n, C], the shares of the labels, for every utterance."""
    support = class_counts(references)
    return np.tile(support / support.sum(), (len(references), 1))


def prior_estimates(
    references: References,
    items: Items,
    plan_of: Callable[[Cells], ResamplingPlan],
    *,
    draws: int,
    seed: int,
) -> list[ScoreEstimate]:
    """Scores of guesses that are drawn by the shares of the labels: the mean over `draws` runs.

    The references are fixed, the guesses vary; `low` and `high` are percentiles of the runs.

    Args: `items` of the references, whatever their predictions; `plan_of`, the scores of cells.
    """
    support = class_counts(references)
    shares = support / support.sum()
    unasked = replace(items, predictions=np.full(len(items), MISS))
    cells = collapse(unasked, references.subsets)
    plan = plan_of(_with_every_guess(cells, len(shares)))

    def guess(generator: np.random.Generator, size: int) -> FloatArray:
        guesses = generator.multinomial(cells.members, shares, size=(size, len(cells.members)))
        return plan.values(guesses.reshape(size, -1).astype(np.float64))

    runs = max(draws, _FEWEST_PRIOR_DRAWS)
    guessed = in_batches(guess, draws=runs, width=len(plan.members), seed=(seed,))
    # A row stands for the utterances of its cell under one of the guesses.
    sizes = {key: n // len(shares) for key, n in plan.sizes.items()}
    intervals = map(percentiles, guessed) if draws else [None] * len(guessed)
    return estimates(replace(plan, sizes=sizes), guessed.mean(axis=1), intervals)


def _with_every_guess(cells: Cells, width: int) -> Cells:
    """Each cell once for every class that can be guessed."""
    rows = np.repeat(np.arange(len(cells.members)), width)
    guesses = np.tile(np.arange(width), len(cells.members))
    items = replace(cells.items.take(rows), predictions=guesses)
    subsets = {name: subset.take(rows) for name, subset in cells.subsets.items()}
    return Cells(items, cells.members[rows], subsets)


def spread(variants: Sequence[Sequence[ScoreEstimate]]) -> list[ScoreEstimate]:
    """Scores of one system over several wordings or orders of a question.

    The value is the mean over the variants, `low` and `high` are the lowest and the highest. A
    metric that some variant lacks, such as one of transcripts, is left out.
    """
    groups: dict[ScoreKey, list[ScoreEstimate]] = {}
    for score in chain.from_iterable(variants):
        groups.setdefault((score.subset, score.metric), []).append(score)
    found = []
    for scores in groups.values():
        first, values = scores[0], [one.value for one in scores if one.value is not None]
        if values:
            mean = float(np.mean(values))
            first = replace(first, value=mean, low=min(values), high=max(values))
        if len(scores) == len(variants):
            found.append(first)
    return found


#: Control -> its answers, and what it means if a system does not beat them.
_DOUBTS = {
    "shuffled": ("answers to shuffled audio", "It may not be listening."),
    "silence": ("answers to silence", "It may not be listening."),
    "transcript": ("answers to the transcript", "The sound may add nothing to the words."),
}

#: Control -> the sound on which a system should hold its score.
_DEGRADED = {
    "noise": "with noise",
    "codec": "by telephone",
    "gain": "20 dB quieter",
}


def warnings(headlines: Mapping[SystemName, ScoreEstimate]) -> Iterator[str]:
    """A line for each system that does not beat its own control, or loses on degraded sound.

    A system beats a control if their intervals do not overlap, or by value without intervals. Where
    it should hold its score, intervals that do not overlap show a loss.

    Args: `headlines`, one score of every system under every control.
    """
    for name, control in headlines.items():
        system = replace(name, control="none")
        own = headlines.get(system)
        if own is None:
            continue
        is_beaten = _is_beaten(own, control)
        mine, theirs = (format_estimate(e.value, e.low, e.high) for e in (own, control))
        if name.control in _DOUBTS and not is_beaten:
            what, meaning = _DOUBTS[name.control]
            yield (
                f"{system} does not beat its own {what}: {own.metric} {mine} against {theirs}. "
                f"{meaning}"
            )
        elif name.control in _DEGRADED and is_beaten and own.low is not None:
            yield (
                f"{system} loses on sound {_DEGRADED[name.control]}: {own.metric} {theirs} against "
                f"{mine} on the sound as it is."
            )


def _is_beaten(own: ScoreEstimate, control: ScoreEstimate) -> bool:
    floor = own.low if own.low is not None else own.value
    ceiling = control.high if control.high is not None else control.value
    return floor is not None and ceiling is not None and floor > ceiling
