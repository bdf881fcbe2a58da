"""The gap between the genders of the speakers."""

from __future__ import annotations

from dataclasses import dataclass

from whyser_eval.metrics.genders import GENDERS
from whyser_eval.output.report.results import Results
from whyser_eval.scoring.scores import ScoreRow
from whyser_eval.scoring.systems import SystemName


@dataclass(frozen=True)
class GenderLine:
    """One system: its score on each gender, the gap, and the row with its p."""

    name: SystemName
    female: ScoreRow
    male: ScoreRow
    gap: ScoreRow
    p: ScoreRow | None


def gender_lines(results: Results) -> list[GenderLine]:
    """A line for each system and chance baseline; none without speakers of both genders."""
    lines = []
    for name, scores in results.scores.items():
        gap = scores.get(("all", "gender_gap"))
        female, male = (scores.get((one, "f1_majority")) for one in GENDERS)
        if gap and female and male and gap.value is not None:
            p = scores.get(("all", "gender_gap_p"))
            lines.append(GenderLine(name, female, male, gap, p))
    return lines
