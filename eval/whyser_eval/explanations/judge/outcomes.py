"""From two verdicts to the outcome of a pair, and how far judges and people agree on it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from whyser.io.errors import InputError
from whyser.io.files import read_lines
from whyser.labels.classes import EmotionClass
from whyser.records.utterance import input_error
from whyser_eval.explanations.judge.answers import JudgedPair, Preference
from whyser_eval.explanations.judge.rows import AgreementRow, judge_signature
from whyser_eval.explanations.pairs import ExplanationPair
from whyser_eval.statistics.agreement import cohen_kappa

#: A flip is a tie too: the judge prefers the place and not the explanation.
Outcome: TypeAlias = Literal["win", "loss", "tie", "flip", "unreadable"]


def outcome_of(straight: Preference | None, swapped: Preference | None) -> Outcome:
    """Of the preferences in both orders, each for the pair's first or second candidate.

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
    """A pair and what came of it for `system`.

    `first` of its `decided` single verdicts fell to whoever stood first. `log_ratio` is that of
    the explanations' lengths in words, positive where the system's is the longer one.
    """

    emotion: EmotionClass
    outcome: Outcome
    first: int
    decided: int
    log_ratio: float


@dataclass(frozen=True)
class JudgeComparison:
    """Pairs of the same two systems, with `system` where the figures look from."""

    system: str
    against: str
    pairs: tuple[ExplanationPair, ...]

    def weighed(self, verdicts: Mapping[str, Sequence[JudgedPair]]) -> list[PairOutcome]:
        """Args: `verdicts`, both of each pair by its key."""
        return [weigh(pair, verdicts[pair.key], self.system) for pair in self.pairs]


def comparisons(
    pairs: Iterable[ExplanationPair], system: str | None = None
) -> list[JudgeComparison]:
    """The pairs by systems, in the order in which they come.

    Args: `system`, whom to look from; None for the first of each pair.

    Raises: `InputError` for a pair of one system with itself.
    """
    found: dict[frozenset[str], list[ExplanationPair]] = {}
    for pair in pairs:
        if len(names := frozenset(pair.systems)) < 2:
            raise InputError(
                f"{pair.id}: both explanations are by {pair.first.system}",
                cure="Give the two systems names of their own.",
            )
        found.setdefault(names, []).append(pair)
    made = []
    for own in found.values():
        one, two = own[0].systems
        made.append(
            JudgeComparison(two, one, tuple(own))
            if two == system
            else JudgeComparison(one, two, tuple(own))
        )
    return made


def weigh(pair: ExplanationPair, verdicts: Sequence[JudgedPair], system: str) -> PairOutcome:
    straight, swapped = sorted(verdicts, key=lambda one: one.shown_first != pair.first.system)
    outcome = outcome_of(straight.preference, swapped.preference)
    ratio = math.log(word_count(pair.first.text) / word_count(pair.second.text))
    if system != pair.first.system:
        outcome, ratio = seen_from_the_other(outcome), -ratio
    single = [one.verdict for one in verdicts]
    return PairOutcome(
        pair.emotion, outcome, single.count("A"), single.count("A") + single.count("B"), ratio
    )


def seen_from_the_other(outcome: Outcome) -> Outcome:
    """
    >>> seen_from_the_other("win"), seen_from_the_other("flip")
    ('loss', 'flip')
    """
    turned: dict[Outcome, Outcome] = {"win": "loss", "loss": "win"}
    return turned.get(outcome, outcome)


def word_count(text: str) -> int:
    """In words, and never nothing.

    >>> word_count("The voice is low."), word_count("")
    (4, 1)
    """
    return max(1, len(text.split()))


# ---- agreement ---------------------------------------------------------------------------------


#: The name that people have among the judges.
HUMANS = "humans"

#: Of a pair that was read, seen from the comparison's system.
PairResult: TypeAlias = Literal["win", "tie", "loss"]

_RESULTS: dict[Outcome, PairResult] = {"win": "win", "loss": "loss", "tie": "tie", "flip": "tie"}

#: By pair, its key; a pair that was not read has none.
PairResults: TypeAlias = Mapping[str, PairResult]


def result_of(outcome: Outcome) -> PairResult | None:
    """
    >>> result_of("flip"), result_of("unreadable")
    ('tie', None)
    """
    return _RESULTS.get(outcome)


def agreements(results: Mapping[str, PairResults], pairs: str) -> Iterator[AgreementRow]:
    """Of each two who have a result on the same pairs.

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


# ---- people -------------------------------------------------------------------------------


class _PreferenceLine(BaseModel):
    """A line of what `whyser-eval study read` writes."""

    model_config = ConfigDict(frozen=True)

    id: str
    systems: tuple[str, str]
    preferred: dict[str, Annotated[int, Field(ge=0)]]


def read_humans(path: Path, compared: Sequence[JudgeComparison]) -> dict[str, PairResult]:
    """The majority of people on each pair; a tie where they are even.

    Raises: `InputError` with file and line for a broken line, votes for a system that is not of the
    pair, and a pair that stands twice; for a file that tells of none of the pairs.
    """
    known = {
        (pair.id, frozenset(pair.systems)): (pair.key, one.system, one.against)
        for one in compared
        for pair in one.pairs
    }
    found: dict[str, PairResult] = {}
    for number, line in read_lines(path):
        try:
            told = _PreferenceLine.model_validate_json(line)
        except ValidationError as error:
            raise input_error(error).at(path, number) from None
        if strange := told.preferred.keys() - set(told.systems):
            raise InputError(
                f"votes for {min(strange)!r}, which is none of {' and '.join(told.systems)}",
                file=path,
                line=number,
            )
        place = known.get((told.id, frozenset(told.systems)))
        if place is None or not any(told.preferred.values()):
            continue
        key, system, against = place
        if key in found:
            raise InputError(f"{told.id} of these systems stands twice", file=path, line=number)
        found[key] = _majority(told.preferred.get(system, 0), told.preferred.get(against, 0))
    if not found:
        raise InputError(
            "tells of none of the judged pairs",
            file=path,
            cure="Judge the study's own pairs: --pairs, the pairs.jsonl of the study.",
        )
    return found


def _majority(own: int, other: int) -> PairResult:
    return "tie" if own == other else "win" if own > other else "loss"
