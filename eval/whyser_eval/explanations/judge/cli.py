"""`whyser-eval judge`: a model prefers one of two rationales, and rates each."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from whyser.io.console import print_json, say
from whyser.options.endpoint import AUDIO_HELP, AudioForm, DryRun, EndpointOptions
from whyser.options.groups import with_option_group
from whyser.prompting.prompts import Form

if TYPE_CHECKING:
    from whyser_eval.explanations.judge.selection import PairSelection

#: The paper's teacher (2.1): a judge of its family may prefer what it wrote.
TEACHER = "Qwen2.5-Omni"

#: Room for a model that thinks before it replies.
MAX_TOKENS = 1024

#: Help panels of options that few runs need.
JUDGING, INTERVALS = "Judging", "Intervals"


@with_option_group
def judge_command(
    output: Annotated[
        Path, typer.Option(help="Write to this folder; judges of the same pairs share one.")
    ],
    asked: EndpointOptions,
    results: Annotated[
        list[Path] | None,
        typer.Argument(help="Draw pairs from these folders of all systems, which `score` wrote."),
    ] = None,
    system: Annotated[str | None, typer.Option(help="Compute the rates of this system.")] = None,
    against: Annotated[
        list[str] | None, typer.Option(help="Compare it with this system; repeatable.")
    ] = None,
    form: Annotated[
        Form, typer.Option(help="Judge the answers to this form of the question.")
    ] = "open",
    per_emotion: Annotated[
        int, typer.Option(min=1, help="Draw this many pairs of each emotion for each comparison.")
    ] = 50,
    pairs: Annotated[
        Path | None,
        typer.Option(help="Judge this pairs.jsonl, for example of a human study; draw no pairs."),
    ] = None,
    humans: Annotated[
        Path | None,
        typer.Option(
            help="Compare the judge with the people of this preferences.jsonl of `study read`."
        ),
    ] = None,
    rubric: Annotated[
        bool,
        typer.Option(
            "--rubric/--no-rubric",
            help="Rate each rationale too: quotation, groundedness, relevance, coherence.",
        ),
    ] = True,
    audio: Annotated[
        Literal["auto", AudioForm],
        typer.Option(help=f"{AUDIO_HELP}  'auto' asks the endpoint whether the judge hears."),
    ] = "auto",
    teacher: Annotated[
        list[str] | None,
        typer.Option(
            help="Name the model that wrote the training rationales; a judge of its family "
            f"causes a warning; repeatable.  [default: {TEACHER}, the paper's]",
            rich_help_panel=JUDGING,
        ),
    ] = None,
    schema: Annotated[
        bool,
        typer.Option(
            "--schema/--no-schema",
            help="Have the endpoint constrain replies to a JSON schema.",
            rich_help_panel=JUDGING,
        ),
    ] = True,
    max_tokens: Annotated[
        int,
        typer.Option(
            min=32,
            help="Limit a reply to this many tokens, including its thinking.",
            rich_help_panel=JUDGING,
        ),
    ] = MAX_TOKENS,
    draws: Annotated[
        int,
        typer.Option(
            min=0,
            help="Make this many bootstrap draws for the intervals; 0 leaves them out.",
            rich_help_panel=INTERVALS,
        ),
    ] = 1000,
    seed: Annotated[
        int,
        typer.Option(min=0, help="Set the seed of pairs and draws.", rich_help_panel=INTERVALS),
    ] = 0,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print judge.json instead of the tables.")
    ] = False,
    dry_run: DryRun = False,
) -> None:
    """Have a model judge which of two systems writes better rationales for the same label.

    The judge sees every pair in both orders, without names; a verdict that changes with the order
    is a tie. Replies are kept in the folder's ledger: run the same command again to continue after
    a stop.

    Example: whyser-eval judge results/row11 results/q2a_cot --system row11 --against Q2A+CoT
    --output results/row11/judge --endpoint http://localhost:8000/v1 --model google/gemma-3-27b-it
    """
    from whyser_eval.explanations.judge.files import JudgeFiles
    from whyser_eval.explanations.judge.outcomes import read_humans
    from whyser_eval.explanations.judge.panel import JudgePanel
    from whyser_eval.explanations.judge.questions import JudgeConfig
    from whyser_eval.explanations.judge.session import JudgeSession, assumed_form, choose_form

    settings = asked.settings
    selection = _select(results, pairs, system, against, form, per_emotion, seed)
    people = read_humans(humans, selection.compared) if humans else {}
    panel = JudgePanel(output, selection.compared, teacher or [TEACHER], draws, seed, people)
    files = JudgeFiles(output, settings.model)
    choose = assumed_form if dry_run else choose_form
    config = JudgeConfig(choose(audio, selection.pairs, files, settings), max_tokens, schema)
    session = JudgeSession(selection, config, files, rubric=rubric, seed=seed)
    if dry_run:
        session.print_estimate(settings)
        return
    session.run(settings)
    judged = panel.write()
    if as_json:
        print_json(asdict(judged))
    else:
        from whyser_eval.explanations.judge.rows import print_judged

        selection.print_drawn()
        print_judged(judged)
    if selection.shortages:
        say(f"note: fewer pairs than asked for: {'; '.join(selection.shortages)}")
    for warning in judged.warnings:
        say(f"warning: {warning}")
    say(f"verdicts, ratings, provenance and judge.json -> {output}")


def _select(
    results: list[Path] | None,
    pairs: Path | None,
    system: str | None,
    against: list[str] | None,
    form: Form,
    per_emotion: int,
    seed: int,
) -> PairSelection:
    from whyser_eval.explanations.judge.selection import drawn_from, of_file

    if pairs:
        if results or against:
            raise typer.BadParameter("--pairs names its own systems: omit RESULTS and --against")
        return of_file(pairs, system)
    if not (results and system and against):
        raise typer.BadParameter("Give RESULTS, --system and --against together, or --pairs")
    return drawn_from(results, system, against, form=form, per_emotion=per_emotion, seed=seed)
