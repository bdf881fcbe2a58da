"""Measured cues of every utterance, in three levels relative to its speaker.

"High" means high for this voice: the level depends on the deviation from the speaker's median, in
units of the speaker's spread. A speaker with too few clips is compared with the speakers of the
same gender in the corpus or, if the gender is unknown, with the whole corpus. Families and levels:
docs/design.md, "Evidence vocabulary". Rationales state the levels of `FAMILIES`; the other measures
are `loudness_range` and, on request, those of voice quality.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import numpy.typing as npt
from pydantic import (
    Field,
    FiniteFloat,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
)

from whyser.evidence.acoustics import Acoustics, Conditions, Reason, measure, nothing
from whyser.io import audio
from whyser.io.console import track
from whyser.io.errors import InputError, Problems
from whyser.records.corpus import Corpus
from whyser.records.utterance import FrozenRecord, Utterance, read_records

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

#: With fewer measured clips a speaker's own median is unreliable.
FEWEST_CLIPS = 8

#: Robust standard deviations from which a deviation is low or high.
LEVEL_THRESHOLD = 0.6

#: A clip this far (semitones, robust standard deviations) below the speaker's other clips is taken
#: for creaky voice throughout, which halves the pitch: a voice can rise far, but not fall.
LOWEST_PITCH, LOWEST_STRENGTH = -5.0, -2.0


@dataclass(frozen=True)
class Scale:
    """A measure's unit, the scale for comparisons, and the smallest audible difference on it."""

    unit: str
    transform: Callable[[float], float]
    smallest_spread: float


SCALES: Mapping[Measure, Scale] = {
    # Pitch is heard on a logarithmic scale: deviations are in semitones.
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


class Cue(FrozenRecord):
    """`value` in the family's unit; `deviation` from the reference median on the family's scale
    (semitones for pitch); `strength`: the deviation in robust standard deviations."""

    value: FiniteFloat
    deviation: FiniteFloat
    strength: FiniteFloat
    level: Level


class Cues(FrozenRecord):
    """A line of `cues.jsonl`; a cue is None if it could not be measured or was not asked for.

    `unmeasured` has the reason of each measure that the clip does not show reliably, `conditions`
    what decided it. Files of before have neither.
    """

    id: str
    reference: Reference
    pitch: Cue | None
    pitch_range: Cue | None
    loudness: Cue | None
    rate: Cue | None
    pauses: Cue | None
    # Older files lack these.
    loudness_range: Cue | None = None
    hnr: Cue | None = None
    jitter: Cue | None = None
    shimmer: Cue | None = None
    tilt: Cue | None = None
    unmeasured: dict[Measure, Reason] = Field(default_factory=dict)
    conditions: Conditions | None = None

    @field_validator("pitch")
    @classmethod
    def _is_a_tone(cls, cue: Cue | None) -> Cue | None:
        if cue is not None and cue.value <= 0:
            raise ValueError(f"a pitch of {cue.value:g} Hz is impossible")
        return cue

    @model_serializer(mode="wrap")
    def _without_empty(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # A file of before keeps its hash in signatures.
        return {
            name: value
            for name, value in serialize(self).items()
            if value or name not in ("unmeasured", "conditions")
        }

    def measured(self) -> dict[Family, Cue]:
        found = {family: getattr(self, family) for family in FAMILIES}
        return {family: cue for family, cue in found.items() if cue is not None}


def measure_corpus(
    corpus: Corpus, *, voice_quality: bool = False, problems: Problems | None = None
) -> Iterator[Cues]:
    """Measures every utterance on all cores; yields cues in file order.

    Args:
        voice_quality: Also measure voice quality, which takes five times as long.
        problems: Collects the clips that cannot be read; all their cues are None.

    Raises: `BadInput` with every unreadable sound file, if `problems` is None or no file is
        readable.
    """
    utterances = list(corpus.utterances())
    paths = [corpus.audio_path(utterance) for utterance in utterances]
    transcripts = [utterance.transcript for utterance in utterances]
    unreadable = Problems(corpus.path)
    acoustics = []
    # Large chunks cost less, small ones keep all workers busy until the end.
    chunk = max(1, min(16, len(paths) // (4 * (os.cpu_count() or 1))))
    with ProcessPoolExecutor() as pool:
        found = pool.map(_measure_file, paths, transcripts, repeat(voice_quality), chunksize=chunk)
        for result in track(found, "Measuring", total=len(paths)):
            if isinstance(result, InputError):
                unreadable.add(result)
                result = nothing("unreadable", voice_quality=voice_quality)
            acoustics.append(result)
    if problems is None or len(unreadable.found) == len(paths):
        unreadable.raise_any()
    else:
        problems.found += unreadable.found
    return relate(utterances, acoustics)


def _measure_file(path: Path, transcript: str, voice_quality: bool) -> Acoustics | InputError:
    try:
        return measure(audio.load(path), transcript, voice_quality=voice_quality)
    except InputError as error:
        # Returned, because an exception would end the pool at the first bad file.
        return error.at(path)


def level_of(strength: float) -> Level:
    """Turns a strength into a level.

    >>> [level_of(strength) for strength in (-0.7, 0.1, 0.7)]
    ['low', 'normal', 'high']
    """
    if abs(strength) < LEVEL_THRESHOLD:
        return "normal"
    return "high" if strength > 0 else "low"


def relate(utterances: Sequence[Utterance], acoustics: Iterable[Acoustics]) -> Iterator[Cues]:
    """Compares each utterance's measurements (in the same order) with its reference.

    All splits of a speaker contribute, since medians do not depend on labels.
    """
    # Imported here, because reading cues needs no pandas and the import is slow.
    import pandas as pd

    measured = list(acoustics)
    values = pd.DataFrame([_on_scales(one) for one in measured], columns=[*MEASURES], dtype=float)
    groups = {kind: [getattr(one, kind) for one in utterances] for kind in get_args(Reference)}
    reference, deviation, strength = _compare(values, groups)
    rows = zip(utterances, measured, reference, deviation, strength, strict=True)
    for utterance, one, kind, deviations, strengths in rows:
        found = _cues(one, deviations, strengths)
        reasons = {name: one.unmeasured[name] for name in MEASURES if name in one.unmeasured}
        if kind == "speaker" and _is_too_low(found["pitch"]):
            found["pitch"], reasons["pitch"] = None, "octave jumps"
        yield Cues(
            id=utterance.id,
            reference=kind,
            **found,
            unmeasured=reasons,
            conditions=one.conditions,
        )


def _is_too_low(pitch: Cue | None) -> bool:
    return (
        pitch is not None and pitch.deviation <= LOWEST_PITCH and pitch.strength <= LOWEST_STRENGTH
    )


def _on_scales(measured: Acoustics) -> list[float]:
    values = vars(measured)
    return [
        math.nan if (value := values[name]) is None else SCALES[name].transform(value)
        for name in MEASURES
    ]


def _compare(
    values: pd.DataFrame, groups: Mapping[Reference, list[str | None]]
) -> tuple[list[Reference], Floats, Floats]:
    """Kind of reference of each row, deviation and strength, shape (utterances, measures).

    `groups` gives each row's group per kind, None if unknown; the narrowest kind with enough clips
    is used, and the corpus always has enough.
    """
    import pandas as pd

    smallest = pd.Series({name: SCALES[name].smallest_spread for name in MEASURES})
    reference = np.full(len(values), "", dtype=object)
    deviation = np.full(values.shape, math.nan)
    strength = np.full(values.shape, math.nan)
    for kind, names in groups.items():
        group = pd.Series(names, index=values.index, dtype=object)
        if group.isna().all():
            # pandas cannot transform no groups.
            continue
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
    found: dict[str, Cue | None] = dict.fromkeys(MEASURES)
    for name, deviation, strength in zip(MEASURES, deviations, strengths, strict=True):
        if (value := getattr(measured, name)) is not None:
            level = level_of(strength)
            found[name] = Cue(value=value, deviation=deviation, strength=strength, level=level)
    return found


def read_cues(path: Path) -> Iterator[Cues]:
    """Raises: `InputError` with file and line for a broken line."""
    for _, cues in read_records(path, Cues):
        yield cues
