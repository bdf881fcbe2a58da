"""Metrics of what an answer holds besides its class: probabilities, transcript, claims."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import reduce
from operator import or_
from typing import Any

import numpy as np

from whyser.evidence.cues import Cues
from whyser.prompting.answer import parse_answer
from whyser_eval.metrics.data import ScoreEstimate, Statistics
from whyser_eval.metrics.declaration import MaterialKind, metrics_of
from whyser_eval.metrics.distribution import Distributions, normalised
from whyser_eval.metrics.groundedness import Explained
from whyser_eval.scoring.references import References
from whyser_eval.scoring.systems import System
from whyser_eval.statistics.bootstrap import ResamplingPlan, percentiles

#: What else a metric of this material depends on, as the signature names it.
RESTS_ON: dict[MaterialKind, str] = {
    "probabilities": "votes",
    "transcripts": "words",
    "claims": "cues",
    "shuffled claims": "cues",
}


def answer_metrics(
    system: System,
    references: References,
    claims: Sequence[Explained] | None,
    *,
    with_transcripts: bool,
) -> ResamplingPlan | None:
    """The metrics that the system's answers have data for, on every subset; None without any.

    A metric's n counts the utterances that it is computed from, such as those with words to
    recognise, or those with a claim that can be checked.
    """
    ones = np.ones(len(references), dtype=np.int64)
    plans = []
    for name, rows in _statistics(system, references, claims, with_transcripts).items():
        counted = (rows.denominator > 0).any(axis=1)
        subsets = {
            subset: replace(one, mask=one.mask & counted)
            for subset, one in references.subsets.items()
        }
        plans.append(ResamplingPlan.of_statistics({name: rows}, ones, subsets))
    return reduce(or_, plans) if plans else None


def _statistics(
    system: System,
    references: References,
    claims: Sequence[Explained] | None,
    with_transcripts: bool,
) -> dict[str, Statistics]:
    material: dict[MaterialKind, tuple[Any, ...]] = {}
    if (shares := system.distributions) is not None:
        given = np.array([[one.get(name, 0.0) for name in references.classes] for one in shares])
        distributions = Distributions(
            references.distributions, normalised(given), references.annotators, references.labels
        )
        material["probabilities"] = (distributions,)
    if with_transcripts:
        transcripts = [parse_answer(text).transcript for text in system.texts]
        if any(one is not None for one in transcripts):
            spoken = [one.transcript for one in references.utterances]
            material["transcripts"] = (spoken, transcripts)
    if claims is not None:
        material["claims"] = (claims,)
    return {
        name: function(*given)
        for kind, given in material.items()
        for name, function in metrics_of(kind).items()
    }


def shuffled_metrics(
    claims: Sequence[Explained], cues: Mapping[str, Cues], *, seed: int
) -> list[ScoreEstimate]:
    """The metrics of claims against other utterances' sound, which is what chance gives.

    The value is the mean over the draws; 95 % of them are between `low` and `high`.
    """
    n = sum(each.id in cues for each in claims)
    found = []
    for name, one in metrics_of("shuffled claims").items():
        scores = one(claims, cues, seed=seed)
        low, high = percentiles(scores) or (None, None)
        value = float(scores.mean()) if len(scores) else None
        found.append(ScoreEstimate("all", name, value, low, high, n))
    return found
