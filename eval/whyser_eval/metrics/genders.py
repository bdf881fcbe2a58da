"""The gap between the genders of the speakers, and the p of its test.

The two genders are different utterances by different speakers, so nothing is paired. The draws come
from `whyser_eval.statistics`.
"""

from __future__ import annotations

import numpy as np

from whyser_eval.metrics.data import FloatArray
from whyser_eval.metrics.declaration import metric

#: The subsets that are compared, the first less the second.
GENDERS = ("gender:female", "gender:male")

#: What sums of the same counts in another order may differ by.
_LAST_DIGIT = 1e-12


@metric("genders", macro=True, heading="Gap")
def gender_gap(female: FloatArray, male: FloatArray) -> FloatArray:
    """`f1_majority` of female speakers less that of male speakers: 0 is no gap.

    Formula: `f1_majority` on `gender:female` - `f1_majority` on `gender:male`; the draws of the
    interval are differences of the same draws.

    Args: values of `f1_majority`, float[b] each.

    Source: ours; the difference of a group metric, as in Fairlearn's `MetricFrame.difference`.

    >>> gender_gap(np.array([0.25]), np.array([0.75]))
    array([-0.5])
    """
    return female - male


@metric("genders", heading="p")
def gender_gap_p(observed: float, permuted: FloatArray) -> float:
    """p of `gender_gap`, two-sided: how often chance makes a gap as large.

    Formula: (1 + #[|t*| >= |t|]) / (1 + draws), t the gap over its standard error, and t* the same
    with the genders permuted over the utterances (`--resample-by speaker`: over the speakers).

    Args: `observed`, t; `permuted`, float[draws], t*.

    Source: Chung and Romano, Exact and Asymptotically Robust Permutation Tests (2013).

    >>> gender_gap_p(-2.0, np.array([0.5, 2.5, -1.0]))
    0.5
    """
    as_far = np.count_nonzero(np.abs(permuted) >= abs(observed) - _LAST_DIGIT)
    return (1 + as_far) / (1 + len(permuted))
