"""Compare what a rationale claims about a voice with what was measured.

A claimed level is compared with the strength of the cue: its deviation from the speaker's median in
robust standard deviations, where 0.6 separates the levels (cues.py). Measurements have errors
(pitch trackers disagree by about 15 %), so each level is widened by `TOLERANCE`: near a threshold
both levels are supported, and only a clear error is contradicted. A voice quality is decided only
where its measures agree.

Hedged claims count like others: a guess is right or wrong too.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from whyser.evidence.claims import Claim, Quality
from whyser.evidence.cues import FAMILIES, LEVEL_THRESHOLD, Cue, Cues, Measure
from whyser.records.derangement import derangement

Outcome = Literal["supported", "contradicted", "not_measurable"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)

#: In robust standard deviations, on both sides of a threshold: half of the threshold itself.
TOLERANCE = 0.3

#: "No pauses" is an absolute claim: below this share of silence it holds for every speaker.
NO_PAUSES = 0.02

#: The measures that show a voice quality, and their signs. After Gobl and Ni Chasaide (2003) and
#: Kreiman and Sidtis (2011): noise and a steep spectrum make a voice breathy, irregular periods
#: harsh, creaky or tremulous, a flat spectrum tense.
QUALITY_MEASURES: Mapping[Quality, Mapping[Measure, int]] = {
    "breathy": {"hnr": -1, "tilt": -1},
    "harsh": {"hnr": -1, "jitter": +1, "shimmer": +1},
    "tremulous": {"jitter": +1, "shimmer": +1},
    "creaky": {"hnr": -1, "jitter": +1, "pitch": -1},
    "tense": {"tilt": +1},
    "smooth": {"hnr": +1, "jitter": -1, "shimmer": -1},
}


@dataclass(frozen=True)
class Verdict:
    """A claim and whether the measurement supports it; `strength` is what was measured, in robust
    standard deviations (for a voice quality the mean over its measures, each in its direction)."""

    claim: Claim
    outcome: Outcome
    strength: float | None = None


def ground(claims: Iterable[Claim], cues: Cues) -> list[Verdict]:
    """Returns a verdict for every claim, in the same order.

    "High" is supported from 0.3 robust standard deviations above the speaker's median and
    contradicted below that; "normal" is supported up to 0.9 on either side; "low" mirrors "high".
    A denied level is contradicted where the level is clear (high: from 0.9), else supported.
    Not measurable: `clarity`, a cue that is None, and a voice quality whose measures do not decide
    it (their mean is within 0.6 of the median).
    """
    return [_verdict(claim, cues) for claim in claims]


def _verdict(claim: Claim, cues: Cues) -> Verdict:
    if claim.quality is not None:
        return _verdict_of_quality(claim, claim.quality, cues)
    cue: Cue | None = getattr(cues, claim.family) if claim.family in FAMILIES else None
    if cue is None:
        return Verdict(claim, "not_measurable")
    return Verdict(claim, "supported" if _holds(claim, cue) else "contradicted", cue.strength)


def _holds(claim: Claim, cue: Cue) -> bool:
    lenient, clear = LEVEL_THRESHOLD - TOLERANCE, LEVEL_THRESHOLD + TOLERANCE
    if claim.level == "normal":
        distance = abs(cue.strength)
        return distance >= lenient if claim.negated else distance <= clear
    towards = cue.strength if claim.level == "high" else -cue.strength
    if claim.negated:
        return towards < clear
    has_no_pauses = claim.family == "pauses" and claim.level == "low" and cue.value <= NO_PAUSES
    return has_no_pauses or towards >= lenient


def _verdict_of_quality(claim: Claim, quality: Quality, cues: Cues) -> Verdict:
    strengths = []
    for measure, sign in QUALITY_MEASURES[quality].items():
        cue: Cue | None = getattr(cues, measure)
        if cue is None:
            return Verdict(claim, "not_measurable")
        strengths.append(sign * cue.strength)
    strength = sum(strengths) / len(strengths)
    if abs(strength) < LEVEL_THRESHOLD:
        return Verdict(claim, "not_measurable", strength)
    is_present = strength > 0
    return Verdict(claim, "supported" if is_present != claim.negated else "contradicted", strength)


def shuffled_scores(
    ids: Sequence[str],
    claims: Mapping[str, Sequence[Claim]],
    cues: Mapping[str, Cues],
    shuffles: int,
    seed: int,
) -> Iterator[float]:
    """Grounding scores by chance: each rationale is judged against another utterance of its corpus.

    A score is supported / (supported + contradicted) over all rationales; a shuffle without a
    measurable claim gives none.
    """
    rng = random.Random(seed)
    for _ in range(shuffles):
        outcomes = [
            verdict.outcome
            for own, other in derangement(ids, rng)
            for verdict in ground(claims[own], cues[other])
        ]
        supported, contradicted = outcomes.count("supported"), outcomes.count("contradicted")
        if supported + contradicted:
            yield supported / (supported + contradicted)
