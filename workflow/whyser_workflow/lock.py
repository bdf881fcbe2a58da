"""One process at a time for a run, and for a folder that a program writes."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from whyser.io.errors import InputError


@contextmanager
def locked(folder: Path, *, shared: bool = False) -> Iterator[int]:
    """Holds the folder's `.lock`; yields its file descriptor.

    Those who only read hold it together: `shared`.

    A program that inherits the descriptor keeps the lock for as long as it lives, even if the
    process that started it is killed.

    Raises: `InputError` while another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as stream:
        try:
            fcntl.flock(stream, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(
                "is in use by another process",
                file=folder,
                cure="Wait until it ends, or give another --name.",
            ) from None
        yield stream.fileno()
