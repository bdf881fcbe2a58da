"""`whyser-eval`: from a model's answers to a signed table.

Heavy imports stand inside the commands, so that `--help` answers at once.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from whyser.console import new_app, run, say

app = new_app("Scores answers against every annotator: join, score, compare, report.")


References = Annotated[list[Path], typer.Option(help="An utterances.jsonl; give one per corpus.")]
Predictions = Annotated[
    list[Path], typer.Option(help="A predictions.jsonl; give as many as there are systems.")
]
Split = Annotated[
    str | None,
    typer.Option(help="Split to score.  [default: those that the predicted ids lie in]"),
]


class AudioMode(StrEnum):
    """How the report brings sound."""

    LINK = "link"
    EMBED = "embed"
    NONE = "none"


class Unit(StrEnum):
    """What a draw takes as one."""

    UTTERANCE = "utterance"
    SPEAKER = "speaker"


@app.command("join")
def join_command(
    manifest: Annotated[
        Path, typer.Option(help="The .manifest.jsonl beside the dataset that was predicted.")
    ],
    predictions: Annotated[Path, typer.Option(help="LLaMA-Factory's generated_predictions.jsonl.")],
    output: Annotated[Path, typer.Option(help="The predictions.jsonl to write.")],
    model: Annotated[
        str | None,
        typer.Option(help="The system's name.  [default: the folder of --predictions]"),
    ] = None,
) -> None:
    """Give LLaMA-Factory's predictions their ids back, after checking every row."""
    from whyser_eval.join import join
    from whyser_eval.predictions import write_predictions

    name = model or predictions.resolve().parent.name
    joined = join(manifest, predictions, model=name)
    write_predictions(output, joined)
    say(f"{len(joined):,} predictions of {name} -> {output}")


@app.command("score")
def score_command(
    references: References,
    predictions: Predictions,
    output: Annotated[
        Path, typer.Option(help="Folder for scores.json, samples.jsonl, provenance.json.")
    ],
    split: Split = None,
    classes: Annotated[
        str | None,
        typer.Option(help="Classes to average over, a,b,c.  [default: what the corpora declare]"),
    ] = None,
    secondary: Annotated[
        bool, typer.Option("--secondary", help="Count secondary votes as annotators' labels too.")
    ] = False,
    draws: Annotated[
        int, typer.Option(min=0, help="Bootstrap draws for the intervals; 0 for none.")
    ] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the draws.")] = 0,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print scores.json instead of the table.")
    ] = False,
) -> None:
    """Score predictions against references, with intervals, baselines and signatures."""
    from whyser_eval.references import parse_classes
    from whyser_eval.score import Settings, score_run, write_run

    settings = Settings(split, parse_classes(classes) if classes else None, secondary, draws, seed)
    result = score_run(references, predictions, settings)
    write_run(result, output)
    if as_json:
        from whyser_eval.terminal import print_json

        print_json(result)
    else:
        from whyser_eval.terminal import print_scores

        print_scores(result)
    for corpus in result.unused_corpora:
        say(f"note: {corpus} has nothing to score in the chosen split")
    for reason, count in result.ignored.items():
        say(f"note: {count:,} predictions not scored: {reason}")
    for warning in result.warnings:
        say(f"warning: {warning}")
    say(f"scores, samples and provenance -> {output}")


@app.command("compare")
def compare_command(
    references: References,
    predictions: Predictions,
    against: Annotated[str, typer.Option(help="The system that the others are compared with.")],
    output: Annotated[Path | None, typer.Option(help="A comparisons.json to write too.")] = None,
    split: Split = None,
    unit: Annotated[
        Unit,
        typer.Option(help="What is drawn: utterances, or speakers with all of theirs."),
    ] = Unit.UTTERANCE,
    draws: Annotated[int, typer.Option(min=100, help="Draws of each test.")] = 10_000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the draws.")] = 0,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print comparisons.json instead of the table.")
    ] = False,
) -> None:
    """Test whether systems differ on the same utterances: interval, p, and p after Holm.

    Example: whyser-eval compare --references u.jsonl --predictions row10.jsonl
    --predictions row11.jsonl --against row10
    """
    from whyser_eval.compare import compare, write_comparisons
    from whyser_eval.score import Settings, score_run
    from whyser_eval.terminal import print_comparisons

    result = score_run(references, predictions, Settings(split, draws=0))
    rows = compare(result, against, unit=unit.value, draws=draws, seed=seed)
    if output:
        write_comparisons(
            rows, result, output, against=against, unit=unit.value, draws=draws, seed=seed
        )
    print_comparisons(rows, as_json=as_json)
    if output:
        say(f"comparisons -> {output}")


@app.command("report")
def report_command(
    results: Annotated[Path, typer.Argument(help="The folder that `score` wrote.")],
    output: Annotated[
        Path | None, typer.Option(help="The HTML file.  [default: RESULTS/report.html]")
    ] = None,
    audio: Annotated[
        AudioMode,
        typer.Option(
            help="Link to the sound where it lies, embed it in the file, or leave it out."
        ),
    ] = AudioMode.LINK,
    max_samples: Annotated[
        int, typer.Option(min=1, help="Utterances to show; a fixed choice when there are more.")
    ] = 200,
) -> None:
    """Write one self-contained HTML report of a scored run.

    Shows comparisons.json and audit.json too, where they lie in the folder.

    Example: whyser-eval report results/demo --audio embed
    """
    from whyser_eval.report import write_report

    path = output or results / "report.html"
    write_report(results, path, audio=audio.value, max_samples=max_samples)
    say(f"report -> {path}")


def main() -> None:
    run(app)
