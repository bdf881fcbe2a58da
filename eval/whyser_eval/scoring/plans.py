"""Plans of resampling: which rows are drawn for a system's answers, and what is scored on them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from whyser_eval.metrics.classification import by_class
from whyser_eval.metrics.data import Items, ScoreEstimate
from whyser_eval.metrics.declaration import metrics_of
from whyser_eval.scoring.answer_metrics import AnswerMaterial, answer_plans
from whyser_eval.scoring.conflict import Conflict, conflict_plan
from whyser_eval.scoring.genders import with_gender_gap
from whyser_eval.scoring.references import References
from whyser_eval.scoring.settings import Settings
from whyser_eval.statistics.bootstrap import Cells, ResamplingPlan, Unit, bootstrap, collapse

#: The subsets that are scored class by class too.
_BY_CLASS = ("all", "strict")


def resampled(plans: Iterable[ResamplingPlan], settings: Settings) -> list[ScoreEstimate]:
    """The scores of all plans, with their intervals."""
    return [
        score
        for plan in plans
        for score in bootstrap(
            plan, draws=settings.draws, seed=settings.seed, interval=settings.interval
        )
    ]


def cells_of(items: Items, references: References, unit: Unit) -> Cells:
    """What is resampled: equal utterances together, or each by itself where speakers are drawn."""
    if unit == "speaker":
        return Cells(items, np.ones(len(items), dtype=np.int64), references.subsets)
    return collapse(items, references.subsets)


def class_plan(cells: Cells, references: References, unit: Unit) -> ResamplingPlan:
    """Every metric of the classes, and on some subsets class by class."""
    subsets = {name: cells.subsets[name] for name in _BY_CLASS}
    each = ResamplingPlan.of(replace(cells, subsets=subsets), by_class(references.classes))
    return _by_unit(averages_plan(cells) | each, references, unit)


def averages_plan(cells: Cells) -> ResamplingPlan:
    """Every metric of the classes on every subset, and the gap between genders."""
    return with_gender_gap(ResamplingPlan.of(cells, metrics_of("classes")))


def words_and_voice_plan(items: Items, conflict: Conflict, unit: Unit) -> ResamplingPlan:
    """The metrics of words against voice."""
    cells = cells_of(conflict.items(items.predictions), conflict.references, unit)
    return _by_unit(conflict_plan(cells), conflict.references, unit)


def material_plans(
    answers: AnswerMaterial, references: References, unit: Unit
) -> Iterator[ResamplingPlan]:
    """The metrics of what answers hold besides their class."""
    for plan in answer_plans([answers], references.subsets):
        yield _by_unit(plan, references, unit)


def _by_unit(plan: ResamplingPlan, references: References, unit: Unit) -> ResamplingPlan:
    return plan.by_cluster(references.speakers) if unit == "speaker" else plan
