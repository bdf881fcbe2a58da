"""How far the explanations that a system gives hold against the measured sound."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from whyser.evidence.claims import Claim, read_claims
from whyser.evidence.cues import Cues
from whyser.evidence.grounding import Verdict, ground, shuffled_scores
from whyser.io.files import short_hash
from whyser.prompting.answer import parse_answer
from whyser.records.utterance import Utterance
from whyser_eval.metrics.classification import Statistics
from whyser_eval.statistics.bootstrap import Estimate, percentiles

#: Derangements that the baseline averages over.
SHUFFLES = 20


@dataclass(frozen=True)
class Explained:
    """An answer's claims about the voice, and what the measured cues say of each."""

    id: str
    claims: tuple[Claim, ...]
    verdicts: tuple[Verdict, ...]


def explained(
    utterances: Sequence[Utterance], answers: Sequence[str], cues: Mapping[str, Cues]
) -> list[Explained]:
    """One for each utterance; an id without cues has claims that nothing is said of."""
    found = []
    for utterance, answer in zip(utterances, answers, strict=True):
        claims = read_claims(explanation(answer), utterance.transcript)
        measured = cues.get(utterance.id)
        verdicts = (
            ground(claims, measured)
            if measured is not None
            else [Verdict(claim, "not_measurable") for claim in claims]
        )
        found.append(Explained(utterance.id, tuple(claims), tuple(verdicts)))
    return found


def explanation(answer: str) -> str:
    """The part of an answer that explains: its reason, or all of one without any tag."""
    blocks = parse_answer(answer)
    if blocks.rationale is not None:
        return blocks.rationale
    has_blocks = any((blocks.transcript, blocks.statement, blocks.descriptors))
    return "" if has_blocks else answer


def groundedness(found: Sequence[Explained]) -> Statistics:
    """Share of the claims that the measurement can decide which it supports.

    Formula: #supported / (#supported + #contradicted) over all claims of all answers.

    Returns: statistics of shape [n, 1].

    Source: whyser.evidence.grounding; docs/design.md, "Evidence vocabulary".
    """
    counts = np.array(
        [
            [sum(one.outcome == name for one in each.verdicts) for name in _DECIDED]
            for each in found
        ],
        dtype=np.float64,
    ).reshape(-1, 2)
    return Statistics(counts[:, :1], counts.sum(axis=1, keepdims=True))


def cues_hash(measured: Iterable[Cues | None]) -> str:
    """Of the references' cues in any order, for the signature; None was not measured."""
    return short_hash("\n".join(sorted(one.model_dump_json() for one in measured if one)))


_DECIDED = ("supported", "contradicted")


def shuffled_groundedness(
    found: Sequence[Explained], cues: Mapping[str, Cues], *, seed: int
) -> Estimate:
    """The same claims held against the sound of other utterances of the corpus: chance.

    The value is the mean over derangements; `low` and `high` hold 95 % of them.
    """
    claims = {each.id: each.claims for each in found if each.id in cues}
    scores = np.array(list(shuffled_scores(list(claims), claims, cues, SHUFFLES, seed)))
    low, high = percentiles(scores) or (None, None)
    value = float(scores.mean()) if len(scores) else None
    return Estimate("all", "groundedness_shuffled", value, low, high, len(claims))
