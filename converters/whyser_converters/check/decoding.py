"""Checks whether LLaMA-Factory, which uses torchaudio, can decode sound in this environment."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from functools import cache

from packaging.version import Version

from whyser.temporary import temporary_folder
from whyser_converters.check.findings import CheckFault
from whyser_converters.check.pins import installed

#: From this release on torchaudio decodes with torchcodec, before it with soundfile.
_BY_TORCHCODEC = Version("2.9")

#: Writes and loads a tenth of a second of silence, as LLaMA-Factory loads a clip.
_DECODE = """
import sys, wave
with wave.open(sys.argv[1], "wb") as clip:
    clip.setnchannels(1)
    clip.setsampwidth(2)
    clip.setframerate(16000)
    clip.writeframes(bytes(3200))
import torchaudio
samples, rate = torchaudio.load(sys.argv[1])
sys.exit(samples.shape[-1] != 1600 or rate != 16000)
"""

_EXCEPTION = re.compile(r"[\w.]*(?:Error|Exception): (.+)")
_FFMPEG_IS_MISSING = re.compile(r"^lib(av|sw)\w+\.so.*cannot open shared object file")
_INVOLVED = ("torch", "torchaudio", "torchcodec")

#: Seconds. Importing torch takes two, and many more on a busy machine or a slow disk.
_PATIENCE = 120


@cache
def decoding_faults() -> tuple[CheckFault, ...]:
    """A fault unless a clip can be decoded here, or torchaudio is not installed."""
    torchaudio = installed("torchaudio")
    if torchaudio is None:
        return ()
    if Version(torchaudio) < _BY_TORCHCODEC:
        # Only soundfile can be missing here; importing torch would make every check slow.
        try:
            importlib.import_module("soundfile")
        except (ImportError, OSError):
            what = f"torchaudio {torchaudio} decodes with soundfile, which is missing or broken"
            return _fault(what, "Run pip install soundfile.")
        return ()
    if installed("torchcodec") is None:
        what = f"torchaudio {torchaudio} decodes with torchcodec, which is not installed"
        cure = "Run pip install -c constraints-2026.txt torchcodec, and install FFmpeg "
        return _fault(what, cure + "(apt-get install ffmpeg).")
    said = _attempt()
    if said is None:
        return ()
    reasons = _reasons(said)
    # torchcodec tries several FFmpeg releases; the installed one gives the useful reason.
    others = [reason for reason in reasons if not _FFMPEG_IS_MISSING.search(reason)]
    if reasons and not others:
        what = "torchcodec finds no shared libraries of FFmpeg"
        return _fault(what, "Install FFmpeg: apt-get install ffmpeg, or conda install ffmpeg.")
    versions = ", ".join(f"{name} {installed(name)}" for name in _INVOLVED)
    what = f"torchaudio.load fails under {versions}: {others[0] if others else 'no reason given'}"
    return _fault(what, "Install releases that fit together, as constraints-2026.txt does.")


def _fault(what: str, cure: str) -> tuple[CheckFault]:
    return (CheckFault("sound that cannot be decoded", what, cure),)


def _attempt() -> str | None:
    """The error output of a process that decodes a clip; None when it succeeds or takes too long.

    It is a separate process because incompatible libraries can crash it, and to keep torch out of
    this one.
    """
    with temporary_folder() as folder:
        command = [sys.executable, "-c", _DECODE, str(folder / "clip.wav")]
        try:
            done = subprocess.run(
                command, capture_output=True, timeout=_PATIENCE, text=True, errors="replace"
            )
        except subprocess.TimeoutExpired:
            return None
    return None if done.returncode == 0 else done.stderr


def _reasons(said: str) -> list[str]:
    """The exceptions of a traceback, without those that only say that a library did not load.

    >>> _reasons("OSError: a.so: undefined symbol: b\\nOSError: Could not load this library: a.so")
    ['a.so: undefined symbol: b']
    """
    found = (_EXCEPTION.fullmatch(line) for line in said.splitlines())
    return [one[1] for one in found if one and "Could not load " not in one[1]]
