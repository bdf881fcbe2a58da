"""Whether the measured sound supports what a system's rationales claim about the voice."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from whyser.io.files import short_hash
from whyser.io.thinking import without_thinking
from whyser.prompting.answer import parse_answer
from whyser.records.utterance import Utterance
from whyser_eval.metrics.data import FloatArray, Statistics
from whyser_eval.metrics.declaration import metric

if TYPE_CHECKING:
    # The patterns of claims are slow to compile, and a run without cues needs none.
    from whyser.evidence.claims import Claim
    from whyser.evidence.cues import Cues
    from whyser.evidence.grounding import Verdict

#: Derangements that `groundedness_shuffled` averages over.
SHUFFLES = 20


@dataclass(frozen=True)
class Explained:
    """An answer's claims about the voice, each with its verdict by the measured cues."""

    id: str
    claims: tuple[Claim, ...]
    verdicts: tuple[Verdict, ...]


def explained(
    utterances: Sequence[Utterance], answers: Sequence[str], cues: Mapping[str, Cues]
) -> list[Explained]:
    """One for each utterance; claims about an utterance without cues are not measurable."""
    from whyser.evidence.claims import read_claims
    from whyser.evidence.grounding import Verdict, ground

    found = []
    for utterance, answer in zip(utterances, answers, strict=True):
        claims = read_claims(explanation(answer), utterance.transcript)
        measured = cues.get(utterance.id)
        if measured is None:
            verdicts = [Verdict(claim, "not_measurable") for claim in claims]
        else:
            verdicts = ground(claims, measured)
        found.append(Explained(utterance.id, tuple(claims), tuple(verdicts)))
    return found


def explanation(answer: str) -> str:
    """An answer's rationale: what its reason tag holds, or the whole of an answer without tags."""
    blocks = parse_answer(answer)
    if blocks.rationale is not None:
        return blocks.rationale
    has_blocks = any((blocks.transcript, blocks.statement, blocks.descriptors, blocks.attributes))
    return "" if has_blocks else without_thinking(answer)


@metric("claims")
def groundedness(found: Sequence[Explained]) -> Statistics:
    """Share of the decidable claims about the voice that the measured sound supports.

    Formula: #supported / (#supported + #contradicted), over all claims of all answers.

    Returns: statistics of shape [n, 1].

    Source: `whyser.evidence.grounding`.
    """
    outcomes = [[verdict.outcome for verdict in one.verdicts] for one in found]
    supported = np.array([[one.count("supported")] for one in outcomes], dtype=np.float64)
    contradicted = np.array([[one.count("contradicted")] for one in outcomes], dtype=np.float64)
    return Statistics(supported.reshape(-1, 1), (supported + contradicted).reshape(-1, 1))


def cues_hash(measured: Iterable[Cues | None]) -> str:
    """Hash of the references' cues in any order, for the signature; None was not measured."""
    return short_hash("\n".join(sorted(one.model_dump_json() for one in measured if one)))


@metric("shuffled claims")
def groundedness_shuffled(
    found: Sequence[Explained], cues: Mapping[str, Cues], *, seed: int
) -> FloatArray:
    """Groundedness by chance: the same claims against the sound of other utterances of the corpus.

    Formula: `groundedness` of claims and cues that belong to different utterances; the mean over 20
    derangements, and `low` and `high` hold 95 % of them.

    Args: `cues` of utterances by id; claims about an utterance without cues are left out.

    Returns: float[20], one for each derangement; empty where no claim can be decided.

    Source: `whyser.evidence.grounding`.
    """
    from whyser.evidence.grounding import shuffled_scores

    claims = {each.id: each.claims for each in found if each.id in cues}
    return np.array(list(shuffled_scores(list(claims), claims, cues, SHUFFLES, seed)))
