"""The report: what its templates show of a run, its style and scripts, and the file."""

from __future__ import annotations

from pathlib import Path

from whyser.io.files import write_text
from whyser_eval.output.report.classes import VERDICTS, class_views, disagreement_view
from whyser_eval.output.report.conflict import FOLLOWED, conflict_lines
from whyser_eval.output.report.genders import gender_lines
from whyser_eval.output.report.grounding import OUTCOMES, grounding_views
from whyser_eval.output.report.judge import METRICS, SHARES, judge_view
from whyser_eval.output.report.reading import reading_views, stage_names
from whyser_eval.output.report.results import Results, read_results
from whyser_eval.output.report.samples import AudioMode, browser_data
from whyser_eval.output.report.scores import scores_view
from whyser_eval.output.report.study import INTERVALS, study_view
from whyser_eval.page.onefile import render_page, script_json


def write_report(
    results: Path, output: Path, *, audio: AudioMode = "link", max_samples: int = 200
) -> None:
    """Writes the report on the folder that `score` wrote.

    Args:
        audio: `link` to the sound relative to `output`, `embed` it, or `none`
        max_samples: maximum utterances to show; a fixed choice if there are more

    Raises: `InputError` if a file of a scored run is missing or has another format.
    """
    found = read_results(results, max_samples=max_samples)
    write_text(output, render(found, output=output, audio=audio))


#: In the order in which they are joined.
_STYLES = ("palette.css", "page.css", "figures.css", "marks.css", "browser.css", "print.css")
_SCRIPTS = (
    *("data.js", "element.js", "marked.js", "card.js", "browser.js", "keyboard.js"),
    "theme.js",
)


def render(results: Results, *, output: Path, audio: AudioMode) -> str:
    """The whole file as text; `output` is its future path, for links to audio."""
    return render_page(
        "whyser_eval.output.report",
        "page.html.jinja",
        styles=_STYLES,
        scripts=_SCRIPTS,
        # Audio from its own path, or embedded.
        media="'self' file: data:",
        results=results,
        provenance=results.provenance,
        scores=scores_view(results),
        classes={name: class_views(results, name) for name in results.shown},
        disagreement=[disagreement_view(results, name) for name in results.main],
        conflict=conflict_lines(results),
        followed=FOLLOWED,
        genders=gender_lines(results),
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
    )
