"""What a baseline trains on, stops by and is tested on: the splits that the corpora declare."""

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

#: Of the training speakers, where no corpus has a dev split.
DEV_SHARE = 0.1

Labels: TypeAlias = "Counter[Label | None]"

_CURE = "corpus.json beside it lists the splits and their labels."


@dataclass(frozen=True)
class Task:
    """Utterances with a class to train on and to stop by; `test` holds whatever is asked about."""

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
    """The task of some corpora: trained on `train`, tested on `split`.

    Args:
        split: None for the one test split there is.
        classes: Of the eight; by default those that the corpora can name.
        everything: Test utterances without a consensus among the eight classes too.
        stops: Something is stopped by dev, so it must not be empty.

    Raises: `InputError` for a corpus that is given twice, for splits without utterances, and for
    classes that nothing is trained on.
    """
    corpora = [Corpus(path) for path in utterances]
    named = tuple(classes or _declared(corpora))
    clips = list(_clips(corpora))
    split = split or test_split((clip.utterance for clip in clips), utterances[0])
    learnt = [clip for clip in clips if clip.utterance.label in named]
    train = tuple(clip for clip in learnt if clip.utterance.split == "train")
    dev = tuple(clip for clip in learnt if clip.utterance.split == "dev")
    test = _asked(clips, split, everything)
    _check(train, test, split, named, utterances[0])
    if stops and not dev:
        train, dev = _held_out(train)
    return Task(named, train, dev, test, split)


def read_asked(
    utterances: Sequence[Path], *, split: str | None = None, everything: bool = False
) -> tuple[tuple[Clip, ...], str]:
    """The clips of `split` and its name, where a classifier is there already; as `read_task`."""
    clips = list(_clips(map(Corpus, utterances)))
    split = split or test_split((clip.utterance for clip in clips), utterances[0])
    asked = _asked(clips, split, everything)
    if not asked:
        raise _nothing_asked(split, utterances[0])
    return asked, split


def _asked(clips: Iterable[Clip], split: str, everything: bool) -> tuple[Clip, ...]:
    return tuple(
        clip
        for clip in clips
        if clip.utterance.split == split and (everything or clip.utterance.is_scored)
    )


def _nothing_asked(split: str, path: Path) -> InputError:
    return InputError(f"no utterance of split {split!r} to test on", file=path, cure=_CURE)


def _declared(corpora: Iterable[Corpus]) -> Iterator[EmotionClass]:
    found = {label for corpus in corpora for label in corpus.card.classes}
    return (label for label in CLASSES if label in found)


def _clips(corpora: Iterable[Corpus]) -> Iterator[Clip]:
    seen: set[str] = set()
    for corpus in corpora:
        for utterance in corpus.utterances():
            if utterance.id in seen:
                raise InputError(
                    f"id {utterance.id!r} comes twice", file=corpus.path, cure="Give a file once."
                )
            seen.add(utterance.id)
            yield Clip(corpus, utterance)


def _check(
    train: Sequence[Clip],
    test: Sequence[Clip],
    split: str,
    classes: Sequence[EmotionClass],
    path: Path,
) -> None:
    if split in {"train", "dev"}:
        raise InputError(f"split {split!r} is trained on or stopped by", cure="Test another.")
    if not train:
        raise InputError("no utterance of split 'train' with a class", file=path, cure=_CURE)
    if not test:
        raise _nothing_asked(split, path)
    counts = Counter(clip.utterance.label for clip in train)
    if missing := [label for label in classes if not counts[label]]:
        raise InputError(
            f"no training utterance of class {', '.join(missing)}",
            file=path,
            cure="Give a corpus that has it, or name the others: --classes "
            + ",".join(label for label in classes if counts[label])
            + ".",
        )


def _held_out(train: Sequence[Clip]) -> tuple[tuple[Clip, ...], tuple[Clip, ...]]:
    """A tenth of the training speakers, for corpora without a dev split; which, is fixed.

    Raises: `InputError` where too few speakers are known to hold one out.
    """
    speakers: dict[str, Labels] = defaultdict(Counter)
    for clip in train:
        if clip.utterance.speaker:
            speakers[clip.utterance.speaker][clip.utterance.label] += 1
    held = _spared(speakers, Counter(clip.utterance.label for clip in train))
    if len(speakers) < 2 or not held:
        raise InputError(
            "no dev split, and no speakers to hold out without losing a class",
            cure="Convert with a split scheme that has one, or with --split-list.",
        )
    say(f"note: no dev split; {len(held):,} of {len(speakers):,} training speakers stand in for it")
    dev = tuple(clip for clip in train if clip.utterance.speaker in held)
    return tuple(clip for clip in train if clip.utterance.speaker not in held), dev


def _spared(speakers: Mapping[str, Labels], left: Labels) -> set[str]:
    """Whom the training can spare: of `left`, its labels, some of each stay."""
    wanted = max(1, round(DEV_SHARE * len(speakers)))
    held: set[str] = set()
    for speaker in sorted(speakers, key=lambda one: hashlib.sha256(one.encode()).digest()):
        if all(left[label] > count for label, count in speakers[speaker].items()):
            held.add(speaker)
            left = left - speakers[speaker]
        if len(held) == wanted:
            break
    return held
