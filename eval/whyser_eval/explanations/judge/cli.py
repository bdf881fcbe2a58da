"""`whyser-eval judge`: a model prefers one of two explanations, and rates each."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from whyser.io.console import print_json, say
from whyser.options.endpoint import AUDIO_HELP, AudioForm, DryRun, asks_endpoint
from whyser.prompting.prompts import Form
from whyser_eval.explanations.judge import TEACHER

if TYPE_CHECKING:
    from whyser.chat import ChatSettings
    from whyser_eval.explanations.judge.selection import PairSelection

#: Room for a model that thinks before it replies.
MAX_TOKENS = 1024


@asks_endpoint
def judge_command(
    output: Annotated[Path, typer.Option(help="Folder; judges of the same pairs share one.")],
    settings: ChatSettings,
    results: Annotated[
        list[Path] | None, typer.Argument(help="Folders that `score` wrote, of all systems.")
    ] = None,
    system: Annotated[str | None, typer.Option(help="The system whose rates are told.")] = None,
    against: Annotated[
        list[str] | None, typer.Option(help="A system that it is compared with; repeatable.")
    ] = None,
    form: Annotated[Form, typer.Option(help="Answers to this form of the question.")] = "open",
    per_emotion: Annotated[
        int, typer.Option(min=1, help="Pairs of each emotion, for each comparison.")
    ] = 50,
    pairs: Annotated[
        Path | None,
        typer.Option(help="A pairs.jsonl to judge, as of a human study, instead of drawing pairs."),
    ] = None,
    humans: Annotated[
        Path | None,
        typer.Option(help="What people prefer: the preferences.jsonl of `study read`."),
    ] = None,
    rubric: Annotated[
        bool,
        typer.Option(
            "--rubric/--no-rubric",
            help="Rate each explanation too: quotation, groundedness, relevance.",
        ),
    ] = True,
    audio: Annotated[
        Literal["auto", AudioForm],
        typer.Option(help=f"'auto' asks whether the judge hears. {AUDIO_HELP}"),
    ] = "auto",
    teacher: Annotated[
        list[str] | None,
        typer.Option(
            help="Who wrote the rationales that were trained on; a judge of its family is warned "
            f"of; repeatable.  [default: {TEACHER}, the paper's]"
        ),
    ] = None,
    schema: Annotated[
        bool,
        typer.Option(
            "--schema/--no-schema", help="Have the endpoint hold replies to a JSON schema."
        ),
    ] = True,
    max_tokens: Annotated[
        int, typer.Option(min=32, help="Tokens of a reply, thinking included.")
    ] = MAX_TOKENS,
    draws: Annotated[
        int, typer.Option(min=0, help="Bootstrap draws for the intervals; 0 for none.")
    ] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the pairs and of the draws.")] = 0,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print judge.json instead of the tables.")
    ] = False,
    dry_run: DryRun = False,
) -> None:
    """Have a model judge which of two systems gives better reasons for the same label.

    Every pair is shown in both orders, anonymous; whoever changes sides with the order gives a tie.
    Replies are kept in the folder's ledger: run the same command again to go on after a stop.

    Example: whyser-eval judge results/row11 results/q2a_cot --system row11 --against Q2A+CoT
    --output results/row11/judge --endpoint http://localhost:8000/v1 --model google/gemma-3-27b-it
    """
    from whyser_eval.explanations.judge.answers import JudgeFiles
    from whyser_eval.explanations.judge.outcomes import read_humans
    from whyser_eval.explanations.judge.panel import JudgePanel
    from whyser_eval.explanations.judge.questions import JudgeConfig
    from whyser_eval.explanations.judge.session import JudgeSession, assumed_form, choose_form

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
        from whyser_eval.explanations.judge.terminal import print_judged

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
            raise typer.BadParameter("--pairs brings its own systems: leave RESULTS, --against out")
        return of_file(pairs, system)
    if not (results and system and against):
        raise typer.BadParameter("RESULTS, --system and --against belong together; or give --pairs")
    return drawn_from(results, system, against, form=form, per_emotion=per_emotion, seed=seed)
