"""The progress bar of a run: rate, errors and time left."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from whyser.chat.tally import RequestTally


@contextmanager
def progress(
    description: str, total: int | None, tally: RequestTally
) -> Iterator[Callable[[], None]]:
    """Yields a function to call after each item. It shows nothing unless stderr is a terminal."""
    if not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]:.1f}/s"),
        TextColumn("{task.fields[errors]} errors, {task.fields[retried]} retried"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(description, total=total, rate=0.0, errors=0, retried=0)
        done = 0

        def advance() -> None:
            nonlocal done
            done += 1
            rate = done / max(tally.seconds, 1e-3)
            errors, retried = tally.failed.total(), tally.retried.total()
            bar.update(task, advance=1, rate=rate, errors=errors, retried=retried)

        yield advance
