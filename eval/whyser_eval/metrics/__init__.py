"""The metrics: one function each, declared where it is defined (`declaration.metric`)."""

from whyser_eval.metrics import (
    classification,
    concordance,
    conflict,
    distribution,
    genders,
    groundedness,
    wer,
)
from whyser_eval.metrics.declaration import METRICS

__all__ = [
    "METRICS",
    "classification",
    "concordance",
    "conflict",
    "distribution",
    "genders",
    "groundedness",
    "wer",
]
