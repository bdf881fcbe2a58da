"""Whether what a rationale claims of a voice is what was measured.

A claim of a level is held against the strength of the cue: its deviation from the speaker's usual
in robust standard deviations, of which 0.6 makes a level (cues.py). Measuring has an error of its
own (pitch trackers disagree by about 15 %), so each level is widened by `TOLERANCE`: near a
threshold both words stand, and what is contradicted is clearly so. Kinds of voice are decided only
where the measures that tell them agree.

Hedged claims count like others: a rationale that guesses is right or wrong all the same.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from whyser.evidence.claims import CLAIM_FAMILIES, Claim, ClaimFamily, Quality
from whyser.evidence.cues import FAMILIES, LEVEL_THRESHOLD, Cue, Cues, Measure
from whyser.records.derangement import derangement

Outcome = Literal["supported", "contradicted", "not_measurable"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)

#: In robust standard deviations, on both sides of a threshold: half of what makes a level.
TOLERANCE = 0.3

#: "No pauses" is an absolute claim: below this share of silence it holds for every speaker.
NO_PAUSES = 0.02

#: What tells a kind of voice, and in which direction. After Gobl and Ni Chasaide (2003) and
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
    """A claim and what the measurement says of it; `strength` is what was measured, in robust
    standard deviations (for a kind of voice the mean over its measures, each in its direction)."""

    claim: Claim
    outcome: Outcome
    strength: float | None = None


def ground(claims: Iterable[Claim], cues: Cues) -> list[Verdict]:
    """A verdict for every claim, in their order.

    "High" is supported from 0.3 robust standard deviations above the speaker's usual on and
    contradicted below; "normal" is supported up to 0.9 on either side; "low" mirrors "high".
    A denied level is contradicted where the level is clear (high: from 0.9 on), else supported.
    Not measurable: `clarity`, a cue that is None, and a kind of voice that its measures do not
    decide (their mean is within 0.6 of the usual).
    """
    return [_verdict(claim, cues) for claim in claims]


def _verdict(claim: Claim, cues: Cues) -> Verdict:
    if claim.quality is not None:
        return _verdict_of_quality(claim, claim.quality, cues)
    cue: Cue | None = getattr(cues, claim.family) if claim.family in FAMILIES else None
    if cue is None:
        return Verdict(claim, "not_measurable")
    holds = _denial_holds(claim, cue) if claim.negated else _holds(claim, cue)
    return Verdict(claim, "supported" if holds else "contradicted", cue.strength)


def _holds(claim: Claim, cue: Cue) -> bool:
    if claim.level == "normal":
        return abs(cue.strength) <= LEVEL_THRESHOLD + TOLERANCE
    if claim.family == "pauses" and claim.level == "low" and cue.value <= NO_PAUSES:
        return True
    return _towards(claim, cue) >= LEVEL_THRESHOLD - TOLERANCE


def _denial_holds(claim: Claim, cue: Cue) -> bool:
    if claim.level == "normal":
        return abs(cue.strength) >= LEVEL_THRESHOLD - TOLERANCE
    return _towards(claim, cue) < LEVEL_THRESHOLD + TOLERANCE


def _towards(claim: Claim, cue: Cue) -> float:
    """The strength in the direction of the claimed level."""
    return cue.strength if claim.level == "high" else -cue.strength


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
    is_there = strength > 0
    return Verdict(claim, "supported" if is_there != claim.negated else "contradicted", strength)


def grounding_score(verdicts: Iterable[Verdict]) -> float | None:
    """supported / (supported + contradicted); None without a measurable claim."""
    return _score(Counter(verdict.outcome for verdict in verdicts))


def _score(counts: Mapping[Outcome, int]) -> float | None:
    decided = counts.get("supported", 0) + counts.get("contradicted", 0)
    return counts.get("supported", 0) / decided if decided else None


# ---- a corpus ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Grounding:
    """How far the claims of many rationales are grounded, against chance.

    `score` pools the claims of all rationales; `low` and `high` are its 95 % bootstrap interval
    over rationales. `shuffled` is the mean score over `shuffles` derangements, in each of which
    every rationale is judged against another utterance of its corpus, and `shuffled_low` and
    `shuffled_high` hold 95 % of them. `p_value` is the share of derangements that score as high
    as the truth, itself counted as one. Scores are None where nothing is measurable.
    """

    rationales: int
    without_claims: int
    counts: Mapping[Outcome, int]
    families: Mapping[ClaimFamily, Mapping[Outcome, int]]
    hedged: int
    score: float | None
    low: float | None
    high: float | None
    shuffles: int
    shuffled: float | None
    shuffled_low: float | None
    shuffled_high: float | None
    p_value: float | None


def summarise(
    claims: Mapping[str, Sequence[Claim]],
    cues: Mapping[str, Cues],
    *,
    shuffles: int = 20,
    draws: int = 1_000,
    seed: int = 0,
) -> Grounding:
    """Grounds the claims of rationales, given by utterance id, and compares with chance.

    Args:
        claims: Of every rationale. An id without cues is passed over.
        cues: By utterance id.
        shuffles: Derangements within each corpus; one with a single rationale takes no part.
        draws: Bootstrap draws over rationales.
        seed: Of both.
    """
    ids = [id for id in claims if id in cues]
    verdicts = [ground(claims[id], cues[id]) for id in ids]
    low, high = _bootstrap(verdicts, draws, seed)
    score = grounding_score(verdict for each in verdicts for verdict in each)
    chance = list(shuffled_scores(ids, claims, cues, shuffles, seed))
    shuffled_low, shuffled_high = _middle(chance)
    families: dict[ClaimFamily, Counter[Outcome]] = {name: Counter() for name in CLAIM_FAMILIES}
    for verdict in (verdict for each in verdicts for verdict in each):
        families[verdict.claim.family][verdict.outcome] += 1
    return Grounding(
        rationales=len(ids),
        without_claims=sum(not each for each in verdicts),
        counts={name: sum(family[name] for family in families.values()) for name in OUTCOMES},
        families=families,
        hedged=sum(verdict.claim.hedged for each in verdicts for verdict in each),
        score=score,
        low=low,
        high=high,
        shuffles=len(chance),
        shuffled=float(np.mean(chance)) if chance else None,
        shuffled_low=shuffled_low,
        shuffled_high=shuffled_high,
        p_value=(1 + sum(one >= score for one in chance)) / (1 + len(chance))
        if chance and score is not None
        else None,
    )


def _bootstrap(
    verdicts: Sequence[Sequence[Verdict]], draws: int, seed: int
) -> tuple[float | None, float | None]:
    """Over rationales, since the claims of one stand and fall together."""
    counts = np.array(
        [
            [sum(one.outcome == name for one in each) for name in ("supported", "contradicted")]
            for each in verdicts
        ],
        dtype=np.int64,
    ).reshape(-1, 2)
    counts = counts[counts.sum(axis=1) > 0]
    if not len(counts):
        return None, None
    rng = np.random.default_rng(seed)
    scores = []
    for _ in range(draws):
        supported, contradicted = counts[rng.integers(len(counts), size=len(counts))].sum(axis=0)
        scores.append(float(supported / (supported + contradicted)))
    return _middle(scores)


def _middle(scores: Sequence[float]) -> tuple[float | None, float | None]:
    """The bounds of the middle 95 %."""
    if not scores:
        return None, None
    low, high = np.percentile(scores, [2.5, 97.5])
    return float(low), float(high)


def shuffled_scores(
    ids: Sequence[str],
    claims: Mapping[str, Sequence[Claim]],
    cues: Mapping[str, Cues],
    shuffles: int,
    seed: int,
) -> Iterator[float]:
    rng = random.Random(seed)
    for _ in range(shuffles):
        counts: Counter[Outcome] = Counter()
        for own, other in derangement(ids, rng):
            counts.update(verdict.outcome for verdict in ground(claims[own], cues[other]))
        score = _score(counts)
        if score is not None:
            yield score
