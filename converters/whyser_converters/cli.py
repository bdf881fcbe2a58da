"""`whyser-convert`: corpora in their native layouts to `utterances.jsonl`."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer

from whyser.console import new_app, print_table, run, say
from whyser.corpus import CorpusCard
from whyser.errors import InputError
from whyser.labels import CLASSES, OTHER
from whyser_converters.corpora import CORPORA, CorpusSpec
from whyser_converters.sharegpt import Control, Form, Target

app = new_app(
    "Converts corpora to one record an utterance, and utterances to LLaMA-Factory datasets."
)

_OPTION_HELP = {
    "label_source": "What the label is read from; votes always come from the voice alone.",
    "split_scheme": "'speakers': no speaker in two splits; 'train': every utterance trains.",
}


def _command(spec: CorpusSpec) -> Callable[..., None]:
    """The command of one corpus; its signature, and so its help, comes from the table."""

    def command(
        corpus_dir: Path, out_dir: Path, no_audio: bool, merge: list[str], **options: Enum
    ) -> None:
        from whyser_converters.prepare import prepare

        merges = _parse_merges(spec, merge)
        card, notes = prepare(
            spec,
            corpus_dir,
            out_dir,
            with_audio=not no_audio,
            merge=merges,
            options={name: str(choice.value) for name, choice in options.items()},
        )
        for note in notes:
            say(f"note: {note}")
        _print_card(card, out_dir / spec.name)

    command.__name__ = spec.name
    command.__doc__ = f"Converts {spec.title}. Licence: {spec.licence}. Source: {spec.source}"
    parameters = _parameters(spec)
    # typer builds a command from the signature and the annotations of its function.
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {each.name: each.annotation for each in parameters}
    return command


def _parameters(spec: CorpusSpec) -> list[inspect.Parameter]:
    codes = ", ".join(code for code, label in spec.labels.items() if label is not None)
    given: list[tuple[str, Any, Any]] = [
        ("corpus_dir", Annotated[Path, typer.Argument(help=f"Holds {spec.markers[0]}.")], ...),
        ("out_dir", Annotated[Path, typer.Argument(help=f"Gets {spec.name}/.")], ...),
        ("no_audio", Annotated[bool, typer.Option("--no-audio", help="Labels only.")], False),
        ("merge", Annotated[list[str], _merge_option(f"Codes: {codes}.")], []),
    ]
    for name, choices in spec.options.items():
        # typer takes the choices of an option from an enumeration.
        kind = Enum(name, [(choice, choice) for choice in choices])  # type: ignore[misc]
        given.append((name, Annotated[kind, typer.Option(help=_OPTION_HELP[name])], choices[0]))
    return [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            annotation=annotation,
            default=inspect.Parameter.empty if default is ... else default,
        )
        for name, annotation, default in given
    ]


def _merge_option(codes: str) -> Any:
    text = f"CODE=CLASS: gives a label code of the corpus another class; repeatable. {codes}"
    return typer.Option("--merge", metavar="CODE=CLASS", help=text, show_default=False)


def _parse_merges(spec: CorpusSpec, merge: list[str]) -> dict[str, str]:
    merges: dict[str, str] = {}
    for text in merge:
        code, equals, name = text.partition("=")
        if not equals:
            raise typer.BadParameter(f"{text!r}, expected CODE=CLASS", param_hint="--merge")
        merges[code.strip()] = name.strip()
    try:
        spec.merged(merges)
    except InputError as error:
        raise typer.BadParameter(str(error), param_hint="--merge") from None
    return merges


def _print_card(card: CorpusCard, folder: Path) -> None:
    from whyser_converters.prepare import NO_AGREEMENT

    found = {label for counts in card.counts.values() for label in counts}
    labels = [label for label in (*CLASSES, OTHER, NO_AGREEMENT) if label in found]
    rows = [
        [split, *(counts.get(label, 0) for label in labels), sum(counts.values())]
        for split, counts in card.counts.items()
    ]
    hours = "without sound" if card.hours is None else f"{card.hours:.2f} h"
    title = f"{card.title}: {card.utterances:,} utterances, {hours}"
    print_table(title, ["split", *labels, "all"], rows)
    if card.dropped:
        print_table("Dropped", ["reason", "rows"], card.dropped.items())
    say(f"wrote {folder / 'utterances.jsonl'} and corpus.json")


for _spec in CORPORA.values():
    app.command(_spec.name)(_command(_spec))


@app.command()
def sharegpt(
    utterances: Annotated[list[Path], typer.Argument(help="utterances.jsonl of each corpus.")],
    split: Annotated[str, typer.Option(help="Split to take: train, dev, test1, ...")],
    output: Annotated[
        Path, typer.Option(help="Folder and name of the dataset; its last part names it.")
    ],
    target: Annotated[
        Target, typer.Option(help="'reason': Eq. 1; 'label': transcript and label alone.")
    ] = "reason",
    prompt: Annotated[
        Form, typer.Option(help="The question: open-form, nine lettered options, or half each.")
    ] = "open",
    rationales: Annotated[
        list[Path] | None,
        typer.Option(
            help="rationales.jsonl of a corpus; repeatable. With target 'label' they only choose "
            "the utterances, so that both targets train on the same ones."
        ),
    ] = None,
    control: Annotated[
        Control, typer.Option(help="'shuffled': every row hears another utterance.")
    ] = "none",
    max_samples: Annotated[
        int | None, typer.Option(min=1, help="Keep this many after shuffling.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the shuffling.")] = 0,
    dataset_info: Annotated[
        Path | None,
        typer.Option(help="Dataset table to enter it in. [default: the one beside the output]"),
    ] = None,
) -> None:
    """Writes a LLaMA-Factory dataset: OUTPUT.json, OUTPUT.manifest.jsonl, and the table's entry.

    Example: whyser-convert sharegpt data/u/crema_d/utterances.jsonl --split train
    --rationales data/u/crema_d/rationales.jsonl --output data/sharegpt/whyser_train_reason
    """
    from whyser.corpus import Corpus
    from whyser_converters.sharegpt import Recipe, build, write

    recipe = Recipe(split, target, prompt, control, max_samples, seed)
    dataset = build([Corpus(path) for path in utterances], recipe, rationales or [])
    rows_file = write(dataset, output, dataset_info or output.parent / "dataset_info.json")
    say(f"wrote {len(dataset.rows):,} rows to {rows_file}")
    if dataset.dropped:
        print_table("Left out", ["reason", "utterances"], dataset.dropped.most_common())


@app.command()
def check(
    targets: Annotated[
        list[str] | None,
        typer.Argument(
            help="utterances.jsonl files (splits), a LLaMA-Factory YAML, a dataset_info.json, or "
            "names of datasets. [default: every dataset of the table in --dataset-dir]"
        ),
    ] = None,
    dataset_dir: Annotated[
        Path | None,
        typer.Option(help="Folder of dataset_info.json. [default: the YAML's own, or '.']"),
    ] = None,
) -> None:
    """Says in seconds what would go wrong hours later; status 1 if anything would.

    Warnings (clips over 30 s, clipped ones, packages outside constraints.txt) leave status 0.

    Example: whyser-convert check llamafactory_configs/qwen2audio_lora_sft_reason.yaml
    """
    from whyser.corpus import Corpus
    from whyser_converters.check.datasets import DatasetSummary, check_datasets
    from whyser_converters.check.findings import Findings
    from whyser_converters.check.pins import check_pins
    from whyser_converters.check.settings import Job, is_yaml, jobs_of
    from whyser_converters.check.splits import SplitSummary, check_splits

    names = targets or [str((dataset_dir or Path()) / "dataset_info.json")]
    findings = Findings(", ".join(names))
    corpora = [Corpus(Path(name)) for name in names if name.endswith(".jsonl")]
    jobs: list[Job] = []
    for name in (name for name in names if not name.endswith(".jsonl")):
        with findings.caught("settings that cannot be read"):
            jobs += jobs_of(name, dataset_dir, findings)
        with findings.caught("broken constraints"):
            if is_yaml(name):
                check_pins(Path(name), findings)
    if corpora:
        splits = check_splits(corpora, findings)
        print_table("Splits", SplitSummary.COLUMNS, [summary.row() for summary in splits])
    if jobs:
        datasets = check_datasets(jobs, findings)
        print_table("Datasets", DatasetSummary.COLUMNS, [summary.row() for summary in datasets])
    for note in findings.notes:
        say(f"note: {note}")
    for warning in findings.warnings:
        say(f"warning: {warning}")
    findings.raise_any()
    say("no problem found")


def main() -> None:
    run(app)
