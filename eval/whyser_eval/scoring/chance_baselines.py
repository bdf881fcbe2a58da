"""The chance baselines, which know only the labels: the most frequent class, and draws by prior."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from whyser_eval.metrics.data import MISS, FloatArray, Items, ScoreEstimate
from whyser_eval.scoring.answer_metrics import AnswerMaterial
from whyser_eval.scoring.conflict import Conflict, conflict_plan
from whyser_eval.scoring.plans import (
    averages_plan,
    cells_of,
    class_plan,
    material_plans,
    resampled,
    words_and_voice_plan,
)
from whyser_eval.scoring.references import References
from whyser_eval.scoring.scores import ANY
from whyser_eval.scoring.settings import Settings
from whyser_eval.scoring.systems import SystemName
from whyser_eval.statistics.bootstrap import (
    Cells,
    ResamplingPlan,
    collapse,
    estimates,
    in_batches,
    percentiles,
)

#: Runs that the prior averages over when no interval is wanted.
_FEWEST_PRIOR_DRAWS = 100


def chance_baselines(
    references: References,
    conflict: Conflict | None,
    settings: Settings,
    *,
    with_probabilities: bool,
) -> dict[SystemName, list[ScoreEstimate]]:
    """The scores that a system must beat.

    Args: `with_probabilities`, whether the prior is scored as one of probabilities too.
    """
    # The first declared of equally frequent classes.
    majority = references.classes[int(references.class_counts.argmax())]
    items = references.items([majority] * len(references))
    prior = _prior(items, references, conflict, settings)
    if with_probabilities:
        prior += _prior_of_probabilities(references, settings)
    return {
        _name(f"constant:{majority}"): _constant(items, references, conflict, settings),
        _name("prior"): prior,
    }


def _name(model: str) -> SystemName:
    return SystemName(model, ANY, "none")


def _constant(
    items: Items, references: References, conflict: Conflict | None, settings: Settings
) -> list[ScoreEstimate]:
    cells = cells_of(items, references, settings.unit)
    plans = [class_plan(cells, references, settings.unit)]
    if conflict is not None:
        plans.append(words_and_voice_plan(items, conflict, settings.unit))
    return resampled(plans, settings)


def _prior(
    items: Items, references: References, conflict: Conflict | None, settings: Settings
) -> list[ScoreEstimate]:
    found = _guessed(items, averages_plan, references, settings)
    if conflict is not None:
        both = conflict.items(items.predictions)
        found += _guessed(both, conflict_plan, references, settings)
    return found


def _prior_of_probabilities(references: References, settings: Settings) -> list[ScoreEstimate]:
    """Scores of a system whose probabilities are the shares of the labels, for every utterance."""
    shares = np.tile(_shares(references), (len(references), 1))
    material = AnswerMaterial.of_probabilities(shares, references)
    return resampled(material_plans(material, references, settings.unit), settings)


def _shares(references: References) -> FloatArray:
    """float[C], the shares of the labels."""
    counts = references.class_counts
    shares: FloatArray = counts / counts.sum()
    return shares


def _guessed(
    items: Items,
    plan_of: Callable[[Cells], ResamplingPlan],
    references: References,
    settings: Settings,
) -> list[ScoreEstimate]:
    """Scores of guesses that are drawn by the shares of the labels: the mean over all runs.

    The references are fixed, the guesses vary; `low` and `high` are percentiles of the runs.

    Args: `items` of the references, whatever their predictions; `plan_of`, the scores of cells.
    """
    shares = _shares(references)
    unasked = replace(items, predictions=np.full(len(items), MISS))
    cells = collapse(unasked, references.subsets)
    plan = plan_of(_with_every_guess(cells, len(shares)))

    def guess(generator: np.random.Generator, size: int) -> FloatArray:
        guesses = generator.multinomial(cells.members, shares, size=(size, len(cells.members)))
        return plan.values(guesses.reshape(size, -1).astype(np.float64))

    runs = max(settings.draws, _FEWEST_PRIOR_DRAWS)
    values = in_batches(guess, draws=runs, width=len(plan.members), seed=(settings.seed,))
    # A row stands for the utterances of its cell under one of the guesses.
    sizes = {key: n // len(shares) for key, n in plan.sizes.items()}
    intervals = map(percentiles, values) if settings.draws else [None] * len(values)
    return estimates(replace(plan, sizes=sizes), values.mean(axis=1), intervals)


def _with_every_guess(cells: Cells, width: int) -> Cells:
    """Each cell once for every class that can be guessed."""
    rows = np.repeat(np.arange(len(cells.members)), width)
    guesses = np.tile(np.arange(width), len(cells.members))
    items = replace(cells.items.take(rows), predictions=guesses)
    subsets = {name: subset.take(rows) for name, subset in cells.subsets.items()}
    return Cells(items, cells.members[rows], subsets)
