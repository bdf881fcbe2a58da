"""From two verdicts to the outcome of a pair, and how far judges and people agree on it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from whyser.io.errors import InputError
from whyser.labels.classes import EmotionClass
from whyser.records.utterance import read_records
from whyser_eval.explanations.judge.files import JudgedPair, Preference
from whyser_eval.explanations.judge.rows import AgreementRow, judge_signature
from whyser_eval.explanations.pairs import ExplanationPair
from whyser_eval.statistics.agreement import cohen_kappa

#: A flip counts as a tie: the judge prefers the position, not the rationale.
Outcome: TypeAlias = Literal["win", "loss", "tie", "flip", "unreadable"]


def outcome_of(straight: Preference | None, swapped: Preference | None) -> Outcome:
    """The outcome of the preferences in both orders, seen from the pair's first candidate.

    >>> outcome_of("first", "first"), outcome_of("first", "second"), outcome_of("first", "tie")
    ('win', 'flip', 'tie')
    >>> outcome_of("first", None)
    'unreadable'
    """
    if straight is None or swapped is None:
        return "unreadable"
    if "tie" in (straight, swapped):
        return "tie"
    if straight != swapped:
        return "flip"
    return "win" if straight == "first" else "loss"


@dataclass(frozen=True)
class PairOutcome:
    """The outcome of a pair, seen from one system.

    `first` of its `decided` single verdicts chose the first position. `log_ratio` compares the
    rationales' lengths in words; it is positive where the system's rationale is longer.
    """

    emotion: EmotionClass
    outcome: Outcome
    first: int
    decided: int
    log_ratio: float


@dataclass(frozen=True)
class JudgeComparison:
    """Pairs of the same two systems; the rates belong to `system`."""

    system: str
    against: str
    pairs: tuple[ExplanationPair, ...]

    def outcomes(self, verdicts: Mapping[str, Sequence[JudgedPair]]) -> list[PairOutcome]:
        """Args: `verdicts`, both of each pair by its key."""
        return [pair_outcome(pair, verdicts[pair.key], self.system) for pair in self.pairs]


def comparisons(
    pairs: Iterable[ExplanationPair], system: str | None = None
) -> list[JudgeComparison]:
    """The pairs grouped by systems, in their own order.

    Args: `system`, whose rates are computed; None for the first system of each pair.

    Raises: `InputError` for a pair of one system with itself.
    """
    found: dict[frozenset[str], list[ExplanationPair]] = {}
    for pair in pairs:
        if len(names := frozenset(pair.systems)) < 2:
            what = f"{pair.id}: both rationales are by {pair.first.system}"
            raise InputError(what, cure="Give the two systems different names.")
        found.setdefault(names, []).append(pair)
    compared = []
    for own in found.values():
        one, two = own[0].systems
        own_first = (two, one) if two == system else (one, two)
        compared.append(JudgeComparison(*own_first, tuple(own)))
    return compared


def pair_outcome(pair: ExplanationPair, verdicts: Sequence[JudgedPair], system: str) -> PairOutcome:
    straight, swapped = sorted(verdicts, key=lambda one: one.shown_first != pair.first.system)
    outcome = outcome_of(straight.preference, swapped.preference)
    ratio = math.log(word_count(pair.first.text) / word_count(pair.second.text))
    if system != pair.first.system:
        outcome, ratio = _MIRRORED.get(outcome, outcome), -ratio
    single = Counter(one.verdict for one in verdicts)
    return PairOutcome(pair.emotion, outcome, single["A"], single["A"] + single["B"], ratio)


#: An outcome as the other system sees it, where it is another one.
_MIRRORED: dict[Outcome, Outcome] = {"win": "loss", "loss": "win"}


def word_count(text: str) -> int:
    """The number of words, at least 1.

    >>> word_count("The voice is low."), word_count("")
    (4, 1)
    """
    return max(1, len(text.split()))


# ---- agreement ---------------------------------------------------------------------------------


#: The name of the human raters among the judges.
HUMANS = "humans"

#: The result of a readable pair, seen from the comparison's system.
PairResult: TypeAlias = Literal["win", "tie", "loss"]

RESULTS: dict[Outcome, PairResult] = {"win": "win", "loss": "loss", "tie": "tie", "flip": "tie"}

#: Results by the pair's key; an unreadable pair has none.
PairResults: TypeAlias = Mapping[str, PairResult]


def agreements(results: Mapping[str, PairResults], pairs: str) -> Iterator[AgreementRow]:
    """The agreement of every two judges that have results on the same pairs.

    Args: `pairs`, the hash of all pairs, for the signature.

    >>> one, two = {"a": "win", "b": "loss"}, {"a": "win", "b": "tie"}
    >>> [(row.agreement, row.kappa, row.n) for row in agreements({"one": one, "two": two}, "")]
    [(0.5, 0.3333333333333333, 2)]
    """
    for (first, own), (second, other) in combinations(results.items(), 2):
        shared = own.keys() & other.keys()
        if shared:
            counts = Counter((str(own[pair]), str(other[pair])) for pair in shared)
            same = sum(count for (one, two), count in counts.items() if one == two)
            n = len(shared)
            signature = judge_signature("cohen_kappa", one=first, other=second, n=n, pairs=pairs)
            yield AgreementRow(first, second, same / n, cohen_kappa(counts), n, signature)


# ---- human raters -------------------------------------------------------------------------------


class _PreferenceLine(BaseModel):
    """A line of the `preferences.jsonl` that `whyser-eval study read` writes."""

    model_config = ConfigDict(frozen=True)

    id: str
    systems: tuple[str, str]
    preferred: dict[str, Annotated[int, Field(ge=0)]]


def read_humans(path: Path, compared: Sequence[JudgeComparison]) -> dict[str, PairResult]:
    """The majority of the raters on each pair; a tie where the votes are even.

    Raises: `InputError` with file and line for a broken line, for votes for a system outside the
    pair, and for a duplicate pair; also for a file with none of the pairs.
    """
    known = {
        (pair.id, frozenset(pair.systems)): (pair.key, one.system, one.against)
        for one in compared
        for pair in one.pairs
    }
    found: dict[str, PairResult] = {}
    for number, told in read_records(path, _PreferenceLine):
        if strange := told.preferred.keys() - set(told.systems):
            what = f"votes for {min(strange)!r}, expected {' or '.join(told.systems)}"
            raise InputError(what, file=path, line=number)
        place = known.get((told.id, frozenset(told.systems)))
        if place is None or not any(told.preferred.values()):
            continue
        key, system, against = place
        if key in found:
            raise InputError(f"duplicate pair: {told.id} of these systems", file=path, line=number)
        own, other = (told.preferred.get(name, 0) for name in (system, against))
        found[key] = "tie" if own == other else "win" if own > other else "loss"
    if not found:
        cure = "Give the study's own pairs.jsonl with --pairs."
        raise InputError("contains none of the judged pairs", file=path, cure=cure)
    return found
