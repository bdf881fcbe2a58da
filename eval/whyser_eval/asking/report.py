"""Answers about several clips as one HTML file, which uses no network."""

from __future__ import annotations

from collections import Counter
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


class AnswersReport:
    """A report to which answers are added, one after the other; no sound is kept.

    Args: `output` is the file. Its sounds are links, relative to it.
    """

    def __init__(self, output: Path) -> None:
        self.output = output
        self._shown: list[dict[str, Any]] = []
        self._labels: Counter[str] = Counter()
        self._claims: Counter[str] = Counter()

    def add(self, clip: Path, answer: ClipAnswer | WhyserError) -> None:
        """Adds the answer about a clip, or why there is none."""
        if isinstance(answer, WhyserError):
            self._labels["no answer"] += 1
            self._shown.append({"problem": visible(str(answer))})
            return
        self._labels[answer.label or "unread"] += 1
        self._claims.update(claim.outcome or "unchecked" for claim in answer.claims)
        audio = relative_url(clip, self.output)
        self._shown.append({"answer": view(answer), "audio": audio})

    def write(self, system: str) -> None:
        """Writes the file."""
        claims = {"total": self._claims.total()} | {one: self._claims[one] for one in OUTCOMES}
        page = render_page(
            __package__,
            "report.html.jinja",
            styles=STYLES,
            scripts=_SCRIPTS,
            media="'self' file:",
            system=system,
            count=len(self._shown),
            labels=self._labels.most_common(),
            claims=claims,
            legend=LEGEND,
            version=__version__,
            data=script_json(page_data() | {"answers": self._shown}),
        )
        write_text(self.output, page)
