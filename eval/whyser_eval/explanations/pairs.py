"""`pairs.jsonl`: two rationales for one utterance; a judge or a person chooses between them.

The judge and the human study use the same file format, so that both can compare the same pairs.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from whyser.io.errors import InputError
from whyser.io.files import short_hash, write_jsonl
from whyser.labels.classes import CLASSES, EmotionClass, Label
from whyser.records.utterance import read_records
from whyser_eval.explanations.scored import Explainer, Explanation

T = TypeVar("T")


class Candidate(BaseModel):
    """One side of a pair: the system, its label and its rationale."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    system: Annotated[str, Field(min_length=1)]
    label: EmotionClass
    text: Annotated[str, Field(min_length=1)]


class ExplanationPair(BaseModel):
    """Two rationales for one utterance.

    `emotion` is the stratum from which the pair was drawn: the label that both systems give or, in
    a study of mismatches, the majority label. `gold` is the majority label.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Annotated[str, Field(min_length=1)]
    emotion: EmotionClass
    gold: Label | None
    audio: str | None
    transcript: str
    first: Candidate
    second: Candidate

    @cached_property
    def key(self) -> str:
        """A hash of the pair's content; it does not depend on the file."""
        return short_hash(self.model_dump_json(exclude={"audio"}))

    @property
    def systems(self) -> tuple[str, str]:
        return self.first.system, self.second.system


def read_pairs(path: Path) -> list[ExplanationPair]:
    """Raises: `InputError` with file and line for a broken line or a duplicate pair, and for a
    file without pairs."""
    first: dict[tuple[str, str, str], int] = {}
    pairs = []
    for number, pair in read_records(path, ExplanationPair):
        key = (pair.id, *pair.systems)
        if key in first:
            what = f"{pair.id} of {' and '.join(pair.systems)} duplicates line {first[key]}"
            raise InputError(what, file=path, line=number)
        first[key] = number
        pairs.append(pair)
    if not pairs:
        raise InputError("contains no pairs", file=path)
    return pairs


def write_pairs(path: Path, pairs: Iterable[ExplanationPair]) -> int:
    """Writes one JSON line a pair, atomically; returns how many."""
    return write_jsonl(path, (pair.model_dump_json() for pair in pairs))


def pairs_hash(pairs: Iterable[ExplanationPair]) -> str:
    """A hash of the pairs that ignores their order; the signature contains it."""
    return short_hash("\n".join(sorted(pair.key for pair in pairs)))


# Sampling


@dataclass(frozen=True)
class SampledPairs:
    """Pairs of two systems, and the counts of what they were drawn from.

    `available` and `chosen` count by emotion; `left_out` counts utterances without a pair, by
    reason.
    """

    pairs: tuple[ExplanationPair, ...]
    available: Mapping[EmotionClass, int]
    chosen: Mapping[EmotionClass, int]
    left_out: Mapping[str, int]


def agreeing_pairs(
    first: Explainer, second: Explainer, *, per_emotion: int | None, seed: int
) -> SampledPairs:
    """Pairs on utterances to which both systems give the same label (paper, 3.5).

    Args: `per_emotion`, the maximum number for each emotion; None for all.

    Raises: `InputError` where the systems give no utterance the same label.
    """
    strata: defaultdict[EmotionClass, list[ExplanationPair]] = defaultdict(list)
    left_out = Counter(
        {f"{one.system}: {why}": n for one in (first, second) for why, n in one.left_out.items()}
    )
    for system, other in ((first, second), (second, first)):
        if alone := len(system.by_id.keys() - other.by_id.keys()):
            left_out[f"only {system.system} explains"] = alone
    for id_ in first.by_id.keys() & second.by_id.keys():
        one, two = first.by_id[id_], second.by_id[id_]
        if one.label == two.label:
            strata[one.label].append(paired(one, candidate(two), one.label))
        else:
            left_out["the systems give different labels"] += 1
    if not strata:
        raise InputError(
            f"{first.system} and {second.system} explain no utterance under the same label",
            cure="Score both on the same references; see --form.",
        )
    chosen = {
        label: drawn(strata[label], seed, per_emotion, key=lambda pair: pair.id)
        for label in CLASSES
    }
    available, taken = ({one: len(own[one]) for one in CLASSES} for own in (strata, chosen))
    pairs = tuple(pair for own in chosen.values() for pair in own)
    return SampledPairs(pairs, available, taken, dict(left_out))


def candidate(one: Explanation) -> Candidate:
    return Candidate(system=one.system, label=one.label, text=one.text)


def paired(one: Explanation, second: Candidate, emotion: EmotionClass) -> ExplanationPair:
    return ExplanationPair(
        id=one.id,
        emotion=emotion,
        gold=one.gold,
        audio=one.audio,
        transcript=one.transcript,
        first=candidate(one),
        second=second,
    )


def drawn(items: Sequence[T], seed: int, most: int | None, *, key: Callable[[T], str]) -> list[T]:
    """At most `most` items, in a random order that depends only on each item and the seed.

    So the same utterances are drawn for every opponent that explains them.

    >>> drawn(["a", "b", "c"], 1, 2, key=str) == drawn(["c", "b", "a"], 1, 2, key=str)
    True
    """
    return sorted(items, key=lambda item: _rank(seed, key(item)))[:most]


def _rank(seed: int, key: str) -> bytes:
    return hashlib.sha256(f"{seed}:{key}".encode("utf-8", "replace")).digest()
