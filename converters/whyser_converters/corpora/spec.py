"""Describes a corpus to the commands: one `CorpusSpec` at the end of the corpus' file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from whyser.io.errors import InputError, did_you_mean
from whyser.labels.attributes import Scales
from whyser.labels.classes import CLASSES, EmotionClass, Label, canonical
from whyser.records.utterance import Utterance


@dataclass(frozen=True)
class ConversionOption:
    """An option: what it decides, and its values with a reason each, the default first."""

    about: str
    values: Mapping[str, str]

    @property
    def default(self) -> str:
        return next(iter(self.values))

    @property
    def help(self) -> str:
        reasons = "; ".join(f"'{value}': {reason}" for value, reason in self.values.items())
        return f"{self.about} {reasons}."


@dataclass(frozen=True)
class Segment:
    """The part of a sound file that is an utterance, in seconds; `end` is None for the file's."""

    start: float
    end: float | None

    @property
    def suffix(self) -> str:
        """What tells its file from those of other parts.

        >>> Segment(1.5, None).suffix, Segment(0, 2.25).suffix
        ('_1500_end', '_0_2250')
        """
        end = "end" if self.end is None else f"{1000 * self.end:.0f}"
        return f"_{1000 * self.start:.0f}_{end}"


@dataclass(frozen=True)
class SplitScheme:
    """A published way to split a corpus: where it comes from, and the split of an utterance."""

    source: str
    split_of: Callable[[Utterance], str]


def official(source: str) -> dict[str, SplitScheme]:
    """The scheme of a corpus whose authors published its splits."""
    return {"official": SplitScheme(source, lambda utterance: utterance.split)}


def by_speaker(source: str, splits: Mapping[str, str]) -> SplitScheme:
    """A scheme that gives every speaker (without the corpus' name) one split."""
    return SplitScheme(source, lambda utterance: splits[str(utterance.speaker).partition("/")[2]])


#: For corpora without official splits, which the paper pools for training.
POOLED = {"train": SplitScheme("all utterances, as the paper pools them", lambda _: "train")}


@dataclass(frozen=True)
class CorpusSpec:
    """A corpus and its converter.

    `labels` maps the corpus' codes. `markers` are glob patterns, any of which identifies its
    folder; the first is spelt as in the newest release, and without any every folder is it.
    `split_schemes` and `options` are the choices, the default first; the converter itself yields
    the default scheme's splits. `bad_audio` names clips with unusable sound, `doubtful_audio` those
    cut wrongly, each with the reason. `size` is the number of utterances of the whole corpus, None
    if nobody knows it; `speaker_disjoint` is False if the official splits share speakers.
    `segments` has the part of its file that an utterance is, by id; the converter fills it.
    `attributes` has the scale of each attribute that the annotators rated.
    """

    name: str
    title: str
    licence: str
    source: str
    prepare: Callable[..., Iterator[Utterance]]
    labels: Mapping[str, Label | None]
    markers: tuple[str, ...]
    size: int | None
    split_schemes: Mapping[str, SplitScheme]
    options: Mapping[str, ConversionOption] = field(default_factory=dict)
    bad_audio: Mapping[str, str] = field(default_factory=dict)
    doubtful_audio: Mapping[str, str] = field(default_factory=dict)
    speaker_disjoint: bool = True
    segments: Mapping[str, Segment] = field(default_factory=dict)
    attributes: Scales = field(default_factory=dict)

    @property
    def choices(self) -> dict[str, ConversionOption]:
        """Every option with its values: the corpus' own, and those of all corpora."""
        sources = {name: scheme.source for name, scheme in self.split_schemes.items()}
        scheme = ConversionOption("Choose the splits for training, development and test.", sources)
        return {"split_scheme": scheme, **self.options, **COMMON_OPTIONS}

    def is_at(self, folder: Path) -> bool:
        """Whether the folder has the layout of this corpus."""
        return not self.markers or any(next(folder.glob(marker), None) for marker in self.markers)

    def merged(self, merge: Mapping[str, str]) -> dict[str, Label | None]:
        """The label map after the user's merges, code -> class.

        Raises: `InputError` for an unknown code or class.
        """
        codes = [code for code, label in self.labels.items() if label is not None]
        for code in merge:
            if code not in codes:
                cure = did_you_mean(code, codes)
                raise InputError(f"{self.name} has no label code {code!r} to merge", cure=cure)
        return {**self.labels, **{code: canonical(name) for code, name in merge.items()}}

    def chosen(self, options: Mapping[str, str]) -> dict[str, str]:
        """Every option with its value, or with its default if none is given.

        Raises: `InputError` for an unknown option or value.
        """
        for name, value in options.items():
            if name not in self.choices:
                raise InputError(f"{self.name} has no option {name!r}")
            if value not in self.choices[name].values:
                cure = did_you_mean(value, self.choices[name].values)
                raise InputError(f"bad {name} {value!r} for {self.name}", cure=cure)
        return {name: choice.default for name, choice in self.choices.items()} | dict(options)


#: The choices that are the same for every corpus (docs/design.md, "Where the paper is silent").
COMMON_OPTIONS: Mapping[str, ConversionOption] = {
    "other": ConversionOption(
        "Keep or drop utterances whose label is none of the eight classes.",
        {
            "keep": "they stay in the file as 'other' and are counted, but neither used for "
            "training nor scored",
            "drop": "they are left out",
        },
    ),
    "secondary": ConversionOption(
        "Keep or drop the secondary labels of a vote.",
        {
            "keep": "they stay with the primary label, and scoring can use them",
            "drop": "votes hold only the primary label",
        },
    ),
    "doubtful_sound": ConversionOption(
        "Keep or drop clips shorter than 0.1 s and clips known to be cut wrongly. Test splits "
        "always keep them, so that they stay as published.",
        {
            "drop": "nobody can hear an emotion in them",
            "keep": "they stay, for comparison with papers that use the whole corpus",
        },
    ),
}


def classes_of(labels: Mapping[str, Label | None]) -> tuple[EmotionClass, ...]:
    """The classes that a label map can name; scores of the corpus average over them."""
    return tuple(name for name in CLASSES if name in labels.values())
