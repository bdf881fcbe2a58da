"""Converted corpora: no id, speaker, dialogue or sound stands in two splits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from whyser.corpus import Corpus
from whyser.utterance import Utterance
from whyser_converters.check.clips import MISSING
from whyser_converters.check.findings import Fault, Findings
from whyser_converters.check.twins import Sound, check_twins

#: part -> the speakers or dialogues that stand in it.
_Parts = dict[str, set[str]]


@dataclass
class SplitSummary:
    """What one split of one corpus holds."""

    corpus: str
    split: str
    utterances: int = 0
    hours: float = 0.0
    speakers: set[str] = field(default_factory=set)
    dialogues: set[str] = field(default_factory=set)

    COLUMNS: ClassVar = ("corpus", "split", "utterances", "hours", "speakers", "dialogues")

    @property
    def order(self) -> tuple[str, bool, bool, str]:
        return self.corpus, self.split != "train", self.split != "dev", self.split

    def add(self, utterance: Utterance) -> None:
        self.utterances += 1
        self.hours += (utterance.duration or 0.0) / 3600
        if utterance.speaker is not None:
            self.speakers.add(utterance.speaker)
        if utterance.dialogue is not None:
            self.dialogues.add(utterance.dialogue)

    def row(self) -> tuple[str, ...]:
        return (
            self.corpus,
            self.split,
            f"{self.utterances:,}",
            f"{self.hours:.2f}" if self.hours else "no sound",
            f"{len(self.speakers):,}",
            f"{len(self.dialogues):,}",
        )


def check_splits(corpora: Sequence[Corpus], findings: Findings) -> list[SplitSummary]:
    """Adds a problem for all that stands in two splits.

    Speakers only where the corpus' card promises that its splits share none. The test sets of
    one corpus count as one split: MSP-Podcast's share speakers.
    """
    seen: dict[str, Path] = {}
    sounds: list[Sound] = []
    summaries: list[SplitSummary] = []
    for corpus in corpora:
        with findings.caught("corpora that cannot be read"):
            utterances = list(corpus.utterances())
            own = _summaries(utterances)
            summaries += own
            for fault in (*_id_faults(utterances, seen), *_shared_faults(corpus, own)):
                findings.add(fault, corpus.path)
            seen |= dict.fromkeys((utterance.id for utterance in utterances), corpus.path)
            sounds += _sounds(corpus, utterances, findings)
    check_twins(sounds, findings)
    return sorted(summaries, key=lambda summary: summary.order)


def part_of(split: str) -> str:
    """The split, with all test sets as one."""
    return "test" if split.startswith("test") else split


def _summaries(utterances: Sequence[Utterance]) -> list[SplitSummary]:
    found: dict[tuple[str, str], SplitSummary] = {}
    for utterance in utterances:
        key = (utterance.corpus, utterance.split)
        found.setdefault(key, SplitSummary(*key)).add(utterance)
    return list(found.values())


def _id_faults(utterances: Sequence[Utterance], seen: Mapping[str, Path]) -> Iterator[Fault]:
    for utterance in utterances:
        if utterance.id in seen:
            what = f"id {utterance.id!r} is also in {seen[utterance.id]}"
            yield Fault("ids in two corpora", what, "Give each corpus once.")


def _shared_faults(corpus: Corpus, summaries: Sequence[SplitSummary]) -> Iterator[Fault]:
    speakers: _Parts = defaultdict(set)
    dialogues: _Parts = defaultdict(set)
    for summary in summaries:
        speakers[part_of(summary.split)] |= summary.speakers
        dialogues[part_of(summary.split)] |= summary.dialogues
    yield from _in_two_parts("dialogue", dialogues)
    if corpus.card.speaker_disjoint:
        yield from _in_two_parts("speaker", speakers)


def _in_two_parts(noun: str, names: Mapping[str, set[str]]) -> Iterator[Fault]:
    parts = sorted(names)
    for position, first in enumerate(parts):
        for second in parts[position + 1 :]:
            for name in sorted(names[first] & names[second]):
                what = f"{noun} {name!r} is in {first} and in {second}"
                cure = f"Move all utterances of a {noun} into one split."
                yield Fault(f"{noun}s in two splits", what, cure)


def _sounds(corpus: Corpus, utterances: Sequence[Utterance], findings: Findings) -> list[Sound]:
    """The sounds that are there; one that is missing becomes a problem."""
    found: list[Sound] = []
    with_sound = [utterance for utterance in utterances if utterance.audio is not None]
    if len(with_sound) < len(utterances):
        silent = len(utterances) - len(with_sound)
        findings.notes.append(
            f"{corpus.path}: {silent:,} utterances were converted without sound; "
            "whether theirs stands in two splits is not looked at"
        )
    for utterance in with_sound:
        path = corpus.audio_path(utterance)
        if not path.is_file():
            what, cure = f"no such sound file, of {utterance.id}", "Convert the corpus again."
            findings.add(Fault(MISSING, what, cure), path)
            continue
        length = (utterance.duration, utterance.sampling_rate, utterance.channels)
        part = part_of(utterance.split)
        found.append(Sound(utterance.id, utterance.split, part, path, length))
    return found
