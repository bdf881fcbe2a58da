"""The signature of a judge's figure: all that another lab must match before two compare."""

from __future__ import annotations

import re

from whyser import __version__


def signed(metric: str, **told: object) -> str:
    """`name:value` pairs in the order given, version last.

    >>> signed("win_rate", judge="a|b", n=400)
    'win_rate|judge:a_b|n:400|whyser:0.1.0'
    """
    # "|" parts the signature.
    values = {name: re.sub(r"[|\s]+", "_", str(value)) for name, value in told.items()}
    pairs = values | {"whyser": __version__}
    return "|".join([metric, *(f"{name}:{value}" for name, value in pairs.items())])
