"""The signature of a judge's figure: all that another lab must match before two compare."""

from __future__ import annotations

import re

from whyser_eval.scoring import signature


def signed(metric: str, **told: object) -> str:
    """The pairs in the order given; what parts a signature cannot stand in a name.

    >>> signed("win_rate", judge="a|b", n=400)
    'win_rate|judge:a_b|n:400|whyser:0.1.0'
    """
    return signature.signed(
        metric, {name: re.sub(r"[|\s]+", "_", str(value)) for name, value in told.items()}
    )
