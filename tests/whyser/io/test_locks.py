from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

import pytest

from whyser.io.locks import lock

NONE = [errno.ENOSYS, errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EBADF, errno.EINVAL]


@pytest.mark.parametrize("number", NONE)
def test_a_file_system_without_locks_is_told_of_once(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    number: int,
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with (tmp_path / "a").open("w") as stream:
        for _ in range(2):
            lock(stream.fileno(), tmp_path / "a", unprotected="Start one at a time.")
    assert capsys.readouterr().err == (
        f"note: {tmp_path / 'a'}: cannot be locked ({os.strerror(number)}). Start one at a time.\n"
    )


def test_a_lock_that_another_holds_is_no_missing_lock(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a"
    with path.open("w") as first, path.open("w") as second:
        lock(first.fileno(), path, unprotected="")
        with pytest.raises(BlockingIOError):
            lock(second.fileno(), path, unprotected="")
    assert capsys.readouterr().err == ""
