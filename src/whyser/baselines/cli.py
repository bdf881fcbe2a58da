"""`whyser-baseline`: classifiers without a language model, for the same tables."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import typer

from whyser.io.console import new_app, run, say
from whyser.io.extras import needs

app = new_app("Train a classifier without a language model: on measured cues or a speech encoder.")

#: Options that few runs need, in help panels of their own.
network = partial(typer.Option, rich_help_panel="Network")
training = partial(typer.Option, rich_help_panel="Training")
machine = partial(typer.Option, rich_help_panel="Machine")

Utterances = Annotated[
    list[Path], typer.Argument(help="Read these utterances.jsonl, one for each corpus.")
]
Output = Annotated[Path, typer.Option(help="Write predictions.jsonl and more to this folder.")]
Split = Annotated[
    str | None, typer.Option(help="Answer this split.  [default: the only test split]")
]
Classes = Annotated[
    str | None,
    typer.Option(help="Learn these classes, written a,b,c.  [default: what the corpora declare]"),
]
Everything = Annotated[
    bool,
    typer.Option(
        "--all-utterances",
        help="Answer utterances without a majority label among the eight classes too.",
    ),
]


@app.command()
@needs(baselines=["sklearn"])
def cues(
    utterances: Utterances,
    cues: Annotated[
        list[Path], typer.Option(help="Read this cues.jsonl, which whyser-teach cues wrote.")
    ],
    output: Output,
    name: Annotated[str, typer.Option(help="Give the system this name in tables.")] = "cues",
    reference: Annotated[
        Literal["speaker", "none", "both"],
        typer.Option(
            help="Use measures relative to the speaker's own voice, raw measures, or both."
        ),
    ] = "both",
    classifier: Annotated[
        Literal["logistic", "boosting"],
        typer.Option(
            help="Train a logistic regression, whose weights are readable, or boosted trees."
        ),
    ] = "logistic",
    split: Split = None,
    classes: Classes = None,
    everything: Everything = False,
    seed: Annotated[int, typer.Option(help="Seed the trees and the shuffled control.")] = 0,
) -> None:
    """Classify by measured cues only, without words or torch, in seconds.

    The command writes answers with probabilities, the shuffled control, and the weights.

    Example: whyser-baseline cues utterances.jsonl --cues cues.jsonl --output results/cues
    """
    from whyser.baselines.clips import read_task
    from whyser.baselines.cues import classify, read_all_cues, write_weights
    from whyser.baselines.predictions import NAME, write_answers
    from whyser.io.files import atomic_set, write_json
    from whyser.labels.classes import parse_classes
    from whyser.records.provenance import provenance

    wanted = parse_classes(classes) if classes else None
    task = read_task(utterances, split=split, classes=wanted, everything=everything, stops=False)
    measured = read_all_cues(cues, [*task.train, *task.dev, *task.test])
    given, model, names = classify(task, measured, reference=reference, kind=classifier, seed=seed)
    settings = {"reference": reference, "classifier": classifier, "seed": seed, "features": names}
    written = provenance([*utterances, *cues]) | {"system": name, "settings": settings}
    path = output / NAME
    with atomic_set(path) as files:
        write_answers(
            files(path),
            task.test,
            given,
            task.classes,
            system=name,
            reference=reference,
            seed=seed,
        )
        if classifier == "logistic":
            write_weights(files(output / "weights.csv"), model, names)
        write_json(files(output / "provenance.json"), written | {"split": task.split})
    say(
        f"{len(task.test):,} answers of {name}, trained on {len(task.train) + len(task.dev):,} "
        f"utterances of {len(task.classes)} classes -> {path}"
    )


States = Annotated[
    Path | None,
    machine(
        help="Keep the states of a frozen encoder in this folder, for later runs.  "
        "[default: states/ in the folder of the output folder]"
    ),
]


#: A command that uses a speech encoder.
trains_encoder = needs(train=["torch", "transformers", "accelerate", "safetensors"])

Workers = Annotated[
    int | None,
    machine(min=0, help="Read sound in this many processes.  [default: 4 with a GPU, else 0]"),
]
Precision = Annotated[
    Literal["auto", "fp32", "fp16", "bf16"],
    machine(help="Compute in this precision; auto is bf16 or fp16 on a GPU, else fp32."),
]


@app.command()
@trains_encoder
def ssl(
    utterances: Utterances,
    encoder: Annotated[
        str,
        typer.Option(
            help="Train on this WavLM, wav2vec 2.0, HuBERT or Whisper: a hub's name or a folder."
        ),
    ],
    output: Output,
    name: Annotated[
        str | None,
        typer.Option(help="Give the system this name in tables.  [default: the encoder's]"),
    ] = None,
    tune: Annotated[
        Literal["layers", "all", "nothing"],
        typer.Option(
            help="Tune the encoder's layers above the convolutions, all of it, or nothing."
        ),
    ] = "layers",
    pooling: Annotated[
        Literal["mean", "attentive", "statistics"],
        network(
            help="Pool over time by the mean, by attentive statistics, or by the mean and standard "
            "deviation of every layer, which needs --tune nothing."
        ),
    ] = "attentive",
    reference: Annotated[
        Literal["none", "speaker"],
        typer.Option(
            help="Use features as they are, or relative to the speaker's other clips (without "
            "their labels), which needs --pooling statistics."
        ),
    ] = "none",
    window: Annotated[
        int | None,
        network(
            min=1,
            help="Cut Whisper's window to this many seconds; short clips are then faster.  "
            "[default: the encoder's]",
        ),
    ] = None,
    hidden: Annotated[
        int | None, network(min=1, help="Give the head this width.  [default: the encoder's]")
    ] = None,
    dropout: Annotated[
        float,
        network(min=0, max=0.99, help="Drop this share of the head's activations in training."),
    ] = 0.2,
    target: Annotated[
        Literal["majority", "votes"],
        typer.Option(help="Learn the majority label, or the distribution of the votes."),
    ] = "majority",
    loss: Annotated[
        Literal["focal", "cross-entropy", "balanced"] | None,
        training(
            help="Minimise this loss; balanced weights classes by inverse frequency.  "
            "[default: focal; cross-entropy with --target votes]"
        ),
    ] = None,
    gamma: Annotated[float, training(help="Set the gamma of the focal loss.")] = 2.0,
    epochs: Annotated[int, typer.Option(min=1, help="Train for at most this many epochs.")] = 20,
    lr: Annotated[
        float | None,
        typer.Option(
            help="Set the learning rate.  [default: 1e-5; with --tune nothing 1e-3, and 1e-4 for "
            "statistics]"
        ),
    ] = None,
    schedule: Annotated[
        Literal["constant", "linear", "cosine"],
        training(help="Follow this learning-rate schedule after warm-up."),
    ] = "constant",
    warmup: Annotated[
        float, training(min=0, max=1, help="Warm up during this share of the updates.")
    ] = 0.0,
    weight_decay: Annotated[
        float, training(min=0, help="Set AdamW's weight decay; 0 is Adam.")
    ] = 0.0,
    batch_size: Annotated[
        int, typer.Option(min=1, help="Use this many clips for an update, over all GPUs.")
    ] = 32,
    gradient_accumulation: Annotated[
        int, machine(min=1, help="Compute an update in this many parts, to save memory.")
    ] = 1,
    max_duration: Annotated[
        float,
        training(
            "--max-duration",
            "--longest",
            help="Crop a longer training clip to this many seconds: at random, and around its "
            "middle for a frozen encoder.",
        ),
    ] = 12.0,
    precision: Precision = "auto",
    patience: Annotated[
        int | None,
        training(min=1, help="Stop after this many epochs without a better one.  [default: never]"),
    ] = None,
    workers: Workers = None,
    states: States = None,
    report: Annotated[
        Literal["none", "tensorboard", "wandb"], machine(help="Report losses to this tracker too.")
    ] = "none",
    split: Split = None,
    classes: Classes = None,
    everything: Everything = False,
    seed: Annotated[int, typer.Option(help="Set the random seed.")] = 0,
    restart: Annotated[
        bool,
        typer.Option(
            "--restart", help="Train from the start; otherwise a run resumes where it stopped."
        ),
    ] = False,
) -> None:
    """Train a classifier on a speech encoder, and answer a split with it.

    The defaults are the corpus paper's recipe (arXiv 2509.09791). The model of the epoch with the
    best dev Macro-F1 answers; it is saved in model/, for `whyser-baseline answer`. With --tune
    nothing, each clip passes the encoder once, and later epochs and runs take seconds. For several
    GPUs use torchrun --nproc-per-node 4 -m whyser.baselines.cli ssl ...

    Example: whyser-baseline ssl utterances.jsonl --encoder microsoft/wavlm-large
    --output results/wavlm

    Example: whyser-baseline ssl utterances.jsonl --encoder openai/whisper-base --window 6
    --tune nothing --pooling statistics --output results/whisper
    """
    from whyser.baselines.clips import read_task
    from whyser.baselines.ssl.recipe import TrainingRecipe
    from whyser.baselines.ssl.run import BaselineRun
    from whyser.labels.classes import parse_classes

    recipe = TrainingRecipe(
        tuned=tune,
        pooling=pooling,
        reference=reference,
        hidden=hidden,
        dropout=dropout,
        target=target,
        loss=loss,
        gamma=gamma,
        epochs=epochs,
        lr=lr,
        schedule=schedule,
        warmup=warmup,
        weight_decay=weight_decay,
        batch_size=batch_size,
        parts=gradient_accumulation,
        longest=max_duration,
        precision=precision,
        patience=patience,
        seed=seed,
    )
    wanted = parse_classes(classes) if classes else None
    task = read_task(utterances, split=split, classes=wanted, everything=everything)
    # The encoder may be the folder `.`.
    own = Path(encoder).absolute().name
    system = name or (f"{own} by speaker" if reference == "speaker" else own)
    train = BaselineRun(
        task,
        recipe,
        encoder,
        system,
        utterances,
        output,
        states or states_of(output),
        window,
        workers,
        report,
    )
    train(restarts=restart)


def states_of(output: Path) -> Path:
    """Where states are kept: all runs in a folder share them."""
    return output.absolute().parent / "states"


@app.command()
@trains_encoder
def answer(
    utterances: Utterances,
    model: Annotated[Path, typer.Option(help="Load this folder model/, which ssl wrote.")],
    output: Output,
    name: Annotated[
        str | None, typer.Option(help="Give the system this name in tables.  [default: as trained]")
    ] = None,
    batch_size: Annotated[
        int, typer.Option(min=1, help="Answer this many clips at a time, on each GPU.")
    ] = 32,
    precision: Precision = "auto",
    workers: Workers = None,
    states: States = None,
    split: Split = None,
    everything: Everything = False,
    seed: Annotated[int, typer.Option(help="Seed the shuffled control.")] = 0,
) -> None:
    """Answer another corpus or split with a classifier that ssl trained.

    Example: whyser-baseline answer iemocap/utterances.jsonl --model results/wavlm/model
    --output results/wavlm_iemocap
    """
    from whyser.baselines.clips import read_asked
    from whyser.baselines.ssl.answer import answer as answer_clips

    clips, split = read_asked(utterances, split=split, everything=everything)
    answer_clips(
        model,
        clips,
        utterances,
        output,
        states=states or states_of(output),
        split=split,
        system=name,
        batch_size=batch_size,
        precision=precision,
        workers=workers,
        seed=seed,
    )


def main() -> None:
    run(app)


if __name__ == "__main__":
    # torchrun and accelerate start this module in every process.
    main()
