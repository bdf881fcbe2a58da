"""The folder of a scored run, read in one pass: its figures, and the samples that are shown.

Tens of thousands of answers are counted while they are read; only the shown ones are kept.
"""

from __future__ import annotations

import hashlib
import heapq
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from operator import attrgetter
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias, TypeVar
from urllib.parse import urlencode

from pydantic import BaseModel, ValidationError

from whyser.io.errors import InputError
from whyser.io.files import read_json, read_jsonl
from whyser.io.visible import visible
from whyser.labels.classes import OTHER
from whyser.records.predictions import REPEATED
from whyser.records.training import TrainingFacts, read_training
from whyser_eval.explanations.judge.rows import JudgeResults, read_judged
from whyser_eval.explanations.study.rows import StudyResults, read_studied
from whyser_eval.page.onefile import cut
from whyser_eval.scoring.compare import SystemComparison, read_comparisons
from whyser_eval.scoring.scores import ANY, ScoreRow, read_scores
from whyser_eval.scoring.systems import SystemName

#: Files of the judges and of the human study in a run's folder.
JUDGED, STUDIED = Path("judge", "judge.json"), Path("study", "study.json")

T = TypeVar("T")
Sample: TypeAlias = dict[str, Any]
Verdict: TypeAlias = Literal["right", "minority", "wrong", "unread"]

#: A model's own texts in a sample.
_TEXTS = ("text", "rationale", "transcript")

_CURE = "Give a folder that whyser-eval score wrote; run it again."


# ---- audit.json ---------------------------------------------------------------------------------


class ReadSystem(BaseModel):
    """`words` has words, their labels and counts, the most frequent first."""

    model: str
    form: str
    control: str = "none"
    words: list[tuple[str, str | None, int]] = []


class Example(BaseModel):
    """An answer; `text` is only its beginning."""

    id: str
    text: str


class Disagreement(BaseModel):
    """`n` answers that the rules read as one label and the language model as another."""

    rules: str
    llm: str
    n: int
    examples: list[Example]


class Agreement(BaseModel):
    """The agreement of rules and language model on the same answers; None where it is undefined."""

    n: int
    agreement: float | None
    kappa: float | None = None
    disagreements: list[Disagreement] = []


class Audit(BaseModel):
    """The words that the readers found, and the agreement of rules and a language model."""

    systems: list[ReadSystem] = []
    rules_against_llm: Agreement | None = None


# ---- samples ------------------------------------------------------------------------------------


def verdict(sample: Sample) -> Verdict:
    """How the prediction compares with the majority label and with all annotators' labels."""
    if sample["prediction"] is None:
        return "unread"
    if sample["prediction"] == sample["label"]:
        return "right"
    return "minority" if sample["is_hit"] else "wrong"


class AnswerKind(NamedTuple):
    """By what answers are counted; `label` is the majority label, `prediction` None if unread."""

    label: str | None
    prediction: str | None
    verdict: Verdict
    stage: str
    two_emotions: bool


@dataclass
class AnswerTally:
    """Counts over the answers of one system.

    `claims` counts by family and outcome, without claims that were not measured.
    """

    answers: Counter[AnswerKind] = field(default_factory=Counter)
    claims: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, sample: Sample) -> None:
        seen, two = verdict(sample), bool(sample["two_emotions"])
        kind = AnswerKind(sample["label"], sample["prediction"], seen, sample["stage"], two)
        self.answers[kind] += 1
        for claim in sample.get("claims") or ():
            if claim["outcome"] is not None:
                self.claims[claim["family"], claim["outcome"]] += 1

    @property
    def n(self) -> int:
        return self.answers.total()

    def count(self, *columns: str, **where: object) -> Counter[Any]:
        """Answers by one column, or by a tuple of several.

        Args: `where`, the only value of a column that is counted.
        """
        value_of, found = attrgetter(*columns), Counter[Any]()
        for kind, number in self.answers.items():
            if all(getattr(kind, column) == value for column, value in where.items()):
                found[value_of(kind)] += number
        return found


class SampleChoice:
    """The shown samples of a system: those whose ids have the smallest hashes.

    So every system and every report shows the same utterances, in whatever order they come.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._heap: list[tuple[int, int, Sample]] = []
        self._offered = 0

    def offer(self, sample: Sample) -> None:
        self._offered += 1
        digest = hashlib.sha256(sample["id"].encode("utf-8", "replace")).digest()
        # Negative, because the heap drops its smallest entry first.
        key = -int.from_bytes(digest[:8])
        if len(self._heap) < self.most:
            heapq.heappush(self._heap, (key, self._offered, _shortened(sample)))
        elif key > self._heap[0][0]:
            heapq.heapreplace(self._heap, (key, self._offered, _shortened(sample)))

    def __iter__(self) -> Iterator[Sample]:
        """The samples in the order of the file."""
        return (sample for _, _, sample in sorted(self._heap, key=lambda entry: entry[1]))


def _shortened(sample: Sample) -> Sample:
    """The sample with cut texts: an answer may have a megabyte, most of which is never shown."""
    return sample | {name: cut(sample[name]) for name in _TEXTS}


@dataclass(frozen=True)
class Results:
    """A scored run: the files of `score`, and those of other commands in the same folder."""

    name: str
    rows: tuple[ScoreRow, ...]
    provenance: Mapping[str, Any]
    tallies: Mapping[SystemName, AnswerTally]
    shown: Mapping[SystemName, Sequence[Sample]]
    comparisons: Sequence[SystemComparison]
    audit: Audit | None
    judged: JudgeResults | None
    studied: StudyResults | None
    trained: TrainingFacts | None

    @property
    def classes(self) -> list[str]:
        return list(self.provenance["classes"])

    @cached_property
    def scores(self) -> dict[SystemName, dict[tuple[str, str], ScoreRow]]:
        """By system, then by subset and metric."""
        table: dict[SystemName, dict[tuple[str, str], ScoreRow]] = {}
        for row in self.rows:
            system = SystemName(row.system, row.form, row.control)
            table.setdefault(system, {})[row.subset, row.metric] = row
        return table

    @property
    def main(self) -> list[SystemName]:
        """The systems without a control; all of them if there are only controls."""
        return [name for name in self.shown if name.control == "none"] or list(self.shown)

    @property
    def utterances(self) -> int:
        return max(self.tallies[name].n for name in self.shown)

    @cached_property
    def columns(self) -> list[str | None]:
        """Possible predictions: classes, also undeclared ones, and other; None is unread."""
        predicted = {kind.prediction for tally in self.tallies.values() for kind in tally.answers}
        undeclared = sorted(name for name in predicted - {*self.classes, OTHER} if name)
        return [*self.classes, *undeclared, OTHER, None]


def read_results(folder: Path, *, max_samples: int) -> Results:
    """Reads the files of `score`, and those of `compare`, `judge` and `study read` if they exist.

    Raises: `InputError` for a missing or a broken file, or one of another format, and if `score`
    writes to the folder meanwhile.
    """
    for name in ("scores.json", "samples.jsonl", "provenance.json"):
        if not (folder / name).is_file():
            raise InputError("no such file", file=folder / name, cure=_CURE)
    # The last file of the set that `score` writes; where it stays, the others stay.
    last = folder / "provenance.json"
    try:
        before, record = _state(last), read_json(last)
        _refuse_outdated(folder / "comparisons.json", record)
        rows = tuple(read_scores(folder / "scores.json"))
        tallies, shown = _read_samples(folder / "samples.jsonl", max_samples)
        results = Results(
            folder.resolve().name,
            rows,
            record,
            tallies,
            shown,
            _if_there(read_comparisons, folder / "comparisons.json") or (),
            _if_there(_read_audit, folder / "audit.json"),
            _if_there(read_judged, folder / JUDGED),
            _if_there(read_studied, folder / STUDIED),
            read_training(folder),
        )
        if not results.classes:
            raise InputError("contains no scores", file=folder, cure=_CURE)
        if not shown:
            what = f"contains {'only answers to a repeated question' if tallies else 'no answers'}"
            cure = "Score the system's answers to the original question too."
            raise InputError(what, file=folder / "samples.jsonl", cure=cure)
        if _state(last) != before:
            raise InputError("changed while it was read", file=folder, cure="Report it again.")
    except (KeyError, TypeError, AttributeError, ValidationError) as error:
        first = str(error).splitlines()[0]
        raise InputError(
            f"is not a scored run as this version writes it ({first})", file=folder, cure=_CURE
        ) from None
    return results


def refuse_other_samples(folder: Path, results: Results) -> None:
    """Raises: `InputError` if a score counts more answers than there are samples of its system."""
    tallies = results.tallies
    for row in results.rows:
        # A repeated question has one row of scores for all its variants.
        if row.form == ANY or row.control in REPEATED:
            continue
        if (row.subset, row.metric) != ("all", "f1_majority"):
            continue
        name = SystemName(row.system, row.form, row.control)
        found = tallies[name].n if name in tallies else 0
        if found < row.n:
            raise InputError(
                f"has {found:,} answers of {row.system} ({row.form}, {row.control}), and "
                f"scores.json counts {row.n:,}: the files are of two runs",
                file=folder / "samples.jsonl",
                cure=_CURE,
            )


def _refuse_outdated(comparisons: Path, record: Mapping[str, Any]) -> None:
    """Raises: `InputError` if a file that was compared has been changed since, and scored again."""
    path = comparisons.with_suffix(".provenance.json")
    if not (comparisons.is_file() and path.is_file()):
        return
    scored = {one["path"]: one["sha256"] for one in record["inputs"]}
    for one in read_json(path)["inputs"]:
        if scored.get(one["path"], one["sha256"]) != one["sha256"]:
            raise InputError(
                f"compares other answers than were scored: {one['path']} has changed since",
                file=comparisons,
                cure="Run whyser-eval compare again, or remove the file.",
            )


def _state(path: Path) -> tuple[int, int] | None:
    """What changes when the file is replaced; None where it is not."""
    if not path.exists():
        return None
    found = path.stat()
    return found.st_ino, found.st_mtime_ns


def _read_samples(
    path: Path, most: int
) -> tuple[dict[SystemName, AnswerTally], dict[SystemName, list[Sample]]]:
    tallies: defaultdict[SystemName, AnswerTally] = defaultdict(AnswerTally)
    choices: defaultdict[SystemName, SampleChoice] = defaultdict(lambda: SampleChoice(most))
    for _, sample in read_jsonl(path):
        name = SystemName(sample["system"], sample["form"], sample["control"])
        tallies[name].add(sample)
        # A repeated question is one row of the table and has no samples to show.
        if name.control not in REPEATED:
            choices[name].offer(sample)
    return dict(tallies), {name: list(choice) for name, choice in choices.items()}


def _if_there(read: Callable[[Path], T], path: Path) -> T | None:
    return read(path) if path.is_file() else None


def _read_audit(path: Path) -> Audit:
    return Audit.model_validate(read_json(path))


def link(name: SystemName, **filters: str) -> str:
    """A link to the samples of a system that pass the filters.

    >>> link(SystemName("tiny", "open", "none"), gold="sad")
    '#system=tiny&form=open&control=none&gold=sad'
    """
    chosen = {"system": visible(name.model), "form": name.form, "control": name.control}
    return f"#{urlencode(chosen | filters)}"
