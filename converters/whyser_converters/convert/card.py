"""Counts what a conversion writes, and builds the corpus card from the counts."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import whyser
from whyser.labels.attributes import ATTRIBUTES
from whyser.labels.classes import CLASSES, OTHER, Label
from whyser.labels.votes import fleiss_kappa, is_strict_majority, majority
from whyser.records.corpus import ConsensusCard, CorpusCard, SplitCard, VotesCard
from whyser.records.utterance import Utterance
from whyser_converters.corpora.conversion_log import ConversionLog
from whyser_converters.corpora.spec import CorpusSpec, classes_of

#: Name of a label of None in the card.
NO_AGREEMENT = "no_agreement"


def corpus_card(
    spec: CorpusSpec,
    labels: Mapping[str, Label | None],
    options: Mapping[str, str],
    *,
    audio_root: str | None,
    tally: CorpusTally,
    log: ConversionLog,
) -> CorpusCard:
    """The card of what was written; `labels` is the label map after the user's merges."""
    consensus = ConsensusCard(compared=log.compared, different=len(log.differences))
    means = ConsensusCard(compared=log.compared_means, different=len(log.attribute_differences))
    return CorpusCard(
        corpus=spec.name,
        title=spec.title,
        licence=spec.licence,
        source=spec.source,
        audio_root=audio_root,
        classes=classes_of(labels),
        attributes={one: spec.attributes[one] for one in ATTRIBUTES if one in spec.attributes},
        speaker_disjoint=spec.speaker_disjoint,
        options=dict(options),
        utterances=tally.utterances,
        hours=tally.hours,
        splits=tally.splits(),
        votes=tally.votes(),
        consensus=consensus if log.compared else None,
        attribute_means=means if log.compared_means else None,
        read=log.read,
        dropped=dict(sorted(log.dropped.items())),
        unused=dict(sorted(log.unused.items())),
        whyser=whyser.__version__,
    )


@dataclass
class _SplitTally:
    utterances: int = 0
    seconds: float = 0.0
    speakers: set[str] = field(default_factory=set)
    labels: Counter[str] = field(default_factory=Counter)


class CorpusTally:
    """Counts what was written, split by split, and how the annotators voted."""

    def __init__(self, *, with_audio: bool) -> None:
        self._with_audio = with_audio
        self._splits: defaultdict[str, _SplitTally] = defaultdict(_SplitTally)
        # The same few thousand sets of votes recur.
        self._vote_sets: Counter[tuple[tuple[Label, ...], Label | None]] = Counter()

    def counted(self, utterances: Iterable[Utterance]) -> Iterator[Utterance]:
        for utterance in utterances:
            split = self._splits[utterance.split]
            split.utterances += 1
            split.seconds += utterance.duration or 0.0
            split.labels[utterance.label or NO_AGREEMENT] += 1
            if utterance.speaker is not None:
                split.speakers.add(utterance.speaker)
            if utterance.votes:
                self._vote_sets[tuple(sorted(utterance.primaries)), utterance.label] += 1
            yield utterance

    @property
    def utterances(self) -> int:
        return sum(split.utterances for split in self._splits.values())

    @property
    def hours(self) -> float | None:
        return self._hours(sum(split.seconds for split in self._splits.values()))

    def _hours(self, seconds: float) -> float | None:
        return round(seconds / 3600, 4) if self._with_audio else None

    def splits(self) -> dict[str, SplitCard]:
        """Labels are in the order of the classes, without those that do not occur."""
        order = [*CLASSES, OTHER, NO_AGREEMENT]
        return {
            name: SplitCard(
                utterances=split.utterances,
                hours=self._hours(split.seconds),
                speakers=len(split.speakers),
                labels={label: split.labels[label] for label in order if split.labels[label]},
            )
            for name, split in sorted(self._splits.items(), key=lambda item: by_use(item[0]))
        }

    def votes(self) -> VotesCard | None:
        if not self._vote_sets:
            return None
        sizes: Counter[int] = Counter()
        vote_sets: Counter[tuple[str, ...]] = Counter()
        strict = tied = as_label = 0
        for (votes, label), times in self._vote_sets.items():
            sizes[len(votes)] += times
            vote_sets[votes] += times
            winner = majority(votes)
            strict += times * is_strict_majority(votes)
            tied += times * (winner is None)
            as_label += times * (winner is not None and winner == label)
        kappa = fleiss_kappa(vote_sets)
        return VotesCard(
            votes=sum(size * count for size, count in sizes.items()),
            per_utterance=dict(sorted(sizes.items())),
            strict=strict,
            tied=tied,
            as_label=as_label,
            fleiss_kappa=None if kappa is None else round(kappa, 4),
        )


def by_use(split: str) -> tuple[bool, bool, str]:
    """A key that sorts train first, then dev, then the test splits."""
    return split != "train", split != "dev", split
