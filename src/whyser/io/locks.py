"""Locks of open files, on file systems that have them."""

from __future__ import annotations

import fcntl
import os
from functools import cache
from pathlib import Path

from whyser.io.console import say


def lock(
    file: int, path: Path, *, unprotected: str, shared: bool = False, waits: bool = False
) -> None:
    """Locks the file; the kernel releases the lock however the process ends.

    Some file systems have no locks (Lustre without `-o flock`, NFS without a lock daemon). Then the
    command goes on, and says once what is not protected.

    Args:
        file: Open for reading if `shared`, else for writing, as NFS demands.
        path: What is protected, for the note.
        unprotected: What may happen, and what the user should do, in sentences.
        waits: Wait for the process that holds the lock.

    Raises: `BlockingIOError` while another process holds the lock, unless it waits.
    """
    how = (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if waits else fcntl.LOCK_NB)
    try:
        fcntl.flock(file, how)
    except BlockingIOError:
        raise
    except OSError as error:
        not_locked(path, error.strerror or os.strerror(error.errno or 0), unprotected)


@cache
def not_locked(path: Path, reason: str, unprotected: str) -> None:
    """Says what is not protected, once for each path."""
    say(f"note: {path}: cannot be locked ({reason}). {unprotected}")
