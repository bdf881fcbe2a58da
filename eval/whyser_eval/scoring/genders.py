"""The gap between the genders of the speakers: its interval, its test, and who is left out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from whyser_eval.metrics.classification import f1_majority
from whyser_eval.metrics.data import IntArray, ScoreEstimate
from whyser_eval.metrics.genders import GENDERS, gender_gap, gender_gap_p
from whyser_eval.scoring.references import References
from whyser_eval.statistics.bootstrap import Cells, ResamplingPlan
from whyser_eval.statistics.permutation import TwoGroups, permuted

#: Permutations of the genders.
_DRAWS = 10_000

#: The metric of each gender whose difference is the gap.
_METRIC = "f1_majority"


def with_gender_gap(plan: ResamplingPlan) -> ResamplingPlan:
    """The plan with the gap, if it has scores of both genders."""
    first, second = ((gender, _METRIC) for gender in GENDERS)
    if not (plan.sizes.get(first) and plan.sizes.get(second)):
        return plan
    gap = {("all", gender_gap.__name__): (gender_gap, first, second)}
    return replace(plan, contrasts={**plan.contrasts, **gap})


def p_of_gender_gap(
    cells: Cells, speakers: IntArray | None = None, *, seed: int
) -> Iterator[ScoreEstimate]:
    """The p of the gap; nothing without utterances of both genders.

    Args: `speakers`, int[k], to permute speakers.
    """
    if not all(gender in cells.subsets for gender in GENDERS):
        return
    female, male = (cells.subsets[gender].mask for gender in GENDERS)
    groups = TwoGroups.of(f1_majority(cells.items), cells.members, female, male, speakers)
    p = gender_gap_p(*permuted(groups, draws=_DRAWS, seed=seed))
    n = int(cells.members[female | male].sum())
    yield ScoreEstimate("all", gender_gap_p.__name__, p, None, None, n)


def gender_notes(references: References) -> Iterator[str]:
    """Who is left out of the gap, or why there is none; nothing where no gender is known."""
    counted = references.subsets["all"].mask
    genders = np.array([one.gender or "" for one in references.utterances])[counted]
    found = {name: int((genders == name.partition(":")[2]).sum()) for name in GENDERS}
    others = len(genders) - sum(found.values())
    if all(found.values()) and others:
        yield f"gender_gap leaves out {others:,} utterances, whose speaker's gender is unknown"
    elif any(found.values()) and not all(found.values()):
        (only,) = (name.partition(":")[2] for name, n in found.items() if n)
        yield f"no gender_gap: every speaker of known gender is {only}"
