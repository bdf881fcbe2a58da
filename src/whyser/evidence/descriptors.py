"""Descriptors of a voice for a training target: gender, pitch, speed and volume.

Source: Chen et al. and Li et al. (docs/models.md, "Related architectures"), whose models describe
the voice before they name the emotion. Li et al. measure these four in three levels. Here the
levels are relative to the speaker (cues.py).
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal, TypeAlias, get_args

from whyser.evidence.cues import Cues, Family, Level
from whyser.io.errors import InputError, did_you_mean

#: What can be described, in the order of the text.
Trait: TypeAlias = Literal["gender", "pitch", "speed", "volume"]
TRAITS: tuple[Trait, ...] = get_args(Trait)

#: Trait -> what measures it, the adjective of each level.
_WORDS: dict[Trait, tuple[Family, dict[Level, str]]] = {
    "pitch": ("pitch", {"low": "low", "normal": "normal", "high": "high"}),
    "speed": ("rate", {"low": "slow", "normal": "normal", "high": "fast"}),
    "volume": ("loudness", {"low": "soft", "normal": "normal", "high": "loud"}),
}


def parse_traits(text: str) -> tuple[Trait, ...]:
    """The traits that a list with commas names, in the order of `TRAITS`.

    Raises: `InputError` for another word.

    >>> parse_traits("volume,pitch")
    ('pitch', 'volume')
    """
    named = [one.strip() for one in text.split(",")]
    for one in named:
        if one not in TRAITS:
            raise InputError(f"no trait {one!r}", cure=did_you_mean(one, TRAITS))
    return tuple(one for one in TRAITS if one in named)


def describe(
    gender: str | None, cues: Cues | None, traits: Collection[Trait] = TRAITS
) -> str | None:
    """Describes the voice in words; None where nothing is known.

    A trait that could not be measured, or a gender that the corpus does not give, is left out.

    Args: `traits`, those to write, whatever their order.

    >>> describe("female", None)
    'female'
    >>> describe("female", None, ["pitch"]) is None
    True
    """
    found = [gender] if gender and "gender" in traits else []
    for trait, (family, adjectives) in _WORDS.items():
        cue = getattr(cues, family, None)
        if cue and trait in traits:
            found.append(f"{adjectives[cue.level]} {trait}")
    return ", ".join(found) or None
