"""The functions of `whyser-demo`; `whyser.options.demo_command` makes commands of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

import typer

from whyser.demo.staging import DemoError

Directory = Annotated[
    Path, typer.Argument(help="Write to this folder; an earlier demo in it is replaced.")
]
Seed = Annotated[int, typer.Option(help="Set the random seed; it fixes every byte of the output.")]


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

    console = Console(stderr=True)
    columns = (TextColumn("{task.completed} utterances spoken"), TimeElapsedColumn())
    progress = Progress(*columns, console=console, disable=not console.is_terminal)
    with _refusals(), progress:
        task = progress.add_task("", total=None)
        write_corpora(directory, seed=seed, scale=scale, done=lambda: progress.advance(task))
    typer.echo(f"Wrote five corpora to {directory}")


def model(
    directory: Directory,
    seed: Seed = 0,
    window: Annotated[
        int,
        typer.Option(min=1, help="Set the audio window in seconds; vLLM requires 30."),
    ] = 6,
    weights: Annotated[
        Path | None, typer.Option(help="Use the weights of this checkpoint of the same model.")
    ] = None,
) -> None:
    """Write a Qwen2-Audio with about a million random parameters.

    Example: whyser-demo model data/demo_model
    """
    from whyser.demo.model import write_model

    with _refusals():
        write_model(directory, seed=seed, window=window, weights=weights)
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

    with _refusals():
        write_encoder(directory, family=family, seed=seed)
    typer.echo(f"Wrote the encoder to {directory}")


@contextmanager
def _refusals() -> Iterator[None]:
    """Print a `DemoError` and exit with status 2."""
    try:
        yield
    except DemoError as error:
        typer.echo(error, err=True)
        raise typer.Exit(2) from None
