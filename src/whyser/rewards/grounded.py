"""What a rationale's claims about the voice are worth, given the measured sound.

A family of cues counts once, whatever is said of it. If m is the share of the corpus' clips of
which its claims hold, a family that the sound supports is worth 1 - m, and one that the sound
contradicts -m. For another clip of the corpus these claims are therefore worth nothing on average:
m (1 - m) - (1 - m) m = 0. Only who heard this clip gains.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from whyser.evidence.claims import Claim, read_claims
from whyser.evidence.cues import Cues
from whyser.evidence.grounding import Verdict, ground
from whyser.rewards.chance import UNKNOWN, Chances, name_of

#: So many supported families make a full rationale; those of the measured teacher have three. More
#: of them gain nothing, so that a text need not grow.
ENOUGH = 3

#: With fewer families, each that is missing costs as much as a wrong one that is true of every
#: second clip. Saying nothing is then worse than a guess, which costs nothing on average.
FEWEST, MISSING = 2, 0.5

#: With more claims, what they gain shrinks in proportion. A text about nothing but the voice claims
#: something once in seven words, and the longest example of the paper has 110 words.
MOST = 16

LOWEST, HIGHEST = -2.0, 1.0


def worth(rationale: str, transcript: str, cues: Cues, chances: Chances) -> float:
    """The worth of a rationale's claims, from -2 to 1; 0 is what a guess is worth on average.

    Formula: (g min(1, 16 / n) - l - 0.5 k) / 3, where g is the sum of 1 - m over the three
    supported families with the largest 1 - m, l the sum of m over the contradicted ones, n the
    number of claims, and k the number of families that are missing to two (or to those that were
    measured, if these are fewer). A claim that cannot be decided counts only in n.
    """
    claims = read_claims(rationale, transcript)
    verdicts = sorted(ground(claims, cues), key=lambda one: one.claim.family)
    worths = [
        found
        for _, own in groupby(verdicts, lambda one: one.claim.family)
        if (found := _worth_of_family(list(own), chances)) is not None
    ]
    gains = sorted((one for one in worths if one > 0), reverse=True)[:ENOUGH]
    losses = sum(one for one in worths if one < 0)
    missing = max(0, min(FEWEST, len(cues.measured())) - len(worths))
    thrift = min(1.0, MOST / len(claims)) if claims else 1.0
    return (sum(gains) * thrift + losses - MISSING * missing) / ENOUGH


def _worth_of_family(verdicts: Sequence[Verdict], chances: Chances) -> float | None:
    """1 - m or -m; None if the sound decides nothing that is said of this family.

    m is that of the rarest claim: all of them hold together at most that often.
    """
    decided = [one for one in verdicts if one.outcome != "not_measurable"]
    if not decided:
        return None
    rarest = min(chances.get(name_of(one.claim), UNKNOWN) for one in decided)
    is_true = all(one.outcome == "supported" for one in decided)
    return 1 - rarest if is_true and not _says_both([one.claim for one in decided]) else -rarest


def _says_both(claims: Sequence[Claim]) -> bool:
    """Whether two levels of one family are claimed: "a high and low pitch" is true of no voice,
    though near a threshold the sound supports both."""
    return len({one.level for one in claims if one.level and not one.negated}) > 1
