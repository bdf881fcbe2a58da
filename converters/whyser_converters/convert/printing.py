"""Prints what a conversion has written, and what it has left out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from whyser.io.console import print_table, say
from whyser.io.errors import InputError
from whyser.labels.classes import CLASSES, OTHER
from whyser.records.corpus import CorpusCard
from whyser_converters.convert.card import NO_AGREEMENT
from whyser_converters.convert.run import Conversion

#: Number of faults shown on the terminal; the file lists all.
SHOWN = 10


def print_conversion(conversion: Conversion, folder: Path) -> None:
    """Prints the first problems, the notes and the card of what was written to a folder."""
    _print_problems(conversion.problems, folder)
    for note in conversion.notes:
        say(f"note: {note}")
    _print_card(conversion.card, folder)


def _print_problems(problems: Sequence[InputError], folder: Path) -> None:
    for problem in problems[:SHOWN]:
        say(f"problem: {problem}")
    if problems:
        more = f"{len(problems) - SHOWN:,} more, " if len(problems) > SHOWN else ""
        say(f"problems: {len(problems):,} in all, {more}listed in {folder / 'problems.csv'}")


def _print_card(card: CorpusCard, folder: Path) -> None:
    found = {label for split in card.splits.values() for label in split.labels}
    labels = [label for label in (*CLASSES, OTHER, NO_AGREEMENT) if label in found]
    rows = []
    for name, split in card.splits.items():
        hours = "-" if split.hours is None else f"{split.hours:.2f}"
        counts = [split.labels.get(label, 0) for label in labels]
        rows.append([name, *counts, split.utterances, hours, split.speakers])
    hours = "without sound" if card.hours is None else f"{card.hours:.2f} h"
    title = f"{card.title}: {card.utterances:,} utterances, {hours}"
    print_table(title, ["split", *labels, "all", "hours", "speakers"], rows)
    if card.dropped:
        print_table("Dropped", ["reason", "utterances"], card.dropped.items())
    if card.unused:
        print_table("Without an utterance", ["what", "lines or files"], card.unused.items())
    if votes := card.votes:
        sizes = f"{min(votes.per_utterance)} to {max(votes.per_utterance)} per utterance"
        kappa = "undefined" if votes.fleiss_kappa is None else f"{votes.fleiss_kappa:.3f}"
        say(
            f"votes: {votes.votes:,}, {sizes}; Fleiss' kappa is {kappa}. Of "
            f"{sum(votes.per_utterance.values()):,} utterances {votes.strict:,} have a strict "
            f"majority, {votes.tied:,} have a tie, and the label of {votes.as_label:,} is the "
            "unique plurality of the votes"
        )
    if card.votes and (consensus := card.consensus):
        where = f", listed in {folder / 'consensus_differences.csv'}" * bool(consensus.different)
        say(
            f"consensus: of {consensus.compared:,} published labels {consensus.different:,} differ "
            f"from the majority label of the votes{where}"
        )
    if means := card.attribute_means:
        where = f", listed in {folder / 'attribute_differences.csv'}" * bool(means.different)
        say(
            f"attributes: of {means.compared:,} published means {means.different:,} differ from "
            f"those of the votes{where}"
        )
    say(f"wrote {folder / 'utterances.jsonl'} and corpus.json")
