"""Runs a converter: checks every row, attaches the sound, writes the corpus.

A first pass reads the annotation and the header of every sound file, so that faults come to light
before anything is written. Where all is 16 kHz mono the sound stays where it is. Otherwise a
second pass writes the whole corpus as 16 kHz mono; files that are written and newer than their
source are taken as they are, so a run that was stopped goes on where it was.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TypeVar

import whyser
from whyser import audio
from whyser.audio import AudioInfo
from whyser.console import track
from whyser.corpus import CorpusCard, write_card
from whyser.errors import InputError
from whyser.files import atomic_path
from whyser.labels import CLASSES, OTHER
from whyser.utterance import Utterance, read_utterances, write_utterances
from whyser_converters.corpora import CorpusSpec, check_folder, classes_of
from whyser_converters.source import Account

T = TypeVar("T")

#: Name of a label of None in the card's counts.
NO_AGREEMENT = "no_agreement"

_BATCH = 512


@dataclass
class Tally:
    """What was written: split -> label -> utterances, and the seconds of sound."""

    utterances: int = 0
    seconds: float = 0.0
    labels: dict[str, Counter[str]] = field(default_factory=dict)

    def counted(self, utterances: Iterable[Utterance]) -> Iterator[Utterance]:
        for utterance in utterances:
            self.utterances += 1
            self.seconds += utterance.duration or 0.0
            counts = self.labels.setdefault(utterance.split, Counter())
            counts[utterance.label or NO_AGREEMENT] += 1
            yield utterance

    def counts(self) -> dict[str, dict[str, int]]:
        """Labels in the order of the classes, those that do not occur left out."""
        order = [*CLASSES, OTHER, NO_AGREEMENT]
        return {
            split: {label: counts[label] for label in order if counts[label]}
            for split, counts in sorted(self.labels.items(), key=_by_use)
        }


def _by_use(item: tuple[str, object]) -> tuple[bool, bool, str]:
    split = item[0]
    return split != "train", split != "dev", split


def prepare(
    spec: CorpusSpec,
    corpus_dir: Path,
    out_dir: Path,
    *,
    with_audio: bool = True,
    merge: Mapping[str, str] | None = None,
    options: Mapping[str, str] | None = None,
) -> tuple[CorpusCard, list[str]]:
    """Writes `out_dir/<corpus>/utterances.jsonl` and `corpus.json`; returns the card and notes.

    Raises: `BadInput` with every fault of the corpus, or `InputError`; nothing is written then.
    """
    merge = dict(merge or {})
    chosen = spec.chosen(options or {})
    labels = spec.merged(merge)
    check_folder(spec, corpus_dir)
    account = Account(corpus_dir)
    rows = spec.prepare(corpus_dir, labels=labels, account=account, **chosen)

    folder = out_dir / spec.name
    with _no_empty_folder_left(folder), atomic_path(folder / "utterances.jsonl") as temporary:
        if with_audio:
            tally, audio_root = _write_with_sound(spec, rows, corpus_dir, temporary, account)
        else:
            tally, audio_root = Tally(), None
            write_utterances(temporary, tally.counted(map(_without_sound, rows)))
            account.problems.raise_any()
        if not tally.utterances:
            raise InputError("holds no utterance", file=corpus_dir, cure="Is the copy complete?")
        card = CorpusCard(
            corpus=spec.name,
            title=spec.title,
            licence=spec.licence,
            source=spec.source,
            audio_root=audio_root,
            classes=classes_of(labels),
            speaker_disjoint=spec.speaker_disjoint,
            options={
                **chosen,
                "audio": "yes" if with_audio else "no",
                "merge": " ".join(f"{code}={labels[code]}" for code in merge) or "none",
            },
            utterances=tally.utterances,
            hours=round(tally.seconds / 3600, 4) if with_audio else None,
            counts=tally.counts(),
            dropped=dict(sorted(account.dropped.items())),
            whyser=whyser.__version__,
        )
        # Before the utterances get their name: none lie there without a card of their own.
        write_card(folder / "corpus.json", card)
    return card, [*account.notes, *_size_note(spec, tally, account)]


def _write_with_sound(
    spec: CorpusSpec,
    rows: Iterator[Utterance],
    corpus_dir: Path,
    path: Path,
    account: Account,
) -> tuple[Tally, str]:
    tally = Tally()
    ready = _Readiness()
    probed = _attach(_without_bad_audio(spec, rows, account), account, ready.inspector(corpus_dir))
    write_utterances(path, tally.counted(track(probed, "Reading headers")))
    account.problems.raise_any()
    if ready.everywhere:
        return tally, str(corpus_dir.resolve())

    root = path.parent / "audio"
    first_pass, tally = tally, Tally()
    written = _attach(read_utterances(path), account, _writer(corpus_dir, root))
    progress = track(written, "Writing 16 kHz mono", total=first_pass.utterances)
    with atomic_path(path) as second:
        write_utterances(second, tally.counted(_with_written_audio(progress)))
        account.problems.raise_any()
    return tally, "audio"


def _without_sound(utterance: Utterance) -> Utterance:
    return utterance.model_copy(update={"audio": None})


def _without_bad_audio(
    spec: CorpusSpec, rows: Iterable[Utterance], account: Account
) -> Iterator[Utterance]:
    for utterance in rows:
        if utterance.id in spec.bad_audio:
            account.drop(f"{utterance.id}: {spec.bad_audio[utterance.id]}")
        else:
            yield utterance


@dataclass
class _Readiness:
    """Whether training can read every file seen so far as it is."""

    everywhere: bool = True

    def inspector(self, corpus_dir: Path) -> Callable[[Utterance], AudioInfo | None]:
        def inspect(utterance: Utterance) -> AudioInfo | None:
            info = _inspect(corpus_dir / str(utterance.audio))
            if info is None or not info.is_ready:
                self.everywhere = False
            return info

        return inspect


def _inspect(path: Path) -> AudioInfo | None:
    """A sound file's header; None for a video that has a sound track."""
    if not audio.is_video(path):
        return audio.probe(path)
    import av

    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                raise InputError("has no sound track", file=path, cure="Fetch the file again.")
    except (av.FFmpegError, OSError):
        return audio.probe(path)  # which says why
    return None


def _writer(corpus_dir: Path, root: Path) -> Callable[[Utterance], AudioInfo]:
    def write(utterance: Utterance) -> AudioInfo:
        source = corpus_dir / str(utterance.audio)
        target = root / _written_name(utterance)
        if not target.is_file() or target.stat().st_mtime < source.stat().st_mtime:
            audio.write(target, audio.load(source))
        return audio.probe(target)

    return write


def _written_name(utterance: Utterance) -> str:
    """From the id and not the file name, which MELD repeats across splits."""
    return utterance.id.partition("/")[2] + ".wav"


def _with_written_audio(utterances: Iterable[Utterance]) -> Iterator[Utterance]:
    for utterance in utterances:
        yield utterance.model_copy(update={"audio": _written_name(utterance)})


def _attach(
    utterances: Iterator[Utterance],
    account: Account,
    inspect: Callable[[Utterance], AudioInfo | None],
) -> Iterator[Utterance]:
    """The utterances with what their header says; faulty sound goes to the account."""

    def attempt(utterance: Utterance) -> AudioInfo | InputError | None:
        try:
            return inspect(utterance)
        except InputError as problem:
            return problem

    for utterance, found in _in_threads(attempt, utterances):
        if isinstance(found, InputError):
            account.problem(found)
        elif found is None:
            yield utterance
        else:
            yield utterance.model_copy(
                update={
                    "duration": found.duration,
                    "sampling_rate": found.sampling_rate,
                    "channels": found.channels,
                }
            )


def _in_threads(
    work: Callable[[Utterance], T], items: Iterator[Utterance]
) -> Iterator[tuple[Utterance, T]]:
    """Items with their results, in order; the sound libraries leave the interpreter free."""
    with ThreadPoolExecutor() as pool:
        while batch := list(islice(items, _BATCH)):
            yield from zip(batch, pool.map(work, batch), strict=True)


@contextmanager
def _no_empty_folder_left(folder: Path) -> Iterator[None]:
    """Folders that are made inside the block go again when it fails, unless something is in."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        yield
    except BaseException:
        for path in missing:
            with suppress(OSError):
                path.rmdir()
        raise


def _size_note(spec: CorpusSpec, tally: Tally, account: Account) -> Iterator[str]:
    known_bad = sum(account.dropped[f"{name}: {why}"] for name, why in spec.bad_audio.items())
    found = tally.utterances + known_bad
    if found != spec.size:
        yield f"{found:,} utterances were found; the whole corpus has {spec.size:,}"
