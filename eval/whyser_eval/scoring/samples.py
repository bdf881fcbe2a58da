"""`samples.jsonl`: one line per system and utterance, for reports and error analysis."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import repeat
from typing import Any

from pydantic_core import to_json

from whyser.labels.classes import Label
from whyser.prompting.answer import parse_answer
from whyser_eval.metrics.groundedness import Explained
from whyser_eval.scoring.references import AnswerKey, References
from whyser_eval.scoring.systems import System


def sample_lines(
    key: AnswerKey, references: References, system: System, explained: Sequence[Explained] | None
) -> Iterator[str]:
    """JSON lines of one system, in the references' order."""
    for utterance, labels, is_strict, answer, text, reading, hit, claims in zip(
        references.utterances,
        references.label_sets,
        references.subsets["strict"].mask.tolist(),
        system.answers,
        system.texts,
        system.readings,
        system.items(references).hit.tolist(),
        explained or repeat(None, len(references)),
        strict=True,
    ):
        blocks = parse_answer(text)
        audio = key.audio_path(utterance)
        sample = {
            "id": answer.id,
            "system": system.name.model,
            "form": system.name.form,
            "control": system.name.control,
            "variant": system.name.variant,
            "corpus": utterance.corpus,
            "split": utterance.split,
            "speaker": utterance.speaker,
            "gender": utterance.gender,
            "label": utterance.label,
            "annotators": sorted(labels),
            "votes": _votes(utterance.primaries),
            "is_strict": is_strict,
            "audio": str(audio) if audio else None,
            "reference_transcript": utterance.transcript,
            "prediction": reading.label,
            "stage": reading.stage,
            "word": reading.word,
            "two_emotions": reading.two_emotions,
            "is_hit": hit,
            "probabilities": answer.probabilities,
            "transcript": blocks.transcript,
            "rationale": blocks.rationale,
            "claims": _claims(claims),
            "text": text,
        }
        # pydantic's JSON is faster: json would take a fifth of the whole scoring.
        yield to_json(sample).decode()


# Votes have few combinations, and a corpus has very many utterances.
@lru_cache(maxsize=100_000)
def _votes(primaries: tuple[Label, ...]) -> dict[str, int]:
    return dict(Counter(primaries).most_common())


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
