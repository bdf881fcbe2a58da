"""An answer as data for a page; hidden characters in every text are already made visible."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from whyser.io.visible import visible
from whyser_eval.asking import wording
from whyser_eval.asking.answers import ClipAnswer
from whyser_eval.asking.clips import length
from whyser_eval.asking.references import ComparedVoice
from whyser_eval.asking.sketch import sketch
from whyser_eval.output.report.grounding import OUTCOMES
from whyser_eval.page.onefile import cut

#: Of every page with answers, in the order in which they are joined.
STYLES = ("palette.css", "page.css", "marks.css", "answers.css")

#: Mark and words of the outcomes of a check.
LEGEND = [shown for outcome, shown in OUTCOMES.items() if outcome != "unchecked"]


def page_data() -> dict[str, Any]:
    """What every page of answers needs, for its scripts."""
    return {"outcomes": OUTCOMES}


def view(answer: ClipAnswer) -> dict[str, Any]:
    """One answer; its sound is not in it."""
    clip = answer.clip
    return {
        "name": visible(clip.path.name),
        "length": length(clip.duration),
        "system": visible(answer.system),
        "label": answer.label,
        "shares": list(answer.shares.items()),
        "said": visible(answer.said),
        "heard": visible(cut(answer.transcript)),
        "reason": [[visible(text), kind, claim] for text, kind, claim in answer.pieces],
        "claims": [
            {
                "family": wording.title(claim.family),
                "level": f"not {claim.level}" if claim.negated else claim.level,
                "outcome": claim.outcome or "unchecked",
                "words": visible(answer.rationale[claim.start : claim.end]),
            }
            for claim in answer.claims
        ],
        "cues": list(_cues(answer, answer.voice)) if answer.voice else [],
        "references": [visible(line) for line in answer.compared],
        "notes": answer.notes,
        "raw": visible(cut(answer.raw.text)),
        "sketch": sketch(clip.samples, measures=answer.voice is not None),
    }


def _cues(answer: ClipAnswer, voice: ComparedVoice) -> Iterator[dict[str, Any]]:
    for name in answer.shown:
        if (one := voice.cues.get(name)) is not None:
            yield {
                "name": wording.title(name),
                "value": wording.value(one),
                "strength": round(one.cue.strength, 2),
                "level": one.cue.level,
                "by": wording.deviation(one),
            }
        elif (why := voice.unmeasured.get(name)) is not None:
            yield {"name": wording.title(name), "value": None, "by": wording.reason(name, why)}
