"""Which pairs are judged: drawn from scored runs, or those of a file, as of a human study."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from whyser.io.console import print_table, say
from whyser.io.errors import BadInput, InputError, did_you_mean
from whyser.labels.classes import CLASSES
from whyser.prompting.prompts import Form
from whyser_eval.explanations.judge.outcomes import JudgeComparison, comparisons
from whyser_eval.explanations.pairs import (
    ExplanationPair,
    SampledPairs,
    agreeing_pairs,
    pairs_hash,
    read_pairs,
    write_pairs,
)
from whyser_eval.explanations.scored import read_explanations

PAIRS = "pairs.jsonl"


@dataclass(frozen=True)
class PairSelection:
    """The pairs, by systems; `drawn` where they were drawn, by opponent."""

    compared: Sequence[JudgeComparison]
    drawn: Mapping[str, SampledPairs] = field(default_factory=dict)
    per_emotion: int | None = None

    @property
    def pairs(self) -> list[ExplanationPair]:
        return [pair for one in self.compared for pair in one.pairs]

    @property
    def shortages(self) -> list[str]:
        """Where fewer pairs were there than were asked for."""
        return [
            f"{against}: {label}: {drawn.available[label]:,} of {self.per_emotion:,}"
            for against, drawn in self.drawn.items()
            for label in CLASSES
            if self.per_emotion and drawn.available[label] < self.per_emotion
        ]

    def as_json(self) -> dict[str, Any]:
        """For the record."""
        left_out = {against: dict(drawn.left_out) for against, drawn in self.drawn.items()}
        return {
            "per_emotion": self.per_emotion,
            "shortages": self.shortages,
            "left_out": left_out,
        }

    def print_drawn(self) -> None:
        """How many there were of each emotion, and why others are no pair."""
        for against, drawn in self.drawn.items():
            rows = [
                [label, f"{drawn.chosen[label]:,} of {self.per_emotion:,}", drawn.available[label]]
                for label in CLASSES
            ]
            print_table(f"Pairs with {against}", ["emotion", "drawn", "available"], rows)
            if drawn.left_out:
                told = "; ".join(f"{why}: {count:,}" for why, count in drawn.left_out.items())
                say(f"note: no pair with {against}: {told}")


def drawn_from(
    results: Sequence[Path],
    system: str,
    against: Sequence[str],
    *,
    form: Form,
    per_emotion: int,
    seed: int,
) -> PairSelection:
    """Pairs on utterances that both systems give the same label (paper, 3.5).

    Raises: `InputError` for what `read_explanations` and `agreeing_pairs` refuse, and for a system
    against itself.
    """
    against = list(dict.fromkeys(against))
    if system in against:
        raise InputError(f"{system} against itself", cure="Name another system with --against.")
    explainers = read_explanations(results, [system, *against], form=form)
    drawn = {
        other: agreeing_pairs(
            explainers[system], explainers[other], per_emotion=per_emotion, seed=seed
        )
        for other in against
    }
    compared = [JudgeComparison(system, other, one.pairs) for other, one in drawn.items()]
    return PairSelection(compared, drawn, per_emotion)


def of_file(path: Path, system: str | None) -> PairSelection:
    """Args: `system`, whom the figures look from; None for the first of each pair.

    Raises: `InputError` for what `read_pairs` refuses, and for a system of none of the pairs.
    """
    pairs = read_pairs(path)
    systems = sorted({name for pair in pairs for name in pair.systems})
    if system is not None and system not in systems:
        raise InputError(f"no pair is of {system!r}", file=path, cure=did_you_mean(system, systems))
    return PairSelection(comparisons(pairs, system))


def keep(selection: PairSelection, folder: Path) -> Path:
    """Writes the folder's `pairs.jsonl`.

    Raises: `InputError` where the folder holds other pairs: judges of one folder judge the same.
    """
    path = folder / PAIRS
    if path.exists() and (there := pairs_hash(read_pairs(path))) != pairs_hash(selection.pairs):
        raise InputError(
            f"the folder holds other pairs ({there}) than these ({pairs_hash(selection.pairs)})",
            file=path,
            cure="Say what these were drawn with (systems, --form, --per-emotion, --seed), "
            f"or --pairs {path}; or give another --output.",
        )
    write_pairs(path, selection.pairs)
    return path


def check_sounds(pairs: Sequence[ExplanationPair]) -> None:
    """Raises: `BadInput` with every pair whose sound is not there."""
    missing = list(_missing(pairs))
    if missing:
        raise BadInput(missing, "the pairs; say --audio none for a judge that only reads")


def _missing(pairs: Sequence[ExplanationPair]) -> Iterator[InputError]:
    for id_, audio in dict.fromkeys((pair.id, pair.audio) for pair in pairs):
        if audio is None:
            yield InputError(f"{id_} has no sound")
        elif not Path(audio).is_file():
            yield InputError(f"no such sound file, of {id_}", file=audio)
