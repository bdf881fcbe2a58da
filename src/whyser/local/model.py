"""Ask a checkpoint on this disk: it is loaded by a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any

from whyser.chat import Reply, Token
from whyser.io.audio import WINDOW_S
from whyser.io.errors import InputError, WhyserError
from whyser.io.extras import require
from whyser.io.files import read_json
from whyser.io.visible import visible
from whyser.prompting.prompts import TRACES, Template

_MODULE = "whyser.local.process"

#: An adapter is LLaMA-Factory's too.
_ADAPTER = "adapter_config.json"


def template_of(folder: Path) -> Template:
    """The template with which a checkpoint answers best: that of its training."""
    return (
        "whyser" if any((folder / trace).exists() for trace in (*TRACES, _ADAPTER)) else "official"
    )


def window_of(folder: Path) -> float:
    """The seconds of a clip that a checkpoint hears; 30 where its folder does not say.

    Raises: `InputError` for a file that is no JSON.
    """
    path = folder / "preprocessor_config.json"
    found = read_json(path) if path.exists() else {}
    seconds = found.get("chunk_length") if isinstance(found, dict) else None
    return float(seconds) if isinstance(seconds, int | float) and seconds > 0 else WINDOW_S


def _refuse_no_model(folder: Path) -> None:
    if _has_model(folder):
        return
    cure = "Give the folder of a checkpoint, which has a config.json."
    # A run with several trainings has a folder for each.
    below = sorted(path.name for path in folder.glob("*/") if _has_model(path))
    if below:
        cure = f"Give one of its folders: {', '.join(map(visible, below[:10]))}."
    raise InputError(
        "has no model" if folder.is_dir() else "no such folder", file=folder, cure=cure
    )


def _has_model(folder: Path) -> bool:
    return any((folder / name).is_file() for name in ("config.json", _ADAPTER))


class LocalModel:
    """A checkpoint that loads while the caller goes on; the first question waits for it.

    Args:
        folder: A Qwen2-Audio or a model of `whyser-speechlm`, or LLaMA-Factory's adapter of one.
        template: None for that of the checkpoint's training.

    Raises: `InputError` for a folder without a model, `WhyserError` if the extra `train` is not
        installed.
    """

    def __init__(self, folder: Path, template: Template | None = None) -> None:
        _refuse_no_model(folder)
        require("a local checkpoint", train=["torch", "transformers"])
        self.folder, self.window = folder, window_of(folder)
        self._lock = threading.Lock()
        #: Why no further question gets an answer.
        self._failure: WhyserError | None = None
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (as long as the process)
        # It must find the modules of this process, and none in the folder where a user is.
        path = os.pathsep.join(place for place in sys.path if place)
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-P", "-m", _MODULE),
                *(str(folder.absolute()), template or template_of(folder)),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            # Threads that wait by spinning make a small model slow where another program runs too.
            env={"OMP_WAIT_POLICY": "PASSIVE", **os.environ, "PYTHONPATH": path},
        )

    def __enter__(self) -> LocalModel:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @cached_property
    def _loaded(self) -> None:
        """Waits for the model; `InputError` if it cannot be loaded."""
        self._read()

    def answer(
        self,
        sound: Path,
        question: str,
        *,
        begun: str = "",
        max_tokens: int = 512,
        alternatives: int = 0,
    ) -> Reply:
        """The greedy answer to a question about a sound.

        Args:
            begun: The beginning of the answer, which the model continues; the reply lacks it.
            alternatives: The reply's tokens have so many of the likeliest, the first of all.

        Raises: `InputError` for a model that cannot be loaded, `WhyserError` if its process ends;
            for every further question the same error again.
        """
        asked = {
            "sound": str(sound.absolute()),
            "question": question,
            "begun": begun,
            "max_tokens": max_tokens,
            "alternatives": alternatives,
        }
        with self._lock:
            if self._failure is not None:
                raise self._failure
            try:
                self._loaded  # noqa: B018 (waits)
                found = self._reply(asked)
            except WhyserError as error:
                self._failure = error
                raise
        return Reply(
            found["text"],
            found["finish_reason"],
            str(self.folder),
            found["prompt_tokens"],
            found["completion_tokens"],
            tuple(
                Token(one["text"], one["logprob"], tuple(map(tuple, one["alternatives"])))
                for one in found["tokens"]
            ),
        )

    def _reply(self, asked: dict[str, Any]) -> dict[str, Any]:
        try:
            assert self._process.stdin is not None
            self._process.stdin.write(json.dumps(asked).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._gone() from None
        return self._read()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line.endswith(b"\n"):
            raise self._gone()
        found: dict[str, Any] = json.loads(line)
        if "refused" in found:
            raise InputError(found["refused"], file=self.folder, cure=found["cure"])
        return found

    def _gone(self) -> WhyserError:
        self._errors.seek(0)
        said = self._errors.read().decode(errors="replace").strip().rpartition("\n")[2]
        status = self._process.wait()
        # Nothing is said where the system ended it, mostly for its memory.
        why = said or f"status {status}; is there enough memory?"
        return WhyserError(f"{self.folder}: the process of the model ended ({why})")

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        for file in (self._process.stdin, self._process.stdout, self._errors):
            if file:
                file.close()
