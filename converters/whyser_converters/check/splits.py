"""Checks that no id, speaker, dialogue or sound of converted corpora is in two splits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from pathlib import Path
from typing import ClassVar, TypeAlias

from whyser.records.corpus import Corpus
from whyser.records.utterance import Utterance
from whyser_converters.check.clips import MISSING
from whyser_converters.check.duplicate_audio import Sound, check_duplicate_audio
from whyser_converters.check.findings import CheckFault, Findings
from whyser_converters.convert.card import by_use
from whyser_converters.convert.split_names import part_of

#: The fields of an utterance whose values must not occur in two splits.
APART = ("speaker", "dialogue", "session")

#: Field, corpus and value -> split -> a file that has the value in that split.
Places: TypeAlias = dict[tuple[str, str, str], dict[str, Path]]


@dataclass
class SplitSummary:
    """The contents of one split of one corpus."""

    corpus: str
    split: str
    utterances: int = 0
    without_sound: int = 0
    hours: float = 0.0
    names: dict[str, set[str]] = field(default_factory=lambda: {noun: set() for noun in APART})

    COLUMNS: ClassVar = ("corpus", "split", "utterances", "hours", *(f"{noun}s" for noun in APART))

    def add(self, utterance: Utterance) -> None:
        self.utterances += 1
        self.without_sound += utterance.audio is None
        self.hours += (utterance.duration or 0.0) / 3600
        for noun, names in self.names.items():
            if (name := getattr(utterance, noun)) is not None:
                names.add(name)

    def row(self) -> tuple[str, ...]:
        return (
            self.corpus,
            self.split,
            f"{self.utterances:,}",
            f"{self.hours:.2f}" if self.hours else "no sound",
            *(f"{len(names):,}" for names in self.names.values()),
        )


def check_splits(corpora: Sequence[Corpus], findings: Findings) -> list[SplitSummary]:
    """Adds a problem for everything that is in two splits, of one file or of several.

    Speakers count only if the corpus' card promises that its splits share none. The test sets of
    one corpus count as one split, because MSP-Podcast's share speakers.
    """
    seen: dict[str, Path] = {}
    sounds: list[Sound] = []
    summaries: list[SplitSummary] = []
    places: Places = {}
    for corpus in corpora:
        with findings.caught("corpora that cannot be read"):
            own: dict[tuple[str, str], SplitSummary] = {}
            # Streamed: a corpus of 200,000 utterances holds a million votes.
            for utterance in corpus.utterances():
                key = (utterance.corpus, utterance.split)
                own.setdefault(key, SplitSummary(*key)).add(utterance)
                if utterance.id in seen:
                    what = f"id {utterance.id!r} is also in {seen[utterance.id]}"
                    fault = CheckFault("ids in two corpora", what, "Give each corpus once.")
                    findings.add(fault, corpus.path)
                seen[utterance.id] = corpus.path
                sounds += _sound(corpus, utterance, findings)
            summaries += own.values()
            for summary in own.values():
                nouns = [one for one in APART if one != "speaker" or corpus.card.speaker_disjoint]
                _place(summary, corpus.path, nouns, places)
            if silent := sum(summary.without_sound for summary in own.values()):
                findings.notes.append(
                    f"{corpus.path}: {silent:,} utterances were converted without sound, so they "
                    "are not checked for sounds in two splits"
                )
    for fault, path in _shared_faults(places):
        findings.add(fault, path)
    check_duplicate_audio(sounds, findings)
    return sorted(summaries, key=lambda summary: (summary.corpus, by_use(summary.split)))


def check_unwritten(
    heard: Iterable[tuple[Utterance, Path]], source: Path, findings: Findings
) -> None:
    """Checks utterances with their sounds before they are written: what `source` lists.

    A sound in two splits is a problem. A speaker in two splits is a warning, because rows from
    elsewhere promise no other.
    """
    summaries: dict[str, SplitSummary] = {}
    sounds: list[Sound] = []
    for one, path in heard:
        summaries.setdefault(one.split, SplitSummary(one.corpus, one.split)).add(one)
        sounds.append(_sound_of(one, path))
    places: Places = {}
    for summary in summaries.values():
        _place(summary, source, APART, places)
    for fault, path in _shared_faults(places):
        findings.add(replace(fault, warns=True), path)
    check_duplicate_audio(sounds, findings)


def _place(summary: SplitSummary, path: Path, nouns: Sequence[str], places: Places) -> None:
    for noun in nouns:
        for name in summary.names[noun]:
            parts = places.setdefault((noun, summary.corpus, name), {})
            parts.setdefault(part_of(summary.split), path)


def _shared_faults(places: Places) -> Iterator[tuple[CheckFault, Path]]:
    for (noun, _, name), parts in sorted(places.items()):
        for first, second in combinations(sorted(parts), 2):
            file, other = parts[first], parts[second]
            where = second if other == file else f"{second} ({other})"
            what = f"{noun} {name!r} is in {first} and in {where}"
            cure = f"Move all utterances of a {noun} into one split."
            yield CheckFault(f"{noun}s in two splits", what, cure), file


def _sound(corpus: Corpus, utterance: Utterance, findings: Findings) -> list[Sound]:
    """The utterance's sound, if it has any; one that is missing becomes a problem."""
    if utterance.audio is None:
        return []
    path = corpus.audio_path(utterance)
    if not path.is_file():
        what, cure = f"no such sound file for {utterance.id}", "Convert the corpus again."
        findings.add(CheckFault(MISSING, what, cure), path)
        return []
    return [_sound_of(utterance, path)]


def _sound_of(utterance: Utterance, path: Path) -> Sound:
    length = (utterance.duration, utterance.sampling_rate, utterance.channels)
    return Sound(utterance.id, utterance.split, part_of(utterance.split), path, length)
