"""All scores of one system."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import compress
from typing import TYPE_CHECKING

from whyser.records.predictions import REPEATED
from whyser_eval.metrics.concordance import AttributePairs
from whyser_eval.metrics.data import ScoreEstimate
from whyser_eval.metrics.groundedness import Explained, explained
from whyser_eval.scoring.answer_metrics import AnswerMaterial, shuffled_metrics
from whyser_eval.scoring.conflict import Conflict
from whyser_eval.scoring.genders import p_of_gender_gap
from whyser_eval.scoring.plans import (
    cells_of,
    class_plan,
    material_plans,
    resampled,
    words_and_voice_plan,
)
from whyser_eval.scoring.references import References
from whyser_eval.scoring.settings import Settings
from whyser_eval.scoring.systems import System

if TYPE_CHECKING:
    from whyser.evidence.cues import Cues


@dataclass(frozen=True)
class SystemScores:
    """A system with its scores; `explained` has its claims with verdicts, where there are cues.

    `attributes` are those of its answers, where some answer names one.
    """

    system: System
    scores: list[ScoreEstimate]
    explained: list[Explained] | None = None
    attributes: AttributePairs | None = None


def score_system(
    system: System,
    references: References,
    cues: Mapping[str, Cues],
    conflict: Conflict | None,
    settings: Settings,
) -> SystemScores:
    """Every metric that the answers have data for, on every subset.

    A variant of a repeated question has no intervals, because the variants together have a range.
    """
    if system.name.control in REPEATED:
        settings = replace(settings, draws=0)
    claims = explained(references.utterances, list(system.texts), cues) if cues else None
    items = system.items(references)
    cells = cells_of(items, references, settings.unit)
    plans = [class_plan(cells, references, settings.unit)]
    if conflict is not None:
        plans.append(words_and_voice_plan(items, conflict, settings.unit))
    answers = AnswerMaterial.of(system, references, claims, with_transcripts=settings.wer)
    plans += material_plans(answers, references, settings.unit)
    scores = resampled(plans, settings)
    if settings.draws:
        speakers = references.speakers if settings.unit == "speaker" else None
        scores += p_of_gender_gap(cells, speakers, seed=settings.seed)
    if claims is not None:
        agreed = compress(claims, references.subsets["all"].mask)
        scores += shuffled_metrics(list(agreed), cues, seed=settings.seed)
    return SystemScores(system, scores, claims, answers.attributes)
