"""The rewards of `whyser.rewards`, for ms-swift's `--external_plugins`.

    swift rlhf --rlhf_type grpo --external_plugins recipes/grpo/plugin.py --reward_funcs whyser ...

`whyser` is the weighted sum; the five others are its parts, for weights of your own by
`--reward_weights`. Whyser must be installed where ms-swift is. docs/rewards.md explains them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from whyser import rewards

try:
    from swift.rewards import ORM, orms  # from ms-swift 4
except ImportError:
    from swift.plugin import ORM, orms

FUNCTIONS = {
    "whyser": rewards.weighted_sum,
    "whyser_format": rewards.eq_1_format,
    "whyser_label": rewards.majority_label,
    "whyser_share": rewards.annotators_share,
    "whyser_groundedness": rewards.groundedness,
    "whyser_transcript": rewards.transcript_match,
}


def _orm(function: Callable[..., list[float]]) -> type[ORM]:
    """A class that calls the function; ms-swift logs it under the function's name."""

    def call(self: ORM, completions: list[Any], **columns: Any) -> list[float]:
        return function(completions, **columns)

    return type(function.__name__, (ORM,), {"__call__": call, "__doc__": function.__doc__})


orms.update({name: _orm(function) for name, function in FUNCTIONS.items()})
