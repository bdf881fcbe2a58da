from __future__ import annotations

import asyncio
import errno
import fcntl
import hashlib
import os
from pathlib import Path

import pytest

from whyser.chat.ledger import CannotWrite, Ledger, LedgerEntry
from whyser.chat.request import Reply, Token
from whyser.io.errors import InputError


def entry(number: int, text: str = "because\nof “this”") -> LedgerEntry:
    key = hashlib.sha256(str(number).encode()).hexdigest()
    return LedgerEntry.of(key, f"item {number}", Reply(text, "stop", "tiny", 10, 5))


def write(path: Path, *entries: LedgerEntry) -> None:
    async def record() -> None:
        with Ledger(path) as ledger:
            await asyncio.gather(*map(ledger.record, entries))

    asyncio.run(record())


def test_what_is_recorded_is_found_again(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "ledger.jsonl"
    entries = [entry(number, "long " * number * 1000) for number in range(5)]
    write(path, *entries)
    with Ledger(path) as ledger:
        assert len(ledger) == 5
        assert list(ledger.entries()) == entries
        assert ledger.get(entries[3].key) == entries[3].reply
        assert ledger.get("0" * 64) is None


def test_tokens_are_kept_where_an_answer_has_them(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    token = Token(" sad", -0.5, ((" sad", -0.5), (" happy", -9999.0)))
    reply = Reply("sad", "stop", "tiny", 10, 1, (token,))
    key = hashlib.sha256(b"weighed").hexdigest()
    write(path, LedgerEntry.of(key, "weighed", reply), entry(1))
    with Ledger(path) as ledger:
        assert ledger.get(key) == reply
    weighed, plain = path.read_text(encoding="utf-8").splitlines()
    assert '"tokens"' in weighed and '"tokens"' not in plain


def test_a_ledger_cut_at_any_byte_opens_and_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "ledger.jsonl"
    first, second, third = entry(1), entry(2), entry(3)
    write(path, first, second)
    whole = path.read_bytes()
    start = whole.index(b"\n") + 1
    for end in range(start, len(whole)):
        path.write_bytes(whole[:end])
        aside = tmp_path / "ledger.jsonl.cut"
        aside.unlink(missing_ok=True)
        write(path, third)
        said = capsys.readouterr().err
        with Ledger(path) as ledger:
            if end == len(whole) - 1:
                # All there but the line's end: an answer, and it is kept.
                assert list(ledger.entries()) == [first, second, third]
                assert not aside.exists()
            else:
                assert list(ledger.entries()) == [first, third]
                assert aside.exists() == ("half written" in said) == (end > start)
                assert end == start or aside.read_bytes() == whole[start:end] + b"\n"


@pytest.mark.parametrize(
    "line", [b"{}", b"[1]", b"not json", b'{"key": "abc"}', b"\x00\x00", b"\xff\xfe"]
)
def test_any_other_broken_line_is_named(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "ledger.jsonl"
    write(path, entry(1))
    path.write_bytes(path.read_bytes() + line + b"\n" + path.read_bytes())
    with pytest.raises(InputError) as caught:
        Ledger(path)
    assert (caught.value.file, caught.value.line) == (path, 2)
    assert str(caught.value).endswith("Delete the line; its request will be asked again.")
    # The lock is given back.
    path.write_bytes(b"")
    Ledger(path).close()


def test_a_second_run_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    with Ledger(path), pytest.raises(InputError, match=r"ledger.jsonl: is in use by another run"):
        Ledger(path)
    Ledger(path).close()


def test_a_run_goes_on_where_the_file_system_has_no_locks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    def cannot(_: int) -> None:
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(fcntl, "flock", refuse)
    # Such a file system may not sync either.
    monkeypatch.setattr(os, "fsync", cannot)
    path = tmp_path / "ledger.jsonl"
    write(path, entry(1))
    write(path, entry(2))
    with Ledger(path) as ledger:
        assert list(ledger.entries()) == [entry(1), entry(2)]
    assert capsys.readouterr().err == (
        f"note: {path}: cannot be locked (No locks available). Two runs that write to this ledger "
        "at the same time would spoil it: start one at a time.\n"
    )


@pytest.mark.parametrize("path", [Path("/dev/full"), Path("/")])
def test_what_is_no_file_is_refused(path: Path) -> None:
    with pytest.raises(InputError, match="is not a regular file"):
        Ledger(path)


def test_an_answer_that_cannot_be_written_is_taken_back_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "ledger.jsonl"
    write(path, entry(1))
    before = path.read_bytes()
    real = os.write

    def full(file: int, data: bytes) -> int:
        if len(data) < 100:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(file, data[:-50])

    async def record() -> None:
        with Ledger(path) as ledger:
            with monkeypatch.context() as patch:
                patch.setattr(os, "write", full)
                with pytest.raises(CannotWrite, match="No space left on device"):
                    await ledger.record(entry(2))
            assert path.read_bytes() == before and ledger.get(entry(2).key) is None
            await ledger.record(entry(3))

    asyncio.run(record())
    with Ledger(path) as ledger:
        assert [each.label for each in ledger.entries()] == ["item 1", "item 3"]


def test_answers_are_on_the_disk_before_they_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda _: synced.append(path.stat().st_size))
    path = tmp_path / "ledger.jsonl"
    write(path, *(entry(number) for number in range(50)))
    # One by itself, the others that came meanwhile together.
    assert synced[-1] == path.stat().st_size and len(synced) <= 3


def test_a_cancelled_asker_leaves_its_answer(tmp_path: Path) -> None:
    async def record() -> None:
        with Ledger(tmp_path / "ledger.jsonl") as ledger:
            task = asyncio.create_task(ledger.record(entry(1)))
            await asyncio.sleep(0)
            task.cancel()
            await ledger.settle()
            assert len(ledger) == 1

    asyncio.run(record())
