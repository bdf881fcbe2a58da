"""The page: template, style and script in one file, under a policy that lets nothing else run."""

from __future__ import annotations

import base64
import hashlib
from importlib import resources
from pathlib import Path

from whyser_eval.report.classes import class_views
from whyser_eval.report.disagreement import VERDICTS, disagreement_view
from whyser_eval.report.grounding import OUTCOMES, grounding_views
from whyser_eval.report.judge import METRICS, SHARES, judge_view
from whyser_eval.report.reading import reading_views, stage_names
from whyser_eval.report.results import Results
from whyser_eval.report.samples import browser_data
from whyser_eval.report.scores import scores_view
from whyser_eval.report.sound import AudioMode
from whyser_eval.report.study import INTERVALS, study_view
from whyser_eval.report.text import script_json, visible

#: In the order in which they are put together.
_STYLES = ("page.css", "figures.css", "browser.css", "print.css")
_SCRIPTS = ("data.js", "card.js", "browser.js", "keyboard.js", "theme.js")


def render(results: Results, *, output: Path, audio: AudioMode) -> str:
    """The whole file as text; `output` is where it will lie, for links to sound."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("whyser_eval.report", "template"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["visible"] = visible
    script, style = _together("script", _SCRIPTS), _together("style", _STYLES)
    return environment.get_template("page.html.jinja").render(
        results=results,
        provenance=results.provenance,
        scores=scores_view(results),
        classes={name: class_views(results, name) for name in results.shown},
        disagreement=[disagreement_view(results, name) for name in results.main],
        grounding=grounding_views(results),
        tests=study_view(results.studied) if results.studied else [],
        intervals=INTERVALS,
        judged=judge_view(results.judged) if results.judged else None,
        shares=SHARES,
        metrics=METRICS,
        stages=stage_names(results),
        reading=reading_views(results),
        verdicts=VERDICTS,
        outcomes=OUTCOMES,
        shown=max(len(samples) for samples in results.shown.values()),
        data=script_json(browser_data(results, output, audio)),
        policy=_policy(script, style),
        script=script,
        style=style,
    )


def _together(folder: str, names: tuple[str, ...]) -> str:
    files = resources.files(__package__).joinpath(folder)
    return "\n".join(files.joinpath(name).read_text(encoding="utf-8") for name in names)


def _policy(script: str, style: str) -> str:
    """Forbids everything but our own script and style, and sound from beside the page.

    Both are named by hash, so that nothing else could run even if it came into the page.
    """
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src '{_hash(script)}'",
            f"style-src '{_hash(style)}'",
            "media-src 'self' file: data:",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
