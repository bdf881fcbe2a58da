"""Runs a converter: makes the choices, attaches the sound, writes the corpus and its card.

A first pass reads the annotation and the header of every sound file, so that faults come to light
before any sound is written. Where all is 16 kHz mono the sound stays where it is. Otherwise a
second pass writes the whole corpus as 16 kHz mono; a file that is written bears the time of its
source and is taken as it is while the two agree, so a run that was stopped goes on where it was.
"""

from __future__ import annotations

import csv
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import TypeVar

import whyser
from whyser.io import audio
from whyser.io.audio import AudioInfo, LfsPointer
from whyser.io.console import track
from whyser.io.errors import BadInput, InputError
from whyser.io.files import atomic_path
from whyser.labels.classes import CLASSES, OTHER, Label
from whyser.labels.votes import fleiss_kappa, is_strict_majority, majority
from whyser.records.corpus import ConsensusCard, CorpusCard, SplitCard, VotesCard, write_card
from whyser.records.utterance import Utterance, read_utterances, write_utterances
from whyser_converters.convert.split_list import SplitList
from whyser_converters.corpora.registry import check_folder
from whyser_converters.corpora.source import Account
from whyser_converters.corpora.spec import CorpusSpec, classes_of

Item = TypeVar("Item")
T = TypeVar("T")

#: Name of a label of None in the card.
NO_AGREEMENT = "no_agreement"

NO_SOUND = "sound is missing or unreadable"

#: Lists beside the utterances, written when there is something to list.
PROBLEMS_FILE, DIFFERENCES_FILE = "problems.csv", "consensus_differences.csv"

#: Seconds; MELD has clips of 0.064 s, and nobody can hear an emotion in one.
SHORTEST = 0.1

_BATCH, _CHUNK = 512, 16


@dataclass(frozen=True)
class Conversion:
    """What came of a corpus: its card, what a user should know, and every fault."""

    card: CorpusCard
    notes: Sequence[str]
    problems: Sequence[InputError]


def prepare(
    spec: CorpusSpec,
    corpus_dir: Path,
    out_dir: Path,
    *,
    with_audio: bool = True,
    merge: Mapping[str, str] | None = None,
    options: Mapping[str, str] | None = None,
    split_list: Path | None = None,
    strict: bool = False,
) -> Conversion:
    """Writes `out_dir/<corpus>/utterances.jsonl` and `corpus.json`.

    A faulty line or clip costs its utterance; all faults are listed in `problems.csv`, and
    differences between the published consensus and the votes in `consensus_differences.csv`.

    Raises: `InputError` for a fault of the whole corpus, and when `strict` for the first fault;
    `BadInput` when more clips lack their sound than have it. Nothing is written then.
    """
    merge = dict(merge or {})
    chosen = spec.chosen(options or {})
    labels = spec.merged(merge)
    check_folder(spec, corpus_dir)
    if with_audio:
        _refuse_odd_name(corpus_dir)
        _refuse_odd_name(out_dir)
    listed = SplitList(split_list, spec.name) if split_list else None
    account = Account(corpus_dir, strict=strict)
    own_options = {name: chosen[name] for name in spec.options}
    rows = spec.prepare(corpus_dir, labels=labels, account=account, **own_options)
    rows = _as_chosen(spec, rows, chosen, listed, account)

    folder = out_dir / spec.name
    with _no_empty_folder_left(folder), atomic_path(folder / "utterances.jsonl") as temporary:
        if with_audio:
            pipeline = _Sound(spec, corpus_dir, chosen["doubtful_sound"] == "drop", account)
            tally, audio_root = pipeline.write(rows, temporary)
        else:
            tally, audio_root = Tally(with_audio=False), None
            write_utterances(temporary, tally.counted(map(_without_sound, rows)))
        account.close()
        if not tally.utterances:
            raise _nothing_left(corpus_dir, account)
        if listed is not None:
            chosen = {**chosen, "split_scheme": str(listed)}
            example = repr(min(listed.unseen, default=""))
            what = f"names in {listed.path} that no utterance has, such as {example}"
            account.note_count(len(listed.unseen), what)
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
            hours=tally.hours,
            splits=tally.splits(),
            votes=tally.votes(),
            consensus=_consensus(account),
            read=account.read,
            dropped=dict(sorted(account.dropped.items())),
            unused=dict(sorted(account.unused.items())),
            whyser=whyser.__version__,
        )
        _write_lists(folder, account)
        # Before the utterances get their name: none lie there without a card of their own.
        write_card(folder / "corpus.json", card)
    return Conversion(card, [*account.notes, *_size_note(spec, account)], account.problems)


def _refuse_odd_name(folder: Path) -> None:
    """libsndfile opens no path that is not UTF-8, and `corpus.json` could not name it either."""
    try:
        str(folder.resolve()).encode()
    except UnicodeEncodeError:
        raise InputError(
            "has a name that is not UTF-8", file=folder, cure="Rename the folder, or those above."
        ) from None


def _as_chosen(
    spec: CorpusSpec,
    utterances: Iterable[Utterance],
    chosen: Mapping[str, str],
    listed: SplitList | None,
    account: Account,
) -> Iterator[Utterance]:
    """The utterances under the choices that all corpora share."""
    split_of = listed.split_of if listed else spec.split_schemes[chosen["split_scheme"]].split_of
    for utterance in utterances:
        split = split_of(utterance)
        if split is None:
            account.drop("not in the split list")
            continue
        if chosen["other"] == "drop" and utterance.label == OTHER:
            account.drop("label is none of the eight classes")
            continue
        changes: dict[str, object] = {}
        if split != utterance.split:
            changes["split"] = split
        if chosen["secondary"] == "drop":
            changes["votes"] = tuple(
                vote.model_copy(update={"secondary": ()}) for vote in utterance.votes
            )
        yield utterance.model_copy(update=changes) if changes else utterance


def _nothing_left(corpus_dir: Path, account: Account) -> InputError | BadInput:
    if account.problems:
        return BadInput(account.problems, str(corpus_dir))
    left_out = dict(account.dropped | account.unused)
    return InputError(
        "holds no utterance",
        file=corpus_dir,
        cure=f"Left out: {left_out}." if left_out else "Is the copy complete?",
    )


def _consensus(account: Account) -> ConsensusCard | None:
    if not account.compared:
        return None
    return ConsensusCard(compared=account.compared, different=len(account.differences))


def _write_lists(folder: Path, account: Account) -> None:
    problems = ((each.file, each.line, each.what, each.cure) for each in account.problems)
    _write_list(folder / PROBLEMS_FILE, ("file", "line", "problem", "cure"), problems)
    columns = ("utterance", "published", "recomputed", "votes")
    _write_list(folder / DIFFERENCES_FILE, columns, account.differences)


def _write_list(path: Path, columns: Sequence[str], rows: Iterable[Iterable[object]]) -> None:
    """A CSV of the rows; none, and none left of an earlier run, when there are no rows."""
    if not (lines := list(rows)):
        path.unlink(missing_ok=True)
        return
    with (
        atomic_path(path) as temporary,
        temporary.open("w", encoding="utf-8", errors="backslashreplace", newline="") as stream,
    ):
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerows([columns, *lines])


def _size_note(spec: CorpusSpec, account: Account) -> Iterator[str]:
    if account.read != spec.size:
        yield f"{account.read:,} utterances were read; the whole corpus has {spec.size:,}"


# ---- counting -----------------------------------------------------------------------------


@dataclass
class _SplitTally:
    utterances: int = 0
    seconds: float = 0.0
    speakers: set[str] = field(default_factory=set)
    labels: Counter[str] = field(default_factory=Counter)


class Tally:
    """What was written, split by split, and how the raters voted."""

    def __init__(self, *, with_audio: bool) -> None:
        self._with_audio = with_audio
        self._splits: dict[str, _SplitTally] = {}
        # The same few thousand sets of votes come up again and again.
        self._ballots: Counter[tuple[tuple[Label, ...], Label | None]] = Counter()

    def counted(self, utterances: Iterable[Utterance]) -> Iterator[Utterance]:
        for utterance in utterances:
            split = self._splits.setdefault(utterance.split, _SplitTally())
            split.utterances += 1
            split.seconds += utterance.duration or 0.0
            split.labels[utterance.label or NO_AGREEMENT] += 1
            if utterance.speaker is not None:
                split.speakers.add(utterance.speaker)
            if utterance.votes:
                self._ballots[tuple(sorted(utterance.primaries)), utterance.label] += 1
            yield utterance

    @property
    def utterances(self) -> int:
        return sum(split.utterances for split in self._splits.values())

    @property
    def hours(self) -> float | None:
        return self._hours(sum(split.seconds for split in self._splits.values()))

    def _hours(self, seconds: float) -> float | None:
        return round(seconds / 3600, 4) if self._with_audio else None

    def splits(self) -> dict[str, SplitCard]:
        """Training first; labels in the order of the classes, those that do not occur left out."""
        order = [*CLASSES, OTHER, NO_AGREEMENT]
        return {
            name: SplitCard(
                utterances=split.utterances,
                hours=self._hours(split.seconds),
                speakers=len(split.speakers),
                labels={label: split.labels[label] for label in order if split.labels[label]},
            )
            for name, split in sorted(self._splits.items(), key=_by_use)
        }

    def votes(self) -> VotesCard | None:
        if not self._ballots:
            return None
        sizes: Counter[int] = Counter()
        ballots: Counter[tuple[str, ...]] = Counter()
        strict = tied = as_label = 0
        for (ballot, label), times in self._ballots.items():
            sizes[len(ballot)] += times
            ballots[ballot] += times
            consensus = majority(ballot)
            strict += times * is_strict_majority(ballot)
            tied += times * (consensus is None)
            as_label += times * (consensus is not None and consensus == label)
        kappa = fleiss_kappa(ballots)
        return VotesCard(
            votes=sum(votes * count for votes, count in sizes.items()),
            per_utterance=dict(sorted(sizes.items())),
            strict=strict,
            tied=tied,
            as_label=as_label,
            fleiss_kappa=None if kappa is None else round(kappa, 4),
        )


def _by_use(item: tuple[str, object]) -> tuple[bool, bool, str]:
    split = item[0]
    return split != "train", split != "dev", split


# ---- sound --------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Sound:
    """Attaches what the headers say, and writes 16 kHz mono where that is needed."""

    spec: CorpusSpec
    corpus_dir: Path
    drop_doubtful: bool
    account: Account

    def write(self, rows: Iterable[Utterance], path: Path) -> tuple[Tally, str]:
        """Writes the utterances; returns what was written and where their sound lies.

        Raises: `BadInput` when more sound is lost than found.
        """
        tally = Tally(with_audio=True)
        ready = _Readiness()
        probed = self._attach(self._without_bad(rows), ready.inspector(self.corpus_dir))
        shown = track(self._without_doubtful(probed), "Reading headers")
        write_utterances(path, tally.counted(shown))
        self._refuse_mostly_lost(tally)
        if ready.everywhere:
            return tally, str(self.corpus_dir.resolve())

        root = path.parent / "audio"
        first_pass, tally = tally, Tally(with_audio=True)
        written = self._attach(read_utterances(path), _writer(self.corpus_dir, root))
        kept = self._without_doubtful(written)
        shown = track(kept, "Writing 16 kHz mono", total=first_pass.utterances)
        with atomic_path(path) as second:
            write_utterances(second, tally.counted(_with_written_audio(shown)))
        self._refuse_mostly_lost(tally)
        return tally, "audio"

    def _without_bad(self, utterances: Iterable[Utterance]) -> Iterator[Utterance]:
        for utterance in utterances:
            reason = self.spec.bad_audio.get(utterance.id)
            if reason is None:
                yield utterance
            else:
                self.account.drop(f"{utterance.id}: {reason}")

    def _without_doubtful(self, utterances: Iterable[Utterance]) -> Iterator[Utterance]:
        for utterance in utterances:
            reason = self.spec.doubtful_audio.get(utterance.id)
            if utterance.duration is not None and utterance.duration < SHORTEST:
                reason = f"shorter than {SHORTEST} s"
            if reason and self.drop_doubtful and not utterance.split.startswith("test"):
                self.account.drop(reason)
            else:
                yield utterance

    def _attach(
        self,
        utterances: Iterable[Utterance],
        inspect: Callable[[Utterance], AudioInfo | None],
    ) -> Iterator[Utterance]:
        """The utterances with what their header says; those without usable sound are lost."""

        def attempt(utterance: Utterance) -> AudioInfo | InputError | None:
            try:
                return inspect(utterance)
            except InputError as problem:
                return problem

        for utterance, found in in_threads(attempt, iter(utterances)):
            if isinstance(found, LfsPointer):
                # Not one file is missing then, but the step that fetches them all.
                raise found
            if isinstance(found, InputError):
                self.account.lose(found, NO_SOUND)
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

    def _refuse_mostly_lost(self, tally: Tally) -> None:
        lost = self.account.dropped[NO_SOUND]
        if lost > tally.utterances:
            cure = "Is the copy complete? --no-audio converts the annotation alone."
            what = f"{lost:,} clips have no usable sound, and {tally.utterances:,} have"
            first = InputError(what, file=self.corpus_dir, cure=cure)
            raise BadInput([first, *self.account.problems], str(self.corpus_dir))


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
        made = source.stat().st_mtime_ns
        # The very time of its source, not a later one: another copy of the corpus (the demo's,
        # say) converted into the same folder has the same names, and files of any age.
        if not target.is_file() or target.stat().st_mtime_ns != made:
            audio.write(target, audio.load(source))
            os.utime(target, ns=(made, made))
        return audio.probe(target)

    return write


def _written_name(utterance: Utterance) -> str:
    """From the id and not the file name, which MELD repeats across splits."""
    return utterance.id.partition("/")[2] + ".wav"


def _with_written_audio(utterances: Iterable[Utterance]) -> Iterator[Utterance]:
    for utterance in utterances:
        yield utterance.model_copy(update={"audio": _written_name(utterance)})


def in_threads(work: Callable[[Item], T], items: Iterator[Item]) -> Iterator[tuple[Item, T]]:
    """Items with their results, in order; the sound libraries leave the interpreter free.

    A thread takes several at a time, since handing over one costs more than probing a header.
    """

    def each(chunk: Sequence[Item]) -> list[T]:
        return [work(item) for item in chunk]

    with ThreadPoolExecutor() as pool:
        while batch := list(islice(items, _BATCH)):
            chunks = [batch[start : start + _CHUNK] for start in range(0, len(batch), _CHUNK)]
            yield from zip(batch, chain.from_iterable(pool.map(each, chunks)), strict=True)


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


def _without_sound(utterance: Utterance) -> Utterance:
    return utterance.model_copy(update={"audio": None})
