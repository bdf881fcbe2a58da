"""What predictions are scored against: the scored utterances of the chosen splits."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import compress
from pathlib import Path

import numpy as np

from whyser.io.errors import InputError, Problems
from whyser.io.files import read_jsonl
from whyser.labels.attributes import ATTRIBUTES, Attribute, Scales, position
from whyser.labels.classes import CLASSES, EmotionClass, Label
from whyser.labels.votes import distribution
from whyser.records.corpus import Corpus
from whyser.records.utterance import Utterance
from whyser_eval.metrics.data import MISS, BoolArray, FloatArray, IntArray, Items, Subset, ratios
from whyser_eval.scoring.signature import references_hash, rows_hash
from whyser_eval.scoring.subsets import subsets_of
from whyser_eval.statistics.bootstrap import clusters_of

#: (corpus, split)
Part = tuple[str, str]


@dataclass(frozen=True)
class AnswerKey:
    """Every utterance of the reference files, scored or not, with its corpus.

    All are kept, so that a prediction for an utterance without a class is not taken for one of an
    unknown utterance.
    """

    utterances: Mapping[str, Utterance]
    corpora: Mapping[str, Corpus]  # by the name that utterances carry

    @cached_property
    def parts(self) -> frozenset[Part]:
        return frozenset(map(part_of, self.utterances.values()))

    @cached_property
    def scales(self) -> dict[str, Scales]:
        """Corpus -> scales of its attributes; none without a card."""
        return {
            name: corpus.card.attributes if _has_card(corpus) else {}
            for name, corpus in self.corpora.items()
        }

    @cached_property
    def audio_roots(self) -> dict[str, Path | None]:
        """Corpus -> folder of its audio; None for a corpus that was converted without audio."""
        return {
            name: corpus.audio_root if _has_card(corpus) and corpus.card.audio_root else None
            for name, corpus in self.corpora.items()
        }

    def audio_path(self, utterance: Utterance) -> Path | None:
        """Raises: `InputError` for a path outside the audio root."""
        if not self.audio_roots[utterance.corpus] or utterance.audio is None:
            return None
        return self.corpora[utterance.corpus].audio_path(utterance)


def part_of(utterance: Utterance) -> Part:
    return utterance.corpus, utterance.split


def _has_card(corpus: Corpus) -> bool:
    return (corpus.path.parent / "corpus.json").is_file()


def read_answer_key(paths: Sequence[Path]) -> AnswerKey:
    """Reads the reference files.

    Raises: `InputError` for a broken or an empty file, or an id that two files hold.
    """
    utterances: dict[str, Utterance] = {}
    corpora: dict[str, Corpus] = {}
    for path in paths:
        corpus = Corpus(path)
        before = len(utterances)
        for utterance in corpus.utterances():
            if utterance.id in utterances:
                raise InputError(
                    f"id {utterance.id!r} is in another reference file too",
                    file=path,
                    line=_line_numbers(path)[utterance.id],
                    cure="Give each corpus once.",
                )
            utterances[utterance.id] = utterance
            corpora.setdefault(utterance.corpus, corpus)
        if len(utterances) == before:
            raise InputError("holds no utterances", file=path, cure="Convert the corpus again.")
    return AnswerKey(utterances, corpora)


def _line_numbers(path: Path) -> dict[str, int]:
    """The line of each id; needed only for errors, so that good files are read once."""
    return {str(row.get("id")): number for number, row in read_jsonl(path)}


def declared_classes(paths: Sequence[Path]) -> tuple[EmotionClass, ...]:
    """The classes that the corpora's annotation can name, in the order of the eight.

    A corpus without a card may name all eight. They are never inferred from the labels themselves:
    a class that happens to be absent from a split would silently raise the average.
    """
    named: set[EmotionClass] = set()
    for path in paths:
        corpus = Corpus(path)
        named.update(corpus.card.classes if _has_card(corpus) else CLASSES)
    return tuple(name for name in CLASSES if name in named)


@dataclass(frozen=True)
class References:
    """The scored utterances in a fixed order, with what metrics need of each.

    `corpus_classes` are those that each corpus' annotation can name, `scales` those of its
    attributes; `entropy` adds the subsets by the entropy of the votes.
    """

    utterances: tuple[Utterance, ...]
    classes: tuple[EmotionClass, ...]
    corpus_classes: Mapping[str, tuple[EmotionClass, ...]]
    secondary: bool = False
    entropy: bool = False
    scales: Mapping[str, Scales] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.utterances)

    @cached_property
    def parts(self) -> frozenset[Part]:
        return frozenset(map(part_of, self.utterances))

    @cached_property
    def primaries(self) -> list[tuple[Label, ...]]:
        """The primary votes of every utterance."""
        return [one.primaries for one in self.utterances]

    @cached_property
    def label_sets(self) -> list[frozenset[EmotionClass]]:
        """A of every utterance."""
        if self.secondary:
            return [one.annotator_labels(secondary=True) for one in self.utterances]
        # Votes have few combinations, and a corpus has very many utterances.
        sets: dict[tuple[Label, ...], frozenset[EmotionClass]] = {}
        return [
            (sets.get(votes) or sets.setdefault(votes, one.annotator_labels()))
            if votes
            else one.annotator_labels()
            for one, votes in zip(self.utterances, self.primaries, strict=True)
        ]

    @cached_property
    def labels(self) -> IntArray:
        return self._positions([one.emotion if one.is_scored else None for one in self.utterances])

    @property
    def class_counts(self) -> IntArray:
        """int[C], utterances of each majority label."""
        return np.bincount(self.labels[self.labels != MISS], minlength=len(self.classes))

    def _positions(self, names: Sequence[str | None]) -> IntArray:
        """int[n], the place of each name among the declared classes, or `MISS`."""
        position: dict[str | None, int] = {name: place for place, name in enumerate(self.classes)}
        return np.array([position.get(name, MISS) for name in names], dtype=np.int64)

    @cached_property
    def annotators(self) -> BoolArray:
        """bool[n, C]; a label outside the declared classes is no column of it."""
        # There are few distinct sets.
        place = {chosen: number for number, chosen in enumerate(dict.fromkeys(self.label_sets))}
        rows = np.array([[name in chosen for name in self.classes] for chosen in place])
        return rows[[place[chosen] for chosen in self.label_sets]]

    @cached_property
    def distributions(self) -> FloatArray:
        """float[n, C], shares of the votes; all on the label where no vote has a declared class."""
        shares = [distribution(votes) for votes in self.primaries]
        votes = np.array([[one.get(name, 0.0) for name in self.classes] for one in shares])
        totals = votes.sum(axis=1, keepdims=True)
        gold = self.labels[:, None] == np.arange(len(self.classes))
        return np.where(totals > 0, ratios(votes, totals), gold)

    @cached_property
    def attributes(self) -> tuple[Attribute, ...]:
        """Those that annotators of some corpus rated, in their usual order."""
        rated = {name for corpus, _ in self.parts for name in self.scales.get(corpus, {})}
        return tuple(name for name in ATTRIBUTES if name in rated)

    @cached_property
    def unscaled(self) -> dict[str, tuple[Attribute, ...]]:
        """Corpus -> attributes that its annotators rated, where its card has no scale of any."""
        without = {corpus for corpus, _ in self.parts if not self.scales.get(corpus)}
        rated: dict[str, set[Attribute]] = {}
        for one in self.utterances if without else ():
            # Most corpora rate none, and the means of a million votes take time.
            if one.corpus in without and one.has_attributes:
                rated.setdefault(one.corpus, set()).update(one.attribute_means)
        return {
            corpus: tuple(name for name in ATTRIBUTES if name in names)
            for corpus, names in sorted(rated.items())
        }

    @cached_property
    def attribute_places(self) -> FloatArray:
        """float[n, K], the place of each mean on the scale of its corpus, 0 to 1; NaN without."""
        return self.places([one.attribute_means for one in self.utterances])

    def places(self, values: Sequence[Mapping[Attribute, float]]) -> FloatArray:
        """float[n, K], the places of values in the references' order; NaN for one that is missing.

        A value without a scale is missing.
        """
        found = np.full((len(self), len(self.attributes)), np.nan)
        column = {name: place for place, name in enumerate(self.attributes)}
        for row, (utterance, given) in enumerate(zip(self.utterances, values, strict=True)):
            scales = self.scales.get(utterance.corpus, {})
            for name, value in given.items():
                if name in scales:
                    found[row, column[name]] = position(value, scales[name])
        return found

    @cached_property
    def speakers(self) -> IntArray:
        """int[n], the number of each utterance's speaker."""
        return clusters_of([one.speaker for one in self.utterances])

    @cached_property
    def subsets(self) -> dict[str, Subset]:
        return subsets_of(
            self.utterances,
            self.classes,
            self.corpus_classes,
            self.primaries,
            entropy=self.entropy,
        )

    @cached_property
    def hash(self) -> str:
        """Hash of the utterances with a majority label, the same whether others are scored too."""
        return self._hash(self.subsets["all"].mask)

    @cached_property
    def hash_inclusive(self) -> str:
        return self._hash(np.ones(len(self), dtype=np.bool_))

    def _hash(self, mask: BoolArray) -> str:
        rows = zip(self.utterances, self.label_sets, self.subsets["strict"].mask, strict=True)
        chosen = (
            (one.id, one.label or "", labels, bool(is_strict))
            for one, labels, is_strict in compress(rows, mask)
        )
        return references_hash(chosen, self.classes)

    @cached_property
    def votes_hash(self) -> str:
        """Hash of every vote, which metrics of probabilities and bands of entropy depend on."""
        rows = zip(self.utterances, self.primaries, strict=True)
        return rows_hash(f"{one.id}\t{','.join(sorted(votes))}" for one, votes in rows)

    @property
    def attributes_hash(self) -> str:
        """Hash of the attributes' means, as places on their scales."""
        rows = zip(self.utterances, self.attribute_places, strict=True)
        return rows_hash(
            f"{one.id}\t{','.join(f'{place:.6f}' for place in places)}" for one, places in rows
        )

    @property
    def words_hash(self) -> str:
        return rows_hash(f"{one.id}\t{one.transcript}" for one in self.utterances)

    def items(self, predictions: Sequence[str | None]) -> Items:
        """Items for predicted names in the references' order; an undeclared class is a miss."""
        return Items(self.labels, self._positions(predictions), self.annotators)


def select_references(
    key: AnswerKey,
    parts: Collection[Part],
    classes: tuple[EmotionClass, ...],
    *,
    secondary: bool,
    all_inclusive: bool = False,
    entropy: bool = False,
) -> References:
    """The utterances of the chosen splits whose majority label is one of the eight classes.

    Args: `all_inclusive`, whether to add utterances without a majority label, if some vote has a
        declared class.

    Raises: `BadInput` for labels outside the declared classes, `InputError` when none is left.
    """

    def is_chosen(utterance: Utterance) -> bool:
        if utterance.is_scored or utterance.label is not None or not all_inclusive:
            return utterance.is_scored
        return not utterance.annotator_labels(secondary=secondary).isdisjoint(classes)

    chosen = [
        utterance
        for utterance in key.utterances.values()
        if part_of(utterance) in parts and is_chosen(utterance)
    ]
    scored = [utterance for utterance in chosen if utterance.is_scored]
    _check_labels(key, scored, classes)
    if not scored:
        known = ", ".join(sorted({split for _, split in key.parts}))
        raise InputError(
            "no utterance of the chosen split has a majority label among the eight classes",
            file=next(iter(key.corpora.values())).path,
            cure=f"Its splits are [{known}].",
        )
    cards = {name: declared_classes([corpus.path]) for name, corpus in key.corpora.items()}
    return References(tuple(chosen), classes, cards, secondary, entropy=entropy, scales=key.scales)


def _check_labels(
    key: AnswerKey, utterances: Iterable[Utterance], classes: Sequence[EmotionClass]
) -> None:
    problems = Problems("the references")
    lines: dict[Path, dict[str, int]] = {}
    for utterance in utterances:
        if utterance.emotion in classes:
            continue
        path = key.corpora[utterance.corpus].path
        if path not in lines:
            lines[path] = _line_numbers(path)
        fault = InputError(
            f"{utterance.id} has the label {utterance.emotion!r}, which is not among the declared "
            f"classes [{', '.join(classes)}]",
            file=path,
            line=lines[path][utterance.id],
            cure="Declare it with --classes, or convert the corpus again.",
        )
        problems.add(fault)
    problems.raise_any()
