"""`whyser-eval study`: make a page for raters, read what they answered."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from whyser.console import new_app, say

app = new_app("The human study: make writes a page for raters, read tells what they answered.")


@app.command("read")
def read_command(
    files: Annotated[
        list[Path], typer.Argument(help="Files that raters sent, or folders of them.")
    ],
    key: Annotated[Path, typer.Option(help="The key.json that make wrote beside the page.")],
    output: Annotated[
        Path, typer.Option(help="Folder for study.json, judgements.csv, preferences.jsonl.")
    ],
    keep_incomplete: Annotated[
        bool, typer.Option("--keep-incomplete", help="Count files that lack answers too.")
    ] = False,
    leave_out: Annotated[
        list[str] | None, typer.Option(metavar="RATER", help="A rater who does not count.")
    ] = None,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Go on without the files that are refused.")
    ] = False,
    draws: Annotated[
        int, typer.Option(min=0, help="Bootstrap draws over raters and items; 0 for none.")
    ] = 10_000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the draws.")] = 0,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print study.json instead of the tables.")
    ] = False,
) -> None:
    """Tell what raters accepted and preferred, with intervals over raters, and how far they agree.

    A file that is cut short, changed, doubled or of another study is refused by name. Incomplete
    ones are left out, and said. Who stands out is named, and counts all the same.

    Example: whyser-eval study read answers/ --key study.key.json --output results/run/study
    """
    from whyser_eval.study.files import collect, rater_files, read_whole_key
    from whyser_eval.study.read import Inputs, studied, write_study
    from whyser_eval.study.statistics import Draws
    from whyser_eval.study.terminal import print_json, print_studied

    truth = read_whole_key(key)
    without = leave_out or []
    collected = collect(
        files, truth, without=without, keeps_incomplete=keep_incomplete, skips_bad=skip_bad
    )
    found = studied(collected, truth, Draws(draws, seed))
    settings = {
        "keep_incomplete": keep_incomplete,
        "leave_out": without,
        "skip_bad": skip_bad,
        "draws": draws,
        "seed": seed,
    }
    inputs = Inputs(tuple(rater_files(files)), key, settings)
    write_study(output, found, collected.files, truth, inputs)
    if as_json:
        print_json(found)
    else:
        print_studied(found)
    for line in found.left_out:
        say(f"left out: {line}")
    for warning in found.warnings:
        say(f"warning: {warning}")
    counted = len(collected.files)
    say(f"{counted:,} {'rater' if counted == 1 else 'raters'} counted -> {output}")
