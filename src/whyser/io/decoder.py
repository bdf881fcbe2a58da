"""Has sound decoded in other processes, so that a file that crashes a library costs itself only."""

from __future__ import annotations

import atexit
import json
import os
import signal
import struct
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from whyser.io.errors import InputError, WhyserError

#: Seconds for a file, and bytes for which it gets another one.
PATIENCE, SLOWEST = 60, 1 << 20

#: Hz. A header that states another rate is broken.
RATES = (1_000, 768_000)

#: Lengths of the description (JSON) and of the samples that follow it.
HEAD = struct.Struct("<II")

_MODULE = "whyser.io.decoder_process"

Reply = tuple[dict[str, Any], npt.NDArray[Any] | None]


def sample_type(subtype: str) -> str:
    """The type of samples for a subtype of libsndfile, see `whyser.io.audio.read`."""
    return "int16" if "PCM" in subtype or "LAW" in subtype else "float32"


class DecoderGone(Exception):
    """The process ended in the middle of a file; `signal` is what ended it."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.signal = number


class Decoder:
    """A process that decodes one file at a time."""

    def __init__(self) -> None:
        # It must find the modules of this process, and none in the folder where a user is.
        path = os.pathsep.join(place for place in sys.path if place)
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (as long as the process)
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", _MODULE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            bufsize=0,
            env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        )
        try:
            self._exactly(HEAD.size)
        except DecoderGone:
            self._errors.seek(0)
            said = self._errors.read().decode(errors="replace").strip().rpartition("\n")[2]
            what = f"the process that decodes sound does not start ({said or 'no reason given'})"
            raise WhyserError(f"{what}. Repair the installation of av and soundfile.") from None

    def ask(self, request: dict[str, Any]) -> Reply:
        """Raises: `DecoderGone`."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
        except BrokenPipeError:
            raise DecoderGone(-self._process.wait()) from None
        described, length = HEAD.unpack(self._exactly(HEAD.size))
        facts = json.loads(self._exactly(described))
        data = self._exactly(length)
        if "type" not in facts:
            return facts, None
        return facts, np.frombuffer(data, facts["type"]).reshape(facts["shape"])

    def _exactly(self, size: int) -> bytearray:
        assert self._process.stdout is not None
        data = bytearray(size)
        view = memoryview(data)
        while view:
            if not (got := self._process.stdout.readinto(view)):  # type: ignore[attr-defined]
                raise DecoderGone(-self._process.wait())
            view = view[got:]
        return data

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        for file in (self._process.stdin, self._process.stdout, self._errors):
            if file:
                file.close()


class DecoderPool:
    """At most one decoder for each core, started when it is needed, for all threads."""

    def __init__(self) -> None:
        self._free = threading.BoundedSemaphore(os.cpu_count() or 1)
        self._idle: list[Decoder] = []

    def ask(self, operation: str, path: Path, **options: Any) -> Reply:
        """Raises: `InputError` for a file that cannot be decoded, or that ends the process."""
        request = {
            "operation": operation,
            "options": options,
            "path": os.fsencode(path.absolute()).hex(),
            "seconds": PATIENCE + path.stat().st_size // SLOWEST,
        }
        with self._free:
            facts, samples = self._answer(request, path)
        if "refused" in facts:
            what, cure = facts["refused"]
            raise InputError(what, file=path, cure=cure)
        return facts, samples

    def _answer(self, request: dict[str, Any], path: Path) -> Reply:
        try:
            return self._asked(request)
        except DecoderGone as gone:
            ended = gone.signal
        if ended != signal.SIGALRM:
            # An earlier file may have broken the process, so this one gets a fresh one.
            self.close()
            try:
                return self._asked(request)
            except DecoderGone as gone:
                ended = gone.signal
        cure = "Fetch the file again, or leave the clip out."
        if ended == signal.SIGALRM:
            what = f"was not decoded within {request['seconds']} s"
        else:
            reason = signal.strsignal(ended) if ended > 0 else f"status {-ended}"
            what = f"crashes the decoder ({reason})"
        raise InputError(what, file=path, cure=cure)

    def _asked(self, request: dict[str, Any]) -> Reply:
        try:
            decoder = self._idle.pop()
        except IndexError:
            decoder = Decoder()
        try:
            reply = decoder.ask(request)
        except BaseException:
            # Also when the user interrupts: its answer would be taken for the next file's.
            decoder.close()
            raise
        self._idle.append(decoder)
        return reply

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()


_pool = DecoderPool()


def ask(operation: str, path: Path, **options: Any) -> Reply:
    """What a process says of the file, see `decoder_process.OPERATIONS`, and samples if any.

    Args: `options` of the operation.

    Raises: `InputError` for a file that cannot be decoded, or that crashes or stops the decoder.
    """
    return _pool.ask(operation, path, **options)


def _renew() -> None:
    """A forked process must not share the pipes of its parent."""
    global _pool
    _pool = DecoderPool()


os.register_at_fork(after_in_child=_renew)
atexit.register(lambda: _pool.close())
