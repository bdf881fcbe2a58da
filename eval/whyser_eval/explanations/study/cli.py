"""`whyser-eval study`: make a page for raters, read what they answered."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from whyser.io.console import new_app, print_json, say
from whyser.prompting.prompts import Form

app = new_app("Run a human study: make writes a page for raters, read evaluates their answers.")

#: A help panel of options that few studies need.
TEXTS = "Texts of the page"


def _is_even(count: int) -> int:
    if count % 2:
        raise typer.BadParameter(f"{count} is odd; half of the items are matches.")
    return count


@app.command("make")
def make_command(
    results: Annotated[
        list[Path], typer.Argument(help="Draw items from these folders, which `score` wrote.")
    ],
    system: Annotated[str, typer.Option(help="Ask raters about the rationales of this system.")],
    output: Annotated[
        Path,
        typer.Option(help="Write the page to this folder, and its key next to it, never inside."),
    ],
    form: Annotated[
        Form, typer.Option(help="Take the answers to this form of the question.")
    ] = "open",
    references: Annotated[
        list[Path] | None,
        typer.Option(
            help="Take the gold-referenced rationales of Test II from this rationales.jsonl; "
            "without it the command lists the ids that it needs, next to OUTPUT."
        ),
    ] = None,
    accept: Annotated[
        int,
        typer.Option(
            min=0,
            callback=_is_even,
            help="Show this many items in Test I (accept or reject), half of them matches; 0 "
            "leaves it out.",
        ),
    ] = 32,
    prefer: Annotated[
        int,
        typer.Option(
            min=0,
            help="Show this many items in Test II (the system's rationale or the gold-referenced "
            "one); 0 leaves it out.",
        ),
    ] = 32,
    attention_checks: Annotated[
        int,
        typer.Option(min=0, help="Add to each test this many items that ask for a certain choice."),
    ] = 0,
    seed: Annotated[int, typer.Option(help="Set the random seed, which is recorded.")] = 0,
    title: Annotated[
        str | None,
        typer.Option(
            help="Give the page this title.  [default: Does this explanation fit the voice?]",
            rich_help_panel=TEXTS,
        ),
    ] = None,
    consent: Annotated[
        Path | None,
        typer.Option(
            help="Show the text of this file, which raters agree to; blank lines separate "
            "paragraphs, {items} is the number of items.  [default: our own text]",
            rich_help_panel=TEXTS,
        ),
    ] = None,
    instructions_accept: Annotated[
        Path | None,
        typer.Option(
            help="Show the text of this file before Test I.  [default: our own text]",
            rich_help_panel=TEXTS,
        ),
    ] = None,
    instructions_prefer: Annotated[
        Path | None,
        typer.Option(
            help="Show the text of this file before Test II.  [default: our own text]",
            rich_help_panel=TEXTS,
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Overwrite another study in OUTPUT.")
    ] = False,
) -> None:
    """Write the paper's two human tests as one folder with a page that needs no server.

    The page names no system, no label and no utterance. OUTPUT.key.json holds them: do not give it
    to the raters.

    Example: whyser-eval study make results/mine --system mine --references references.jsonl
    --output studies/mine
    """
    from whyser_eval.explanations.study.make import StudyPlan, make_study
    from whyser_eval.explanations.study.material import CONSENT, INSTRUCTIONS, TITLE

    plan = StudyPlan(
        system=system,
        form=form,
        accept=accept,
        prefer=prefer,
        checks=attention_checks,
        seed=seed,
        title=title or TITLE,
        consent=_text(consent, CONSENT),
        instructions={
            "accept": _text(instructions_accept, INSTRUCTIONS["accept"]),
            "prefer": _text(instructions_prefer, INSTRUCTIONS["prefer"]),
        },
    )
    made = make_study(results, plan, output, references=references or (), force=force)
    for note in made.notes:
        say(f"note: {note}")
    asked = " and ".join(f"{count:,} items to {test}" for test, count in made.items.items())
    say(f"study {made.study}, {asked} -> {made.folder.path / 'index.html'}")
    say(f"key, not for raters -> {made.folder.key}")
    if made.folder.pairs.is_file():
        say(f"pairs of Test II, for a judge -> {made.folder.pairs}")


def _text(own: Path | None, default: str) -> str:
    from whyser.io.files import read_text

    return read_text(own) if own else default


@app.command("read")
def read_command(
    files: Annotated[
        list[Path], typer.Argument(help="Read these files of raters, or folders of such files.")
    ],
    key: Annotated[Path, typer.Option(help="Read this key.json, which make wrote.")],
    output: Annotated[
        Path,
        typer.Option(help="Write study.json, judgements.csv, preferences.jsonl to this folder."),
    ],
    keep_incomplete: Annotated[
        bool, typer.Option("--keep-incomplete", help="Count files that lack answers too.")
    ] = False,
    leave_out: Annotated[
        list[str] | None, typer.Option(metavar="RATER", help="Leave this rater out; repeatable.")
    ] = None,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Continue without the files that are refused.")
    ] = False,
    draws: Annotated[
        int,
        typer.Option(
            min=0,
            help="Make this many bootstrap draws over raters and items; 0 leaves intervals out.",
        ),
    ] = 10_000,
    seed: Annotated[int, typer.Option(min=0, help="Set the seed of the draws.")] = 0,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print study.json instead of the tables.")
    ] = False,
) -> None:
    """Compute what raters accepted and preferred, with intervals, and how far they agree.

    A file that is truncated, changed, duplicate or of another study is refused by name. Incomplete
    files are left out and reported. A rater who differs from all others is named, but counted.

    Example: whyser-eval study read answers/ --key study.key.json --output results/run/study
    """
    from whyser_eval.explanations.study.files import collect, rater_files
    from whyser_eval.explanations.study.material import read_whole_key
    from whyser_eval.explanations.study.read import studied, write_study
    from whyser_eval.explanations.study.rows import print_studied
    from whyser_eval.explanations.study.statistics import BootstrapSettings

    truth = read_whole_key(key)
    without = leave_out or []
    collected = collect(
        files, truth, without=without, keeps_incomplete=keep_incomplete, skips_bad=skip_bad
    )
    found = studied(collected, truth, BootstrapSettings(draws, seed))
    settings = {
        "keep_incomplete": keep_incomplete,
        "leave_out": without,
        "skip_bad": skip_bad,
        "draws": draws,
        "seed": seed,
    }
    inputs = [key, *rater_files(files)]
    write_study(output, found, collected.files, truth, inputs=inputs, settings=settings)
    if as_json:
        print_json(asdict(found))
    else:
        print_studied(found)
    for line in found.left_out:
        say(f"left out: {line}")
    for warning in found.warnings:
        say(f"warning: {warning}")
    counted = len(collected.files)
    say(f"{counted:,} {'rater' if counted == 1 else 'raters'} counted -> {output}")
