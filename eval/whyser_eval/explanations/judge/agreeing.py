"""How far judges agree with each other, and with people, on the same pairs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from whyser.io.errors import InputError
from whyser.records.utterance import read_records
from whyser_eval.explanations.judge.outcomes import Comparison, Outcome
from whyser_eval.explanations.judge.rows import AgreementRow
from whyser_eval.explanations.judge.signature import signed
from whyser_eval.statistics.agreement import cohen_kappa

#: The name that people have among the judges.
HUMANS = "humans"

#: Of a pair that was read, seen from the comparison's system.
Voice: TypeAlias = Literal["win", "tie", "loss"]

_VOICES: dict[Outcome, Voice] = {"win": "win", "loss": "loss", "tie": "tie", "flip": "tie"}

#: By pair, its key; a pair that was not read has none.
Voices: TypeAlias = Mapping[str, Voice]


def voice_of(outcome: Outcome) -> Voice | None:
    """
    >>> voice_of("flip"), voice_of("unreadable")
    ('tie', None)
    """
    return _VOICES.get(outcome)


def agreements(voices: Mapping[str, Voices], pairs: str) -> Iterator[AgreementRow]:
    """Of each two who have a voice on the same pairs.

    Args: `pairs`, the hash of all pairs, for the signature.

    >>> one, two = {"a": "win", "b": "loss"}, {"a": "win", "b": "tie"}
    >>> [(row.agreement, row.kappa, row.n) for row in agreements({"one": one, "two": two}, "")]
    [(0.5, 0.3333333333333333, 2)]
    """
    for (first, own), (second, other) in combinations(voices.items(), 2):
        shared = own.keys() & other.keys()
        if shared:
            counts = Counter((str(own[pair]), str(other[pair])) for pair in shared)
            same = sum(count for (one, two), count in counts.items() if one == two)
            n = len(shared)
            signature = signed("cohen_kappa", one=first, other=second, n=n, pairs=pairs)
            yield AgreementRow(first, second, same / n, cohen_kappa(counts), n, signature)


# ---- people -------------------------------------------------------------------------------


class _Preferred(BaseModel):
    """A line of what `whyser-eval study read` writes."""

    model_config = ConfigDict(frozen=True)

    id: str
    systems: tuple[str, str]
    preferred: dict[str, Annotated[int, Field(ge=0)]]


def read_humans(path: Path, compared: Sequence[Comparison]) -> dict[str, Voice]:
    """The majority of people on each pair; a tie where they are even.

    Raises: `InputError` with file and line for a broken line, votes for a system that is not of the
    pair, and a pair that stands twice; for a file that tells of none of the pairs.
    """
    known = {
        (pair.id, frozenset(pair.systems)): (pair.key, one.system, one.against)
        for one in compared
        for pair in one.pairs
    }
    found: dict[str, Voice] = {}
    for number, told in read_records(path, _Preferred):
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


def _majority(own: int, other: int) -> Voice:
    return "tie" if own == other else "win" if own > other else "loss"
