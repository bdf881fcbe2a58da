"""What a teacher's run came to: rates per corpus and emotion, and examples to look at."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar

from whyser.labels.classes import CLASSES, EmotionClass
from whyser.teacher.filters import LEAKS, Inspection
from whyser.teacher.rationale import Rationale

#: Examples that are shown of each fault.
SHOWN = 1

_Key = tuple[str, EmotionClass]


@dataclass
class _Rates:
    """Counts of one corpus and emotion: of rationales, and of single answers."""

    rationales: int = 0
    kept: int = 0
    answers: int = 0
    faulty: Counter[str] = field(default_factory=Counter)
    leaks: Counter[str] = field(default_factory=Counter)

    def add(self, other: _Rates) -> None:
        self.rationales += other.rationales
        self.kept += other.kept
        self.answers += other.answers
        self.faulty += other.faulty
        self.leaks += other.leaks


@dataclass
class Outcome:
    """Counted as the rationales come; nothing of them is held but a few examples."""

    rates: defaultdict[_Key, _Rates] = field(default_factory=lambda: defaultdict(_Rates))
    examples: dict[str, list[str]] = field(default_factory=dict)

    def add(
        self,
        corpus: str,
        label: EmotionClass,
        rationale: Rationale,
        inspections: tuple[Inspection, ...],
    ) -> None:
        rates = self.rates[corpus, label]
        rates.rationales += 1
        rates.kept += rationale.kept
        rates.answers += len(inspections)
        # A rationale that was never answered has a reason and no inspection.
        for faults in [one.faults for one in inspections] or [rationale.reasons]:
            rates.faulty.update(faults)
        for inspection in inspections:
            rates.leaks.update(inspection.leaks)
        if rationale.reasons:
            shown = self.examples.setdefault(rationale.reasons[0], [])
            if len(shown) < SHOWN:
                shown.append(_example(rationale, inspections))

    @property
    def kept(self) -> int:
        return sum(rates.kept for rates in self.rates.values())

    @property
    def total(self) -> int:
        return sum(rates.rationales for rates in self.rates.values())

    RATE_COLUMNS: ClassVar = (
        *("corpus", "emotion", "rationales", "kept", "answers each"),
        *(f"leak: {level}" for level in LEAKS),
    )

    def rates_rows(self) -> Iterator[list[str]]:
        """A row a corpus and emotion, and one for all; leaks as shares of answers."""
        for corpus, label in self._keys:
            yield self._rates_row(corpus, label, self.rates[corpus, label])
        yield self._rates_row("all", "", self._whole)

    def fault_columns(self) -> list[str]:
        return ["fault", "all", *self._labels]

    def fault_rows(self) -> Iterator[list[str]]:
        """A row a fault: its share of the answers to all, and to each emotion, most often first."""
        whole = self._whole
        by_label = {label: _Rates() for label in self._labels}
        for (_, label), rates in self.rates.items():
            by_label[label].add(rates)
        for fault, _ in whole.faulty.most_common():
            counted = (whole, *by_label.values())
            yield [fault, *(_share(one.faulty[fault], one.answers) for one in counted)]

    @property
    def _keys(self) -> list[_Key]:
        order = {label: place for place, label in enumerate(CLASSES)}
        return sorted(self.rates, key=lambda key: (key[0], order[key[1]]))

    @property
    def _labels(self) -> list[EmotionClass]:
        found = {label for _, label in self.rates}
        return [label for label in CLASSES if label in found]

    @property
    def _whole(self) -> _Rates:
        whole = _Rates()
        for rates in self.rates.values():
            whole.add(rates)
        return whole

    def _rates_row(self, corpus: str, label: str, rates: _Rates) -> list[str]:
        return [
            corpus,
            label,
            f"{rates.rationales:,}",
            _share(rates.kept, rates.rationales),
            f"{rates.answers / max(1, rates.rationales):.2f}",
            *(_share(rates.leaks[level], rates.answers) for level in LEAKS),
        ]


def _share(count: int, total: int) -> str:
    return f"{count / max(1, total):.1%}"


def _example(rationale: Rationale, inspections: tuple[Inspection, ...]) -> str:
    details = "; ".join(inspections[-1].details) if inspections else ""
    text = rationale.text if len(rationale.text) <= 200 else f"{rationale.text[:200]}..."
    return (
        f"{rationale.id} ({', '.join(rationale.reasons)}{': ' if details else ''}{details}): {text}"
    )
