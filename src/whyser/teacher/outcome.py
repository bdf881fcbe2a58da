"""What a teacher's run came to: rates per corpus and emotion, and examples to look at."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from whyser.labels import CLASSES, EmotionClass
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

    @property
    def columns(self) -> list[str]:
        leaks = [f"leak: {level}" for level in LEAKS]
        return ["corpus", "emotion", "rationales", "kept", "answers each", *leaks, *self._faults]

    @property
    def _faults(self) -> list[str]:
        return sorted({fault for rates in self.rates.values() for fault in rates.faulty})

    def rows(self) -> Iterator[list[str]]:
        """A row a corpus and emotion, and one for all; leaks and faults as shares of answers."""
        order = {label: place for place, label in enumerate(CLASSES)}
        for corpus, label in sorted(self.rates, key=lambda key: (key[0], order[key[1]])):
            yield self._row(corpus, label, self.rates[corpus, label])
        whole = _Rates()
        for rates in self.rates.values():
            whole.rationales += rates.rationales
            whole.kept += rates.kept
            whole.answers += rates.answers
            whole.faulty += rates.faulty
            whole.leaks += rates.leaks
        yield self._row("all", "", whole)

    def _row(self, corpus: str, label: str, rates: _Rates) -> list[str]:
        answers = max(1, rates.answers)
        shares = [rates.leaks[level] / answers for level in LEAKS]
        shares += [rates.faulty[fault] / answers for fault in self._faults]
        return [
            corpus,
            label,
            f"{rates.rationales:,}",
            f"{rates.kept / max(1, rates.rationales):.1%}",
            f"{rates.answers / max(1, rates.rationales):.2f}",
            *(f"{share:.1%}" for share in shares),
        ]


def _example(rationale: Rationale, inspections: tuple[Inspection, ...]) -> str:
    details = "; ".join(inspections[-1].details) if inspections else ""
    text = rationale.text if len(rationale.text) <= 200 else f"{rationale.text[:200]}..."
    return (
        f"{rationale.id} ({', '.join(rationale.reasons)}{': ' if details else ''}{details}): {text}"
    )
