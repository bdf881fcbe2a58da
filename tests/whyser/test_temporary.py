"""Whose temporary files are cleared: those of dead processes of this machine, and no others."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from whyser import temporary
from whyser.io.errors import InputError
from whyser.io.files import atomic_path, write_text
from whyser.temporary import begin_command, names_when_full, temporary_folder, temporary_name

#: Opens a temporary file or folder for `sys.argv[1]`, says so, and waits.
HOLDS = """
import sys
from pathlib import Path
from whyser.io.files import atomic_path
from whyser.temporary import begin_command, temporary_folder
begin_command()
with {opens}(Path(sys.argv[1])) as temporary:
    (temporary / "half" if temporary.is_dir() else temporary).write_text("half")
    print("ready", flush=True)
    sys.stdin.read()
"""


@contextmanager
def holder(path: Path, opens: str = "atomic_path") -> Iterator[subprocess.Popen[str]]:
    words = [sys.executable, "-c", HOLDS.format(opens=opens), str(path)]
    pipe = subprocess.PIPE
    with subprocess.Popen(words, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
        process.kill()


def hidden(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name.startswith("."))


def write(folder: Path) -> None:
    """A command writes another file to the folder."""
    begin_command()
    write_text(folder / "other.txt", "whole")


@pytest.mark.parametrize("opens", ["atomic_path", "temporary_folder"])
def test_what_a_killed_process_left_is_cleared_and_what_a_living_one_has_stays(
    tmp_path: Path, opens: str
) -> None:
    with holder(tmp_path / "living", opens) as living:
        (kept,) = hidden(tmp_path)
        with holder(tmp_path / "dead", opens) as dead:
            dead.send_signal(signal.SIGKILL)
            dead.wait()
        assert len(hidden(tmp_path)) == 2
        write(tmp_path)
        assert hidden(tmp_path) == [kept]
        assert living.poll() is None
    write(tmp_path)
    assert hidden(tmp_path) == []


@pytest.mark.parametrize("opens", ["atomic_path", "temporary_folder"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_command_that_is_asked_to_end_leaves_nothing(
    tmp_path: Path, opens: str, number: signal.Signals
) -> None:
    """On another machine nobody would clear it."""
    with holder(tmp_path / "a", opens) as process:
        assert len(hidden(tmp_path)) == 1
        process.send_signal(number)
        assert process.wait() == -number
        assert hidden(tmp_path) == []


def test_a_fork_that_is_asked_to_end_leaves_what_its_parent_has(tmp_path: Path) -> None:
    with atomic_path(tmp_path / "a") as ours:
        if not (child := os.fork()):
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            begin_command()
            with atomic_path(tmp_path / "b"):
                os.kill(os.getpid(), signal.SIGTERM)
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGTERM
        assert hidden(tmp_path) == [ours.name]


def test_a_signal_that_is_ignored_stays_so() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        begin_command()
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_dead_process_that_nobody_waited_for_is_dead(tmp_path: Path) -> None:
    with holder(tmp_path / "a") as process:
        process.kill()
        # It stays a zombie until its parent asks.
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        write(tmp_path)
        assert hidden(tmp_path) == []


def test_a_later_process_of_the_same_number_protects_nothing(tmp_path: Path) -> None:
    name = temporary_name("a", ".txt")
    began = name.split("-")[3]
    earlier = name.replace(f"-{began}-", f"-{int(began) - 1}-")
    for one in (name, earlier):
        (tmp_path / one).touch()
    write(tmp_path)
    assert hidden(tmp_path) == [name]


def test_files_of_another_machine_or_of_others_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = temporary_name("a", ".txt")
    machine = ours.split("-")[1]
    names = [
        ours.replace(machine, "0123456789ab"),
        ".a.tmp",
        ".nfs0000000001",
        ".whyser",
        f".a.whyser-{machine}-1.txt",
    ]
    for name in names:
        (tmp_path / name).touch()
    monkeypatch.setattr(temporary, "_lives", lambda *_: False)
    write(tmp_path)
    assert hidden(tmp_path) == sorted(names)


def test_nothing_is_cleared_where_the_machine_is_not_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = temporary_name("a").replace(temporary_name("a").split("-")[1], "0" * 12)
    (tmp_path / name).touch()
    monkeypatch.setattr(temporary, "_machine", lambda: "0" * 12)
    monkeypatch.setattr(temporary, "_lives", lambda *_: False)
    write(tmp_path)
    assert hidden(tmp_path) == [name]


@pytest.mark.parametrize("stem", ["a" * 250, "\N{GRINNING FACE}" * 60, "a\nb", "-1-2-"])
def test_a_temporary_name_of_any_file_is_allowed_and_known_again(
    tmp_path: Path, stem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = temporary_name(stem, ".wav")
    (tmp_path / name).touch()
    assert name.endswith(".wav") and name != temporary_name(stem, ".wav")
    monkeypatch.setattr(temporary, "_lives", lambda *_: False)
    write(tmp_path)
    assert hidden(tmp_path) == []


def test_a_temporary_folder_is_removed_and_may_be_renamed(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), temporary_folder(tmp_path / "new" / "out") as folder:
        (folder / "half").touch()
        raise RuntimeError
    assert list((tmp_path / "new").iterdir()) == []
    with temporary_folder(tmp_path / "out") as folder:
        (folder / "whole").touch()
        folder.rename(tmp_path / "out")
    assert (tmp_path / "out" / "whole").exists()
    with temporary_folder() as folder:
        assert folder.is_dir() and folder.stat().st_mode & 0o777 == 0o700


# ---- a full disk ----------------------------------------------------------------------------


def test_a_file_that_finds_no_room_is_named(tmp_path: Path) -> None:
    script = """
import resource, sys
from pathlib import Path
from whyser.io.console import new_app, run
from whyser.io.files import write_text
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
app = new_app("test")
@app.command()
def write() -> None:
    write_text(Path(sys.argv.pop()), "a" * 5000)
run(lambda: app(args=["write"]))
"""
    path = tmp_path / "out.jsonl"
    done = subprocess.run(
        [sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr == (
        f"error: {path}: File too large. Free disk space and run the command again.\n"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.EDQUOT, "Disk quota exceeded"),
        # Of a library in Rust or C++.
        RuntimeError("Error while serializing: No space left on device (os error 28)"),
    ],
)
def test_every_error_of_a_full_disk_gets_the_path(tmp_path: Path, error: Exception) -> None:
    with pytest.raises(OSError) as caught, atomic_path(tmp_path / "a"):
        raise error
    assert caught.value.filename == str(tmp_path / "a")
    assert caught.value.errno in {errno.ENOSPC, errno.EDQUOT}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device", "elsewhere"),
        InputError("cannot be written (No space left on device)", file="ledger.jsonl"),
        OSError(errno.EIO, "Input/output error"),
        ValueError("something else"),
    ],
)
def test_any_other_error_stays_as_it_is(tmp_path: Path, error: Exception) -> None:
    with pytest.raises(type(error)) as caught, names_when_full(tmp_path / "a"):
        raise error
    assert caught.value is error


def test_a_folder_that_takes_no_file_is_an_error_about_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, *_: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr("whyser.io.files.os.open", refuse)
    with pytest.raises(PermissionError) as caught:
        write_text(tmp_path / "a.txt", "whole")
    assert caught.value.filename == str(tmp_path / "a.txt")
