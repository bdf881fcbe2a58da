"""Whether answers follow the voice or the words where these conflict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from whyser_eval.output.report.results import Results
from whyser_eval.scoring.scores import ScoreRow
from whyser_eval.scoring.systems import SystemName

#: Share of the answers to a conflict -> (pattern, words), in the order of a bar.
FOLLOWED: Mapping[str, tuple[str, str]] = {
    "voice": ("right", "follow the voice"),
    "words": ("minority", "follow the words"),
    "neither": ("wrong", "follow neither"),
}


@dataclass(frozen=True)
class ConflictLine:
    """One system: accuracy where words and voice agree, and what it follows where they do not."""

    name: SystemName
    congruent: ScoreRow | None
    voice: ScoreRow
    words: ScoreRow

    @property
    def shares(self) -> dict[str, float]:
        """The share of answers that follow each of `FOLLOWED`; they sum to 1."""
        voice, words = self.voice.value or 0.0, self.words.value or 0.0
        return {"voice": voice, "words": words, "neither": max(0.0, 1 - voice - words)}


def conflict_lines(results: Results) -> list[ConflictLine]:
    """A line for each system and chance baseline; none if no utterance conflicts."""
    lines = []
    for name, scores in results.scores.items():
        voice, words = (scores.get(("all", one)) for one in ("conflict_accuracy", "words_rate"))
        if voice and words and voice.n:
            congruent = scores.get(("all", "congruent_accuracy"))
            lines.append(ConflictLine(name, congruent, voice, words))
    return lines
