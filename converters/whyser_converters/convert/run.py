"""Runs a converter: applies the options, attaches the sound, writes the corpus and its card."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from whyser.io.errors import BadInput, InputError
from whyser.io.files import atomic_path
from whyser.labels.classes import OTHER
from whyser.records.corpus import CorpusCard, write_card
from whyser.records.utterance import Utterance, write_utterances
from whyser_converters.convert.card import CorpusTally, corpus_card
from whyser_converters.convert.sound import SoundPass
from whyser_converters.convert.split_list import SplitList
from whyser_converters.corpora.conversion_log import ConversionLog
from whyser_converters.corpora.registry import check_folder
from whyser_converters.corpora.spec import CorpusSpec

#: Lists that are written when they have a row.
PROBLEMS_FILE, DIFFERENCES_FILE = "problems.csv", "consensus_differences.csv"


@dataclass(frozen=True)
class Conversion:
    """The result of a conversion: the card, what a user should know, and every fault."""

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

    A faulty line or clip drops its utterance. All faults are listed in `problems.csv`, and
    published majority labels that the votes do not give in `consensus_differences.csv`.

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
    log = ConversionLog(strict=strict)
    own_options = {name: chosen[name] for name in spec.options}
    rows = spec.prepare(corpus_dir, labels=labels, log=log, **own_options)
    rows = _as_chosen(spec, rows, chosen, listed, log)

    folder = out_dir / spec.name
    with _no_empty_folder_left(folder), atomic_path(folder / "utterances.jsonl") as temporary:
        if with_audio:
            pipeline = SoundPass(spec, corpus_dir, chosen["doubtful_sound"] == "drop", log)
            tally, audio_root = pipeline.write(rows, temporary)
        else:
            tally, audio_root = CorpusTally(with_audio=False), None
            write_utterances(temporary, tally.counted(map(_without_sound, rows)))
        log.close()
        if not tally.utterances:
            raise _nothing_left(corpus_dir, log)
        if listed is not None:
            chosen = {**chosen, "split_scheme": str(listed)}
            example = repr(min(listed.unseen, default=""))
            what = f"names in {listed.path} that no utterance has, such as {example}"
            log.note_count(len(listed.unseen), what)
        chosen["audio"] = "yes" if with_audio else "no"
        chosen["merge"] = " ".join(f"{code}={labels[code]}" for code in merge) or "none"
        card = corpus_card(spec, labels, chosen, audio_root=audio_root, tally=tally, log=log)
        _write_lists(folder, log)
        # Before the utterances get their name, so that they never lie there without their card.
        write_card(folder / "corpus.json", card)
    return Conversion(card, [*log.notes, *_size_note(spec, log)], log.problems)


def _refuse_odd_name(folder: Path) -> None:
    """libsndfile opens no path that is not UTF-8, and `corpus.json` could not name it."""
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


def _nothing_left(corpus_dir: Path, log: ConversionLog) -> InputError | BadInput:
    if log.problems:
        return BadInput(log.problems, str(corpus_dir))
    left_out = dict(log.dropped | log.unused)
    return InputError(
        "holds no utterance",
        file=corpus_dir,
        cure=f"Left out: {left_out}." if left_out else "Is the copy complete?",
    )


def _write_lists(folder: Path, log: ConversionLog) -> None:
    problems = ((each.file, each.line, each.what, each.cure) for each in log.problems)
    _write_list(folder / PROBLEMS_FILE, ("file", "line", "problem", "cure"), problems)
    columns = ("utterance", "published", "recomputed", "votes")
    _write_list(folder / DIFFERENCES_FILE, columns, log.differences)


def _write_list(path: Path, columns: Sequence[str], rows: Iterable[Iterable[object]]) -> None:
    """Writes a CSV of the rows; without rows it removes the file of an earlier run."""
    if not (lines := list(rows)):
        path.unlink(missing_ok=True)
        return
    with (
        atomic_path(path) as temporary,
        temporary.open("w", encoding="utf-8", errors="backslashreplace", newline="") as stream,
    ):
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerows([columns, *lines])


def _size_note(spec: CorpusSpec, log: ConversionLog) -> Iterator[str]:
    if log.read != spec.size:
        yield f"{log.read:,} utterances were read; the whole corpus has {spec.size:,}"


@contextmanager
def _no_empty_folder_left(folder: Path) -> Iterator[None]:
    """Removes folders that the block made and left empty when it fails."""
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
