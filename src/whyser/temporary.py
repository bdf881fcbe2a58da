"""Names for temporary files that say whose they are, so that those of dead processes are cleared.

A kill leaves files that no `finally` removes. A name holds the machine, the process and the time
when that process began. Whoever writes to a folder removes what dead processes of this machine left
there. Nobody here knows whether a process on another machine lives, so its files stay. Therefore a
process that is asked to end, as a batch system asks first, removes its own.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from types import FrameType

_OURS = re.compile(r"\..*\.whyser-([0-9a-f]{12})-(\d+)-(\d+)-[0-9a-f]{8}(\..*)?", re.DOTALL)

#: A file system allows 255 bytes, and a character may have four.
_MOST = 40

#: Errors of a full disk, a quota that is used up, and a file that may not grow.
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

_cleared: set[str] = set()

#: With the process, because a fork has those of its parent in its memory.
_begun: set[tuple[int, Path]] = set()


def temporary_name(stem: str, suffix: str = "") -> str:
    """A new hidden name of this process, which begins with `stem`."""
    return f".{stem[:_MOST]}.whyser-{_owner(os.getpid())}-{secrets.token_hex(4)}{suffix}"


# A conversion writes 200,000 files. The key is the process, because a fork is another owner.
@lru_cache(maxsize=1)
def _owner(process: int) -> str:
    return f"{_machine()}-{process}-{_began(process) or 0}"


@contextmanager
def temporary_folder(beside: Path | None = None) -> Iterator[Path]:
    """An empty folder in the folder of `beside`, or where the system keeps temporary files.

    It is removed at the end, or by a later process if this one is killed. The caller may rename it.
    """
    parent = Path(tempfile.gettempdir()) if beside is None else beside.absolute().parent
    parent.mkdir(parents=True, exist_ok=True)
    clear(parent)
    folder = parent / temporary_name("whyser" if beside is None else beside.name)
    with names_when_full(beside or parent):
        folder.mkdir(mode=0o700 if beside is None else 0o777)
        with removed_at_the_end(folder):
            yield folder


@contextmanager
def removed_at_the_end(path: Path) -> Iterator[None]:
    """Removes the file or folder after the block, and if a signal ends the process in it."""
    begun = (os.getpid(), path)
    _begun.add(begun)
    try:
        yield
    finally:
        _remove(path)
        _begun.discard(begun)


def begin_command() -> None:
    """A command begins: `clear` looks at every folder again, and a signal leaves nothing behind.

    The signal ends the process as before. One that is ignored (`nohup`) or handled stays so.
    """
    _cleared.clear()
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is signal.SIG_DFL:
                signal.signal(number, _remove_and_end)


def _remove_and_end(number: int, _: FrameType | None) -> None:
    for process, path in [*_begun]:
        if process == os.getpid():
            _remove(path)
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def _remove(path: Path) -> None:
    try:
        path.unlink()
    except FileNotFoundError:
        pass
    except OSError:
        # A folder, or nothing that can be removed.
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def names_when_full(path: Path) -> Iterator[None]:
    """Gives the error of a full disk, which names no file, this path.

    Raises: `OSError` with the path, also where a library raises another error for a full disk.
    """
    try:
        yield
    except Exception as error:
        # Errors of ours name their file; libraries of other languages pass the reason as text only.
        is_named = getattr(error, "filename", None) or type(error).__module__.startswith("whyser")
        full = [one for one in FULL if os.strerror(one) in str(error)]
        if is_named or not full:
            raise
        raise OSError(full[0], os.strerror(full[0]), str(path)) from None


def clear(folder: Path) -> None:
    """Removes what dead processes of this machine left in the folder; it looks once a command."""
    name = str(folder)
    if name in _cleared:
        return
    _cleared.add(name)
    with suppress(OSError), os.scandir(name) as entries:
        for entry in entries:
            if entry.name.startswith(".") and _is_left_behind(entry.name):
                _remove(Path(entry.path))


def _is_left_behind(name: str) -> bool:
    found = _OURS.fullmatch(name)
    if found is None or found[1] != _machine() or found[1] == _UNKNOWN:
        return False
    return not _lives(int(found[2]), int(found[3]))


def _lives(process: int, began: int) -> bool:
    """Whether the process that began then lives; a later one may have the same number."""
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        pass  # it is another user's
    now = _began(process)
    return now is None or began in (0, now)


def _began(process: int) -> int | None:
    """When the process began, in ticks since the machine did; 0 if it has ended but its parent has
    not noticed, None if it is not to be known."""
    try:
        line = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # The name of the program may hold spaces and brackets.
    fields = line.rpartition(")")[2].split()
    return 0 if fields[0] in "ZX" else int(fields[19])


_UNKNOWN = "0" * 12


@lru_cache(maxsize=1)
def _machine() -> str:
    """This machine since it was started, and what numbers its processes: a container has its own
    numbers. Zeros if that is not to be known."""
    try:
        started = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        numbers = Path("/proc/self/ns/pid").readlink()
    except OSError:
        return _UNKNOWN
    return hashlib.sha256(f"{os.uname().nodename} {started} {numbers}".encode()).hexdigest()[:12]
