"""The training, dev and test clips of a baseline, from the splits that the corpora declare."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from whyser.io.console import say
from whyser.io.errors import InputError
from whyser.labels.classes import CLASSES, EmotionClass, Label
from whyser.records.corpus import Clip, Corpus, test_split

#: Share of the training speakers that is held out if no corpus has a dev split.
DEV_SHARE = 0.1

Labels: TypeAlias = "Counter[Label | None]"

_CURE = "corpus.json in the same folder lists the splits and their labels."


@dataclass(frozen=True)
class Task:
    """Labelled clips for training and early stopping (`train`, `dev`), and the clips to answer."""

    classes: tuple[EmotionClass, ...]
    train: tuple[Clip, ...]
    dev: tuple[Clip, ...]
    test: tuple[Clip, ...]
    split: str


def read_task(
    utterances: Sequence[Path],
    *,
    split: str | None = None,
    classes: Sequence[EmotionClass] | None = None,
    everything: bool = False,
    stops: bool = True,
) -> Task:
    """Reads the task of some corpora: to train on `train`, and to test on `split`.

    Args:
        split: None for the only test split.
        classes: Some of the eight; by default those that the corpora declare.
        everything: Whether utterances without a majority label among the eight are tested too.
        stops: Whether training stops early; it then needs a dev split.

    Raises: `InputError` for duplicate ids, splits without utterances, and classes without training
    utterances.
    """
    if split in {"train", "dev"}:
        raise InputError(
            f"split {split!r} is used for training or early stopping", cure="Choose another split."
        )
    corpora = [Corpus(path) for path in utterances]
    declared = {label for corpus in corpora for label in corpus.card.classes}
    named = tuple(classes or (label for label in CLASSES if label in declared))
    clips, test, split = _read(corpora, split, everything)
    learnt = [clip for clip in clips if clip.utterance.label in named]
    train = tuple(clip for clip in learnt if clip.utterance.split == "train")
    dev = tuple(clip for clip in learnt if clip.utterance.split == "dev")
    _refuse_missing(train, named, utterances[0])
    if stops and not dev:
        train, dev = _held_out(train)
    return Task(named, train, dev, test, split)


def read_asked(
    utterances: Sequence[Path], *, split: str | None = None, everything: bool = False
) -> tuple[tuple[Clip, ...], str]:
    """The test clips for a trained classifier, and the name of their split; as in `read_task`."""
    _, asked, split = _read([Corpus(path) for path in utterances], split, everything)
    return asked, split


def _read(
    corpora: Sequence[Corpus], split: str | None, everything: bool
) -> tuple[list[Clip], tuple[Clip, ...], str]:
    """All clips, those to answer, and the name of their split."""
    clips, path = list(_clips(corpora)), corpora[0].path
    split = split or test_split((clip.utterance for clip in clips), path)
    own = (clip for clip in clips if clip.utterance.split == split)
    asked = tuple(clip for clip in own if everything or clip.utterance.is_scored)
    if not asked:
        raise InputError(f"no utterance of split {split!r} to test on", file=path, cure=_CURE)
    return clips, asked, split


def _clips(corpora: Iterable[Corpus]) -> Iterator[Clip]:
    seen: set[str] = set()
    for corpus in corpora:
        for utterance in corpus.utterances():
            if utterance.id in seen:
                raise InputError(
                    f"duplicate id {utterance.id!r}", file=corpus.path, cure="Give each file once."
                )
            seen.add(utterance.id)
            yield Clip(corpus, utterance)


def _refuse_missing(train: Sequence[Clip], classes: Sequence[EmotionClass], path: Path) -> None:
    if not train:
        raise InputError("no utterance of split 'train' has a class", file=path, cure=_CURE)
    found = {clip.utterance.label for clip in train}
    if missing := [label for label in classes if label not in found]:
        others = ",".join(label for label in classes if label in found)
        raise InputError(
            f"no training utterance of class {', '.join(missing)}",
            file=path,
            cure=f"Add a corpus that has it, or give --classes {others}.",
        )


def _held_out(train: Sequence[Clip]) -> tuple[tuple[Clip, ...], tuple[Clip, ...]]:
    """Holds out a fixed tenth of the training speakers as dev split.

    Raises: `InputError` if no speaker can be held out.
    """
    speakers: dict[str, Labels] = defaultdict(Counter)
    for clip in train:
        if clip.utterance.speaker:
            speakers[clip.utterance.speaker][clip.utterance.label] += 1
    held = _spared(speakers, Counter(clip.utterance.label for clip in train))
    if len(speakers) < 2 or not held:
        raise InputError(
            "no dev split, and no speakers to hold out without losing a class",
            cure="Convert with a split scheme that has a dev split, or with --split-list.",
        )
    say(f"note: no dev split; {len(held):,} of {len(speakers):,} training speakers are held out")
    dev = tuple(clip for clip in train if clip.utterance.speaker in held)
    return tuple(clip for clip in train if clip.utterance.speaker not in held), dev


def _spared(speakers: Mapping[str, Labels], left: Labels) -> set[str]:
    """The speakers to hold out, chosen such that every label in `left` keeps an utterance."""
    wanted = max(1, round(DEV_SHARE * len(speakers)))
    held: set[str] = set()
    for speaker in sorted(speakers, key=lambda one: hashlib.sha256(one.encode()).digest()):
        if all(left[label] > count for label, count in speakers[speaker].items()):
            held.add(speaker)
            left = left - speakers[speaker]
        if len(held) == wanted:
            break
    return held
