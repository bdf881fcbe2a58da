from __future__ import annotations

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
