"""`whyser-eval`: from a model's answers to a signed table.

Heavy imports stand inside the commands, so that `--help` answers at once.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from whyser.io.console import new_app, print_json, run, say
from whyser.io.extras import needs
from whyser.options.endpoint import SOUND_HELP, DryRun, SoundForm, asks_endpoint
from whyser.prompting.prompts import Form
from whyser_eval.explanations.judge.cli import judge_command
from whyser_eval.explanations.study.cli import app as study_app
from whyser_eval.reading.options import ReaderOptions, reads_answers

if TYPE_CHECKING:
    from whyser.chat import ChatSettings

app = new_app(
    "Scores answers against every annotator: predict, join, score, compare, table, group, report. "
    "And their reasons: judge, study, figure."
)


References = Annotated[list[Path], typer.Option(help="An utterances.jsonl; give one per corpus.")]
Predictions = Annotated[
    list[Path], typer.Option(help="A predictions.jsonl; give as many as there are systems.")
]
Split = Annotated[
    str | None,
    typer.Option(help="Split to score.  [default: those that the predicted ids lie in]"),
]


Classes = Annotated[
    str | None,
    typer.Option(help="Classes to average over, a,b,c.  [default: what the corpora declare]"),
]
Secondary = Annotated[
    bool, typer.Option("--secondary", help="Count secondary votes as annotators' labels too.")
]


Unit = Annotated[
    Literal["utterance", "speaker"],
    typer.Option(help="What is drawn: utterances, or speakers with all of theirs."),
]


@app.command("predict")
@asks_endpoint
def predict_command(
    utterances: Annotated[list[Path], typer.Argument(help="utterances.jsonl of each corpus.")],
    form: Annotated[
        Form,
        typer.Option(help="Ask for the emotion, or for one of nine lettered options."),
    ],
    output: Annotated[Path, typer.Option(help="The predictions.jsonl to write.")],
    settings: ChatSettings,
    cot: Annotated[
        bool, typer.Option("--cot", help="Ask to think of the words and the voice first.")
    ] = False,
    name: Annotated[
        str | None,
        typer.Option(help="The system's name.  [default: the model's, with '+CoT' under --cot]"),
    ] = None,
    split: Annotated[
        str | None, typer.Option(help="Split to ask about.  [default: the only test split]")
    ] = None,
    everything: Annotated[
        bool,
        typer.Option(
            "--all-utterances",
            help="Ask also about those without a consensus among the eight classes.",
        ),
    ] = False,
    control: Annotated[
        Literal["none", "shuffled", "silence", "transcript", "paraphrased", "reordered"],
        typer.Option(
            help="What stands in for the sound: another utterance's, silence, or the words alone; "
            "or the same question in other words, or with its options in other orders."
        ),
    ] = "none",
    variants: Annotated[
        int | None,
        typer.Option(min=1, help="Wordings or orders, the paper's first.  [default: 5]"),
    ] = None,
    samples: Annotated[int, typer.Option(min=1, help="Answers to each question.")] = 1,
    temperature: Annotated[
        float | None, typer.Option(min=0, help="[default: 0; 0.7 for several samples]")
    ] = None,
    top_p: Annotated[
        float | None, typer.Option(min=0, max=1, help="Of a drawn answer.  [default: 0.9]")
    ] = None,
    max_tokens: Annotated[int, typer.Option(min=1, help="New tokens of an answer.")] = 512,
    probabilities: Annotated[
        bool,
        typer.Option(
            "--probabilities",
            help="Ask for the labels' probabilities too, where the server gives log-probabilities.",
        ),
    ] = False,
    template: Annotated[
        Literal["official", "whyser"] | None,
        typer.Option(
            help="The prompt template that the server uses: the checkpoint's own, or that of our "
            "training. A server that tells another is refused.  [default: what the server tells]"
        ),
    ] = None,
    audio: Annotated[SoundForm, typer.Option(help=f"{SOUND_HELP}.")] = "data",
    accept_failures: Annotated[
        bool,
        typer.Option(
            "--accept-failures", help="Write what was never answered as empty, which is a miss."
        ),
    ] = False,
    max_samples: Annotated[
        int | None, typer.Option(min=1, help="Only the first N utterances.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of all that is drawn, recorded.")] = 0,
    dry_run: DryRun = False,
) -> None:
    """Ask an endpoint about every utterance of a test split.

    Answers are kept in OUTPUT's ledger: run the same command again to go on after a stop.

    Example: whyser-eval predict utterances.jsonl --form open --output q2a.jsonl
    --endpoint http://localhost:8000/v1 --model Qwen/Qwen2-Audio-7B-Instruct
    """
    from whyser.records.corpus import Corpus
    from whyser_eval.answers.predict.clips import Clips
    from whyser_eval.answers.predict.plan import Decoding, Plan
    from whyser_eval.answers.predict.session import Session

    decoding = Decoding(samples, temperature, top_p, max_tokens, seed)
    clips = Clips(
        [Corpus(path) for path in utterances],
        silence=output.with_suffix(".silence"),
        control=control,
        split=split,
        max_samples=max_samples,
        everything=everything,
        seed=seed,
    )
    session = Session(
        clips,
        Plan(form, cot, control, variants, audio, decoding),
        name or settings.model + ("+CoT" if cot else ""),
        output,
        probabilities=probabilities,
        template=template,
        accepts_failures=accept_failures,
    )
    if dry_run:
        session.print_estimate(settings)
    else:
        session.run(settings)


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
    from whyser.records.predictions import write_predictions
    from whyser_eval.answers.join import join

    name = model or predictions.resolve().parent.name
    joined = join(manifest, predictions, model=name)
    write_predictions(output, joined)
    say(f"{len(joined):,} predictions of {name} -> {output}")


@app.command("score")
@reads_answers
def score_command(
    references: References,
    predictions: Predictions,
    output: Annotated[
        Path, typer.Option(help="Folder for scores.json, samples.jsonl, audit.json.")
    ],
    reads: ReaderOptions,
    split: Split = None,
    classes: Classes = None,
    secondary: Secondary = False,
    all_inclusive: Annotated[
        bool,
        typer.Option(
            "--all-inclusive",
            help="Score utterances without agreement too, by what needs no consensus.",
        ),
    ] = False,
    cues: Annotated[
        list[Path] | None,
        typer.Option(help="A cues.jsonl of the references, to hold explanations against."),
    ] = None,
    wer: Annotated[
        bool,
        typer.Option(
            "--wer", help="Word error rate of the transcripts in the answers; 0.4 ms an utterance."
        ),
    ] = False,
    draws: Annotated[
        int, typer.Option(min=0, help="Bootstrap draws for the intervals; 0 for none.")
    ] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the draws.")] = 0,
    interval: Annotated[
        Literal["percentile", "bca"],
        typer.Option(help="Percentiles of the draws, or bias-corrected and accelerated."),
    ] = "percentile",
    unit: Unit = "utterance",
    with_audit: Annotated[
        bool,
        typer.Option(
            "--audit",
            help="Print which stage read how many and what was lost; with hybrid, have the model "
            "read some of what the rules read too.",
        ),
    ] = False,
    audit_sample: Annotated[
        int, typer.Option(min=0, help="Answers read by both for --audit, a seeded draw; 0 for all.")
    ] = 200,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print scores.json instead of the table.")
    ] = False,
) -> None:
    """Score predictions against references, with intervals, baselines and signatures.

    Example: whyser-eval score --references u.jsonl --predictions p.jsonl --output results/run
    --reader-endpoint http://localhost:8000/v1 --reader-model openai/gpt-oss-20b --audit
    """
    from whyser.io.files import write_json
    from whyser.labels.classes import parse_classes
    from whyser_eval.scoring.reading_audit import audit_run, print_audit
    from whyser_eval.scoring.score import Settings, score_run, scores_json, write_run

    settings = Settings(
        split=split,
        classes=parse_classes(classes) if classes else None,
        secondary=secondary,
        all_inclusive=all_inclusive,
        draws=draws,
        seed=seed,
        interval=interval,
        unit=unit,
        wer=wer,
        reader=reads.reader(output),
    )
    result = score_run(references, predictions, settings, cues=cues or ())
    audit = audit_run(result, sample=audit_sample if with_audit else None)
    write_run(result, output)
    write_json(output / "audit.json", audit)
    if as_json:
        print_json(scores_json(result))
    else:
        from whyser_eval.output.terminal import print_scores

        print_scores(result)
    if with_audit and not as_json:
        print_audit(audit, result)
    for corpus in result.unused_corpora:
        say(f"note: {corpus} has nothing to score in the chosen split")
    for reason, count in result.ignored.items():
        say(f"note: {count:,} predictions not scored: {reason}")
    for warning in result.warnings:
        say(f"warning: {warning}")
    say(f"scores, samples, audit and provenance -> {output}")


@app.command("compare")
@reads_answers
def compare_command(
    references: References,
    predictions: Predictions,
    against: Annotated[str, typer.Option(help="The system that the others are compared with.")],
    reads: ReaderOptions,
    output: Annotated[Path | None, typer.Option(help="A comparisons.json to write too.")] = None,
    split: Split = None,
    classes: Classes = None,
    secondary: Secondary = False,
    unit: Unit = "utterance",
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
    from whyser.labels.classes import parse_classes
    from whyser_eval.output.terminal import print_comparisons
    from whyser_eval.scoring.compare import compare, write_comparisons
    from whyser_eval.scoring.score import Settings, score_run

    reader = reads.reader(output.parent if output else None)
    settings = Settings(
        split,
        classes=parse_classes(classes) if classes else None,
        secondary=secondary,
        draws=0,
        reader=reader,
    )
    result = score_run(references, predictions, settings)
    rows = compare(result, against, unit=unit, draws=draws, seed=seed)
    if output:
        write_comparisons(
            rows,
            result,
            output,
            against=against,
            unit=unit,
            draws=draws,
            seed=seed,
            classes=",".join(result.references.classes),
            secondary=secondary,
            reader=reader.version,
        )
    print_comparisons(rows, as_json=as_json)
    if output:
        say(f"comparisons -> {output}")


@app.command("table")
def table_command(
    results: Annotated[list[Path], typer.Argument(help="Folders that `score` wrote.")],
    layout: Annotated[
        Literal["paper", "readings", "subsets"],
        typer.Option(
            help="paper: its Table 1. readings: All-labels in every reading. "
            "subsets: Macro-F1 on every subset."
        ),
    ] = "paper",
    form: Annotated[
        Literal["markdown", "latex", "csv"] | None,
        typer.Option(
            "--format",
            help="How it is written.  [default: by the suffix of --output, else markdown; "
            "on a terminal, for the eye]",
        ),
    ] = None,
    published: Annotated[
        bool, typer.Option(help="With the rows of the paper's Table 1, marked as published.")
    ] = True,
    controls: Annotated[
        bool, typer.Option("--controls", help="With shuffled audio and the other controls.")
    ] = False,
    comparisons: Annotated[
        list[Path] | None,
        typer.Option(help="A comparisons.json, whose significant differences get a mark."),
    ] = None,
    decimals: Annotated[int, typer.Option(min=0, max=6, help="Of a percentage.")] = 2,
    output: Annotated[
        Path | None,
        typer.Option(help="A file to write; the signatures go beside it.  [default: print]"),
    ] = None,
    show_signatures: Annotated[
        bool, typer.Option("--signatures", help="Print each figure's signature too.")
    ] = False,
) -> None:
    """Lay scored runs out as the paper's Table 1, the published rows beside them.

    Example: whyser-eval table results/row10 results/row11 --comparisons comparisons.json
    --output table1.tex
    """
    from whyser_eval.output.table import lay_out, print_signatures, print_table, write_table

    table = lay_out(
        results,
        layout=layout,
        published=published,
        controls=controls,
        comparisons=comparisons or (),
        decimals=decimals,
    )
    chosen = form if form else None
    if output:
        say(f"table -> {output}, signatures -> {write_table(table, output, chosen)}")
    else:
        print_table(table, chosen)
    if show_signatures:
        print_signatures(table)


@app.command("export")
def export_command(
    benchmark: Annotated[Literal["emobox"], typer.Argument(help="Whose form to write.")],
    predictions: Annotated[
        list[Path], typer.Argument(help="A predictions.jsonl; as many as there are.")
    ],
    references: References,
    output: Annotated[Path, typer.Option(help="Folder; in it SYSTEM_FORM/DATASET/.")],
    split: Split = None,
) -> None:
    """Write answers as another benchmark reads them; an unread answer stays a miss.

    Example: whyser-eval export emobox predictions.jsonl --references u.jsonl --output emobox
    """
    from whyser_eval.answers.emobox import export_emobox

    exported = export_emobox(references, predictions, output, split=split)
    for reason, count in exported.ignored.items():
        say(f"note: {count:,} predictions not exported: {reason}")
    for folder in exported.folders:
        say(f"{benchmark} -> {folder}")


@app.command("group")
@reads_answers
def group_command(
    answers: Annotated[
        list[Path], typer.Argument(help="Files of predictions, or samples.jsonl of scored runs.")
    ],
    output: Annotated[Path, typer.Option(help="The review.csv to write.")],
    reads: ReaderOptions,
) -> None:
    """Collect the words that the table lacks, for a person to review; a model may propose classes.

    Fill in class, use, reason and accepted (yes or no) in every row, then freeze it.

    Example: whyser-eval group results/run/samples.jsonl --output review.csv
    """
    from whyser.labels.lexicon import lexicon, read_lexicon
    from whyser_eval.reading.extraction import Extractor
    from whyser_eval.reading.lexicon_review import (
        proposals,
        read_answers,
        unknown_words,
        write_review,
    )

    table = read_lexicon(reads.grouping) if reads.grouping else lexicon()
    words = unknown_words(read_answers(answers, reads.reader(output.parent)), table)
    settings, ledger = reads.settings, reads.ledger(output.parent)
    proposed = {}
    if settings and ledger and words:
        proposed = proposals(words, Extractor(table, reads.max_tokens), settings, ledger)
    write_review(words, proposed, output)
    say(f"{len(words):,} words that the table lacks -> {output}")


@app.command("freeze")
def freeze_command(
    reviews: Annotated[list[Path], typer.Argument(help="What group wrote and a person reviewed.")],
    output: Annotated[Path, typer.Option(help="The table to write, for --grouping.")],
    base: Annotated[
        Path | None,
        typer.Option(help="Table to add the words to.  [default: the one that is shipped]"),
    ] = None,
) -> None:
    """Freeze reviewed words into a table of one's own; its hash is part of every score.

    Example: whyser-eval freeze review.csv --output grouping.csv
    """
    from whyser.labels.lexicon import read_lexicon
    from whyser_eval.reading.lexicon_review import freeze

    added = freeze(reviews, output, base=base)
    say(f"{added:,} words added, table {read_lexicon(output).hash} -> {output}")


@app.command("report")
def report_command(
    results: Annotated[Path, typer.Argument(help="The folder that `score` wrote.")],
    output: Annotated[
        Path | None, typer.Option(help="The HTML file.  [default: RESULTS/report.html]")
    ] = None,
    audio: Annotated[
        Literal["link", "embed", "none"],
        typer.Option(
            help="Link to the sound where it lies, embed it in the file, or leave it out."
        ),
    ] = "link",
    max_samples: Annotated[
        int, typer.Option(min=1, help="Utterances to show; a fixed choice when there are more.")
    ] = 200,
) -> None:
    """Write one self-contained HTML report of a scored run.

    Shows comparisons.json, audit.json, judge/judge.json and study/study.json too, where they lie
    in the folder.

    Example: whyser-eval report results/demo --audio embed
    """
    from whyser_eval.output.report import write_report

    path = output or results / "report.html"
    write_report(results, path, audio=audio, max_samples=max_samples)
    say(f"report -> {path}")


@app.command("figure")
@needs(figures=["matplotlib"])
def figure_command(
    results: Annotated[
        Path, typer.Argument(help="The folder that holds judge/judge.json or study/study.json.")
    ],
    which: Annotated[
        Literal["study", "judge"],
        typer.Option(help="The paper's Fig. 1, what people said; or its Fig. 2, what judges said."),
    ],
    output: Annotated[Path, typer.Option(help="The .svg, .pdf or .png to write.")],
) -> None:
    """Draw the human study or the judge for a paper, one column wide.

    Example: whyser-eval figure results/row11 --which study --output fig1.pdf
    """
    from whyser_eval.output.figures import write_figure

    write_figure(results, output, which)
    say(f"figure -> {output}")


app.command("judge")(judge_command)
app.add_typer(study_app, name="study")


def main() -> None:
    run(app)
