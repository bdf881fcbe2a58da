"""`whyser-baseline`: rows without a language model, for the same tables."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from whyser.io.console import new_app, run, say
from whyser.io.extras import needs

app = new_app("Train rows without a language model: measured cues, or a speech encoder.")

Utterances = Annotated[list[Path], typer.Argument(help="utterances.jsonl of each corpus.")]
Output = Annotated[Path, typer.Option(help="Folder to write; predictions.jsonl lies in it.")]
Split = Annotated[str | None, typer.Option(help="Split to answer.  [default: the only test split]")]
Classes = Annotated[
    str | None,
    typer.Option(help="Classes to learn, a,b,c.  [default: what the corpora declare]"),
]
Everything = Annotated[
    bool,
    typer.Option(
        "--all-utterances", help="Answer also those without a consensus among the eight classes."
    ),
]


@app.command()
@needs(baselines=["sklearn"])
def cues(
    utterances: Utterances,
    cues: Annotated[
        list[Path], typer.Option(help="A cues.jsonl of the corpora (whyser-teach cues).")
    ],
    output: Output,
    name: Annotated[str, typer.Option(help="The system's name in tables.")] = "cues",
    reference: Annotated[
        Literal["speaker", "none", "both"],
        typer.Option(help="Measures against the speaker's own voice, as they are, or both."),
    ] = "both",
    classifier: Annotated[
        Literal["logistic", "boosting"],
        typer.Option(help="Logistic regression, whose weights can be read, or boosted trees."),
    ] = "logistic",
    split: Split = None,
    classes: Classes = None,
    everything: Everything = False,
    seed: Annotated[int, typer.Option(help="Of the trees, and of who hears whom.")] = 0,
) -> None:
    """Classify by measured cues alone: no words, no torch, seconds.

    Writes the answers with their probabilities, the same under shuffled sound, and the weights.

    Example: whyser-baseline cues utterances.jsonl --cues cues.jsonl --output results/cues
    """
    from whyser.baselines.clips import read_task
    from whyser.baselines.cues import classify, read_all_cues, write_weights
    from whyser.baselines.predictions import write_answers
    from whyser.io.files import write_json
    from whyser.labels.classes import parse_classes
    from whyser.records.provenance import provenance

    wanted = parse_classes(classes) if classes else None
    task = read_task(utterances, split=split, classes=wanted, everything=everything, stops=False)
    measured = read_all_cues(cues, [*task.train, *task.dev, *task.test])
    given, model, names = classify(task, measured, reference=reference, kind=classifier, seed=seed)
    path = write_answers(output, task.test, given, task.classes, system=name, seed=seed)
    if classifier == "logistic":
        write_weights(output / "weights.csv", model, names)
    settings = {"reference": reference, "classifier": classifier, "seed": seed, "features": names}
    written = provenance([*utterances, *cues]) | {"system": name, "settings": settings}
    write_json(output / "provenance.json", written | {"split": task.split})
    say(
        f"{len(task.test):,} answers of {name}, trained on {len(task.train) + len(task.dev):,} "
        f"utterances of {len(task.classes)} classes -> {path}"
    )


#: A command that works with a speech encoder.
trains_encoder = needs(train=["torch", "transformers", "accelerate", "safetensors"])

Workers = Annotated[
    int | None,
    typer.Option(min=0, help="Processes that read sound.  [default: 4 with a GPU, else 0]"),
]
Precision = Annotated[
    Literal["auto", "fp32", "fp16", "bf16"],
    typer.Option(help="Digits to compute in; auto takes bf16, or fp16, where a GPU has it."),
]


@app.command()
@trains_encoder
def ssl(
    utterances: Utterances,
    encoder: Annotated[
        str,
        typer.Option(help="WavLM, wav2vec 2.0, HuBERT or Whisper: a hub's name, or a folder."),
    ],
    output: Output,
    name: Annotated[
        str | None, typer.Option(help="The system's name in tables.  [default: the encoder's]")
    ] = None,
    tune: Annotated[
        Literal["layers", "all", "nothing"],
        typer.Option(help="Of the encoder: the layers above the convolutions, all, or nothing."),
    ] = "layers",
    pooling: Annotated[
        Literal["mean", "attentive"], typer.Option(help="Over time: mean, or attentive statistics.")
    ] = "attentive",
    hidden: Annotated[
        int | None, typer.Option(min=1, help="Width of the head.  [default: the encoder's]")
    ] = None,
    dropout: Annotated[float, typer.Option(min=0, max=0.99, help="In the head.")] = 0.2,
    target: Annotated[
        Literal["majority", "votes"], typer.Option(help="Learn the label, or the votes' shares.")
    ] = "majority",
    loss: Annotated[
        Literal["focal", "cross-entropy", "balanced"] | None,
        typer.Option(
            help="balanced weighs classes by inverse frequency.  "
            "[default: focal; of votes cross-entropy]"
        ),
    ] = None,
    gamma: Annotated[float, typer.Option(help="Of the focal loss.")] = 2.0,
    epochs: Annotated[int, typer.Option(min=1, help="At most.")] = 20,
    lr: Annotated[float, typer.Option(help="Learning rate.")] = 1e-5,
    schedule: Annotated[
        Literal["constant", "linear", "cosine"], typer.Option(help="Of the rate, after warm-up.")
    ] = "constant",
    warmup: Annotated[
        float, typer.Option(min=0, max=1, help="Share of all updates in which the rate rises.")
    ] = 0.0,
    weight_decay: Annotated[float, typer.Option(min=0, help="AdamW's; 0 is Adam.")] = 0.0,
    batch_size: Annotated[int, typer.Option(min=1, help="Clips an update, over all GPUs.")] = 32,
    gradient_accumulation: Annotated[
        int, typer.Option(min=1, help="Compute an update in so many parts, to save memory.")
    ] = 1,
    longest: Annotated[
        float, typer.Option(help="Seconds; of a longer training clip a random stretch is heard.")
    ] = 12.0,
    precision: Precision = "auto",
    patience: Annotated[
        int | None,
        typer.Option(min=1, help="Epochs without a better one that end it.  [default: never]"),
    ] = None,
    workers: Workers = None,
    report: Annotated[
        Literal["none", "tensorboard", "wandb"], typer.Option(help="Where losses are told too.")
    ] = "none",
    split: Split = None,
    classes: Classes = None,
    everything: Everything = False,
    seed: Annotated[int, typer.Option(help="Of all that is left to chance.")] = 0,
    restart: Annotated[
        bool, typer.Option("--restart", help="Train anew; otherwise a run goes on where it was.")
    ] = False,
) -> None:
    """Train a classifier on a speech encoder, and let it answer.

    The defaults are the corpus paper's recipe (arXiv 2509.09791). The epoch with the best dev
    Macro-F1 answers; it is kept in model/, for `whyser-baseline answer`. Several GPUs:
    torchrun --nproc-per-node 4 -m whyser.baselines.cli ssl ...

    Example: whyser-baseline ssl utterances.jsonl --encoder microsoft/wavlm-large
    --output results/wavlm
    """
    from whyser.baselines.clips import read_task
    from whyser.baselines.ssl.recipe import Recipe
    from whyser.baselines.ssl.run import Run
    from whyser.labels.classes import parse_classes

    recipe = Recipe(
        tuned=tune,
        pooling=pooling,
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
        longest=longest,
        precision=precision,
        patience=patience,
        seed=seed,
    )
    wanted = parse_classes(classes) if classes else None
    task = read_task(utterances, split=split, classes=wanted, everything=everything)
    # A folder may be given as `.` too.
    system = name or Path(encoder).absolute().name
    train = Run(task, recipe, encoder, system, utterances, output, workers, report)
    train(restarts=restart)


@app.command()
@trains_encoder
def answer(
    utterances: Utterances,
    model: Annotated[Path, typer.Option(help="The folder model/ that ssl wrote.")],
    output: Output,
    name: Annotated[
        str | None, typer.Option(help="The system's name in tables.  [default: as trained]")
    ] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Clips at a time, on each GPU.")] = 32,
    precision: Precision = "auto",
    workers: Workers = None,
    split: Split = None,
    everything: Everything = False,
    seed: Annotated[int, typer.Option(help="Of who hears whom in the control.")] = 0,
) -> None:
    """Let a classifier that ssl trained answer another corpus, or another split.

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
    # What torchrun and accelerate launch start in every process.
    main()
