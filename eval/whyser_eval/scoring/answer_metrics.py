"""What is told of an answer besides its class: probabilities, transcript, claims."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from whyser.prompting.answer import parse_answer
from whyser_eval.metrics.classification import Statistics
from whyser_eval.metrics.distribution import DISTRIBUTION_METRICS, Distributions
from whyser_eval.metrics.groundedness import Explained, groundedness
from whyser_eval.metrics.wer import wer
from whyser_eval.scoring.references import References
from whyser_eval.scoring.systems import System
from whyser_eval.statistics.bootstrap import Plan


def measured(
    system: System,
    references: References,
    claims: Sequence[Explained] | None,
    *,
    with_transcripts: bool,
) -> Plan:
    """The measures that the system's answers give something for, on every subset.

    A measure's n counts the utterances that say something: those with words to recognise, those
    with a claim that can be decided.
    """
    ones = np.ones(len(references), dtype=np.int64)
    plan = Plan(ones, ())
    for name, rows in _statistics(system, references, claims, with_transcripts).items():
        tells = (rows.denominator > 0).any(axis=1)
        subsets = {
            subset: replace(one, mask=one.mask & tells)
            for subset, one in references.subsets.items()
        }
        plan |= Plan.of_statistics({name: rows}, ones, subsets)
    return plan


def _statistics(
    system: System,
    references: References,
    claims: Sequence[Explained] | None,
    with_transcripts: bool,
) -> dict[str, Statistics]:
    found: dict[str, Statistics] = {}
    if (shares := system.distributions) is not None:
        distributions = Distributions.of(references, shares)
        found |= {name: metric(distributions) for name, metric in DISTRIBUTION_METRICS.items()}
    if with_transcripts:
        transcripts = [parse_answer(text).transcript for text in system.texts]
        if any(one is not None for one in transcripts):
            found["wer"] = wer([one.transcript for one in references.utterances], transcripts)
    if claims is not None:
        found["groundedness"] = groundedness(claims)
    return found
