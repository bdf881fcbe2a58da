"""`whyser-eval`: from a model's answers to a signed table.

Heavy imports are inside the commands, so that `--help` answers at once.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Literal

from typer import Argument, Option

from whyser.io.console import new_app, print_json, run, say
from whyser.io.extras import needs
from whyser.options.endpoint import SOUND_HELP, DryRun, EndpointOptions, SoundForm
from whyser.options.groups import with_option_group
from whyser.prompting.prompts import Form
from whyser_eval.asking.cli import ask_command, listen_command
from whyser_eval.explanations.judge.cli import judge_command
from whyser_eval.explanations.study.cli import app as study_app
from whyser_eval.reading.options import ReaderOptions, reader_option

app = new_app(
    "Score answers against every annotator: predict, join, score, compare, table, group, report. "
    "Ask about one clip: ask, listen. "
    "Evaluate their rationales: judge, study, figure, examples. Describe a run for others: card."
)

# Options that few runs need have help panels of their own.
decoding_option = partial(Option, rich_help_panel="Decoding")
interval_option = partial(Option, rich_help_panel="Intervals")

References = Annotated[
    list[Path], Option(help="Read the labels from this utterances.jsonl; give one for each corpus.")
]
Predictions = Annotated[
    list[Path], Option(help="Read answers from this predictions.jsonl; give one for each system.")
]
Split = Annotated[
    str | None, Option(help="Score this split.  [default: the splits of the predicted ids]")
]
Classes = Annotated[
    str | None,
    Option(help="Average over these classes, written a,b,c.  [default: what the corpora declare]"),
]
Secondary = Annotated[
    bool, Option("--secondary", help="Count secondary votes as annotators' labels too.")
]
AllInclusive = Annotated[
    bool,
    Option(
        "--all-inclusive",
        help="Score utterances without agreement too, by metrics that need no majority label.",
    ),
]
ScoredCues = Annotated[
    list[Path] | None, Option(help="Check rationales against this cues.jsonl of the references.")
]
Wer = Annotated[
    bool,
    Option(
        "--wer",
        help="Compute the word error rate of transcripts in the answers; it takes 0.4 ms an "
        "utterance.",
    ),
]
conflict_option = partial(Option, rich_help_panel="Words against voice")
Words = Annotated[
    str | None,
    conflict_option(
        metavar="FILE|transcripts",
        help="Score whether answers follow the voice or the words. Take the emotion of the words "
        "from the column words of this CSV or JSON Lines, or from these predictions of a system "
        "that reads the words; transcripts takes the one emotion that a transcript names.",
    ),
]
Voice = Annotated[
    Path | None,
    conflict_option(
        help="Take the emotion of the voice from the column voice of this file, or from these "
        "predictions of a system that gets the sound.  [default: the column voice of --words, "
        "else the majority label]"
    ),
]
NeutralWords = Annotated[
    bool,
    conflict_option(
        "--neutral-words", help="Count neutral words as any other emotion; else they are left out."
    ),
]
ResampleBy = Annotated[
    Literal["utterance", "speaker"],
    interval_option(
        "--resample-by",
        "--unit",
        help="Draw single utterances, or speakers with all of their utterances.",
    ),
]
Seed = Annotated[int, interval_option(min=0, help="Use this random seed for the draws.")]


@app.command("predict")
@with_option_group
def predict_command(
    utterances: Annotated[
        list[Path], Argument(help="Ask about these utterances.jsonl, one for each corpus.")
    ],
    form: Annotated[
        Form, Option(help="Ask for the emotion (open), or for one of nine lettered options.")
    ],
    output: Annotated[Path, Option(help="Write this predictions.jsonl.")],
    asked: EndpointOptions,
    cot: Annotated[
        bool, Option("--cot", help="Ask the model to consider the words and the voice first.")
    ] = False,
    name: Annotated[
        str | None,
        Option(help="Give the system this name.  [default: the model's, with '+CoT' under --cot]"),
    ] = None,
    split: Annotated[
        str | None, Option(help="Ask about this split.  [default: the only test split]")
    ] = None,
    everything: Annotated[
        bool,
        Option(
            "--all-utterances",
            help="Ask about utterances without a majority label among the eight classes too.",
        ),
    ] = False,
    control: Annotated[
        Literal[
            "none",
            "shuffled",
            "silence",
            "transcript",
            "paraphrased",
            "reordered",
            "noise",
            "codec",
            "gain",
        ],
        Option(
            help="Replace the sound by another utterance's (shuffled), by silence, or by the words "
            "(transcript); vary the question's wording or the order of its options; or degrade the "
            "sound by noise, by a telephone's codec, or by 20 dB (gain)."
        ),
    ] = "none",
    variants: Annotated[
        int | None,
        decoding_option(
            min=1, help="Ask in this many wordings or orders; the paper's is first.  [default: 5]"
        ),
    ] = None,
    samples: Annotated[
        int, decoding_option(min=1, help="Ask for this many answers to each question.")
    ] = 1,
    temperature: Annotated[
        float | None,
        decoding_option(
            min=0, help="Decode at this temperature.  [default: 0; 0.7 for several samples]"
        ),
    ] = None,
    top_p: Annotated[
        float | None,
        decoding_option(
            min=0, max=1, help="Sample from the tokens that hold this probability.  [default: 0.9]"
        ),
    ] = None,
    max_tokens: Annotated[
        int, decoding_option(min=1, help="Let an answer have this many new tokens.")
    ] = 512,
    probabilities: Annotated[
        bool,
        decoding_option(
            "--probabilities",
            help="Ask for the labels' probabilities too, if the server gives log-probabilities.",
        ),
    ] = False,
    template: Annotated[
        Literal["official", "whyser"] | None,
        decoding_option(
            help="Require the checkpoint's own prompt template (official), or that of our training "
            "(whyser); a server that reports another is refused.  [default: what it reports]"
        ),
    ] = None,
    audio: Annotated[SoundForm, Option(help=f"{SOUND_HELP}.")] = "data",
    accept_failures: Annotated[
        bool,
        Option(
            "--accept-failures",
            help="Write an empty answer, which scores as a miss, where the endpoint gave none.",
        ),
    ] = False,
    max_samples: Annotated[
        int | None, Option(min=1, help="Ask about the first N utterances only.")
    ] = None,
    seed: Annotated[int, decoding_option(help="Use this random seed; it is recorded.")] = 0,
    dry_run: DryRun = False,
) -> None:
    """Ask an endpoint about every utterance of a test split.

    Answers are kept in OUTPUT's ledger: run the same command again to continue after a stop.

    Example: whyser-eval predict utterances.jsonl --form open --output q2a.jsonl
    --endpoint http://localhost:8000/v1 --model Qwen/Qwen2-Audio-7B-Instruct
    """
    from whyser.records.corpus import Corpus
    from whyser_eval.answers.predict.clips import Clips
    from whyser_eval.answers.predict.plan import Decoding, Plan
    from whyser_eval.answers.predict.session import Session

    settings = asked.settings
    decoding = Decoding(samples, temperature, top_p, max_tokens, seed)
    clips = Clips(
        [Corpus(path) for path in utterances],
        folder=output.with_suffix(f".{control}"),
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
        Path, Option(help="Read the .manifest.jsonl of the dataset that was predicted.")
    ],
    predictions: Annotated[
        Path, Option(help="Read this generated_predictions.jsonl of LLaMA-Factory.")
    ],
    output: Annotated[Path, Option(help="Write this predictions.jsonl.")],
    model: Annotated[
        str | None,
        Option(help="Give the system this name.  [default: the folder of --predictions]"),
    ] = None,
) -> None:
    """Check every row of LLaMA-Factory's predictions, and give each its id back."""
    from whyser.records.predictions import write_predictions
    from whyser_eval.answers.join import join

    name = model or predictions.resolve().parent.name
    joined = join(manifest, predictions, model=name)
    write_predictions(output, joined)
    say(f"{len(joined):,} predictions of {name} -> {output}")


@app.command("score")
@with_option_group
def score_command(
    references: References,
    predictions: Predictions,
    output: Annotated[
        Path, Option(help="Write scores.json, samples.jsonl and audit.json to this folder.")
    ],
    reads: ReaderOptions,
    manifest: Annotated[
        list[Path] | None,
        Option(
            help="Join --predictions, which LLaMA-Factory wrote, with this .manifest.jsonl first; "
            "one for each --predictions, all of one system. The output folder names the system and "
            "gets the answers as joined.jsonl."
        ),
    ] = None,
    split: Split = None,
    classes: Classes = None,
    secondary: Secondary = False,
    all_inclusive: AllInclusive = False,
    entropy: Annotated[
        bool,
        Option(
            "--entropy",
            help="Score subsets by the entropy of the annotators' votes too: up to 0.75 bits, up "
            "to 1.5, and above.",
        ),
    ] = False,
    cues: ScoredCues = None,
    wer: Wer = False,
    words: Words = None,
    voice: Voice = None,
    neutral_words: NeutralWords = False,
    draws: Annotated[
        int,
        interval_option(
            min=0, help="Make this many bootstrap draws for the intervals; 0 leaves them out."
        ),
    ] = 1000,
    seed: Seed = 0,
    interval: Annotated[
        Literal["percentile", "bca"],
        interval_option(
            help="Use percentiles of the draws, or the bias-corrected accelerated interval (bca)."
        ),
    ] = "percentile",
    resample_by: ResampleBy = "utterance",
    with_audit: Annotated[
        bool,
        Option(
            "--audit",
            help="Print how many answers each stage of the reader read and could not parse; with "
            "hybrid, also let the model read some of what the rules read.",
        ),
    ] = False,
    audit_sample: Annotated[
        int,
        reader_option(
            min=0, help="Let both read this many answers for --audit; 0 lets them read all."
        ),
    ] = 200,
    as_json: Annotated[
        bool, Option("--json", help="Print scores.json instead of the table.")
    ] = False,
) -> None:
    """Score predictions against references, with intervals, baselines and signatures.

    Example: whyser-eval score --references u.jsonl --predictions p.jsonl --output results/run
    --reader-endpoint http://localhost:8000/v1 --reader-model openai/gpt-oss-20b --audit
    """
    from whyser.labels.classes import parse_classes
    from whyser_eval.scoring.conflict import sources_of
    from whyser_eval.scoring.reading_audit import audit_run, print_audit
    from whyser_eval.scoring.run_files import scores_json, write_run
    from whyser_eval.scoring.score import score_run
    from whyser_eval.scoring.settings import Settings

    settings = Settings(
        split=split,
        classes=parse_classes(classes) if classes else None,
        secondary=secondary,
        all_inclusive=all_inclusive,
        entropy=entropy,
        draws=draws,
        seed=seed,
        interval=interval,
        unit=resample_by,
        wer=wer,
        reader=reads.reader(output),
    )
    if manifest:
        from whyser_eval.answers.join import join_all

        predictions = [join_all(manifest, predictions, output)]
    emotions = sources_of(words, voice, neutral_words=neutral_words)
    result = score_run(references, predictions, settings, cues=cues or (), emotions=emotions)
    audit = audit_run(result, sample=audit_sample if with_audit else None)
    write_run(result, audit, output)
    if as_json:
        print_json(scores_json(result))
    else:
        from whyser_eval.output.terminal import print_scores

        print_scores(result)
        if with_audit:
            print_audit(audit, result)
    for corpus in result.unused_corpora:
        say(f"note: {corpus} has nothing to score in the chosen split")
    for reason, count in result.ignored.items():
        say(f"note: {count:,} predictions not scored: {reason}")
    for note in result.notes:
        say(f"note: {note}")
    for warning in result.warnings:
        say(f"warning: {warning}")
    say(f"scores, samples, audit and provenance -> {output}")


@app.command("compare")
@with_option_group
def compare_command(
    references: References,
    predictions: Predictions,
    against: Annotated[str, Option(help="Compare the other systems with this one.")],
    reads: ReaderOptions,
    output: Annotated[Path | None, Option(help="Write this comparisons.json too.")] = None,
    split: Split = None,
    classes: Classes = None,
    secondary: Secondary = False,
    all_inclusive: AllInclusive = False,
    cues: ScoredCues = None,
    wer: Wer = False,
    words: Words = None,
    voice: Voice = None,
    neutral_words: NeutralWords = False,
    resample_by: ResampleBy = "utterance",
    draws: Annotated[
        int, interval_option(min=100, help="Make this many draws for each test.")
    ] = 10_000,
    seed: Seed = 0,
    as_json: Annotated[
        bool, Option("--json", help="Print comparisons.json instead of the table.")
    ] = False,
) -> None:
    """Test whether systems differ on the same utterances: interval, p, and p after Holm.

    Every metric is tested that `score` prints with the same options.

    Example: whyser-eval compare --references u.jsonl --predictions row10.jsonl
    --predictions row11.jsonl --against row10
    """
    from whyser.labels.classes import parse_classes
    from whyser_eval.output.terminal import print_comparisons
    from whyser_eval.scoring.compare import clustering_warnings, compare, write_comparisons
    from whyser_eval.scoring.conflict import sources_of
    from whyser_eval.scoring.score import score_run
    from whyser_eval.scoring.settings import Settings

    settings = Settings(
        split,
        classes=parse_classes(classes) if classes else None,
        secondary=secondary,
        all_inclusive=all_inclusive,
        draws=0,
        wer=wer,
        reader=reads.reader(output.parent if output else None),
    )
    emotions = sources_of(words, voice, neutral_words=neutral_words)
    result = score_run(references, predictions, settings, cues=cues or (), emotions=emotions)
    rows = compare(result, against, unit=resample_by, draws=draws, seed=seed)
    warnings = [] if resample_by == "speaker" else list(clustering_warnings(result, against))
    warnings += result.conflict.warnings if result.conflict is not None else ()
    if output:
        how: dict[str, str | int] = {
            "against": against,
            "unit": resample_by,
            "draws": draws,
            "seed": seed,
        }
        write_comparisons(rows, result, output, warnings=warnings, **how)
    print_comparisons(rows, as_json=as_json)
    if result.conflict is not None:
        say(f"note: {result.conflict.note}")
    for warning in warnings:
        say(f"warning: {warning}")
    if output:
        say(f"comparisons -> {output}")


@app.command("table")
def table_command(
    results: Annotated[
        list[Path], Argument(help="Show the runs in these folders, which `score` wrote.")
    ],
    layout: Annotated[
        Literal["paper", "readings", "subsets", "conflict", "genders", "attributes"],
        Option(
            help="Show the paper's Table 1 (paper), All-labels in every reading (readings), "
            "Macro-F1 on every subset (subsets), words against voice (conflict), the gap between "
            "the speakers' genders (genders), or the concordance of attributes (attributes)."
        ),
    ] = "paper",
    form: Annotated[
        Literal["markdown", "latex", "csv"] | None,
        Option(
            "--format",
            help="Write the table in this format.  [default: by the suffix of --output, else "
            "markdown; on a terminal, a drawn table]",
        ),
    ] = None,
    published: Annotated[
        bool, Option(help="Show the rows of the paper's Table 1 too, marked as published.")
    ] = True,
    controls: Annotated[
        bool, Option("--controls", help="Show shuffled audio and the other controls too.")
    ] = False,
    comparisons: Annotated[
        list[Path] | None, Option(help="Mark the significant differences of this comparisons.json.")
    ] = None,
    decimals: Annotated[int, Option(min=0, max=6, help="Print this many decimals.")] = 2,
    output: Annotated[
        Path | None,
        Option(help="Write this file, and the signatures to a second one.  [default: print]"),
    ] = None,
    show_signatures: Annotated[
        bool, Option("--signatures", help="Print the signature of each value too.")
    ] = False,
) -> None:
    """Show scored runs as the paper's Table 1, together with the published rows.

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
    if output:
        say(f"table -> {output}, signatures -> {write_table(table, output, form)}")
    else:
        print_table(table, form)
    if show_signatures:
        print_signatures(table)


@app.command("examples")
def examples_command(
    results: Annotated[
        list[Path], Argument(help="Show answers of the runs in these folders, which `score` wrote.")
    ],
    system: Annotated[
        list[str], Option(help="Show the rationales of this system; repeat it for more columns.")
    ],
    output: Annotated[Path, Option(help="Write this .tex file.")],
    form: Annotated[Form, Option(help="Show the answers to this form of the question.")] = "open",
    ids: Annotated[
        list[str] | None,
        Option("--id", help="Show this utterance; repeatable.  [default: a fixed choice]"),
    ] = None,
    max_samples: Annotated[
        int, Option(min=1, help="Show this many utterances if none is named.")
    ] = 3,
) -> None:
    """Show answers as the paper's Table 2: labels and rationales in LaTeX, with coloured spans.

    Yellow refers to the words, green is the predicted emotion, blue refers to the voice.

    Example: whyser-eval examples results/row11 --system row11 --output table2.tex
    """
    from whyser_eval.output.examples import write_examples

    count = write_examples(results, system, output, form=form, ids=ids or (), count=max_samples)
    say(f"{count:,} examples -> {output}")


@app.command("export")
def export_command(
    benchmark: Annotated[
        Literal["emobox", "msp_podcast"], Argument(help="Write the files of this benchmark.")
    ],
    predictions: Annotated[
        list[Path], Argument(help="Export the answers of these predictions.jsonl.")
    ],
    references: References,
    output: Annotated[Path, Option(help="Write a folder SYSTEM_FORM/ for each system here.")],
    split: Split = None,
) -> None:
    """Write answers as the files of another benchmark; one that could not be parsed is a miss.

    emobox writes a folder for each corpus; msp_podcast writes the CSV files of the challenges.

    Example: whyser-eval export emobox predictions.jsonl --references u.jsonl --output emobox
    """
    from whyser_eval.answers.emobox import export_emobox
    from whyser_eval.answers.msp_podcast import export_msp_podcast

    if benchmark == "emobox":
        folders, ignored = export_emobox(references, predictions, output, split=split)
        notes = {f"predictions not exported: {reason}": n for reason, n in ignored.items()}
    else:
        folders, counts = export_msp_podcast(references, predictions, output, split=split)
        notes = dict(counts)
    for what, count in notes.items():
        say(f"note: {count:,} {what}")
    for folder in folders:
        say(f"{benchmark} -> {folder}")


@app.command("group")
@with_option_group
def group_command(
    answers: Annotated[
        list[Path],
        Argument(help="Read these files of predictions, or samples.jsonl of scored runs."),
    ],
    output: Annotated[Path, Option(help="Write this review.csv.")],
    reads: ReaderOptions,
) -> None:
    """Collect the words that the lexicon lacks, for a person to review.

    A model may propose classes. Fill in class, use, reason and accepted (yes or no) in every row,
    then freeze the file.

    Example: whyser-eval group results/run/samples.jsonl --output review.csv
    """
    from whyser.labels.lexicon import lexicon, read_lexicon
    from whyser_eval.reading import lexicon_review as review
    from whyser_eval.reading.extraction import Extractor

    table = read_lexicon(reads.grouping) if reads.grouping else lexicon()
    words = review.unknown_words(review.read_answers(answers, reads.reader(output.parent)), table)
    settings, ledger = reads.settings, reads.ledger(output.parent)
    proposed = {}
    if settings and ledger and words:
        extractor = Extractor(table, reads.reader_max_tokens)
        proposed = review.proposals(words, extractor, settings, ledger)
    review.write_review(words, proposed, output)
    say(f"{len(words):,} words that the lexicon lacks -> {output}")


@app.command("freeze")
def freeze_command(
    reviews: Annotated[
        list[Path], Argument(help="Add the words of these files, which a person reviewed.")
    ],
    output: Annotated[Path, Option(help="Write this lexicon, for --grouping.")],
    base: Annotated[
        Path | None,
        Option(help="Add the words to this lexicon.  [default: the one that is shipped]"),
    ] = None,
) -> None:
    """Freeze reviewed words into a lexicon; its hash is part of every score.

    Example: whyser-eval freeze review.csv --output grouping.csv
    """
    from whyser.labels.lexicon import read_lexicon
    from whyser_eval.reading.lexicon_review import freeze

    added = freeze(reviews, output, base=base)
    say(f"{added:,} words added, lexicon {read_lexicon(output).hash} -> {output}")


@app.command("report")
def report_command(
    results: Annotated[Path, Argument(help="Report the run in this folder, which `score` wrote.")],
    output: Annotated[
        Path | None, Option(help="Write this HTML file.  [default: RESULTS/report.html]")
    ] = None,
    audio: Annotated[
        Literal["link", "embed", "none"],
        Option(help="Link to the sound files, embed them in the report, or leave the sound out."),
    ] = "link",
    max_samples: Annotated[
        int, Option(min=1, help="Show this many utterances; the choice is fixed if there are more.")
    ] = 200,
) -> None:
    """Write one self-contained HTML report of a scored run.

    The report shows comparisons.json, audit.json, judge/judge.json and study/study.json too, if
    they are in the folder.

    Example: whyser-eval report results/demo --audio embed
    """
    from whyser_eval.output.report import write_report

    path = output or results / "report.html"
    write_report(results, path, audio=audio, max_samples=max_samples)
    say(f"report -> {path}")


@app.command("card")
def card_command(
    results: Annotated[
        Path, Argument(help="Describe the run in this folder, which `score` wrote.")
    ],
    output: Annotated[
        Path | None,
        Option(
            help="Write model/README.md and dataset/README.md to this folder.  "
            "[default: RESULTS/cards]"
        ),
    ] = None,
    model: Annotated[
        Path | None,
        Option(help="Read the training's record in this model's folder.  [default: saves/RUN]"),
    ] = None,
    settings: Annotated[
        Path | None,
        Option(
            help="Read the training's settings from this YAML.  "
            "[default: whyser_settings.yaml in the model's folder]"
        ),
    ] = None,
    data: Annotated[
        Path | None,
        Option(help="Read the corpora's corpus.json in this folder.  [default: data/RUN]"),
    ] = None,
    rationales: Annotated[
        list[Path] | None,
        Option(
            help="Count this file's rationales; repeatable.  [default: those in the data folder]"
        ),
    ] = None,
    system: Annotated[
        str | None, Option(help="Describe this system.  [default: the one that was trained]")
    ] = None,
    language: Annotated[
        list[str] | None,
        Option(help="State this language of the corpora, such as en; repeatable.  [default: none]"),
    ] = None,
) -> None:
    """Write a model card and a dataset card of a run, with the hub's metadata; upload nothing.

    The cards state licences, training, scores, controls, and what was not run.

    Example: whyser-eval card results/demo
    """
    from whyser_eval.output.card import write_cards

    folder = output or results / "cards"
    licence = write_cards(
        results,
        folder,
        model=model,
        settings=settings,
        data=data,
        rationales=rationales or (),
        system=system,
        languages=language or (),
    )
    if licence.warning:
        say(f"warning: {licence.warning}")
    say(f"model card -> {folder / 'model' / 'README.md'}")
    say(f"dataset card -> {folder / 'dataset' / 'README.md'}")


@app.command("figure")
@needs(figures=["matplotlib"])
def figure_command(
    results: Annotated[
        Path, Argument(help="Read judge/judge.json or study/study.json in this folder.")
    ],
    which: Annotated[
        Literal["study", "judge"],
        Option(
            help="Draw the paper's Fig. 1, the human study, or its Fig. 2, the judges' verdicts."
        ),
    ],
    output: Annotated[Path, Option(help="Write this .svg, .pdf or .png.")],
) -> None:
    """Draw the human study or the judges' verdicts for a paper, one column wide.

    Example: whyser-eval figure results/row11 --which study --output fig1.pdf
    """
    from whyser_eval.output.figures import write_figure

    write_figure(results, output, which)
    say(f"figure -> {output}")


app.command("ask")(ask_command)
app.command("listen")(listen_command)
app.command("judge")(judge_command)
app.add_typer(study_app, name="study")


def main() -> None:
    run(app)
