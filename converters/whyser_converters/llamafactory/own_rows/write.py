"""Gives a user's rows their ids, utterances and manifests, and writes them as a corpus.

The rows that are written are the user's own but for the sound, whose path is absolute. They are
copies, so that their manifest stays that of the rows which a model was asked.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

import whyser
from whyser.io.audio import AudioInfo
from whyser.io.console import track
from whyser.io.errors import BadInput, InputError, did_you_mean
from whyser.io.files import atomic_set
from whyser.labels.classes import CLASSES
from whyser.records.corpus import CorpusCard, write_card
from whyser.records.utterance import Utterance, write_utterances
from whyser_converters.check.findings import Findings
from whyser_converters.check.splits import check_unwritten
from whyser_converters.convert.card import CorpusTally
from whyser_converters.convert.run import Conversion, write_lists
from whyser_converters.convert.sound import NO_SOUND
from whyser_converters.corpora.conversion_log import ConversionLog
from whyser_converters.datasets.sharegpt import (
    OwnControl,
    SharegptDataset,
    SharegptRow,
    under_control,
    write,
)
from whyser_converters.llamafactory.own_rows.read import (
    GivenDataset,
    ReadRow,
    RowColumns,
    check_asked,
    read_datasets,
)


@dataclass(frozen=True)
class OwnRow(SharegptRow):
    """A row of the user's, in its own form; only its sound may be another."""

    raw: Mapping[str, Any] = field(default_factory=dict)
    audios: str = "audios"

    def sharegpt(self) -> dict[str, Any]:
        return {**self.raw, self.audios: [str(self.audio)]}


@dataclass(frozen=True)
class ImportedRows:
    """What was written: as a conversion, and the datasets with their number of rows."""

    conversion: Conversion
    datasets: Mapping[Path, int]
    warnings: Sequence[str]


def parse_controls(text: str) -> list[OwnControl]:
    """Reads controls from a comma-separated list. Raises: `InputError` for an unknown one.

    >>> parse_controls("shuffled, noise")
    ['shuffled', 'noise']
    """
    known: dict[str, OwnControl] = {name: name for name in get_args(OwnControl)}
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in known:
            raise InputError(f"bad control {name!r}", cure=did_you_mean(name, known))
    return [known[name] for name in dict.fromkeys(names)]


def import_rows(
    given: Sequence[GivenDataset],
    output: Path,
    *,
    corpus: str,
    table: Path,
    columns: RowColumns,
    controls: Sequence[OwnControl] = (),
    strict: bool = False,
) -> ImportedRows:
    """Writes utterances, their card, and each dataset with its manifest and entry into `output`.

    A faulty row is left out; `problems.csv` lists it, and the rows whose answer names no label or
    could mean two, which stay without a label.

    Args:
        corpus: The part of the ids before the slash.
        table: The `dataset_info.json` with the entries.
        controls: Write each test set under these controls too.

    Raises: as `check_asked` and `read_datasets`, and `BadInput` when no row or no label is left;
        `InputError` for a duplicate id, and for an output that would replace the user's own files;
        `WhyserError` for a sound that is in two splits.
    """
    check_asked(given, corpus, columns.split)
    log = ConversionLog(strict=strict)
    found = list(track(read_datasets(given, columns, table, log), "Reading rows"))
    _refuse_lost(found, log, table)
    _refuse_overwriting(found, output, table)
    root = _root(row.sound for row, _ in found)
    rows = list(_as_utterances(found, corpus, root, log))
    if not any(row.label for row in rows):
        raise BadInput(log.problems, "the answers, none of which names one of the eight emotions")
    findings = Findings(str(table))
    check_unwritten(((row.utterance, row.audio) for row in rows), table, findings)
    findings.raise_any()
    entries = {row.name: row.dataset.entry for row, _ in found}
    datasets = defaultdict[str, list[OwnRow]](list)
    for (row, _), own in zip(found, rows, strict=True):
        datasets[row.name].append(own)
    written = {
        path: len(own)
        for name, own in datasets.items()
        for path in _write_dataset(name, own, entries[name], output, controls)
    }
    options = {
        "datasets": " ".join(f"{one.name}={one.split or columns.split}" for one in given),
        **{what: column for what, column in columns.named.items() if what != "split"},
    }
    utterances = [row.utterance for row in rows]
    card = _write_corpus(utterances, root, corpus, options, table, output, log)
    return ImportedRows(Conversion(card, log.notes, log.problems), written, findings.warnings)


def _refuse_lost(
    found: Sequence[tuple[ReadRow, AudioInfo]], log: ConversionLog, table: Path
) -> None:
    if not found or log.dropped[NO_SOUND] > len(found):
        what = f"of {log.read:,} rows {len(found):,} have a sound that can be read"
        first = InputError(what, file=table, cure="Correct the paths of the sounds.")
        raise BadInput([first, *log.problems], str(table))


def _refuse_overwriting(
    found: Sequence[tuple[ReadRow, AudioInfo]], output: Path, table: Path
) -> None:
    own = {row.dataset.file.resolve(): row.dataset.file for row, _ in found}
    own[table.resolve()] = table
    written = {output / f"{row.name}.json" for row, _ in found} | {output / "dataset_info.json"}
    for path in sorted(written):
        if file := own.get(path.resolve()):
            raise InputError("would be replaced", file=file, cure="Give another --output folder.")


def _root(sounds: Iterable[Path]) -> Path:
    """The deepest folder that holds all sounds, links followed: readers follow none out of it."""
    return Path(os.path.commonpath({os.path.dirname(os.path.realpath(one)) for one in sounds}))  # noqa: PTH120


# ---- rows and utterances ------------------------------------------------------------------


def _as_utterances(
    found: Sequence[tuple[ReadRow, AudioInfo]], corpus: str, root: Path, log: ConversionLog
) -> Iterator[OwnRow]:
    names = _Names(row.sound for row, _ in found)
    unread: Counter[str] = Counter()
    for row, info in found:
        if row.named.label is None:
            unread[row.named.why.partition(" (")[0]] += 1
            what = f"row {row.number}: the answer {_short(row.answer)} {row.named.why}"
            cure = "It stays without a label, and is not scored."
            # No fault: a row of another task, such as a transcript, names none.
            log.problems.append(InputError(what, file=row.dataset.file, cure=cure))
        utterance = Utterance(
            id=f"{corpus}/{names.name(row)}",
            corpus=corpus,
            split=row.split,
            audio=os.path.relpath(os.path.realpath(row.sound), root),
            duration=info.duration,
            sampling_rate=info.sampling_rate,
            channels=info.channels,
            transcript=row.transcript,
            speaker=row.speaker and f"{corpus}/{row.speaker}",
            gender=None,
            label=row.named.label,
            label_raw=row.named.word or row.answer.strip(),
        )
        yield OwnRow(
            utterance=utterance,
            audio=row.sound,
            question=row.question,
            answer=row.answer,
            label=utterance.emotion if utterance.is_scored else None,
            raw=row.raw,
            audios=row.dataset.layout.audios,
        )
    for why, count in unread.items():
        log.note_count(count, f"answers without a label: {why}")


class _Names:
    """Ids of rows: those of a column, else the names of their sounds.

    Sounds of one name in several folders have their folder in the id, and a sound of several rows a
    number.
    """

    def __init__(self, sounds: Iterable[Path]) -> None:
        paths = set(sounds)
        self._stems = Counter(path.stem for path in paths)
        self._places = Counter(path.with_suffix("") for path in paths)
        self._parent = os.path.commonpath({path.parent for path in paths})
        self._taken: dict[str, str] = {}
        self._uses: Counter[str] = Counter()

    def name(self, row: ReadRow) -> str:
        """Raises: `InputError` for an id of the column that another row has."""
        place = f"row {row.number} of {row.dataset.file}"
        if row.id is not None:
            name = _joined(row.id)
            if name in self._taken:
                raise InputError(
                    f"row {row.number}: duplicate id {row.id!r}, also of {self._taken[name]}",
                    file=row.dataset.file,
                    cure="Give each row its own, or leave --id out.",
                )
        else:
            name = stem = self._of_sound(row.sound)
            while name in self._taken:
                self._uses[stem] += 1
                name = f"{stem}-{self._uses[stem] + 1}"
        self._taken[name] = place
        return name

    def _of_sound(self, sound: Path) -> str:
        if self._stems[sound.stem] == 1:
            return _joined(sound.stem)
        # Two formats of one sound differ only in their suffix.
        place = sound.with_suffix("")
        differs = self._places[place] == 1
        return _joined(os.path.relpath(place if differs else sound, self._parent))


def _joined(name: str) -> str:
    """An id has no spaces.

    >>> _joined("my clip 1")
    'my_clip_1'
    """
    return "_".join(name.split())


def _short(text: str) -> str:
    line = " ".join(text.split())
    return repr(line if len(line) <= 80 else line[:77] + "...")


# ---- files --------------------------------------------------------------------------------


def _write_dataset(
    name: str,
    rows: Sequence[OwnRow],
    entry: Mapping[str, Any],
    output: Path,
    controls: Sequence[OwnControl],
) -> Iterator[Path]:
    table = output / "dataset_info.json"
    is_test = rows[0].utterance.split.startswith("test")
    # LLaMA-Factory would draw the rows, and its answers would have another order than the manifest.
    kept = {key: one for key, one in entry.items() if key != "num_samples" or not is_test}
    yield write(SharegptDataset(list(rows)), output / name, table, as_given=kept)
    for control in controls if is_test else ():
        changed = SharegptDataset(under_control(rows, control, 0))
        yield write(changed, output / f"{name}_{control}", table, as_given=kept)


def _write_corpus(
    utterances: Sequence[Utterance],
    root: Path,
    corpus: str,
    options: Mapping[str, str],
    table: Path,
    output: Path,
    log: ConversionLog,
) -> CorpusCard:
    tally = CorpusTally(with_audio=True)
    path = output / "utterances.jsonl"
    with atomic_set(path) as files:
        write_utterances(files(path), tally.counted(utterances))
        labels = {one.label for one in utterances}
        card = CorpusCard(
            corpus=corpus,
            title=f"{corpus} (own rows)",
            licence="as the rows' own",
            source=str(table.absolute()),
            audio_root=str(root),
            classes=tuple(name for name in CLASSES if name in labels),
            options=dict(options),
            utterances=tally.utterances,
            hours=tally.hours,
            splits=tally.splits(),
            read=log.read,
            dropped=dict(sorted(log.dropped.items())),
            whyser=whyser.__version__,
        )
        write_lists(output, log, files)
        write_card(files(output / "corpus.json"), card)
    return card
