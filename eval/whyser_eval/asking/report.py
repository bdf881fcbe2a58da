"""Answers about several clips as one HTML file, which uses no network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from whyser import __version__
from whyser.evidence.grounding import OUTCOMES
from whyser.io.errors import WhyserError
from whyser.io.files import write_text
from whyser.io.visible import visible
from whyser_eval.asking.answers import ClipAnswer
from whyser_eval.asking.views import LEGEND, STYLES, page_data, view
from whyser_eval.output.report.samples import relative_url
from whyser_eval.page.onefile import render_page, script_json

_SCRIPTS = ("element.js", "marked.js", "answer.js", "report.js", "theme.js")


def write_report(
    system: str, clips: Sequence[Path], answers: Sequence[ClipAnswer | WhyserError], output: Path
) -> None:
    """Writes the report; its sounds are links, relative to it.

    Args: `answers` about `clips`, in the same order, or why there is none.
    """
    data = page_data()
    page = render_page(
        __package__,
        "report.html.jinja",
        styles=STYLES,
        scripts=_SCRIPTS,
        media="'self' file:",
        system=system,
        count=len(answers),
        labels=_labels(answers).most_common(),
        claims=_claims(answers),
        legend=LEGEND,
        version=__version__,
        data=script_json(data | {"answers": list(_shown(clips, answers, output))}),
    )
    write_text(output, page)


def _shown(
    clips: Sequence[Path], answers: Sequence[ClipAnswer | WhyserError], output: Path
) -> Iterator[dict[str, Any]]:
    for clip, one in zip(clips, answers, strict=True):
        if isinstance(one, WhyserError):
            yield {"problem": visible(str(one))}
        else:
            yield {"answer": view(one), "audio": relative_url(clip, output)}


def _labels(answers: Sequence[ClipAnswer | WhyserError]) -> Counter[str]:
    return Counter(
        "no answer" if isinstance(one, WhyserError) else one.label or "unread" for one in answers
    )


def _claims(answers: Sequence[ClipAnswer | WhyserError]) -> dict[str, int]:
    found = [
        claim.outcome for one in answers if not isinstance(one, WhyserError) for claim in one.claims
    ]
    return {"total": len(found), **{outcome: found.count(outcome) for outcome in OUTCOMES}}
