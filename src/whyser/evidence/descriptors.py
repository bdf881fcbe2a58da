"""Descriptors of a voice for a training target: gender, pitch, speed and volume.

Source: Chen et al. and Li et al. (docs/models.md, "Related architectures"), whose models describe
the voice before they name the emotion. Li et al. measure these four in three levels. Here the
levels are relative to the speaker (cues.py).
"""

from __future__ import annotations

from whyser.evidence.cues import Cues, Family, Level

#: Family -> (noun, the adjective of each level), in the order of the text.
_WORDS: dict[Family, tuple[str, dict[Level, str]]] = {
    "pitch": ("pitch", {"low": "low", "normal": "normal", "high": "high"}),
    "rate": ("speed", {"low": "slow", "normal": "normal", "high": "fast"}),
    "loudness": ("volume", {"low": "soft", "normal": "normal", "high": "loud"}),
}


def describe(gender: str | None, cues: Cues | None) -> str | None:
    """Describes the voice in words; None where nothing is known.

    A trait that could not be measured, or a gender that the corpus does not give, is left out.

    >>> describe("female", None)
    'female'
    """
    traits = [gender] if gender else []
    for family, (noun, adjectives) in _WORDS.items():
        if cue := getattr(cues, family, None):
            traits.append(f"{adjectives[cue.level]} {noun}")
    return ", ".join(traits) or None
