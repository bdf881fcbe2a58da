"""Attaches the sound: reads every header, and writes 16 kHz mono where that is needed.

A first pass reads the header of every sound file, so that faults are found before any sound is
written. If everything is 16 kHz mono, the sound stays where it is. Otherwise a second pass writes
the whole corpus as 16 kHz mono. A written file gets the modification time of its source and is
reused while the two agree, so a stopped run continues where it was. A file system that sets no
times costs only this: the sound is written again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import chain, count, islice
from pathlib import Path
from typing import TypeVar

from whyser.io import audio
from whyser.io.audio import AudioInfo, LfsPointer
from whyser.io.console import track
from whyser.io.enclosure import Enclosure
from whyser.io.errors import BadInput, InputError
from whyser.io.files import atomic_path, set_time
from whyser.records.utterance import Utterance, read_utterances, write_utterances
from whyser_converters.convert.card import CorpusTally
from whyser_converters.corpora.conversion_log import ConversionLog
from whyser_converters.corpora.spec import CorpusSpec, Segment

Item = TypeVar("Item")
T = TypeVar("T")

NO_SOUND = "sound is missing or unreadable"

#: Seconds; MELD has clips of 0.064 s, and nobody can hear an emotion in one.
SHORTEST = 0.1

#: Seconds by which the end of an utterance may lie behind that of its file: times are rounded.
_ROUNDED = 0.1

#: After so many batches it is tried again whether threads are faster.
_BATCHES = 16


@dataclass(frozen=True)
class SoundPass:
    """Adds duration, rate and channels from the headers; writes 16 kHz mono where needed."""

    spec: CorpusSpec
    corpus_dir: Path
    drop_doubtful: bool
    log: ConversionLog

    def write(self, rows: Iterable[Utterance], path: Path) -> tuple[CorpusTally, str]:
        """Writes the utterances; returns their counts and the root of their sound.

        Raises: `BadInput` when more sound is lost than found.
        """
        tally = CorpusTally(with_audio=True)
        all_ready = True
        sources, targets = Enclosure(self.corpus_dir), Enclosure(path.parent / "audio")

        def inspect(utterance: Utterance) -> AudioInfo | None:
            nonlocal all_ready
            name = str(utterance.audio)
            if not (sources.names(name) and targets.names(self._written_name(utterance))):
                what, cure = "leads out of the corpus folder", "Correct its name in the table."
                raise InputError(what, file=self.corpus_dir / name, cure=cure)
            info = _inspect(self.corpus_dir / name, self.spec.segments.get(utterance.id))
            # Sound that links fetch from elsewhere is written too: readers follow no link out.
            is_part = utterance.id in self.spec.segments
            if info is None or is_part or not info.is_ready or not sources.encloses(name):
                all_ready = False
            return info

        probed = self._attach(self._without_bad(rows), inspect)
        shown = track(self._without_doubtful(probed), "Reading headers")
        write_utterances(path, tally.counted(shown))
        self._refuse_mostly_lost(tally)
        if all_ready:
            return tally, str(self.corpus_dir.absolute())

        root = targets.root
        first_pass, tally = tally, CorpusTally(with_audio=True)
        written = self._attach(read_utterances(path), self._writer(root))
        kept = self._without_doubtful(written)
        shown = track(kept, "Writing 16 kHz mono", total=first_pass.utterances)
        renamed = (one.model_copy(update={"audio": self._written_name(one)}) for one in shown)
        with atomic_path(path) as second:
            write_utterances(second, tally.counted(renamed))
        self._refuse_mostly_lost(tally)
        return tally, "audio"

    def _without_bad(self, utterances: Iterable[Utterance]) -> Iterator[Utterance]:
        for utterance in utterances:
            reason = self.spec.bad_audio.get(utterance.id)
            if reason is None:
                yield utterance
            else:
                self.log.drop(f"{utterance.id}: {reason}")

    def _without_doubtful(self, utterances: Iterable[Utterance]) -> Iterator[Utterance]:
        for utterance in utterances:
            reason = self.spec.doubtful_audio.get(utterance.id)
            if utterance.duration is not None and utterance.duration < SHORTEST:
                reason = f"shorter than {SHORTEST} s"
            if reason and self.drop_doubtful and not utterance.split.startswith("test"):
                self.log.drop(reason)
            else:
                yield utterance

    def _attach(
        self, utterances: Iterable[Utterance], inspect: Callable[[Utterance], AudioInfo | None]
    ) -> Iterator[Utterance]:
        """The utterances with what their header says; those without usable sound are dropped."""

        def attempt(utterance: Utterance) -> AudioInfo | InputError | None:
            try:
                return inspect(utterance)
            except InputError as problem:
                return problem

        for utterance, found in in_threads(attempt, iter(utterances)):
            if isinstance(found, LfsPointer):
                # Then all files are missing, because nobody ran `git lfs pull`.
                raise found
            if isinstance(found, InputError):
                self.log.lose(found, NO_SOUND)
            elif found is None:
                yield utterance
            else:
                fields = ("duration", "sampling_rate", "channels")
                yield utterance.model_copy(update={name: getattr(found, name) for name in fields})

    def _writer(self, root: Path) -> Callable[[Utterance], AudioInfo]:
        def write(utterance: Utterance) -> AudioInfo:
            source = self.corpus_dir / str(utterance.audio)
            target = root / self._written_name(utterance)
            changed = source.stat().st_mtime_ns
            # The same time as its source, not merely a later one: another copy of the corpus that
            # is converted into the same folder (the demo's, say) has the same names and any age.
            if not target.is_file() or target.stat().st_mtime_ns != changed:
                part = self.spec.segments.get(utterance.id, Segment(0.0, None))
                audio.write(target, audio.load(source, part.start, part.end))
                set_time(target, changed)
            return audio.probe(target)

        return write

    def _written_name(self, utterance: Utterance) -> str:
        """Contains the id, because MELD repeats file names across splits, and the part of a file,
        so that other times give another file."""
        stem = utterance.id.partition("/")[2]
        part = self.spec.segments.get(utterance.id)
        if part is not None and not stem.endswith(part.suffix):
            stem += part.suffix
        return stem + ".wav"

    def _refuse_mostly_lost(self, tally: CorpusTally) -> None:
        lost = self.log.dropped[NO_SOUND]
        if lost > tally.utterances:
            cure = "Is the copy complete? --no-audio converts only the labels."
            what = f"{lost:,} clips have no usable sound, and {tally.utterances:,} have"
            first = InputError(what, file=self.corpus_dir, cure=cure)
            raise BadInput([first, *self.log.problems], str(self.corpus_dir))


def _inspect(path: Path, part: Segment | None) -> AudioInfo | None:
    """What a sound file has; None for a video, whose sound is decoded only once, to be written.

    Raises: `InputError` for a part that the file does not have.
    """
    if audio.is_video(path):
        audio.probe_track(path)
        return None
    info = audio.probe(path)
    if part is None:
        return info
    end = info.duration if part.end is None else part.end
    if not part.start < end <= info.duration + _ROUNDED:
        what = f"has {info.duration:.2f} s of sound, and the utterance is from {part.start:g} s to "
        cure = "Correct the start or the end in the table, or give --map start= --map end= if the "
        cure += "files hold the parts already."
        raise InputError(f"{what}{end:g} s", file=path, cure=cure)
    frames = round((min(end, info.duration) - part.start) * info.sampling_rate)
    return replace(info, frames=frames)


def in_threads(work: Callable[[Item], T], items: Iterator[Item]) -> Iterator[tuple[Item, T]]:
    """Items with their results, in order; in threads, or in this one where that is faster.

    Threads help where the file system is far away, and where a library works without the
    interpreter lock, as decoders do. Headers on a near disk take twice as long in threads, which
    wait for that lock. So a few items show from time to time which way is faster.
    """

    def alone(batch: Sequence[Item]) -> list[T]:
        return [work(item) for item in batch]

    with ThreadPoolExecutor() as pool:

        def together(batch: Sequence[Item]) -> list[T]:
            # Several at once, since handing an item over takes longer than probing a header.
            chunks = [batch[start : start + 16] for start in range(0, len(batch), 16)]
            return [*chain.from_iterable(pool.map(alone, chunks))]

        # The first trial also loads the libraries, so its way has another one.
        trials = (together, alone, together)
        seconds: dict[Callable[[Sequence[Item]], list[T]], float] = {}
        for number in count():
            place = number % _BATCHES
            way = trials[place] if place < len(trials) else min(seconds, key=seconds.__getitem__)
            batch = list(islice(items, 64 if place < len(trials) else 512))
            if not batch:
                return
            start = time.perf_counter()
            found = way(batch)
            seconds[way] = (time.perf_counter() - start) / len(batch)
            yield from zip(batch, found, strict=True)
