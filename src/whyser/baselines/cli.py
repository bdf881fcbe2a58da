"""`whyser-baseline`: rows without a language model, for the same tables."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from whyser.console import new_app, run, say

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
    from whyser.files import write_json
    from whyser.labels import parse_classes
    from whyser.provenance import provenance

    wanted = parse_classes(classes) if classes else None
    task = read_task(utterances, split=split, classes=wanted, everything=everything)
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


@app.callback()
def _several() -> None:
    # Of one command alone typer makes the whole program.
    pass


def main() -> None:
    run(app)
