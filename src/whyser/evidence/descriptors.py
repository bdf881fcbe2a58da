"""Words for a voice, as a training target names them: gender, pitch, speed and volume.

Source: Chen et al. and Li et al. (docs/models.md, "Related architectures"), whose models name a
voice's traits before the emotion. The latter has these four in three levels, measured and not
judged. Ours are relative to the speaker (`cues`).
"""

from __future__ import annotations

from whyser.evidence.cues import Cues, Family, Level

#: Family -> (noun, the adjective of each level), in the order of the text.
_WORDS: dict[Family, tuple[str, dict[Level, str]]] = {
    "pitch": ("pitch", {"low": "low", "normal": "normal", "high": "high"}),
    "rate": ("speed", {"low": "slow", "normal": "normal", "high": "fast"}),
    "loudness": ("volume", {"low": "soft", "normal": "normal", "high": "loud"}),
}

_TRAITS: dict[str, tuple[Family, Level]] = {
    f"{adjective} {noun}": (family, level)
    for family, (noun, adjectives) in _WORDS.items()
    for level, adjective in adjectives.items()
}


def describe(gender: str | None, cues: Cues | None) -> str | None:
    """What is known of the voice, in words; None where nothing is.

    A trait that could not be measured, and a gender that the corpus does not tell, are left out.

    >>> describe("female", None)
    'female'
    """
    traits = [gender] if gender else []
    for family, (noun, adjectives) in _WORDS.items():
        if cue := getattr(cues, family, None):
            traits.append(f"{adjectives[cue.level]} {noun}")
    return ", ".join(traits) or None


def read_descriptors(text: str) -> dict[str, str]:
    """The traits that a text of `describe`'s form names; what is none of ours is passed over.

    >>> read_descriptors("female, high pitch, slow speed")
    {'gender': 'female', 'pitch': 'high', 'rate': 'low'}
    """
    found: dict[str, str] = {}
    for part in (part.strip().lower().rstrip(".") for part in text.split(",")):
        if part in {"female", "male"}:
            found.setdefault("gender", part)
        elif trait := _TRAITS.get(part):
            found.setdefault(*trait)
    return found
