"""The folder of a scored run, read in one pass: its figures, and the samples that are shown.

Tens of thousands of answers are counted while they are read; only the shown ones are kept.
"""

from __future__ import annotations

import hashlib
import heapq
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from operator import itemgetter
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypeVar
from urllib.parse import urlencode

from pydantic import ValidationError

from whyser.io.errors import InputError
from whyser.io.files import read_json, read_jsonl
from whyser.io.visible import visible
from whyser.labels.classes import OTHER
from whyser.records.predictions import REPEATED
from whyser_eval.explanations.judge.rows import JudgeResults, read_judged
from whyser_eval.explanations.study.rows import StudyResults, read_studied
from whyser_eval.output.report.audit import Audit
from whyser_eval.page.onefile import cut
from whyser_eval.scoring.compare import SystemComparison, read_comparisons
from whyser_eval.scoring.scores import ScoreRow, read_scores
from whyser_eval.scoring.systems import SystemName

#: Files of the judges and of the human study in a run's folder.
JUDGED, STUDIED = Path("judge", "judge.json"), Path("study", "study.json")

T = TypeVar("T", bound=Hashable)
K = TypeVar("K", bound=Hashable)
Sample: TypeAlias = dict[str, Any]
Verdict: TypeAlias = Literal["right", "minority", "wrong", "unread"]

#: A model's own texts in a sample.
_TEXTS = ("text", "rationale", "transcript")

_CURE = "Give a folder that whyser-eval score wrote; run it again."


def verdict(sample: Sample) -> Verdict:
    """How the prediction compares with the majority label and with all annotators' labels."""
    if sample["prediction"] is None:
        return "unread"
    if sample["prediction"] == sample["label"]:
        return "right"
    return "minority" if sample["is_hit"] else "wrong"


@dataclass
class AnswerTally:
    """Counts over the answers of one system.

    `answers` counts by majority label, prediction and verdict, `claims` by family and outcome,
    without claims that were not measured.
    """

    answers: Counter[tuple[str | None, str | None, Verdict]] = field(default_factory=Counter)
    stages: Counter[str] = field(default_factory=Counter)
    two_emotions: Counter[str | None] = field(default_factory=Counter)
    claims: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, sample: Sample) -> None:
        self.answers[sample["label"], sample["prediction"], verdict(sample)] += 1
        self.stages[sample["stage"]] += 1
        self.two_emotions[sample["label"]] += bool(sample["two_emotions"])
        for claim in sample.get("claims") or ():
            if claim["outcome"] is not None:
                self.claims[claim["family"], claim["outcome"]] += 1

    @property
    def n(self) -> int:
        return self.answers.total()

    def confusion(self) -> Counter[tuple[str | None, str | None]]:
        """By majority label and prediction."""
        return _summed(self.answers, itemgetter(0, 1))

    def verdicts(self) -> Counter[tuple[str | None, Verdict]]:
        """By majority label and verdict."""
        return _summed(self.answers, itemgetter(0, 2))

    def unread(self) -> Counter[str | None]:
        """By majority label."""
        return Counter(
            {label: n for (label, found), n in self.verdicts().items() if found == "unread"}
        )


def _summed(counts: Counter[T], key: Callable[[T], K]) -> Counter[K]:
    summed: Counter[K] = Counter()
    for one, count in counts.items():
        summed[key(one)] += count
    return summed


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
    comparisons: tuple[SystemComparison, ...]
    audit: Audit | None
    judged: JudgeResults | None
    studied: StudyResults | None

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
        predicted = {name for tally in self.tallies.values() for _, name, _ in tally.answers}
        undeclared = sorted(name for name in predicted - {*self.classes, OTHER} if name)
        return [*self.classes, *undeclared, OTHER, None]


def read_results(folder: Path, *, max_samples: int) -> Results:
    """Reads the files of `score`, and those of `compare`, `judge` and `study read` if they exist.

    Raises: `InputError` for a missing or a broken file, or one of another format.
    """
    for name in ("scores.json", "samples.jsonl", "provenance.json"):
        if not (folder / name).is_file():
            raise InputError("no such file", file=folder / name, cure=_CURE)
    try:
        rows = tuple(read_scores(folder / "scores.json"))
        tallies, shown = _read_samples(folder / "samples.jsonl", max_samples)
        results = Results(
            folder.resolve().name,
            rows,
            read_json(folder / "provenance.json"),
            tallies,
            shown,
            _read_comparisons(folder / "comparisons.json"),
            _read_audit(folder / "audit.json"),
            read_judged(folder / JUDGED) if (folder / JUDGED).is_file() else None,
            read_studied(folder / STUDIED) if (folder / STUDIED).is_file() else None,
        )
        if not results.classes:
            raise InputError("contains no scores", file=folder, cure=_CURE)
        if not shown:
            raise InputError(
                "contains only answers to a repeated question" if tallies else
                "contains no answers",
                file=folder / "samples.jsonl",
                cure="Score the system's answers to the original question too.",
            )  # fmt: skip
    except (KeyError, TypeError, AttributeError, ValidationError) as error:
        first = str(error).splitlines()[0]
        raise InputError(
            f"is not a scored run as this version writes it ({first})", file=folder, cure=_CURE
        ) from None
    return results


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


def _read_comparisons(path: Path) -> tuple[SystemComparison, ...]:
    return tuple(read_comparisons(path)) if path.is_file() else ()


def _read_audit(path: Path) -> Audit | None:
    return Audit.model_validate(read_json(path)) if path.is_file() else None


def link(name: SystemName, **filters: str) -> str:
    """A link to the samples of a system that pass the filters.

    >>> link(SystemName("tiny", "open", "none"), gold="sad")
    '#system=tiny&form=open&control=none&gold=sad'
    """
    chosen = {"system": visible(name.model), "form": name.form, "control": name.control}
    return f"#{urlencode(chosen | filters)}"
