"""The emotional attributes, their scales, and the text that a training target has for them.

Annotators rate arousal, valence and dominance with manikins (SAM), and CREMA-D's also how intense
the emotion is that they hear. Each corpus has scales of its own, which its card names once.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal, TypeAlias, get_args

Attribute: TypeAlias = Literal["arousal", "valence", "dominance", "intensity"]

#: In the order of texts and tables.
ATTRIBUTES: tuple[Attribute, ...] = get_args(Attribute)

#: The lowest and the highest value.
Scale: TypeAlias = tuple[float, float]

Scales: TypeAlias = Mapping[Attribute, Scale]


def decimals(scale: Scale) -> int:
    """Decimals of a printed value: one for 1 to 7, none for 0 to 100, two for 0 to 1.

    They are enough for both ends, so that a rounded value stays on the scale.

    >>> decimals((1, 7)), decimals((0, 100)), decimals((0, 1))
    (1, 0, 2)
    """
    low, high = scale
    ends = (len(f"{end:g}".partition(".")[2]) for end in scale)
    return max(1 - math.floor(math.log10((high - low) / 2)), *ends)


def described(means: Mapping[Attribute, float], scales: Scales) -> str:
    """The values as a target has them: rounded, each with the top of its scale.

    Raises: `KeyError` for an attribute without a scale.

    >>> described({"valence": 3.14, "arousal": 4.25}, {"arousal": (1, 7), "valence": (1, 7)})
    'arousal 4.2 of 7, valence 3.1 of 7'
    """
    return ", ".join(
        f"{name} {means[name]:.{decimals(scales[name])}f} of {scales[name][1]:g}"
        for name in ATTRIBUTES
        if name in means
    )


def position(value: float, scale: Scale) -> float:
    """The place of a value on its scale, from 0 to 1; outside of it, less or more.

    >>> position(4, (1, 7))
    0.5
    """
    low, high = scale
    return (value - low) / (high - low)


def at_position(place: float, scale: Scale) -> float:
    """The value at a place; undoes `position`.

    >>> at_position(0.5, (1, 7))
    4.0
    """
    low, high = scale
    return low + place * (high - low)
