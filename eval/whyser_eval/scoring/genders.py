"""The gap between the genders of the speakers: its interval, its test, and who is left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import compress

from whyser_eval.metrics.classification import f1_majority
from whyser_eval.metrics.data import IntArray, ScoreEstimate
from whyser_eval.metrics.genders import GENDERS, gender_gap, gender_gap_p
from whyser_eval.scoring.references import References
from whyser_eval.statistics.bootstrap import Cells, ResamplingPlan
from whyser_eval.statistics.permutation import TwoGroups, permuted

#: Permutations of the genders.
_DRAWS = 5_000

#: The genders as utterances name them.
_NAMES = [subset.partition(":")[2] for subset in GENDERS]

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
    counted = compress(references.utterances, references.subsets["all"].mask)
    genders = Counter(one.gender for one in counted)
    known = {name: genders[name] for name in _NAMES if genders[name]}
    others = genders.total() - sum(known.values())
    if len(known) == 1:
        yield f"no gender_gap: every speaker of known gender is {next(iter(known))}"
    elif known and others:
        yield (
            f"gender_gap leaves out {others:,} utterances, whose speakers are not known to be "
            "female or male"
        )
