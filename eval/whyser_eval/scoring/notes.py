"""What a reader of the scores needs to know: notes and warnings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from whyser_eval.scoring import controls
from whyser_eval.scoring.answer_metrics import unscaled_warnings
from whyser_eval.scoring.conflict import Conflict
from whyser_eval.scoring.genders import gender_notes
from whyser_eval.scoring.references import AnswerKey, References
from whyser_eval.scoring.settings import Settings
from whyser_eval.scoring.system_scores import SystemScores

if TYPE_CHECKING:
    from whyser.evidence.cues import Cues

#: From so many utterances on, intervals hold the true score about as often as they say.
_ENOUGH = 1000


def run_notes(
    references: References, conflict: Conflict | None, settings: Settings
) -> Iterator[str]:
    """Who is left out of which metric, and how far the intervals can be trusted."""
    yield from gender_notes(references)
    if conflict is not None:
        yield conflict.note
    n = int(references.subsets["all"].mask.sum())
    if settings.draws and n < _ENOUGH:
        cure = "" if settings.interval == "bca" else "Use --interval bca. "
        yield (
            f"an interval of {n:,} utterances holds the true score less often than 95 %: with "
            "rare classes, percentiles hold it in 80 % of the cases at n = 100, and in 90 % at "
            f'n = 300. {cure}See docs/scores.md, "Intervals".'
        )


def run_warnings(
    scored: Sequence[SystemScores],
    key: AnswerKey,
    references: References,
    conflict: Conflict | None,
    cues: Mapping[str, Cues] | None,
) -> Iterator[str]:
    """What is likely to be wrong with the systems, the references or their cues.

    Args: `cues`, None where no file of cues was given.
    """
    headlines = {
        one.system.name: next(
            score for score in one.scores if (score.subset, score.metric) == ("all", "f1_majority")
        )
        for one in scored
    }
    yield from controls.warnings(headlines)
    for one in scored:
        shares = one.system.distributions or []
        if missing := sum(not any(each.values()) for each in shares):
            yield (
                f"{missing:,} of {len(shares):,} answers of {one.system.name} give no label a "
                "probability. They count as uniform, which flatters kl, js and ece."
            )
    for name, count in zip(references.classes, references.class_counts, strict=True):
        if not count:
            yield (
                f"no reference is {name}, so it counts as 0 in every average. If no utterance can "
                "have that class, declare the others with --classes."
            )
    yield from unscaled_warnings([one.system for one in scored], references, key.corpora)
    if conflict is not None:
        yield from conflict.warnings
    if cues is not None:
        yield from _cues_warnings(cues, references)


def _cues_warnings(cues: Mapping[str, Cues], references: References) -> Iterator[str]:
    missing = sum(one.id not in cues for one in references.utterances)
    if missing:
        yield (
            f"{missing:,} of {len(references):,} references have no measured cues, so no claim "
            "about them can be checked."
        )
