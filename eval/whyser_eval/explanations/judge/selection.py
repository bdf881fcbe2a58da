"""Which pairs are judged: sampled from scored runs, or read from a file such as a human study's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from whyser.io.console import print_table, say
from whyser.io.errors import InputError, Problems, did_you_mean
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
    """The pairs by systems; `drawn` describes the sampling by opponent."""

    compared: Sequence[JudgeComparison]
    drawn: Mapping[str, SampledPairs] = field(default_factory=dict)
    per_emotion: int | None = None

    @property
    def pairs(self) -> list[ExplanationPair]:
        return [pair for one in self.compared for pair in one.pairs]

    @property
    def shortages(self) -> list[str]:
        """Emotions with fewer pairs than requested."""
        return [
            f"{against}: {label}: {drawn.available[label]:,} of {self.per_emotion:,}"
            for against, drawn in self.drawn.items()
            for label in CLASSES
            if self.per_emotion and drawn.available[label] < self.per_emotion
        ]

    def as_json(self) -> dict[str, Any]:
        """For the record."""
        left_out = {against: dict(drawn.left_out) for against, drawn in self.drawn.items()}
        told = {"per_emotion": self.per_emotion, "shortages": self.shortages}
        return told | {"left_out": left_out}

    def print_drawn(self) -> None:
        """Prints the pairs of each emotion, and why other utterances have none."""
        for against, drawn in self.drawn.items():
            rows = [
                [label, f"{drawn.chosen[label]:,} of {self.per_emotion:,}", drawn.available[label]]
                for label in CLASSES
            ]
            print_table(f"Pairs with {against}", ["emotion", "drawn", "available"], rows)
            if drawn.left_out:
                told = "; ".join(f"{why}: {count:,}" for why, count in drawn.left_out.items())
                say(f"note: utterances without a pair with {against}: {told}")


def drawn_from(
    results: Sequence[Path],
    system: str,
    against: Sequence[str],
    *,
    form: Form,
    per_emotion: int,
    seed: int,
) -> PairSelection:
    """Pairs on utterances to which both systems give the same label (paper, 3.5).

    Raises: `InputError` as `read_explanations` and `agreeing_pairs`, and for a system that would be
    compared with itself.
    """
    against = list(dict.fromkeys(against))
    if system in against:
        cure = "Name another system with --against."
        raise InputError(f"{system} would be compared with itself", cure=cure)
    explainers = read_explanations(results, [system, *against], form=form)
    own, rest = explainers[system], {other: explainers[other] for other in against}
    drawn = {
        other: agreeing_pairs(own, opponent, per_emotion=per_emotion, seed=seed)
        for other, opponent in rest.items()
    }
    compared = [JudgeComparison(system, other, one.pairs) for other, one in drawn.items()]
    return PairSelection(compared, drawn, per_emotion)


def of_file(path: Path, system: str | None) -> PairSelection:
    """Args: `system`, whose rates are computed; None for the first system of each pair.

    Raises: `InputError` as `read_pairs`, and for a system that is in no pair.
    """
    pairs = read_pairs(path)
    systems = sorted({name for pair in pairs for name in pair.systems})
    if system is not None and system not in systems:
        raise InputError(
            f"no pair has a rationale by {system!r}", file=path, cure=did_you_mean(system, systems)
        )
    return PairSelection(comparisons(pairs, system))


def keep(selection: PairSelection, folder: Path) -> Path:
    """Writes the folder's `pairs.jsonl`.

    Raises: `InputError` if the folder has other pairs: all judges of a folder judge the same pairs.
    """
    path = folder / PAIRS
    if path.exists() and (there := pairs_hash(read_pairs(path))) != pairs_hash(selection.pairs):
        raise InputError(
            f"the folder has other pairs ({there}) than these ({pairs_hash(selection.pairs)})",
            file=path,
            cure="Repeat the options that the folder's pairs were drawn with (systems, --form, "
            f"--per-emotion, --seed), or give --pairs {path} or another --output.",
        )
    write_pairs(path, selection.pairs)
    return path


def check_sounds(pairs: Sequence[ExplanationPair]) -> None:
    """Raises: `BadInput` with every pair whose audio file is missing."""
    problems = Problems("the pairs; give --audio none for a judge that only reads")
    for id_, audio in dict.fromkeys((pair.id, pair.audio) for pair in pairs):
        if audio is None:
            problems.add(InputError(f"{id_} has no audio"))
        elif not Path(audio).is_file():
            problems.add(InputError(f"the audio file of {id_} does not exist", file=audio))
    problems.raise_any()
