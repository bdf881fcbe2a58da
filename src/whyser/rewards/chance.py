"""How often a claim about the voice holds of any clip: what a model that does not listen gains.

"The pitch is ordinary" is true of most clips. A reward that paid it like any true claim would teach
a model to say it of every clip.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from whyser.evidence.claims import Claim, ClaimLevel, Quality
from whyser.evidence.cues import FAMILIES, Cues
from whyser.evidence.grounding import QUALITY_MEASURES, ground

#: The name of a claim -> the share of clips of which it holds.
Chances: TypeAlias = Mapping[str, float]

#: What an unknown claim gets: it is as often true as false.
UNKNOWN = 0.5

_LEVELS: tuple[ClaimLevel, ...] = ("low", "normal", "high")


def name_of(claim: Claim) -> str:
    """
    >>> from whyser.evidence.claims import read_claims
    >>> [name_of(claim) for claim in read_claims("The voice is not loud, and the pitch is low.")]
    ['loudness not high', 'pitch low']
    """
    return f"{claim.family} {'not ' if claim.negated else ''}{claim.value}"


def chances(cues: Sequence[Cues]) -> dict[str, float]:
    """The share of these clips that support each possible claim, among those that decide it.

    One clip is added on each side, so that no share is 0 or 1 (Laplace). A claim that no clip
    decides is left out.

    Args: `cues` of many clips of one corpus.
    """
    found = {}
    for claim in _claims():
        outcomes = [ground([claim], one)[0].outcome for one in cues]
        supported, contradicted = outcomes.count("supported"), outcomes.count("contradicted")
        if decided := supported + contradicted:
            found[name_of(claim)] = round((supported + 1) / (decided + 2), 4)
    return found


def _claims() -> Iterator[Claim]:
    for negated in (False, True):
        for family in FAMILIES:
            for level in _LEVELS:
                yield Claim(family, level, negated, False, (0, 0))
        quality: Quality
        for quality in QUALITY_MEASURES:
            yield Claim("voice_quality", None, negated, False, (0, 0), quality)
