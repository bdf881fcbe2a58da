"""The result of a teacher's run: rates per corpus and emotion, and examples of faults."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar

from whyser.labels.classes import CLASSES, EmotionClass
from whyser.teacher.filters import LEAKS, Inspection
from whyser.teacher.rationale import Rationale


@dataclass
class Outcome:
    """Counts per corpus and emotion, updated as the rationales arrive, and an example per fault.

    Each counter holds `rationales`, `kept` and `answers`, and the answers with each `fault: ...`
    and `leak: ...`.
    """

    counts: defaultdict[tuple[str, EmotionClass], Counter[str]] = field(
        default_factory=lambda: defaultdict(Counter)
    )
    examples: dict[str, str] = field(default_factory=dict)

    RATE_COLUMNS: ClassVar = (
        *("corpus", "emotion", "rationales", "kept", "answers each"),
        *(f"leak: {level}" for level in LEAKS),
    )

    def add(
        self,
        corpus: str,
        label: EmotionClass,
        rationale: Rationale,
        inspections: tuple[Inspection, ...],
    ) -> None:
        counts = self.counts[corpus, label]
        counts["rationales"] += 1
        counts["kept"] += rationale.kept
        counts["answers"] += len(inspections)
        # A rationale without an answer has a reason but no inspection.
        for faults in [one.faults for one in inspections] or [rationale.reasons]:
            counts.update(f"fault: {fault}" for fault in faults)
        for inspection in inspections:
            counts.update(f"leak: {level}" for level in inspection.leaks)
        if rationale.reasons and rationale.reasons[0] not in self.examples:
            self.examples[rationale.reasons[0]] = _example(rationale, inspections)

    @property
    def whole(self) -> Counter[str]:
        return sum(self.counts.values(), Counter())

    def rates_rows(self) -> Iterator[list[str]]:
        """One row per corpus and emotion, and one for all; leaks are shares of the answers."""
        for corpus, label in sorted(self.counts, key=lambda key: (key[0], CLASSES.index(key[1]))):
            yield [corpus, label, *_rates(self.counts[corpus, label])]
        yield ["all", "", *_rates(self.whole)]

    def fault_table(self) -> tuple[list[str], list[list[str]]]:
        """Columns, and one row per fault, the most frequent first: its share of all answers and of
        each emotion's."""
        found = {label for _, label in self.counts}
        labels = [label for label in CLASSES if label in found]
        by_label = {"all": self.whole} | {label: Counter[str]() for label in labels}
        for (_, label), counts in self.counts.items():
            by_label[label] += counts
        rows = [
            [fault.removeprefix("fault: "), *(_share(one, fault) for one in by_label.values())]
            for fault, _ in self.whole.most_common()
            if fault.startswith("fault: ")
        ]
        return ["fault", *by_label], rows


def _rates(counts: Counter[str]) -> list[str]:
    rationales = counts["rationales"]
    return [
        f"{rationales:,}",
        _share(counts, "kept", "rationales"),
        f"{counts['answers'] / max(1, rationales):.2f}",
        *(_share(counts, f"leak: {level}") for level in LEAKS),
    ]


def _share(counts: Counter[str], name: str, of: str = "answers") -> str:
    return f"{counts[name] / max(1, counts[of]):.1%}"


def _example(rationale: Rationale, inspections: tuple[Inspection, ...]) -> str:
    details = "; ".join(inspections[-1].details) if inspections else ""
    text = rationale.text if len(rationale.text) <= 200 else f"{rationale.text[:200]}..."
    reasons = ", ".join(rationale.reasons)
    return f"{rationale.id} ({reasons}{': ' if details else ''}{details}): {text}"
