"""`whyser-convert`: from corpora in their native layouts to `utterances.jsonl` and datasets."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import typer

from whyser.evidence.descriptors import TRAITS, parse_traits
from whyser.io.console import new_app, print_table, run, say
from whyser.io.errors import InputError
from whyser.io.extras import KEYWORD_ONLY, needs, with_parameters
from whyser.prompting.answer import Target
from whyser_converters.convert.options import NoAudio, SplitListFile
from whyser_converters.corpora.registry import CORPORA
from whyser_converters.corpora.spec import CorpusSpec
from whyser_converters.datasets.preference import Pairs
from whyser_converters.datasets.questions import Asked, QuestionSpec
from whyser_converters.datasets.sharegpt import Control
from whyser_converters.datasets.targets import Labels, NoAgreement
from whyser_converters.tables.cli import pairs, table

app = new_app(
    "Convert corpora to one record per utterance, and utterances to LLaMA-Factory datasets."
)


def _command(spec: CorpusSpec) -> Callable[..., None]:
    """The command of one corpus; the corpus' own options come from its specification."""

    def command(
        corpus_dir: Annotated[Path, typer.Argument(help="Read the corpus in this folder.")],
        out_dir: Annotated[Path, typer.Argument(help="Write to this folder.")],
        no_audio: NoAudio = False,
        merge: Annotated[
            list[str] | None,
            typer.Option(
                metavar="CODE=CLASS",
                help="Map a label code of the corpus to another class; repeatable.",
            ),
        ] = None,
        split_list: SplitListFile = None,
        strict: Annotated[
            bool,
            typer.Option(
                "--strict",
                help="Stop at the first faulty line or clip; otherwise its utterance is dropped.",
            ),
        ] = False,
        **options: Enum,
    ) -> None:
        from whyser_converters.convert.printing import print_conversion
        from whyser_converters.convert.run import prepare

        if split_list and options["split_scheme"].value != spec.choices["split_scheme"].default:
            raise typer.BadParameter("give either it or --split-scheme", param_hint="--split-list")
        conversion = prepare(
            spec,
            corpus_dir,
            out_dir,
            with_audio=not no_audio,
            merge=_parse_merges(spec, merge or []),
            options={name: str(choice.value) for name, choice in options.items()},
            split_list=split_list,
            strict=strict,
        )
        print_conversion(conversion, out_dir / spec.name)

    codes = ", ".join(code for code, label in spec.labels.items() if label is not None)
    command.__name__ = spec.name
    command.__doc__ = (
        f"Convert {spec.title}.\n\nThe corpus folder holds {spec.markers[0]}. The command writes "
        f"{spec.name}/ to the output folder. Licence: {spec.licence}. Source: {spec.source}. "
        f"Label codes for --merge: {codes}.\n\n"
        f"Example: whyser-convert {spec.name} /corpora/{spec.name} data/utterances"
    )
    *common, _options = inspect.signature(command, eval_str=True).parameters.values()
    own = []
    for name, choice in spec.choices.items():
        # typer takes the choices of an option from an enumeration.
        kind = Enum(name, [(value, value) for value in choice.values])  # type: ignore[misc]
        annotation = Annotated[kind, typer.Option(help=choice.help)]
        own.append(
            inspect.Parameter(name, KEYWORD_ONLY, default=choice.default, annotation=annotation)
        )
    return with_parameters(command, [*common, *own])


def _parse_merges(spec: CorpusSpec, merge: Sequence[str]) -> dict[str, str]:
    merges = pairs(merge, "--merge", "CODE=CLASS")
    try:
        spec.merged(merges)
    except InputError as error:
        raise typer.BadParameter(str(error), param_hint="--merge") from None
    return merges


for _spec in CORPORA.values():
    app.command(_spec.name)(_command(_spec))
app.command("table")(table)


Utterances = Annotated[
    list[Path], typer.Argument(help="Read these utterances.jsonl, one for each corpus.")
]
Output = Annotated[
    Path, typer.Option(help="Write OUTPUT.json; the last part of the path names the dataset.")
]
DatasetInfo = Annotated[
    Path | None,
    typer.Option(
        help="Register the dataset in this dataset_info.json.  [default: in the output's folder]"
    ),
]
_question = partial(typer.Option, rich_help_panel="Question")
_selection = partial(typer.Option, rich_help_panel="Selection")
_column = partial(typer.Option, metavar="COLUMN", rich_help_panel="Columns")


@app.command()
def sharegpt(
    utterances: Utterances,
    split: Annotated[str, typer.Option(help="Use this split: train, dev, test1, ...")],
    output: Output,
    target: Annotated[
        Target,
        typer.Option(
            help="Write answers with the label, then the rationale ('reason', Eq. 1 of the paper), "
            "with only the label ('label'), the rationale first ('reason_first'), the label inside "
            "the rationale ('interleaved', the paper's Table 2), words for the voice before the "
            "label ('descriptors'), only the transcript ('asr'), the shares of the annotators' "
            "votes in percent ('distribution'), or arousal, valence and dominance before the label "
            "('attributes')."
        ),
    ] = "reason",
    asr: Annotated[
        bool, typer.Option(help="Begin the answer with the transcript in an <asr> block.")
    ] = True,
    prompt: Annotated[
        Asked,
        typer.Option(
            help="Ask in open form ('asr' has its own question), with nine lettered options "
            "('closed'), half of the rows each ('mix'), or with the question of the target "
            "('task'), for a mixture of datasets."
        ),
    ] = "open",
    cot: Annotated[
        bool, _question("--cot", help="Ask the model to consider the words and the voice first.")
    ] = False,
    paraphrase: Annotated[
        bool, _question("--paraphrase", help="Draw the question's wording from its pool.")
    ] = False,
    shuffle_options: Annotated[
        bool, _question("--shuffle-options", help="Draw the order of the lettered options.")
    ] = False,
    labels: Annotated[
        Labels,
        typer.Option(
            help="Use the majority label ('majority'), or one annotator's, drawn by its share "
            "of the votes ('sampled')."
        ),
    ] = "majority",
    no_agreement: Annotated[
        NoAgreement,
        _selection(
            help="Leave out utterances whose annotators did not agree ('drop'), or train on them "
            "too ('train'): with 'distribution', 'asr' or sampled labels."
        ),
    ] = "drop",
    epochs: Annotated[
        int,
        _selection(
            min=1,
            help="Write each utterance this many times, one block per epoch; each copy draws its "
            "label and wording again.",
        ),
    ] = 1,
    rationales: Annotated[
        list[Path] | None,
        typer.Option(
            help="Read this rationales.jsonl of a corpus; repeatable. For a target without "
            "rationales it only selects the utterances, so that both targets train on the same."
        ),
    ] = None,
    cues: Annotated[
        list[Path] | None,
        typer.Option(help="Read this cues.jsonl of a corpus, for 'descriptors'; repeatable."),
    ] = None,
    traits: Annotated[
        str,
        typer.Option(
            help="Let 'descriptors' name these traits of the voice, written a,b, for an ablation."
        ),
    ] = ",".join(TRAITS),
    control: Annotated[
        Control,
        typer.Option(
            help="Write a control. A model that listens must fail on another utterance's sound "
            "('shuffled') and on silence; 'transcript' has the words in place of sound. It should "
            "hold its score with noise, after a telephone's codec, and 20 dB quieter ('gain')."
        ),
    ] = "none",
    max_samples: Annotated[
        int | None, _selection(min=1, help="Keep this many utterances after shuffling.")
    ] = None,
    seed: Annotated[int, _selection(help="Set the random seed.")] = 0,
    dataset_info: DatasetInfo = None,
) -> None:
    """Write a LLaMA-Factory dataset: OUTPUT.json, OUTPUT.manifest.jsonl, and its registration.

    Example: whyser-convert sharegpt data/u/crema_d/utterances.jsonl --split train
    --rationales data/u/crema_d/rationales.jsonl --output data/sharegpt/whyser_train_reason
    """
    from whyser.records.corpus import Corpus
    from whyser_converters.datasets.sharegpt import DatasetSpec, build, write
    from whyser_converters.datasets.targets import TargetSpec, TrainingInputs

    answer = TargetSpec(target, asr, labels, parse_traits(traits), no_agreement)
    question = QuestionSpec(prompt, cot, paraphrase, shuffle_options)
    spec = DatasetSpec(split, answer, question, control, max_samples, seed, epochs)
    inputs = TrainingInputs.read(rationales or [], cues or [])
    dataset = build([Corpus(path) for path in utterances], spec, inputs)
    table = dataset_info or output.parent / "dataset_info.json"
    rows_file = write(dataset, output, table, seed=seed)
    if not dataset.has_transcripts:
        say(f"note: no utterance of {split} has a transcript, so the answers have none (--no-asr)")
    say(f"wrote {len(dataset.rows):,} rows to {rows_file}")
    if dataset.dropped:
        print_table("Left out", ["reason", "utterances"], dataset.dropped.most_common())


@app.command("import")
def import_command(
    datasets: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME=SPLIT...",
            help="Import these entries of dataset_info.json, each as a split (train, dev, test, "
            "test1, ...), or as NAME with --split.",
        ),
    ],
    output: Annotated[
        Path, typer.Option(help="Write utterances.jsonl, the rows and their manifests here.")
    ],
    dataset_dir: Annotated[
        Path, typer.Option(help="Find dataset_info.json in this folder.")
    ] = Path(),
    corpus: Annotated[
        str | None,
        typer.Option(help="Name the corpus.  [default: the first NAME]"),
    ] = None,
    id_column: Annotated[
        str | None,
        _column(
            "--id", help="Read the ids from this column.  [default: the names of the sound files]"
        ),
    ] = None,
    speaker: Annotated[str | None, _column(help="Read the speakers from this column.")] = None,
    transcript: Annotated[
        str | None,
        _column(
            help="Read the transcripts from this column.  [default: the <asr> block of the answer]"
        ),
    ] = None,
    split: Annotated[
        str | None,
        _column(help="Read the splits from this column; NAME becomes NAME_train, NAME_test, ..."),
    ] = None,
    control: Annotated[
        str,
        typer.Option(
            help="Write the test sets under these controls too, as NAME_CONTROL; written a,b, each "
            "one of shuffled, silence, noise, codec and gain."
        ),
    ] = "",
    strict: Annotated[
        bool,
        typer.Option("--strict", help="Stop at the first faulty row; otherwise it is left out."),
    ] = False,
) -> None:
    """Give your own LLaMA-Factory rows ids and utterances, so that they can be scored.

    The command copies the rows with their entries to the output folder and writes a manifest for
    each dataset. The label of a row is the emotion that its answer names. A sound that is in two
    splits, under any name, stops the command.

    Example: whyser-convert import my_rows=train my_test=test --output data/my_rows
    """
    from whyser_converters.convert.printing import print_conversion
    from whyser_converters.llamafactory.own_rows.read import GivenDataset, RowColumns
    from whyser_converters.llamafactory.own_rows.write import import_rows, parse_controls

    given = [GivenDataset.parse(text) for text in datasets]
    imported = import_rows(
        given,
        output,
        corpus=corpus or given[0].name,
        table=dataset_dir / "dataset_info.json",
        columns=RowColumns(id_column, speaker, transcript, split),
        controls=parse_controls(control),
        strict=strict,
    )
    for path, count in imported.datasets.items():
        say(f"wrote {count:,} rows to {path}, and their manifest")
    print_conversion(imported.conversion, output)
    for warning in imported.warnings:
        say(f"warning: {warning}")


@app.command()
def preference(
    utterances: Utterances,
    split: Annotated[str, typer.Option(help="Use this split: train or dev.")],
    rationales: Annotated[
        list[Path], typer.Option(help="Read this rationales.jsonl of a corpus; repeatable.")
    ],
    cues: Annotated[
        list[Path],
        typer.Option(help="Check rationales against this cues.jsonl of a corpus; repeatable."),
    ],
    output: Output,
    pairs: Annotated[
        Pairs,
        typer.Option(
            help="Pair the true rationale with one that the sound contradicts ('rationale'), the "
            "right label with one that no annotator gave ('label'), or write both kinds."
        ),
    ] = "both",
    max_samples: Annotated[
        int | None, typer.Option(min=1, help="Keep this many pairs after shuffling.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Set the random seed.")] = 0,
    dataset_info: DatasetInfo = None,
) -> None:
    """Write pairs for LLaMA-Factory's DPO stage: OUTPUT.json, its manifest, its registration.

    Example: whyser-convert preference data/u/crema_d/utterances.jsonl --split train
    --rationales data/u/crema_d/rationales.jsonl --cues data/u/crema_d/cues.jsonl
    --output data/sharegpt/whyser_train_preference
    """
    from whyser.records.corpus import Corpus
    from whyser_converters.datasets.preference import PreferenceSpec, build, write
    from whyser_converters.datasets.targets import TrainingInputs

    spec = PreferenceSpec(split, pairs, max_samples, seed)
    inputs = TrainingInputs.read(rationales, cues)
    dataset = build([Corpus(path) for path in utterances], spec, inputs)
    rows_file = write(dataset, output, dataset_info or output.parent / "dataset_info.json")
    counted = ", ".join(f"{dataset.counts[kind]:,} by {kind}" for kind in spec.kinds)
    say(f"wrote {len(dataset.pairs):,} pairs to {rows_file}: {counted}")
    if dataset.without_votes:
        say(
            f"note: {dataset.without_votes:,} label pairs come from utterances without released "
            "votes, so an annotator may have given the rejected label"
        )
    if dataset.dropped:
        print_table("Left out", ["reason", "utterances"], dataset.dropped.most_common())


@app.command()
def grpo(
    utterances: Utterances,
    cues: Annotated[
        list[Path],
        typer.Option(help="Compare claims with this cues.jsonl of a corpus; repeatable."),
    ],
    output: Annotated[Path, typer.Option(help="Write OUTPUT.jsonl.")],
    split: Annotated[str, typer.Option(help="Use this split: train or dev.")] = "train",
    prompt: Annotated[
        Literal["open", "closed", "mix"],
        typer.Option(
            help="Ask in open form, with nine lettered options ('closed'), or half of the rows "
            "each ('mix')."
        ),
    ] = "open",
    paraphrase: Annotated[
        bool, typer.Option("--paraphrase", help="Draw the question's wording from its pool.")
    ] = False,
    hold_out: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FAMILY",
            help="Reward no claim about this family of cues, such as 'pauses', and test with it "
            "what the model has learnt; repeatable.",
        ),
    ] = None,
    max_samples: Annotated[
        int | None, typer.Option(min=1, help="Keep this many rows after shuffling.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Set the random seed.")] = 0,
) -> None:
    """Write rows for GRPO with ms-swift or TRL, with the columns that whyser.rewards needs.

    Example: whyser-convert grpo data/u/crema_d/utterances.jsonl --cues data/u/crema_d/cues.jsonl
    --output data/grpo/whyser_train
    """
    from whyser.records.corpus import Corpus
    from whyser_converters.datasets.grpo import GrpoSpec, build, write
    from whyser_converters.datasets.targets import TrainingInputs

    question = QuestionSpec(prompt, paraphrase=paraphrase)
    spec = GrpoSpec(split, question, tuple(hold_out or ()), max_samples, seed)
    dataset = build([Corpus(path) for path in utterances], spec, TrainingInputs.read([], cues))
    say(f"wrote {len(dataset.rows):,} rows to {write(dataset, output)}")
    if dataset.dropped:
        print_table("Left out", ["reason", "utterances"], dataset.dropped.most_common())


@app.command()
def check(
    targets: Annotated[
        list[str] | None,
        typer.Argument(
            help="Check utterances.jsonl files (splits), a LLaMA-Factory YAML, a "
            "dataset_info.json, names of datasets, the folder of a model, or a YAML that serves "
            "one. Settings after a YAML override its own, as in llamafactory-cli.  "
            "[default: every dataset that --dataset-dir registers]"
        ),
    ] = None,
    dataset_dir: Annotated[
        Path | None,
        typer.Option(
            help="Find dataset_info.json in this folder.  [default: the YAML's own, or '.']"
        ),
    ] = None,
) -> None:
    """Validate splits, datasets, a configuration or a model before a run; faults give status 1.

    Warnings (clips that are clipped or longer than the model hears, packages outside the
    constraints, a served model whose prompt differs from training) leave status 0.

    Example: whyser-convert check llamafactory_configs/qwen2audio/lora_sft_reason.yaml
    cutoff_len=1024
    """
    from whyser.records.corpus import Corpus
    from whyser_converters.check.datasets import CheckedDataset, check_datasets
    from whyser_converters.check.findings import Findings
    from whyser_converters.check.pins import check_pins
    from whyser_converters.check.settings import Job, is_override, is_yaml, jobs_of
    from whyser_converters.check.splits import SplitSummary, check_splits
    from whyser_converters.llamafactory.served import check_served

    overrides = [target for target in targets or () if is_override(target)]
    names = [target for target in targets or () if not is_override(target)]
    if overrides and not any(map(is_yaml, names)):
        raise typer.BadParameter(f"{overrides[0]!r} overrides a setting, so give its YAML too")
    names = names or [str((dataset_dir or Path()) / "dataset_info.json")]
    findings = Findings(", ".join(names))
    corpora = [Corpus(Path(name)) for name in names if name.endswith(".jsonl")]
    jobs: list[Job] = []
    for name in names:
        if name.endswith(".jsonl"):
            continue
        with findings.caught("settings that cannot be read"):
            if not check_served(name, findings):
                jobs += jobs_of(name, dataset_dir, findings, overrides)
        with findings.caught("broken constraints"):
            if is_yaml(name):
                check_pins(Path(name), findings)
    if corpora:
        splits = check_splits(corpora, findings)
        print_table("Splits", SplitSummary.COLUMNS, [summary.row() for summary in splits])
    if jobs:
        datasets = check_datasets(jobs, findings)
        print_table("Datasets", CheckedDataset.COLUMNS, [summary.row() for summary in datasets])
    for note in findings.notes:
        say(f"note: {note}")
    for warning in findings.warnings:
        say(f"warning: {warning}")
    findings.raise_any()
    say("no problem found")


@app.command()
def servable(
    model: Annotated[
        Path, typer.Argument(help="Change this folder, which an export or a training run wrote.")
    ],
) -> None:
    """Give an exported model the same prompt and decoding under any server.

    The command puts the chat template of training in the folder and removes the base checkpoint's
    sampling and repetition penalty from generation_config.json; it keeps the originals. A model
    that hears less than 30 s of a clip gets the window that vLLM expects.

    Example: whyser-convert servable saves/qwen2audio_lora_sft_reason_merged
    """
    from whyser_converters.llamafactory.servable import make_servable

    for path in make_servable(model):
        say(f"wrote {path}")
    say(f"{model} now has the prompt and the decoding of its training")


@app.command()
@needs(train=["llamafactory"])
def tokenize(
    settings: Annotated[
        Path, typer.Argument(metavar="YAML", help="Tokenise for this YAML of llamafactory-cli.")
    ],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(metavar="[KEY=VALUE]...", help="Override these settings of the YAML."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(help="Write to this folder.  [default: the YAML's tokenized_path]"),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1, help="Use this many processes.  [default: preprocessing_num_workers, or 1]"
        ),
    ] = None,
) -> None:
    """Write what LLaMA-Factory would save under tokenized_path, reading only sound headers.

    The command reports all rows that LLaMA-Factory would drop, truncate or crash on, and writes
    nothing then. A killed run resumes where it stopped. The extra 'train' must be installed.

    Example: whyser-convert tokenize llamafactory_configs/qwen2audio/lora_sft_reason.yaml
    --output data/tokenized/reason; then llamafactory-cli train with
    tokenized_path=data/tokenized/reason
    """
    from whyser_converters.llamafactory.tokenize.settings import read_run
    from whyser_converters.llamafactory.tokenize.write import WrittenSplit, write

    if bare := [text for text in overrides or () if "=" not in text]:
        raise typer.BadParameter(f"{bare[0]!r}, expected KEY=VALUE", param_hint="KEY=VALUE")
    job = read_run(settings, overrides or ())
    if output is None and not job.data_args.tokenized_path:
        raise typer.BadParameter("give it, or tokenized_path in the YAML", param_hint="--output")
    folder = output or Path(job.data_args.tokenized_path)
    written = write(job, folder, workers)
    for warning in written.warnings:
        say(f"warning: {warning}")
    print_table("Tokenised", WrittenSplit.COLUMNS, [split.row() for split in written.splits])
    if not written.new:
        say(f"{folder} is complete already")
        return
    say(f"wrote {folder}: {written.new:,} shards written, {written.shards - written.new:,} reused")


def main() -> None:
    run(app)
