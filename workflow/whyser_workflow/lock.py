"""One process at a time for a run, and for a folder that a program writes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from whyser.io.errors import InputError
from whyser.io.locks import lock, not_locked

_UNPROTECTED = "Two runs that use this folder at the same time would spoil it: start one at a time."


@contextmanager
def locked(folder: Path, *, shared: bool = False) -> Iterator[int]:
    """Holds the folder's `.lock`; yields its file descriptor.

    Those who only read hold it together: `shared`.

    A program that inherits the descriptor keeps the lock for as long as it lives, even if the
    process that started it is killed.

    Nothing is locked where the file system has no locks; a note says so. The same holds for a
    folder that is only read and allows no new file.

    Raises: `InputError` while another process holds it.
    """
    file = _open(folder, shared=shared)
    try:
        try:
            lock(file, folder, unprotected=_UNPROTECTED, shared=shared)
        except BlockingIOError:
            raise InputError(
                "is in use by another process",
                file=folder,
                cure="Wait until it ends, or give another --name.",
            ) from None
        yield file
    finally:
        os.close(file)


def _open(folder: Path, *, shared: bool) -> int:
    # NFS gives a shared lock only to a file that is open for reading, another for writing.
    mode = os.O_RDONLY if shared else os.O_RDWR
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return os.open(folder / ".lock", mode | os.O_CREAT, 0o666)
    except OSError as error:
        if not shared:
            raise
        not_locked(folder, error.strerror or str(error), _UNPROTECTED)
        return os.open(os.devnull, mode)
