"""Words against voice: which utterances conflict, and the scores of the answers to them.

The voice's emotion is the majority label, if no other is given. Neutral words do not conflict with
a voice, and do not agree with one: most sentences are neutral, and an answer that is neutral too
may come from a system that hears nothing (LISTEN, see `metrics.conflict`, keeps them apart). They
are left out, unless `neutral_words` counts them as any other emotion, as EMIS does. A neutral voice
is the emotion of a voice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property, reduce
from operator import or_
from pathlib import Path
from typing import Any

import numpy as np

from whyser.io.errors import InputError
from whyser.labels.classes import Label
from whyser.records.predictions import listed
from whyser_eval.metrics.data import MISS, IntArray, Items, Statistics, Subset
from whyser_eval.metrics.declaration import metrics_of
from whyser_eval.reading.readers import Reader
from whyser_eval.scoring.emotions import (
    TRANSCRIPTS,
    NamedEmotions,
    Side,
    emotions_of_transcripts,
    read_emotions,
)
from whyser_eval.scoring.own_answers import own_answers
from whyser_eval.scoring.references import References
from whyser_eval.scoring.signature import rows_hash
from whyser_eval.scoring.systems import System
from whyser_eval.statistics.bootstrap import Cells, ResamplingPlan


@dataclass(frozen=True)
class EmotionSources:
    """Where the two emotions come from.

    `words` is a file as `scoring.emotions` reads it, or "transcripts". `voice` is such a file; None
    is the column `voice` of `words`, and without one the majority label.
    """

    words: str
    voice: Path | None = None
    neutral_words: bool = False

    @property
    def files(self) -> list[Path]:
        words = [] if self.words == TRANSCRIPTS else [Path(self.words)]
        return [*words, *([self.voice] if self.voice else [])]

    def file_of(self, side: Side) -> Path:
        """The file of one side, where it has one."""
        return self.voice if side == "voice" and self.voice else Path(self.words)


def sources_of(
    words: str | None, voice: Path | None, *, neutral_words: bool
) -> EmotionSources | None:
    """The sources that the options name; None if there are none.

    Raises: `InputError` for the other options without `words`.
    """
    if words is not None:
        return EmotionSources(words, voice, neutral_words)
    if voice is not None or neutral_words:
        given = "--voice" if voice is not None else "--neutral-words"
        raise InputError(f"{given} needs --words", cure="Say where the words' emotion comes from.")
    return None


@dataclass(frozen=True)
class Conflict:
    """The two emotions of each reference.

    Attributes:
        words, voice: int[n], a place among the declared classes, or `MISS` where it is unknown or
            left out
        left_out: utterances with a majority label that count in no metric, by reason
        origins: where each emotion comes from, in words
        unused: ids of other utterances, by origin
        circular: warnings about scored systems whose own answers are one of the two
    """

    sources: EmotionSources
    references: References
    words: IntArray
    voice: IntArray
    left_out: Mapping[str, int]
    origins: Mapping[Side, str]
    unused: Mapping[str, int]
    circular: tuple[str, ...] = ()

    def items(self, predictions: IntArray) -> Items:
        """The items of `metrics.conflict`: y is the voice's emotion, A holds the words'."""
        classes = np.arange(len(self.references.classes))
        return Items(self.voice, predictions, self.words[:, None] == classes)

    @property
    def facts(self) -> dict[str, Any]:
        """What provenance.json says of it."""
        voice = str(self.sources.voice) if self.sources.voice else None
        found = {"origins": self.origins, "left_out": self.left_out, "unused": self.unused}
        return {**asdict(self.sources), "voice": voice, **found}

    @cached_property
    def counts(self) -> tuple[int, int]:
        """How many utterances count, congruent and in conflict."""
        known = (self.words != MISS) & self.references.subsets["all"].mask
        agree = self.words == self.voice
        return int((known & agree).sum()), int((known & ~agree).sum())

    @property
    def note(self) -> str:
        """How many utterances count, and how many do not, by reason."""
        congruent, conflicting = self.counts
        unused = [f"; {n:,} ids of {name} are not scored" for name, n in self.unused.items() if n]
        return (
            f"words ({self.origins['words']}) and voice ({self.origins['voice']}) agree in "
            f"{congruent:,} utterances and conflict in {conflicting:,}; "
            f"left out: {self._left_out or 'none'}" + "".join(unused)
        )

    @property
    def _left_out(self) -> str:
        return ", ".join(f"{reason} ({count:,})" for reason, count in self.left_out.items())

    @property
    def warnings(self) -> Iterator[str]:
        """What makes the scores say nothing, or those of a system."""
        yield from self.circular
        congruent, conflicting = self.counts
        if not conflicting:
            left_out = sum(self.left_out.values())
            because = f" ({self._left_out})" if left_out else ""
            yield (
                "no utterance is in conflict, so conflict_accuracy and words_rate have no value: "
                f"{congruent:,} congruent, 0 conflicting, {left_out:,} left out{because}. "
                + _cure(self)
            )

    @cached_property
    def hash(self) -> str:
        """Hash of the two emotions of every utterance."""
        rows = zip(self.references.utterances, self.words, self.voice, strict=True)
        names = dict(enumerate(self.references.classes))
        return rows_hash(f"{one.id}\t{names.get(w, '')}\t{names.get(v, '')}" for one, w, v in rows)


def _cure(found: Conflict) -> str:
    """What gives utterances in conflict, by the reason why there are none."""
    if "neutral words" in found.left_out and not found.counts[0]:
        return "--neutral-words counts neutral words as any other emotion."
    if found.sources.words == TRANSCRIPTS and found.left_out:
        return (
            "Few transcripts name an emotion: give --words the answers of a system to the control "
            "transcript, or a file with the column words."
        )
    return "Take a corpus in which words and voice differ, or another source of the two emotions."


def read_conflict(
    sources: EmotionSources, references: References, reader: Reader, systems: Sequence[System]
) -> Conflict:
    """The two emotions of the references.

    Args: `systems`, those whose answers may follow them.

    Raises: as `read_emotions` and `own_answers`; `InputError` for a table without the column that
        is asked for, or whose ids are none of the references'.
    """
    sides: dict[Side, NamedEmotions] = {
        "words": _words(sources, references, reader),
        "voice": _voice(sources, references, reader),
    }
    circular = [
        warning
        for side, named in sides.items()
        if named.system is not None
        for warning in own_answers(side, named.system, sources.file_of(side), systems)
    ]
    place: dict[Label | None, int] = {name: at for at, name in enumerate(references.classes)}
    words, voice = (np.full(len(references), MISS) for _ in sides)
    left_out = Counter[str]()
    rows = zip(references.utterances, references.subsets["all"].mask, strict=True)
    for row, (one, is_counted) in enumerate(rows):
        reason = _reason(one.id, sides, place, neutral_words=sources.neutral_words)
        if reason is None:
            words[row] = place[sides["words"].labels[one.id]]
            voice[row] = place[sides["voice"].labels[one.id]]
        elif is_counted:
            left_out[reason] += 1
    scored = {one.id for one in references.utterances}
    unused = {named.source: len(named.labels.keys() - scored) for named in sides.values()}
    origins = {side: named.source for side, named in sides.items()}
    reasons = dict(left_out.most_common())
    return Conflict(sources, references, words, voice, reasons, origins, unused, tuple(circular))


def _reason(
    id_: str,
    sides: Mapping[Side, NamedEmotions],
    classes: Collection[Label | None],
    *,
    neutral_words: bool,
) -> str | None:
    """Why an utterance counts in no metric; None if it counts."""
    for side, named in sides.items():
        if id_ not in named.labels:
            return f"not in {named.source}"
        label = named.labels[id_]
        if label is None:
            return f"no emotion of the {side} is known"
        if label not in classes:
            return f"the emotion of the {side} is none of the classes"
        if side == "words" and label == "neutral" and not neutral_words:
            return "neutral words"
    return None


def _words(sources: EmotionSources, references: References, reader: Reader) -> NamedEmotions:
    if sources.words == TRANSCRIPTS:
        return emotions_of_transcripts(references.utterances)
    return _given(Path(sources.words), "words", references, reader)


def _voice(sources: EmotionSources, references: References, reader: Reader) -> NamedEmotions:
    if sources.voice is not None:
        return _given(sources.voice, "voice", references, reader)
    if sources.words != TRANSCRIPTS and (
        found := read_emotions(Path(sources.words), "voice", reader, only_columns=True)
    ):
        return found
    labels = {one.id: one.label for one in references.utterances}
    return NamedEmotions(labels, "the majority labels")


def _given(path: Path, side: Side, references: References, reader: Reader) -> NamedEmotions:
    """Raises: `InputError` for a table without a column of that side or an id of a reference."""
    found = read_emotions(path, side, reader)
    if found is None:
        cure = f"Name the column {side!r}, or give predictions of a system that gets the {side}."
        raise InputError(f"no column {side!r}", file=path, line=1, cure=cure)
    if not any(one.id in found.labels for one in references.utterances):
        own = listed(list(found.labels), named=1) or "none"
        raise InputError(
            f"no id of it is one of the scored utterances; its ids are {own}",
            file=path,
            cure=f"Write ids as the references have them, such as {references.utterances[0].id}.",
        )
    return found


# Scores


def conflict_plan(cells: Cells) -> ResamplingPlan:
    """The metrics of `metrics.conflict`; n is the number of utterances that they count."""
    plans = []
    for name, metric in metrics_of("conflict").items():
        found = metric(cells.items)
        subsets = counted_in(found, cells.subsets)
        plans.append(ResamplingPlan.of_statistics({name: found}, cells.members, subsets))
    return reduce(or_, plans)


def counted_in(found: Statistics, subsets: Mapping[str, Subset]) -> dict[str, Subset]:
    """The subsets with only the utterances that a metric counts."""
    counted = (found.denominator > 0).any(axis=1)
    return {name: replace(one, mask=one.mask & counted) for name, one in subsets.items()}
