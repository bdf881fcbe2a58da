"""Everything that would cost hours later, found in seconds from headers alone.

LLaMA-Factory warns about a bad row and trains on without it, or without its sound
(platform.md, 2); so every row is looked at here first, and all problems are told at once.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from whyser import audio
from whyser.corpus import Corpus
from whyser.errors import InputError, Problems, did_you_mean
from whyser.files import read_json, read_jsonl, read_text
from whyser_converters.dataset_info import COLUMNS, TAGS, read_table

PLACEHOLDER = "<audio>"

#: Qwen2-Audio hears the first 30 s of a clip, as 3,000 mel frames of 10 ms.
MEL_FRAMES, MEL_HOP = 3000, 160

#: The column and tag names that LLaMA-Factory 0.9.5 reads; it ignores every other.
KNOWN_COLUMNS = [
    *("prompt", "query", "response", "history", "messages", "system", "tools"),
    *("images", "videos", "audios", "chosen", "rejected", "kto_tag"),
]
KNOWN_TAGS = [*TAGS, "observation_tag", "function_tag", "system_tag"]


def audio_tokens(frames: int) -> int:
    """`<|AUDIO|>` tokens of a clip of that many samples at 16 kHz (platform.md, 2).

    >>> audio_tokens(30 * 16_000), audio_tokens(320)
    (750, 0)
    """
    mel = min(MEL_FRAMES, -(-frames // MEL_HOP))
    return max(0, ((mel - 1) // 2 + 1 - 2) // 2 + 1)


@dataclass
class DatasetSummary:
    """What a checked dataset holds: `hours` of sound, `tokens` of audio by row."""

    name: str
    rows: int = 0
    hours: float = 0.0
    tokens: int = 0
    longest: int = 0
    over_30_s: int = 0

    COLUMNS: ClassVar = ("dataset", "rows", "hours", "audio tokens", "longest", "over 30 s")

    def row(self) -> tuple[str, ...]:
        numbers = (self.tokens, self.longest, self.over_30_s)
        return (
            self.name,
            f"{self.rows:,}",
            f"{self.hours:.2f}",
            *(f"{number:,}" for number in numbers),
        )


@dataclass(frozen=True)
class Job:
    """A dataset to check, and what the YAML that names it asks of its rows."""

    name: str
    table: Path
    cutoff_len: int | None = None
    trains: bool = False


# ---- training data ------------------------------------------------------------------------


def jobs_of(target: str, dataset_dir: Path | None = None) -> list[Job]:
    """The datasets behind a YAML, a `dataset_info.json`, or a dataset's name."""
    if target.endswith((".yaml", ".yml")):
        return _jobs_of_yaml(Path(target), dataset_dir)
    if target.endswith(".json"):
        return [Job(name, Path(target)) for name in read_table(Path(target))]
    return [Job(target, (dataset_dir or Path()) / "dataset_info.json")]


def _jobs_of_yaml(path: Path, dataset_dir: Path | None) -> list[Job]:
    """The datasets that a LLaMA-Factory YAML names, with its limits.

    Raises: `InputError` when it is no YAML of LLaMA-Factory or its table is missing.
    """
    import yaml

    try:
        settings = yaml.safe_load(read_text(path))
    except yaml.YAMLError as error:
        raise InputError(f"not valid YAML ({error})", file=path) from None
    if not isinstance(settings, dict):
        raise InputError("expected LLaMA-Factory settings, one 'key: value' a line", file=path)
    folder = dataset_dir or Path(settings.get("dataset_dir", "data"))
    cutoff_len = settings.get("cutoff_len", 2048)
    if not isinstance(cutoff_len, int):
        raise InputError(f"bad cutoff_len {cutoff_len!r}, expected a whole number", file=path)
    jobs = [
        Job(name.strip(), folder / "dataset_info.json", cutoff_len, trains=key == "dataset")
        for key in ("dataset", "eval_dataset")
        for name in str(settings.get(key) or "").split(",")
        if name.strip()
    ]
    if not jobs:
        raise InputError("names no dataset", file=path, cure="Give 'dataset' or 'eval_dataset'.")
    return jobs


def check_dataset(job: Job, problems: Problems) -> DatasetSummary:
    """Checks every row; problems are added to `problems`."""
    summary = DatasetSummary(job.name)
    with problems.caught():
        table = read_table(job.table)
        if job.name not in table:
            raise InputError(
                f"no dataset {job.name!r}", file=job.table, cure=did_you_mean(job.name, table)
            )
        entry = table[job.name]
        if not isinstance(entry, dict) or not isinstance(entry.get("file_name"), str):
            raise InputError(
                f"dataset {job.name!r} names no local file",
                file=job.table,
                cure="Only datasets with 'file_name' can be checked.",
            )
        columns = {**COLUMNS, **_known_names(job, entry, "columns", KNOWN_COLUMNS, problems)}
        tags = {**TAGS, **_known_names(job, entry, "tags", KNOWN_TAGS, problems)}
        rows_file = job.table.parent / entry["file_name"]
        rows = read_json(rows_file)
        if not isinstance(rows, list):
            raise InputError("expected a list of rows", file=rows_file)
        if not rows:
            raise InputError("holds no rows", file=rows_file, cure="Build the dataset again.")
        for number, row in enumerate(rows):
            for fault in _row_faults(row, columns, tags, job, summary):
                problems.add(InputError(f"row {number}: {fault}", file=rows_file))
        summary.rows = len(rows)
        _check_manifest(rows_file, len(rows), job, problems)
    return summary


def _known_names(
    job: Job, entry: Mapping[str, Any], key: str, known: Sequence[str], problems: Problems
) -> dict[str, str]:
    names = entry.get(key) or {}
    if not isinstance(names, dict) or not all(isinstance(one, str) for one in names.values()):
        raise InputError(f"dataset {job.name!r}: {key} is no table of names", file=job.table)
    for name in names:
        if name not in known:
            problems.add(
                InputError(
                    f"dataset {job.name!r}: LLaMA-Factory ignores {key} {name!r}",
                    file=job.table,
                    cure=did_you_mean(name, known),
                )
            )
    if key == "columns" and "audios" not in names:
        problems.add(
            InputError(
                f"dataset {job.name!r} has no column 'audios': it would train without sound",
                file=job.table,
            )
        )
    return names


def _row_faults(
    row: Any,
    columns: Mapping[str, str],
    tags: Mapping[str, str],
    job: Job,
    summary: DatasetSummary,
) -> Iterator[str]:
    messages = row.get(columns["messages"]) if isinstance(row, dict) else None
    if not isinstance(messages, list) or not all(isinstance(one, dict) for one in messages):
        yield f"has no list of messages under {columns['messages']!r}"
        return
    yield from _role_faults(messages, tags)
    sounds = row.get(columns["audios"]) or []
    if not isinstance(sounds, list) or not all(isinstance(sound, str) for sound in sounds):
        yield f"{columns['audios']!r} is no list of paths"
        return
    text = "".join(str(one.get(tags["content_tag"], "")) for one in messages)
    if text.count(PLACEHOLDER) != len(sounds):
        yield f"{text.count(PLACEHOLDER)} {PLACEHOLDER} in the messages for {len(sounds)} audios"
    for sound in sounds:
        yield from _sound_faults(job.table.parent / sound, job, summary)


def _role_faults(messages: Sequence[Mapping[str, Any]], tags: Mapping[str, str]) -> Iterator[str]:
    roles = [one.get(tags["role_tag"]) for one in messages]
    if roles and roles[0] == tags.get("system_tag", "system"):
        roles = roles[1:]
    turn = [tags["user_tag"], tags["assistant_tag"]]
    if not roles or roles != turn * (len(roles) // 2):
        yield f"roles are {roles}, expected {turn} in turn: LLaMA-Factory drops such a row"


def _sound_faults(path: Path, job: Job, summary: DatasetSummary) -> Iterator[str]:
    try:
        info = audio.probe(path)
    except InputError as error:
        yield str(error)
        return
    tokens = audio_tokens(round(info.duration * audio.SAMPLING_RATE))
    summary.hours += info.duration / 3600
    summary.tokens += tokens
    summary.longest = max(summary.longest, tokens)
    summary.over_30_s += info.duration > 30
    if tokens == 0:
        yield f"{path}: {info.duration:.3f} s gives no audio token, training would crash"
    if job.cutoff_len is not None and tokens >= job.cutoff_len:
        yield f"{path}: {tokens} audio tokens do not fit cutoff_len {job.cutoff_len}"


def _check_manifest(rows_file: Path, rows: int, job: Job, problems: Problems) -> None:
    """Our manifest says whose each row is; a foreign dataset has none."""
    manifest = rows_file.with_suffix(".manifest.jsonl")
    if not manifest.exists():
        return
    lines = [row for _, row in read_jsonl(manifest)]
    if len(lines) != rows:
        problems.add(
            InputError(
                f"{len(lines):,} lines for {rows:,} rows", file=manifest, cure="Build it again."
            )
        )
    ids = Counter(str(row.get("id")) for row in lines)
    for id_ in [id_ for id_, count in ids.items() if count > 1]:
        problems.add(InputError(f"id {id_!r} stands twice", file=manifest, cure="Build it again."))
    splits = Counter(str(row.get("split")) for row in lines) if job.trains else {}
    for split, count in splits.items():
        if split.startswith("test"):
            problems.add(
                InputError(
                    f"{count:,} rows of split {split!r} in a training dataset",
                    file=manifest,
                    cure="Build it from the training split.",
                )
            )


# ---- splits -------------------------------------------------------------------------------


@dataclass
class SplitSummary:
    """What one split of one corpus holds."""

    corpus: str
    split: str
    utterances: int = 0
    hours: float = 0.0
    speakers: set[str] = field(default_factory=set)

    COLUMNS: ClassVar = ("corpus", "split", "utterances", "hours", "speakers")

    @property
    def order(self) -> tuple[str, bool, bool, str]:
        return self.corpus, self.split != "train", self.split != "dev", self.split

    def row(self) -> tuple[str, ...]:
        return (
            self.corpus,
            self.split,
            f"{self.utterances:,}",
            f"{self.hours:.2f}" if self.hours else "no sound",
            f"{len(self.speakers):,}",
        )


def check_splits(corpora: Sequence[Corpus], problems: Problems) -> list[SplitSummary]:
    """Fails when an id, or a speaker of a corpus that promises otherwise, is in two splits.

    The test sets of one corpus count as one split: MSP-Podcast's share speakers.
    """
    summaries: dict[tuple[str, str], SplitSummary] = {}
    seen: dict[str, Path] = {}
    for corpus in corpora:
        by_part: dict[str, set[str]] = defaultdict(set)
        for utterance in corpus.utterances():
            if utterance.id in seen:
                problems.add(
                    InputError(f"id {utterance.id!r} is also in {seen[utterance.id]}").at(
                        corpus.path
                    )
                )
            seen[utterance.id] = corpus.path
            key = (utterance.corpus, utterance.split)
            summary = summaries.setdefault(key, SplitSummary(*key))
            summary.utterances += 1
            summary.hours += (utterance.duration or 0.0) / 3600
            if utterance.speaker is not None:
                summary.speakers.add(utterance.speaker)
                by_part["test" if utterance.split.startswith("test") else utterance.split].add(
                    utterance.speaker
                )
        if corpus.card.speaker_disjoint:
            _refuse_shared_speakers(corpus, by_part, problems)
    return sorted(summaries.values(), key=lambda summary: summary.order)


def _refuse_shared_speakers(
    corpus: Corpus, by_part: Mapping[str, set[str]], problems: Problems
) -> None:
    parts = sorted(by_part)
    for position, first in enumerate(parts):
        for second in parts[position + 1 :]:
            for speaker in sorted(by_part[first] & by_part[second]):
                problems.add(
                    InputError(
                        f"speaker {speaker!r} is in {first} and in {second}",
                        file=corpus.path,
                        cure="Move all of a speaker's utterances into one split.",
                    )
                )
