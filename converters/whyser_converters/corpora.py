"""The five corpora: one table, from which the commands, checks and cards derive."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from whyser.errors import InputError, did_you_mean
from whyser.labels import CLASSES, EmotionClass, Label, canonical
from whyser.utterance import Utterance
from whyser_converters import crema_d, iemocap, meld, msp_podcast, ravdess


@dataclass(frozen=True)
class CorpusSpec:
    """A corpus and its converter.

    `labels` maps the corpus' codes; `markers` are glob patterns, any of which tells its folder;
    `options` are the converter's choices, the default first; `bad_audio` names clips whose sound
    is known to be bad, with the reason; `size` is the number of utterances of the whole corpus;
    `speaker_disjoint` is False where the official splits share speakers.
    """

    name: str
    title: str
    licence: str
    source: str
    prepare: Callable[..., Iterator[Utterance]]
    labels: Mapping[str, Label | None]
    markers: tuple[str, ...]
    size: int
    options: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    bad_audio: Mapping[str, str] = field(default_factory=dict)
    speaker_disjoint: bool = True

    def is_at(self, folder: Path) -> bool:
        """Whether the folder is laid out as this corpus is."""
        return any(next(folder.glob(marker), None) for marker in self.markers)

    def merged(self, merge: Mapping[str, str]) -> dict[str, Label | None]:
        """The label map with the user's merges, code -> class, on top.

        Raises: `InputError` for an unknown code or class.
        """
        codes = [code for code, label in self.labels.items() if label is not None]
        for code in merge:
            if code not in codes:
                cure = did_you_mean(code, codes)
                raise InputError(f"{self.name} has no label code {code!r} to merge", cure=cure)
        return {**self.labels, **{code: canonical(name) for code, name in merge.items()}}

    def chosen(self, options: Mapping[str, str]) -> dict[str, str]:
        """Every option of the converter with its value, the default where none is given.

        Raises: `InputError` for an unknown option or value.
        """
        for name, value in options.items():
            if name not in self.options:
                raise InputError(f"{self.name} has no option {name!r}")
            if value not in self.options[name]:
                cure = did_you_mean(value, self.options[name])
                raise InputError(f"bad {name} {value!r} for {self.name}", cure=cure)
        return {name: choices[0] for name, choices in self.options.items()} | dict(options)


def classes_of(labels: Mapping[str, Label | None]) -> tuple[EmotionClass, ...]:
    """The classes that a label map can name: what the corpus' scores average over."""
    return tuple(name for name in CLASSES if name in labels.values())


_SPLIT_SCHEMES = ("speakers", "train")

CORPORA: dict[str, CorpusSpec] = {
    spec.name: spec
    for spec in (
        CorpusSpec(
            name="msp_podcast",
            title="MSP-Podcast",
            licence="academic licence of the MSP lab, UT Dallas",
            source="https://lab-msp.com/MSP/MSP-Podcast.html",
            prepare=msp_podcast.prepare_msp_podcast,
            labels=msp_podcast.LABELS,
            markers=msp_podcast.MARKERS,
            size=207_136,
        ),
        CorpusSpec(
            name="iemocap",
            title="IEMOCAP",
            licence="research only, by signed release form",
            source="https://sail.usc.edu/iemocap/iemocap_release.htm",
            prepare=iemocap.prepare_iemocap,
            labels=iemocap.LABELS,
            markers=iemocap.MARKERS,
            size=10_039,
            options={"split_scheme": _SPLIT_SCHEMES},
        ),
        CorpusSpec(
            name="meld",
            title="MELD",
            licence="GPL-3.0 (annotation); media of third parties",
            source="https://github.com/declare-lab/MELD",
            prepare=meld.prepare_meld,
            labels=meld.LABELS,
            markers=meld.MARKERS,
            size=13_708,
            bad_audio=meld.BAD_AUDIO,
            # The splits are by dialogue: the main cast is in all three.
            speaker_disjoint=False,
        ),
        CorpusSpec(
            name="crema_d",
            title="CREMA-D",
            licence="ODbL 1.0 (database), DbCL 1.0 (contents)",
            source="https://github.com/CheyneyComputerScience/CREMA-D",
            prepare=crema_d.prepare_crema_d,
            labels=crema_d.LABELS,
            markers=crema_d.MARKERS,
            size=7_442,
            options={
                "label_source": ("intended", "voice", "multimodal"),
                "split_scheme": _SPLIT_SCHEMES,
            },
            bad_audio=crema_d.BAD_AUDIO,
        ),
        CorpusSpec(
            name="ravdess",
            title="RAVDESS (speech)",
            licence="CC BY-NC-SA 4.0",
            source="https://zenodo.org/records/1188976",
            prepare=ravdess.prepare_ravdess,
            labels=ravdess.LABELS,
            markers=ravdess.MARKERS,
            size=1_440,
            options={"split_scheme": _SPLIT_SCHEMES},
        ),
    )
}


def check_folder(spec: CorpusSpec, corpus_dir: Path) -> None:
    """Raises: `InputError` when the folder is not this corpus, naming the one it looks like."""
    if not corpus_dir.is_dir():
        raise InputError("no such folder", file=corpus_dir, cure="Check the path.")
    if spec.is_at(corpus_dir):
        return
    raise InputError(
        f"is not a {spec.title} folder: found no {spec.markers[0]}",
        file=corpus_dir,
        cure=_what_it_is(spec, corpus_dir),
    )


def _what_it_is(spec: CorpusSpec, corpus_dir: Path) -> str:
    for other in CORPORA.values():
        if other.is_at(corpus_dir):
            return f"It looks like {other.title}: run 'whyser-convert {other.name}' on it."
    for folder in sorted(path for path in corpus_dir.iterdir() if path.is_dir()):
        if spec.is_at(folder):
            return f"Did you mean '{folder}'?"
    return "Give the folder that holds it."
