"""Runs a converter: applies the options, attaches the sound, writes the corpus and its card."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from whyser.io.errors import BadInput, InputError
from whyser.io.files import atomic_set
from whyser.io.text import inert
from whyser.labels.classes import OTHER
from whyser.records.corpus import CorpusCard, write_card
from whyser.records.utterance import Utterance, write_utterances
from whyser_converters.convert.card import CorpusTally, corpus_card
from whyser_converters.convert.sound import SoundPass
from whyser_converters.convert.split_list import SplitList
from whyser_converters.corpora.conversion_log import (
    AttributeDifference,
    ConsensusDifference,
    ConversionLog,
)
from whyser_converters.corpora.registry import check_folder
from whyser_converters.corpora.spec import CorpusSpec


@dataclass(frozen=True)
class Conversion:
    """The result of a conversion: the card, notes for the user, and every fault."""

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

    A faulty line or clip drops its utterance. `problems.csv` lists all faults,
    `consensus_differences.csv` the published majority labels that differ from the votes', and
    `attribute_differences.csv` the published means of attributes that do.

    Raises: `InputError` for a fault of the whole corpus, and with `strict` for the first fault;
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
    log = ConversionLog(strict=strict)
    own_options = {name: chosen[name] for name in spec.options}
    rows = spec.prepare(corpus_dir, labels=labels, log=log, **own_options)
    rows = _as_chosen(spec, rows, chosen, listed, log)

    folder = out_dir / spec.name
    utterances = folder / "utterances.jsonl"
    with _no_empty_folder_left(folder), atomic_set(utterances) as files:
        temporary = files(utterances)
        if with_audio:
            pipeline = SoundPass(spec, corpus_dir, chosen["doubtful_sound"] == "drop", log)
            tally, audio_root = pipeline.write(rows, temporary)
        else:
            tally, audio_root = CorpusTally(with_audio=False), None
            without_sound = (one.model_copy(update={"audio": None}) for one in rows)
            write_utterances(temporary, tally.counted(without_sound))
        log.close()
        if not tally.utterances:
            if log.problems:
                raise BadInput(log.problems, str(corpus_dir))
            left_out = dict(log.dropped | log.unused)
            cure = f"Left out: {left_out}." if left_out else "Is the copy complete?"
            raise InputError("contains no utterance", file=corpus_dir, cure=cure)
        if listed is not None:
            chosen = {**chosen, "split_scheme": str(listed)}
            example = repr(min(listed.unseen, default=""))
            what = f"names in {listed.path} without an utterance, such as {example}"
            log.note_count(len(listed.unseen), what)
        chosen["audio"] = "yes" if with_audio else "no"
        chosen["merge"] = " ".join(f"{code}={labels[code]}" for code in merge) or "none"
        card = corpus_card(spec, labels, chosen, audio_root=audio_root, tally=tally, log=log)
        write_lists(folder, log, files)
        write_card(files(folder / "corpus.json"), card)
    if spec.size is not None and log.read != spec.size:
        log.note(f"{log.read:,} utterances were read; the whole corpus has {spec.size:,}")
    return Conversion(card, log.notes, log.problems)


def _refuse_odd_name(folder: Path) -> None:
    """libsndfile opens no path that is not UTF-8, and `corpus.json` could not name it."""
    try:
        str(folder.absolute()).encode()
    except UnicodeEncodeError:
        raise InputError(
            "has a name that is not UTF-8", file=folder, cure="Rename it or the folders above it."
        ) from None


def _as_chosen(
    spec: CorpusSpec,
    utterances: Iterable[Utterance],
    chosen: Mapping[str, str],
    listed: SplitList | None,
    log: ConversionLog,
) -> Iterator[Utterance]:
    """Applies the options that all corpora share."""
    split_of = listed.split_of if listed else spec.split_schemes[chosen["split_scheme"]].split_of
    for utterance in utterances:
        split = split_of(utterance)
        if split is None:
            log.drop("not in the split list")
            continue
        if chosen["other"] == "drop" and utterance.label == OTHER:
            log.drop("label is none of the eight classes")
            continue
        changes: dict[str, object] = {}
        if split != utterance.split:
            changes["split"] = split
        if chosen["secondary"] == "drop":
            changes["votes"] = tuple(
                vote.model_copy(update={"secondary": ()}) for vote in utterance.votes
            )
        yield utterance.model_copy(update=changes) if changes else utterance


def write_lists(folder: Path, log: ConversionLog, files: Callable[[Path], Path]) -> None:
    """Writes the lists that have a row, and removes the others of an earlier run."""
    problems = [(each.file, each.line, each.what, each.cure) for each in log.problems]
    for name, columns, rows in (
        ("problems.csv", ("file", "line", "problem", "cure"), problems),
        ("consensus_differences.csv", ConsensusDifference._fields, log.differences),
        ("attribute_differences.csv", AttributeDifference._fields, log.attribute_differences),
    ):
        if not rows:
            (folder / name).unlink(missing_ok=True)
            continue
        path = files(folder / name)
        with path.open("w", encoding="utf-8", errors="backslashreplace", newline="") as stream:
            csv.writer(stream, lineterminator="\n").writerows(
                [columns, *(map(inert, row) for row in rows)]
            )


@contextmanager
def _no_empty_folder_left(folder: Path) -> Iterator[None]:
    """If the block fails, removes the empty folders that it has created."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        yield
    except BaseException:
        for path in missing:
            with suppress(OSError):
                path.rmdir()
        raise
