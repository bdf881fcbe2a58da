"""Systems: names, answers, and the check that each system answers every reference once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from whyser.io.errors import InputError, Problems
from whyser.labels.attributes import Attribute, Scales
from whyser.labels.classes import OTHER, EmotionClass, Label
from whyser.prompting.answer import Answer, parse_answer
from whyser.records.predictions import REPEATED, Prediction, listed, read_predictions
from whyser.records.utterance import Utterance
from whyser_eval.metrics.data import Items
from whyser_eval.reading.attributes import read_attributes
from whyser_eval.reading.readers import Reader
from whyser_eval.reading.rules import Reading
from whyser_eval.reading.shares import stated_shares
from whyser_eval.scoring.references import (
    AnswerKey,
    Part,
    References,
    declared_classes,
    part_of,
    read_answer_key,
    select_references,
)


@dataclass(frozen=True, order=True)
class SystemName:
    """The key of a system's answers.

    `variant` numbers the wordings or option orders of a repeated question, which share one row of a
    table.
    """

    model: str
    form: str
    control: str
    variant: int = 0

    @property
    def row(self) -> tuple[str, str, str]:
        """The key of a table's row: system, form, control."""
        return self.model, self.form, self.control

    def __str__(self) -> str:
        control = "" if self.control == "none" else f", {self.control}"
        variant = f" {self.variant}" if self.control in REPEATED else ""
        return f"{self.model} ({self.form}{control}{variant})"


@dataclass(frozen=True)
class System:
    """A system's answers in the references' order, with their readings.

    `drawn` holds the readings of every utterance: one, or several where answers were sampled.
    """

    name: SystemName
    answers: tuple[Prediction, ...]
    drawn: tuple[tuple[Reading, ...], ...]

    @cached_property
    def chosen(self) -> tuple[int, ...]:
        """The sample that counts: the first of the most frequent class; unread is one class."""
        return tuple(map(_most_frequent, self.drawn))

    @cached_property
    def readings(self) -> tuple[Reading, ...]:
        """The reading that counts, for each utterance."""
        return tuple(one[place] for one, place in zip(self.drawn, self.chosen, strict=True))

    @property
    def texts(self) -> Iterator[str]:
        """The answers that count."""
        for answer, place in zip(self.answers, self.chosen, strict=True):
            yield answer.samples[place - 1] if place else answer.text

    @cached_property
    def blocks(self) -> tuple[Answer, ...]:
        """The blocks of the answers that count."""
        return tuple(map(parse_answer, self.texts))

    def attributes(self, scales: Iterable[Scales]) -> list[dict[Attribute, float]]:
        """What each answer says of the attributes, on the scales of each utterance."""
        return list(map(read_attributes, self.texts, self.blocks, scales))

    @property
    def samples(self) -> int:
        """The largest number of answers that an utterance has."""
        return max(map(len, self.drawn), default=1)

    @cached_property
    def distributions(self) -> list[dict[Label, float]] | None:
        """Label -> probability of every utterance: the model's own, or what the answer states, or
        shares of its samples.

        None for a system that gave one plain answer to each.
        """
        if any(self.probabilities):
            return [one or {} for one in self.probabilities]
        if any(len(readings) > 1 for readings in self.drawn):
            return [_shares(readings) for readings in self.drawn]
        return None

    @cached_property
    def probabilities(self) -> list[dict[Label, float] | None]:
        """The model's own probabilities of each utterance, else what its answer states."""
        own = [answer.probabilities for answer in self.answers]
        if self.stated is None:
            return own
        return [one or said or None for one, said in zip(own, self.stated, strict=True)]

    @cached_property
    def stated(self) -> list[dict[Label, float]] | None:
        """The shares that each answer states, the mean over its samples; {} where it states none.

        None for a system most of whose answers state none: what a single one says in percent does
        not make the others unreadable.
        """
        most = len(self.answers) / 2
        # Few systems state shares, and reading them takes time.
        if sum("%" in answer.text for answer in self.answers) <= most:
            return None
        found = [_mean(map(stated_shares, (one.text, *one.samples))) for one in self.answers]
        return found if sum(map(bool, found)) > most else None

    @cached_property
    def sources(self) -> Counter[str]:
        """What the distributions are: own, stated, samples, or none where they are empty."""
        if self.distributions is None:
            return Counter()
        return Counter(
            "none" if not any(one.values())
            else "own" if answer.probabilities
            else "stated" if self.stated
            else "samples"
            for answer, one in zip(self.answers, self.distributions, strict=True)
        )  # fmt: skip

    @property
    def unread(self) -> int:
        return sum(reading.label is None for reading in self.readings)

    @cached_property
    def prompts(self) -> frozenset[str]:
        return frozenset(answer.prompt for answer in self.answers)

    @cached_property
    def adapted(self) -> str:
        """What the system adapted to without labels, for at least one answer."""
        return max((answer.adapted for answer in self.answers), default="")

    def items(self, references: References) -> Items:
        return references.items([reading.label for reading in self.readings])


def _most_frequent(readings: Sequence[Reading]) -> int:
    if len(readings) == 1:
        return 0
    counts = Counter(reading.label for reading in readings)
    return max(range(len(readings)), key=lambda place: counts[readings[place].label])


def _shares(readings: Sequence[Reading]) -> dict[Label, float]:
    counts = Counter(reading.label for reading in readings if reading.label is not None)
    return {label: count / len(readings) for label, count in counts.items()}


def _mean(stated: Iterable[Mapping[Label, float]]) -> dict[Label, float]:
    """The mean of those that are not empty."""
    found = [one for one in stated if one]
    names = dict.fromkeys(name for one in found for name in one)
    return {name: sum(one.get(name, 0.0) for one in found) / len(found) for name in names}


_OTHER_REFERENCES = "Give the references that were predicted."


class Located(NamedTuple):
    """A prediction with its file and line, for errors."""

    path: Path
    line: int
    prediction: Prediction


def read_groups(paths: Sequence[Path]) -> dict[SystemName, list[Located]]:
    """Predictions by system: in the order of the files, each system before its controls."""
    # A tuple is hashed many times faster than a name.
    found: dict[tuple[str, str, str, int], list[Located]] = {}
    for path in paths:
        is_empty = True
        for line, one in read_predictions(path):
            key = one.model, one.form, one.control, one.variant
            found.setdefault(key, []).append(Located(path, line, one))
            is_empty = False
        if is_empty:
            raise InputError("holds no predictions", file=path, cure="Run whyser-eval join again.")
    groups = {SystemName(*key): group for key, group in found.items()}
    models = list(dict.fromkeys(name.model for name in groups))

    def place(name: SystemName) -> tuple[int, bool, bool, str, int]:
        is_control = name.control != "none"
        is_closed = name.form == "closed"
        return models.index(name.model), is_closed, is_control, name.control, name.variant

    return {name: groups[name] for name in sorted(groups, key=place)}


def chosen_parts(
    key: AnswerKey, systems: Mapping[SystemName, Sequence[Located]], split: str | None
) -> frozenset[Part]:
    """(corpus, split) pairs to score: those of the named split, else those with predictions."""
    if split is not None:
        chosen = frozenset(part for part in key.parts if part[1] == split)
        if not chosen:
            known = ", ".join(sorted({name for _, name in key.parts}))
            raise InputError(f"no reference has the split {split!r}", cure=f"Choose from {known}.")
        return chosen
    parts = frozenset(
        part_of(key.utterances[found.prediction.id])
        for group in systems.values()
        for found in group
        if found.prediction.id in key.utterances
    )
    if not parts:
        first = next(iter(systems.values()))[0]
        raise InputError(
            "no reference file holds an utterance that was predicted, such as "
            f"{first.prediction.id}",
            file=first.path,
            line=first.line,
            cure=_OTHER_REFERENCES,
        )
    predicted = {corpus for corpus, _ in parts}
    for name, corpus in key.corpora.items():
        if name not in predicted:
            cure = "Leave this file out, or predict it too."
            raise InputError(f"no prediction is for the corpus {name}", file=corpus.path, cure=cure)
    return parts


def read_systems(
    references: Sequence[Path],
    predictions: Sequence[Path],
    *,
    reader: Reader,
    split: str | None = None,
    classes: tuple[EmotionClass, ...] | None = None,
    secondary: bool = False,
    all_inclusive: bool = False,
    entropy: bool = False,
) -> tuple[AnswerKey, References, list[System], Counter[str]]:
    """What the files hold: all utterances, those to score, and the systems that answer them.

    The counter has the predictions that are not scored, by reason.

    Raises: `InputError` or `BadInput` for broken or empty files, missing, extra or repeated ids,
    labels outside the declared classes, or no reference left.
    """
    key = read_answer_key(references)
    classes = classes or declared_classes(references)
    found = read_groups(predictions)
    parts = chosen_parts(key, found, split)
    chosen = select_references(
        key, parts, classes, secondary=secondary, all_inclusive=all_inclusive, entropy=entropy
    )
    ignored: Counter[str] = Counter()
    return key, chosen, align(found, key, chosen, ignored, reader), ignored


def align(
    found: Mapping[SystemName, Sequence[Located]],
    key: AnswerKey,
    references: References,
    ignored: Counter[str],
    reader: Reader,
) -> list[System]:
    """Every system with exactly one answer per reference; all problems are raised together."""
    problems = Problems("the predictions")
    wanted = [utterance.id for utterance in references.utterances]
    scored = frozenset(wanted)
    answered: dict[SystemName, tuple[Prediction, ...]] = {}
    for name, group in found.items():
        kept = _checked(name, group, key, scored, ignored, problems)
        missing = [id_ for id_ in wanted if id_ not in kept]
        if missing:
            problems.add(
                InputError(
                    f"{name} has no prediction for {len(missing):,} of {len(wanted):,} "
                    f"references: {listed(missing)}",
                    file=group[0].path,
                    cure="Predict them; no reference can be skipped.",
                )
            )
            continue
        answered[name] = tuple(kept[id_] for id_ in wanted)
    problems.raise_any()
    return systems_of(answered, reader)


def systems_of(
    answered: Mapping[SystemName, tuple[Prediction, ...]], reader: Reader
) -> list[System]:
    """The systems with the readings of their answers."""
    # All at once, since a reader may ask an endpoint.
    texts = [text for group in answered.values() for answer in group for text in _texts(answer)]
    readings = iter(reader.read(texts))
    return [
        System(
            name, group, tuple(tuple(islice(readings, 1 + len(answer.samples))) for answer in group)
        )
        for name, group in answered.items()
    ]


def _texts(answer: Prediction) -> Iterator[Prediction]:
    """The answer, then each further sample as an answer of its own."""
    yield answer
    for text in answer.samples:
        yield answer.model_copy(update={"text": text})


def _checked(
    name: SystemName,
    group: Iterable[Located],
    key: AnswerKey,
    wanted: Collection[str],
    ignored: Counter[str],
    problems: Problems,
) -> dict[str, Prediction]:
    """The scored predictions of one system, by id."""
    first: dict[str, Located] = {}
    kept: dict[str, Prediction] = {}
    for found in group:
        id_ = found.prediction.id
        fault = None
        if id_ in first:
            earlier = f"{first[id_].path}:{first[id_].line}"
            fault = f"{name} answers {id_} twice (first in {earlier})"
            cure = "Keep one answer per id; give each predictions file once."
        elif id_ not in key.utterances:
            fault, cure = f"{name} answers {id_}, which no reference file holds", _OTHER_REFERENCES
        elif id_ in wanted:
            kept[id_] = found.prediction
        else:
            ignored[_reason(key.utterances[id_])] += 1
        if fault:
            problems.add(InputError(fault, file=found.path, line=found.line, cure=cure))
        first.setdefault(id_, found)
    return kept


def _reason(utterance: Utterance) -> str:
    if utterance.is_scored:
        return "lies in another split"
    return "consensus is other" if utterance.label == OTHER else "no agreement"
