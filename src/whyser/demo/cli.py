"""What `whyser-demo` does; `whyser.options.demo_command` makes the commands of these functions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

Directory = Annotated[
    Path, typer.Argument(help="Write to this folder, and replace what an earlier run wrote.")
]
Seed = Annotated[int, typer.Option(help="Seed the draws; it fixes every byte that is written.")]


def corpora(
    directory: Directory,
    seed: Seed = 0,
    scale: Annotated[
        float,
        typer.Option(help="Scale the size; 1.0 gives about 2,100 utterances, the least is 0.03."),
    ] = 1.0,
) -> None:
    """Write five miniature corpora in their native layouts, spoken by a synthesiser.

    Example: whyser-demo corpora data/demo --scale 0.1
    """
    from rich.console import Console
    from rich.progress import Progress, TextColumn, TimeElapsedColumn

    from whyser.demo.corpora import write_corpora
    from whyser.demo.staging import DemoError

    console = Console(stderr=True)
    columns = (TextColumn("{task.completed} utterances spoken"), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=None)
        try:
            write_corpora(directory, seed=seed, scale=scale, done=lambda: progress.advance(task))
        except DemoError as error:
            progress.stop()
            _refuse(error)
    typer.echo(f"Wrote five corpora to {directory}")


def model(
    directory: Directory,
    seed: Seed = 0,
    window: Annotated[
        int,
        typer.Option(min=1, help="Let the model hear this many seconds; vLLM requires 30."),
    ] = 6,
    weights: Annotated[
        Path | None, typer.Option(help="Take the weights of this checkpoint of the same model.")
    ] = None,
) -> None:
    """Write a Qwen2-Audio with about a million random parameters.

    Example: whyser-demo model data/demo_model
    """
    from whyser.demo.model import write_model
    from whyser.demo.staging import DemoError

    try:
        write_model(directory, seed=seed, window=window, weights=weights)
    except DemoError as error:
        _refuse(error)
    typer.echo(f"Wrote the model to {directory}")


def encoder(
    directory: Directory,
    family: Annotated[
        Literal["wavlm", "hubert"], typer.Option(help="Write this architecture.")
    ] = "wavlm",
    seed: Seed = 0,
) -> None:
    """Write a WavLM or HuBERT with about 0.3 million random parameters.

    Example: whyser-demo encoder data/demo_encoder
    """
    from whyser.demo.encoder import write_encoder
    from whyser.demo.staging import DemoError

    try:
        write_encoder(directory, family=family, seed=seed)
    except DemoError as error:
        _refuse(error)
    typer.echo(f"Wrote the encoder to {directory}")


def _refuse(error: Exception) -> None:
    typer.echo(error, err=True)
    raise typer.Exit(2)
