"""Whether the claims of rationales about the voice agree with the measurements."""

from __future__ import annotations

from dataclasses import dataclass

from whyser.evidence.claims import CLAIM_FAMILIES
from whyser_eval.output.report.results import Results, link
from whyser_eval.scoring.scores import ScoreRow
from whyser_eval.scoring.systems import SystemName

#: Outcome -> (mark, words); a claim without an outcome was not checked.
OUTCOMES = {
    "supported": ("✓", "supported"),
    "contradicted": ("✗", "contradicted"),
    "not_measurable": ("\u2013", "not measurable"),
    "unchecked": ("·", "not checked"),
}


@dataclass(frozen=True)
class Family:
    """The claims of one family, by outcome in the order of `OUTCOMES`."""

    name: str
    counts: list[int]

    @property
    def n(self) -> int:
        return sum(self.counts)

    @property
    def shares(self) -> list[float]:
        return [count / self.n for count in self.counts]


@dataclass(frozen=True)
class GroundingView:
    """The view of one system; `shuffled` scores its claims against other clips' measurements."""

    name: SystemName
    score: ScoreRow | None
    shuffled: ScoreRow | None
    families: list[Family]
    link: str


def grounding_views(results: Results) -> list[GroundingView]:
    """The views of systems whose claims were checked against measured cues."""
    views = []
    for name in results.main:
        scores = results.scores.get(name, {})
        view = GroundingView(
            name,
            scores.get(("all", "groundedness")),
            scores.get(("all", "groundedness_shuffled")),
            _families(results, name),
            link(name, claims="contradicted"),
        )
        if view.score or view.families:
            views.append(view)
    return views


def _families(results: Results, name: SystemName) -> list[Family]:
    counts = results.tallies[name].claims
    measured = [outcome for outcome in OUTCOMES if outcome != "unchecked"]
    families = (
        Family(one, [counts[one, outcome] for outcome in measured]) for one in CLAIM_FAMILIES
    )
    return [family for family in families if family.n]
