"""With whom a voice is compared, so that "high" means something.

Whoever compares a voice needs its usual sound. The best reference are other clips of the speaker;
then a corpus, of which the speakers of one gender are taken if the gender is known; else figures
about people in general (`population.csv`). Each measure takes the first of these that has it. How
levels follow from a reference: `whyser.evidence.cues`.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

import numpy as np

from whyser.evidence.acoustics import Acoustics, measure
from whyser.evidence.cues import (
    FEWEST_CLIPS,
    LOWEST_PITCH,
    LOWEST_STRENGTH,
    MEASURES,
    SCALES,
    Cue,
    Cues,
    Measure,
    level_of,
    read_cues,
)
from whyser.io import audio
from whyser.io.console import track
from whyser.io.errors import InputError
from whyser.records.corpus import Corpus

Kind: TypeAlias = Literal["speaker", "corpus", "population"]
Gender: TypeAlias = Literal["female", "male"]

_PEOPLE: Mapping[Gender, str] = {"female": "women", "male": "men"}


@dataclass(frozen=True)
class Usual:
    """The usual value of a measure: `median` and robust standard deviation on its scale."""

    median: float
    spread: float


@dataclass(frozen=True)
class Reference:
    """What a voice is compared with; `what` says it in words."""

    kind: Kind
    what: str
    usual: Mapping[Measure, Usual]


@dataclass(frozen=True)
class Compared:
    """A measured cue, and the kind of its reference."""

    measure: Measure
    cue: Cue
    kind: Kind


@dataclass(frozen=True)
class ComparedVoice:
    """The cues of a clip, and why it lacks the others: `unmeasured` has words for people."""

    cues: Mapping[Measure, Compared]
    unmeasured: Mapping[Measure, str]
    references: Sequence[Reference]

    def as_cues(self, id_: str) -> Cues:
        """For the check of claims, which looks at the strengths only."""
        found: dict[str, Cue | None] = dict.fromkeys(MEASURES)
        found |= {name: one.cue for name, one in self.cues.items()}
        # A line of a corpus has one reference for all measures; nothing here reads it.
        return Cues.model_validate({"id": id_, "reference": "corpus", **found})


def compare(measured: Acoustics, references: Sequence[Reference]) -> ComparedVoice:
    """Compares each measure with the first reference that has it."""
    cues: dict[Measure, Compared] = {}
    unmeasured: dict[Measure, str] = {}
    for name in MEASURES:
        value = getattr(measured, name)
        reference = next((one for one in references if name in one.usual), None)
        if value is None:
            if name in measured.unmeasured:
                unmeasured[name] = measured.unmeasured[name]
        elif reference is None:
            unmeasured[name] = "no reference"
        elif (cue := _cue(name, value, reference)) is None:
            unmeasured[name] = "octave jumps"
        else:
            cues[name] = Compared(name, cue, reference.kind)
    used = {one.kind for one in cues.values()}
    return ComparedVoice(cues, unmeasured, [one for one in references if one.kind in used])


def _cue(name: Measure, value: float, reference: Reference) -> Cue | None:
    """None for a pitch so far below the speaker's other clips that it is half of the true one."""
    usual, scale = reference.usual[name], SCALES[name]
    deviation = scale.transform(value) - usual.median
    strength = deviation / max(usual.spread, scale.smallest_spread)
    is_too_low = deviation <= LOWEST_PITCH and strength <= LOWEST_STRENGTH
    if name == "pitch" and reference.kind == "speaker" and is_too_low:
        return None
    return Cue(value=value, deviation=deviation, strength=strength, level=level_of(strength))


def usual_of(values: Mapping[Measure, Sequence[float]]) -> dict[Measure, Usual]:
    """The usual values of measures with enough clips; `values` in the units of `SCALES`.

    >>> usual_of({"loudness": [60, 61, 62, 63, 64, 65, 66, 70], "rate": [4.0]})
    {'loudness': Usual(median=63.5, spread=2.9652)}
    """
    found = {}
    for name, own in values.items():
        if len(own) < FEWEST_CLIPS:
            continue
        on_scale = np.array([SCALES[name].transform(value) for value in own])
        median = float(np.median(on_scale))
        # As in cues.py: 1.4826 makes a standard deviation of it under normality.
        spread = 1.4826 * float(np.median(np.abs(on_scale - median)))
        found[name] = Usual(median, spread)
    return found


# ---- the speaker's other clips --------------------------------------------------------------


def of_speaker(clips: Sequence[Path]) -> Reference:
    """The reference of a speaker's other clips, without their rate: nobody knows their words.

    Raises: `InputError` for clips that cannot be read, and for fewer than 8.
    """
    for clip in clips:
        if not clip.is_file():
            raise InputError("no such sound file", file=clip, cure="Correct --speaker-clips.")
    if len(clips) < FEWEST_CLIPS:
        raise InputError(
            f"--speaker-clips has {_clips(len(clips))}, too few to know how the speaker usually "
            "sounds",
            cure=f"Give at least {FEWEST_CLIPS}, or leave the option out.",
        )
    shown = track(clips, "Measuring the speaker", total=len(clips))
    measured = [measure(audio.load(clip), "", voice_quality=True) for clip in shown]
    usual = usual_of(_values(map(vars, measured)))
    return Reference("speaker", f"{_clips(len(clips))} of the same speaker", usual)


def _values(rows: Iterable[Mapping[str, Any]]) -> dict[Measure, list[float]]:
    found: dict[Measure, list[float]] = {name: [] for name in MEASURES}
    for row in rows:
        for name in MEASURES:
            if row[name] is not None:
                found[name].append(row[name])
    return found


def _clips(count: int) -> str:
    return f"{count:,} clip{'s' * (count != 1)}"


# ---- a corpus -------------------------------------------------------------------------------


def of_corpus(utterances: Path, cues: Path, gender: Gender | None) -> Reference:
    """The reference of a corpus: of its speakers of this gender, if it has enough of them.

    Raises: `InputError` for a broken file, and for cues of another corpus.
    """
    corpus = Corpus(utterances)
    genders = {one.id: one.gender for one in corpus.utterances()}
    lines = [line for line in read_cues(cues) if line.id in genders]
    if len(lines) < FEWEST_CLIPS:
        what = f"has cues of {_clips(len(lines))} of {utterances}"
        cure = f"Run: whyser-teach cues {utterances} --output {cues}"
        raise InputError(what, file=cues, cure=cure)
    own = [line for line in lines if genders[line.id] == gender]
    who = ""
    if gender is not None and len(own) >= FEWEST_CLIPS:
        lines, who = own, f" by {_PEOPLE[gender]}"
    usual = usual_of(_values(map(_raw, lines)))
    return Reference("corpus", f"{_clips(len(lines))}{who} of {corpus.card.title}", usual)


def _raw(line: Cues) -> dict[str, float | None]:
    cues = ((name, getattr(line, name)) for name in MEASURES)
    return {name: cue.value if cue else None for name, cue in cues}


# ---- people in general ----------------------------------------------------------------------

#: Figures with their source. `usual` in the unit of `SCALES`, `spread` on its scale. Of RAVDESS
#: (three women, three men, 60 clips each, measured as any clip) the usual value is the median of
#: the neutral and calm clips, and the spread the robust standard deviation of all. The usual pitch
#: of its women and men is 203 and 116 Hz; Traunmüller and Eriksson ("The frequency range of the
#: voice fundamental in the speech of male and female adults", 1995) give 210 and 120 Hz for many
#: more people. Loudness and the quality of the voice depend on the microphone, pauses on the text.
_POPULATION = "population.csv"


def population(gender: Gender | None) -> Reference:
    """Figures about people in general; without a gender, those between women and men.

    >>> reference = population("female")
    >>> round(2 ** (reference.usual["pitch"].median / 12))
    210
    """
    rows = list(_population())
    usual: dict[Measure, Usual] = {}
    for name in dict.fromkeys(row[0] for row in rows):
        own = {who: one for measure_, who, one in rows if measure_ == name}
        usual[name] = own[gender] if gender else _pooled(own["female"], own["male"])
    who = f"{_PEOPLE[gender]} in general" if gender else "people in general, women and men together"
    return Reference("population", f"figures about {who}", usual)


def _population() -> Iterator[tuple[Measure, Gender, Usual]]:
    text = resources.files(__package__).joinpath(_POPULATION).read_text(encoding="utf-8")
    measures: Mapping[str, Measure] = {name: name for name in MEASURES}
    genders: Mapping[str, Gender] = {name: name for name in get_args(Gender)}
    for row in csv.DictReader(text.splitlines()):
        name = measures[row["measure"]]
        usual = Usual(SCALES[name].transform(float(row["usual"])), float(row["spread"]))
        yield name, genders[row["gender"]], usual


def _pooled(one: Usual, other: Usual) -> Usual:
    """The usual value of both groups in equal parts; the spread grows with their difference."""
    median = (one.median + other.median) / 2
    variance = (one.spread**2 + other.spread**2) / 2 + ((one.median - other.median) / 2) ** 2
    return Usual(median, variance**0.5)
