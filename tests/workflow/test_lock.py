from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from whyser.io.errors import InputError
from whyser_workflow.lock import locked


def test_one_process_at_a_time_holds_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "run"
    with locked(folder):
        with pytest.raises(InputError) as caught, locked(folder):
            pytest.fail("it was locked twice")
        assert str(caught.value) == (
            f"{folder}: is in use by another process. Wait until it ends, or give another --name."
        )
        with locked(tmp_path / "other"):
            pass
    with locked(folder):
        pass


def test_readers_hold_a_folder_together(tmp_path: Path) -> None:
    with locked(tmp_path, shared=True), locked(tmp_path, shared=True):
        pass
    with locked(tmp_path, shared=True), pytest.raises(InputError), locked(tmp_path):
        pytest.fail("it is read")
    with locked(tmp_path), pytest.raises(InputError), locked(tmp_path, shared=True):
        pytest.fail("it is written")


@pytest.mark.parametrize("shared", [False, True])
def test_a_run_goes_on_where_the_file_system_has_no_locks(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    shared: bool,
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with locked(tmp_path, shared=shared) as lock:
        assert os.fstat(lock).st_ino == (tmp_path / ".lock").stat().st_ino
    assert capsys.readouterr().err == (
        f"note: {tmp_path}: cannot be locked (Function not implemented). Two runs that use this "
        "folder at the same time would spoil it: start one at a time.\n"
    )


def test_a_folder_that_is_only_read_need_not_take_a_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real = os.open

    def read_only(path: str | Path, *how: int) -> int:
        if Path(path).name == ".lock":
            raise OSError(errno.EROFS, "Read-only file system", str(path))
        return real(path, *how)

    monkeypatch.setattr(os, "open", read_only)
    with locked(tmp_path, shared=True):
        pass
    assert "cannot be locked (Read-only file system)" in capsys.readouterr().err
    with pytest.raises(OSError, match="Read-only file system"), locked(tmp_path):
        pytest.fail("it is written")


def test_a_lock_is_asked_for_as_nfs_demands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It refuses a shared lock of a file that cannot be read, and another of one that is not to be
    written."""
    modes = {}

    def note(file: int, how: int) -> None:
        modes[how & ~fcntl.LOCK_NB] = fcntl.fcntl(file, fcntl.F_GETFL) & os.O_ACCMODE

    monkeypatch.setattr(fcntl, "flock", note)
    for shared in (True, False):
        with locked(tmp_path, shared=shared):
            pass
    assert modes[fcntl.LOCK_SH] in {os.O_RDONLY, os.O_RDWR}
    assert modes[fcntl.LOCK_EX] in {os.O_WRONLY, os.O_RDWR}


def test_a_failure_frees_the_folder(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), locked(tmp_path):
        raise KeyboardInterrupt
    with locked(tmp_path):
        pass


def test_what_is_yielded_is_the_open_lock(tmp_path: Path) -> None:
    with locked(tmp_path) as lock:
        assert os.fstat(lock).st_ino == (tmp_path / ".lock").stat().st_ino


def test_a_program_that_inherits_the_lock_holds_it_after_its_parent(tmp_path: Path) -> None:
    with locked(tmp_path) as lock:
        program = subprocess.Popen(
            [sys.executable, "-S", "-c", "import sys; sys.stdin.read()"],
            stdin=subprocess.PIPE,
            pass_fds=(lock,),
        )
    try:
        with pytest.raises(InputError, match="in use by another process"), locked(tmp_path):
            pytest.fail("the program still runs")
    finally:
        program.communicate(b"")
    with locked(tmp_path):
        pass
