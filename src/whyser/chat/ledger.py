"""The ledger: a file of answers, one per line, each written before it is used.

A line holds the key of the request, a readable label and the reply, but not the messages, which may
hold megabytes of sound. The file is append-only.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from whyser.chat.request import Reply, Token
from whyser.io.console import say
from whyser.io.errors import InputError
from whyser.io.files import broken_line, sync
from whyser.io.locks import lock

_BLOCK = 8192

_UNPROTECTED = (
    "Two runs that write to this ledger at the same time would spoil it: start one at a time."
)


class CannotWrite(InputError):
    """An answer cannot be stored, so nothing more may be asked."""


class LedgerEntry(BaseModel):
    """A line of the ledger; `time` is UTC."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    key: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    label: str
    time: str
    model: str
    finish_reason: str
    prompt_tokens: int
    completion_tokens: int
    text: str
    tokens: tuple[Token, ...] = ()
    without: tuple[str, ...] = ()

    @classmethod
    def of(cls, key: str, label: str, reply: Reply) -> LedgerEntry:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        return cls(key=key, label=label, time=now, **vars(reply))

    @property
    def reply(self) -> Reply:
        return Reply(**{each.name: getattr(self, each.name) for each in fields(Reply)})


class Ledger:
    """The answers of all runs so far; only one process at a time may open it.

    Memory holds only keys and positions, about 200 bytes per answer.

    Raises: `InputError` if another run uses the file, or a line other than the last is broken.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._places: dict[bytes, int] = {}
        self._waiting: list[tuple[bytes, bytes, asyncio.Future[None]]] = []
        self._committing: asyncio.Task[None] | None = None
        self._file = _open(path)
        try:
            self._lock()
            self._end = self._read()
        except BaseException:
            os.close(self._file)
            raise

    def __len__(self) -> int:
        return len(self._places)

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Releases the file for other runs."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def get(self, key: str) -> Reply | None:
        """The reply to the request with this key; None if it was never answered."""
        place = self._places.get(bytes.fromhex(key))
        return None if place is None else self._entry_at(place).reply

    def entry(self, key: str) -> LedgerEntry:
        """The answer to the request with this key, with its time.

        Raises: `KeyError` if it was never answered.
        """
        return self._entry_at(self._places[bytes.fromhex(key)])

    def entries(self) -> Iterator[LedgerEntry]:
        """All answers, in the order in which they arrived."""
        for place in sorted(self._places.values()):
            yield self._entry_at(place)

    async def record(self, entry: LedgerEntry) -> None:
        """Returns when the entry is on disk; entries that arrive meanwhile are written together.

        Raises: `CannotWrite`; earlier lines stay intact.
        """
        # Most answers have no tokens, and were given with all parameters.
        line = f"{entry.model_dump_json(exclude_defaults=True)}\n".encode()
        done = asyncio.get_running_loop().create_future()
        self._waiting.append((bytes.fromhex(entry.key), line, done))
        if self._committing is None or self._committing.done():
            self._committing = asyncio.create_task(self._commit())
        await done

    async def settle(self) -> None:
        """Returns when everything given to `record` is written, even for cancelled callers."""
        if self._committing is not None:
            await self._committing

    async def _commit(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            try:
                # In a thread: a write takes milliseconds, and answers keep arriving.
                await asyncio.to_thread(self._write, b"".join(line for _, line, _ in batch))
            except OSError as error:
                for _, _, done in batch:
                    if not done.done():
                        done.set_exception(self._cannot_write(error))
                continue
            for key, line, done in batch:
                self._places.setdefault(key, self._end)
                self._end += len(line)
                if not done.done():
                    done.set_result(None)

    def _write(self, data: bytes) -> None:
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(self._file, rest) :]
            sync(self._file)
        except OSError:
            # A full disk may take the start of a line, which is removed again.
            os.ftruncate(self._file, self._end)
            raise

    def _cannot_write(self, error: OSError) -> CannotWrite:
        return CannotWrite(
            f"an answer cannot be written ({error.strerror})",
            file=self.path,
            cure="Free disk space and run the command again; the answers so far are kept.",
        )

    # ---- reading ----------------------------------------------------------------------------

    def _entry_at(self, place: int) -> LedgerEntry:
        line = b""
        while b"\n" not in line:
            block = os.pread(self._file, _BLOCK, place + len(line))
            if not block:
                raise InputError(
                    "changed while a run used it", file=self.path, cure="Run the command again."
                )
            line += block
        return LedgerEntry.model_validate_json(line[: line.index(b"\n")])

    def _lock(self) -> None:
        try:
            lock(self._file, self.path, unprotected=_UNPROTECTED)
        except BlockingIOError:
            raise InputError(
                "is in use by another run",
                file=self.path,
                cure="Wait until that run ends, or give this run another output.",
            ) from None

    def _read(self) -> int:
        """Stores the position of every answer; returns the position of the next one."""
        end = 0
        with self.path.open("rb") as stream:
            for number, line in enumerate(stream, start=1):
                if not line.endswith(b"\n"):
                    return self._mend(end, line)
                if line.strip():
                    key = _parse(line, self.path, number).key
                    self._places.setdefault(bytes.fromhex(key), end)
                end += len(line)
        return end

    def _mend(self, end: int, line: bytes) -> int:
        """Repairs a last line that a kill left incomplete, or complete but without its line end."""
        try:
            key = LedgerEntry.model_validate_json(line).key
        except ValidationError:
            aside = self.path.with_name(f"{self.path.name}.cut")
            with aside.open("ab") as stream:
                stream.write(line + b"\n")
            os.ftruncate(self._file, end)
            say(f"{self.path}: the last line was half written; it was moved to {aside.name}")
            return end
        self._end = end + len(line)
        self._write(b"\n")
        self._places.setdefault(bytes.fromhex(key), end)
        return self._end + 1


def _open(path: Path) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and not path.is_file():
        raise InputError("is not a regular file", file=path, cure="Give another path.")
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)


def _parse(line: bytes, path: Path, number: int) -> LedgerEntry:
    try:
        return LedgerEntry.model_validate_json(line)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        problem = broken_line(f"{where}: {first['msg']}" if where else first["msg"])
        cure = "Delete the line; its request will be asked again."
        raise InputError(problem.what, file=path, line=number, cure=cure) from None
