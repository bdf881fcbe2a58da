"""From the folder of a scored run to the file."""

from __future__ import annotations

from pathlib import Path

from whyser.io.files import write_text
from whyser_eval.output.report.page import render
from whyser_eval.output.report.results import read_results
from whyser_eval.output.report.sound import AudioMode


def write_report(
    results: Path, output: Path, *, audio: AudioMode = "link", max_samples: int = 200
) -> None:
    """Writes the report of the folder that `score` wrote.

    Args:
        audio: `link` to the sound relative to `output`, `embed` it, or `none`
        max_samples: utterances shown; a fixed choice when there are more

    Raises: `InputError` when the folder lacks a file of a scored run, or holds a foreign one.
    """
    found = read_results(results, max_samples=max_samples)
    write_text(output, render(found, output=output, audio=audio))
