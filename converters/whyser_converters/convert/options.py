"""Options that every conversion has, of a corpus with a converter and of a table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

NoAudio: TypeAlias = Annotated[
    bool, typer.Option("--no-audio", help="Convert only the labels, without the sound.")
]
SplitListFile: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Read the splits from this CSV. It has a column speaker, dialogue, session or "
        "id, and a column split (train, dev, test...). Utterances that it does not list "
        "are left out.",
    ),
]
