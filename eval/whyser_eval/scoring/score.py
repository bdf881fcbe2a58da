"""References and predictions in, a scored run out; `run_files` writes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from whyser_eval.scoring.chance_baselines import chance_baselines
from whyser_eval.scoring.conflict import Conflict, EmotionSources, read_conflict
from whyser_eval.scoring.notes import run_notes, run_warnings
from whyser_eval.scoring.references import AnswerKey, References
from whyser_eval.scoring.rows import baseline_rows, baseline_signature, system_rows
from whyser_eval.scoring.scores import ScoreRow
from whyser_eval.scoring.settings import Settings
from whyser_eval.scoring.system_scores import SystemScores, score_system
from whyser_eval.scoring.systems import System, read_systems

if TYPE_CHECKING:
    from whyser.evidence.cues import Cues


@dataclass(frozen=True)
class ScoredRun:
    """A scored run; `ignored` counts the predictions that are not scored, by reason.

    `notes` and `warnings` are what a reader of the scores needs to know.
    """

    key: AnswerKey
    references: References
    scored: tuple[SystemScores, ...]
    rows: tuple[ScoreRow, ...]
    ignored: Mapping[str, int]
    warnings: tuple[str, ...]
    notes: tuple[str, ...]
    settings: Settings
    inputs: tuple[Path, ...]
    conflict: Conflict | None = None

    @property
    def systems(self) -> list[System]:
        return [one.system for one in self.scored]

    @property
    def unused_corpora(self) -> list[str]:
        """Corpora that were given but have no utterance in the chosen split."""
        used = {utterance.corpus for utterance in self.references.utterances}
        return sorted(set(self.key.corpora) - used)


def score_run(
    references: Sequence[Path],
    predictions: Sequence[Path],
    settings: Settings | None = None,
    *,
    cues: Sequence[Path] = (),
    emotions: EmotionSources | None = None,
) -> ScoredRun:
    """Scores every system of the prediction files; writes nothing.

    Args: `cues`, files of measured cues, which the answers' claims are compared with; `emotions`,
        where the emotions of words and voice come from, which the answers may follow.

    Raises: `InputError` or `BadInput` as `read_systems` and `read_conflict`, and for a broken file
        of cues.
    """
    settings = settings or Settings()
    key, chosen, systems, ignored = read_systems(
        references,
        predictions,
        reader=settings.reader,
        split=settings.split,
        classes=settings.classes,
        secondary=settings.secondary,
        all_inclusive=settings.all_inclusive,
        entropy=settings.entropy,
    )
    measured = _read_cues(cues)
    conflict = read_conflict(emotions, chosen, settings.reader, systems) if emotions else None
    scored = [score_system(system, chosen, measured, conflict, settings) for system in systems]
    with_probabilities = any(system.distributions is not None for system in systems)
    baselines = chance_baselines(chosen, conflict, settings, with_probabilities=with_probabilities)
    shared = baseline_signature(scored, chosen, measured, conflict)
    of_systems = replace(shared, parser=settings.reader.version)
    return ScoredRun(
        key,
        chosen,
        tuple(scored),
        (*system_rows(scored, chosen, of_systems), *baseline_rows(baselines, chosen, shared)),
        ignored,
        tuple(run_warnings(scored, key, chosen, conflict, measured if cues else None)),
        tuple(run_notes(chosen, conflict, settings)),
        settings,
        (*references, *predictions, *cues, *(emotions.files if emotions else ())),
        conflict,
    )


def _read_cues(paths: Sequence[Path]) -> dict[str, Cues]:
    if not paths:
        return {}
    # Most runs need none, and they are slow to load.
    from whyser.evidence.cues import read_cues

    return {one.id: one for path in paths for one in read_cues(path)}
