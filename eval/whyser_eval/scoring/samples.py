"""`samples.jsonl`: one line per system and utterance, for reports and error analysis."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import repeat
from math import isnan
from typing import Any

from msgspec.json import Encoder

from whyser.labels.attributes import at_position
from whyser.labels.classes import EmotionClass, Label
from whyser_eval.metrics.concordance import AttributePairs
from whyser_eval.metrics.groundedness import Explained
from whyser_eval.scoring.references import AnswerKey, References
from whyser_eval.scoring.systems import System


def sample_lines(
    key: AnswerKey,
    references: References,
    system: System,
    explained: Sequence[Explained] | None,
    attributes: AttributePairs | None = None,
) -> Iterator[bytes]:
    """JSON lines of one system, in the references' order."""
    encode = Encoder().encode
    for (
        utterance,
        votes,
        labels,
        is_strict,
        shares,
        text,
        blocks,
        reading,
        hit,
        claims,
        rated,
    ) in zip(
        references.utterances,
        references.primaries,
        references.label_sets,
        references.subsets["strict"].mask.tolist(),
        system.probabilities,
        system.texts,
        system.blocks,
        system.readings,
        system.items(references).hit.tolist(),
        explained or repeat(None, len(references)),
        repeat(None, len(references)) if attributes is None else _rated(references, attributes),
        strict=True,
    ):
        audio = key.audio_path(utterance)
        sample = {
            "id": utterance.id,
            "system": system.name.model,
            "form": system.name.form,
            "control": system.name.control,
            "variant": system.name.variant,
            "corpus": utterance.corpus,
            "split": utterance.split,
            "speaker": utterance.speaker,
            "gender": utterance.gender,
            "label": utterance.label,
            "annotators": _in_order(labels),
            "votes": _counts(votes),
            "is_strict": is_strict,
            "audio": str(audio) if audio else None,
            "reference_transcript": utterance.transcript,
            "prediction": reading.label,
            "stage": reading.stage,
            "word": reading.word,
            "two_emotions": reading.two_emotions,
            "is_hit": hit,
            "probabilities": shares,
            "transcript": blocks.transcript,
            "rationale": blocks.rationale,
            "claims": _claims(claims),
            "attributes": rated,
            "text": text,
        }
        # json would take a fifth of the whole scoring.
        yield encode(sample)


# Votes have few combinations, and a corpus has very many utterances.
@lru_cache(maxsize=100_000)
def _counts(votes: tuple[Label, ...]) -> dict[str, int]:
    return dict(Counter(votes).most_common())


@lru_cache(maxsize=100_000)
def _in_order(labels: frozenset[EmotionClass]) -> list[EmotionClass]:
    return sorted(labels)


def _rated(
    references: References, pairs: AttributePairs
) -> Iterator[dict[str, list[float | None]]]:
    """Attribute -> mean of the annotators and value of the answer, or None for one not read.

    Both are on the scale of the corpus.
    """
    columns = list(enumerate(pairs.names))
    for one, given, said in zip(
        references.utterances, pairs.references.tolist(), pairs.predictions.tolist(), strict=True
    ):
        scales = references.scales.get(one.corpus, {})
        yield {
            name: [
                round(at_position(given[place], scales[name]), 4),
                None if isnan(said[place]) else round(at_position(said[place], scales[name]), 4),
            ]
            for place, name in columns
            if not isnan(given[place])
        }


def _claims(explained: Explained | None) -> list[dict[str, Any]] | None:
    """The claims with their verdicts; start and end are offsets in the rationale."""
    if explained is None:
        return None
    return [
        {
            "start": verdict.claim.span[0],
            "end": verdict.claim.span[1],
            "family": verdict.claim.family,
            "level": verdict.claim.value,
            "negated": verdict.claim.negated,
            "hedged": verdict.claim.hedged,
            "outcome": verdict.outcome,
        }
        for verdict in explained.verdicts
    ]
