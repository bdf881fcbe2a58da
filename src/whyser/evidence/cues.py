"""Measured cues of every utterance, in three levels relative to its speaker.

"High" means high for this voice: the level comes from the deviation from the speaker's own
median, in units of the speaker's own spread. A speaker with too few clips is compared with the
speakers of the same gender in the corpus, or, gender unknown, with the whole corpus.
Families and levels: docs/design.md, "Evidence vocabulary". `FAMILIES` are what a rationale speaks
of in levels; the other measures support them: `loudness_range`, and where asked for those that
tell kinds of voice.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, FiniteFloat, field_validator

from whyser.evidence.acoustics import Acoustics, measure
from whyser.io import audio
from whyser.io.console import track
from whyser.io.errors import InputError, Problems
from whyser.records.corpus import Corpus
from whyser.records.utterance import Utterance, read_records

if TYPE_CHECKING:
    import pandas as pd

Family = Literal["pitch", "pitch_range", "loudness", "rate", "pauses"]
Measure = Literal[
    "pitch", "pitch_range", "loudness", "rate", "pauses",
    "loudness_range", "hnr", "jitter", "shimmer", "tilt",
]  # fmt: skip
Level = Literal["low", "normal", "high"]
Reference = Literal["speaker", "gender", "corpus"]

Floats = npt.NDArray[np.float64]

FAMILIES: tuple[Family, ...] = get_args(Family)
MEASURES: tuple[Measure, ...] = get_args(Measure)

#: Below this many measured clips a speaker's own median is not to be trusted.
FEWEST_CLIPS = 8

#: A deviation is a level of its own from this many robust standard deviations on.
LEVEL_THRESHOLD = 0.6


@dataclass(frozen=True)
class Scale:
    """How a measure is compared: on which scale, and what difference is too small to hear."""

    unit: str
    transform: Callable[[float], float]
    smallest_spread: float


SCALES: Mapping[Measure, Scale] = {
    # Hz are heard on a logarithmic scale: deviations are semitones.
    "pitch": Scale("Hz", lambda hertz: 12 * math.log2(hertz), 1.0),
    "pitch_range": Scale("semitones", lambda value: value, 1.5),
    "loudness": Scale("dB", lambda value: value, 2.0),
    "rate": Scale("syllables/s", lambda value: value, 0.4),
    "pauses": Scale("share of silence", lambda value: value, 0.05),
    "loudness_range": Scale("dB", lambda value: value, 2.0),
    "hnr": Scale("dB", lambda value: value, 1.0),
    "jitter": Scale("share of a period", lambda value: value, 0.003),
    "shimmer": Scale("share of the amplitude", lambda value: value, 0.015),
    "tilt": Scale("dB", lambda value: value, 2.0),
}


class Cue(BaseModel):
    """`value` in the family's unit; `deviation` from the reference median on the family's scale
    (semitones for pitch); `strength` the same in robust standard deviations of the reference."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    value: FiniteFloat
    deviation: FiniteFloat
    strength: FiniteFloat
    level: Level


class Cues(BaseModel):
    """A line of `cues.jsonl`; what could not be measured, or was not asked for, is None."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    reference: Reference
    pitch: Cue | None
    pitch_range: Cue | None
    loudness: Cue | None
    rate: Cue | None
    pauses: Cue | None
    # A file written before these were measured lacks them.
    loudness_range: Cue | None = None
    hnr: Cue | None = None
    jitter: Cue | None = None
    shimmer: Cue | None = None
    tilt: Cue | None = None

    @field_validator("pitch")
    @classmethod
    def _is_a_tone(cls, cue: Cue | None) -> Cue | None:
        if cue is not None and cue.value <= 0:
            raise ValueError(f"{cue.value:g} Hz is no pitch")
        return cue

    def measured(self) -> dict[Family, Cue]:
        found = {family: getattr(self, family) for family in FAMILIES}
        return {family: cue for family, cue in found.items() if cue is not None}


def measure_corpus(
    corpus: Corpus, *, voice_quality: bool = False, problems: Problems | None = None
) -> Iterator[Cues]:
    """Cues of every utterance, in file order; the sound is measured on all cores.

    Args:
        voice_quality: Also measure what tells kinds of voice; takes five times as long.
        problems: Takes the clips that cannot be read, which then have cues that are all None.

    Raises: `BadInput` with every sound file that cannot be read, where no `problems` takes them
        or not one file can be read.
    """
    utterances = list(corpus.utterances())
    jobs = [
        _CueJob(corpus.audio_path(utterance), utterance.transcript, voice_quality)
        for utterance in utterances
    ]
    unreadable = Problems(corpus.path)
    acoustics = list(_measure_files(jobs, unreadable))
    if problems is None or len(unreadable.found) == len(jobs):
        unreadable.raise_any()
    else:
        problems.found += unreadable.found
    return relate(utterances, acoustics)


@dataclass(frozen=True)
class _CueJob:
    path: Path
    transcript: str
    voice_quality: bool


def _measure_files(jobs: Sequence[_CueJob], unreadable: Problems) -> Iterator[Acoustics]:
    # A worker takes a chunk at a time: large enough to cost little, small enough that all of them
    # have work to the end.
    chunk = max(1, min(16, len(jobs) // (4 * (os.cpu_count() or 1))))
    with ProcessPoolExecutor() as pool:
        results = pool.map(_measure_file, jobs, chunksize=chunk)
        for result in track(results, "Measuring", total=len(jobs)):
            if isinstance(result, InputError):
                unreadable.add(result)
                yield Acoustics()
            else:
                yield result


def _measure_file(job: _CueJob) -> Acoustics | InputError:
    try:
        return measure(audio.load(job.path), job.transcript, voice_quality=job.voice_quality)
    except InputError as error:
        # Returned, since an exception would end the pool at the first bad file.
        return error.at(job.path)


def level_of(strength: float) -> Level:
    """
    >>> [level_of(strength) for strength in (-0.7, 0.1, 0.7)]
    ['low', 'normal', 'high']
    """
    if abs(strength) < LEVEL_THRESHOLD:
        return "normal"
    return "high" if strength > 0 else "low"


def relate(utterances: Sequence[Utterance], acoustics: Iterable[Acoustics]) -> Iterator[Cues]:
    """Cues of utterances from their measurements (same order), each against its reference.

    All splits of a speaker take part: medians know no label.
    """
    # Reading cues needs no pandas, and its import takes longer than most readers' work.
    import pandas as pd

    measured = list(acoustics)
    values = pd.DataFrame(
        [_on_scales(one) for one in measured], columns=list(MEASURES), dtype=float
    )
    reference, deviation, strength = _compare(values, _groups(utterances))
    rows = zip(utterances, measured, reference, deviation, strength, strict=True)
    for utterance, one, kind, deviations, strengths in rows:
        yield Cues(id=utterance.id, reference=kind, **_cues(one, deviations, strengths))


def _on_scales(measured: Acoustics) -> list[float]:
    values = {name: getattr(measured, name) for name in MEASURES}
    return [
        math.nan if value is None else SCALES[name].transform(value)
        for name, value in values.items()
    ]


def _groups(utterances: Sequence[Utterance]) -> dict[Reference, list[str | None]]:
    """The group of every utterance by kind of reference; None where it is unknown."""
    return {
        "speaker": [utterance.speaker for utterance in utterances],
        "gender": [utterance.gender for utterance in utterances],
        "corpus": [utterance.corpus for utterance in utterances],
    }


def _compare(
    values: pd.DataFrame, groups: Mapping[Reference, list[str | None]]
) -> tuple[list[Reference], Floats, Floats]:
    """Kind of reference, deviation and strength, shape (utterances, measures), of each row.

    The narrowest kind with enough clips is taken; the corpus always serves.
    """
    import pandas as pd

    smallest = pd.Series({name: SCALES[name].smallest_spread for name in MEASURES})
    reference = np.full(len(values), "", dtype=object)
    deviation = np.full(values.shape, math.nan)
    strength = np.full(values.shape, math.nan)
    for kind, names in groups.items():
        group = pd.Series(names, index=values.index, dtype=object)
        centred = values - values.groupby(group).transform("median")
        # 1.4826 turns the median absolute deviation into a standard deviation under normality.
        spread = 1.4826 * centred.abs().groupby(group).transform("median")
        clips = group.map(group.value_counts())
        chosen = (reference == "") & ((clips >= FEWEST_CLIPS).to_numpy() | (kind == "corpus"))
        reference[chosen] = kind
        deviation[chosen] = centred.to_numpy()[chosen]
        strength[chosen] = (centred / spread.clip(lower=smallest, axis=1)).to_numpy()[chosen]
    return list(reference), deviation, strength


def _cues(measured: Acoustics, deviations: Floats, strengths: Floats) -> dict[str, Cue | None]:
    found: dict[str, Cue | None] = {}
    for name, deviation, strength in zip(MEASURES, deviations, strengths, strict=True):
        value = getattr(measured, name)
        found[name] = (
            value
            if value is None
            else Cue(value=value, deviation=deviation, strength=strength, level=level_of(strength))
        )
    return found


def read_cues(path: Path) -> Iterator[Cues]:
    """Raises: `InputError` with file and line for a broken line."""
    for _, cues in read_records(path, Cues):
        yield cues
