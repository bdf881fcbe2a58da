"""`check` finds what would fail when a run decodes its first clip."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from whyser_converters.check import decoding
from whyser_converters.check.decoding import decoding_faults

#: How torch says that a library did not load, and why, for each FFmpeg that torchcodec tries.
NOT_FOUND = """\
FFmpeg version {version}:
Traceback (most recent call last):
  File "torch/_ops.py", line 1503, in load_library
OSError: {why}

The above exception was the direct cause of the following exception:

OSError: Could not load this library: torchcodec/libtorchcodec_core{version}.so
"""
LACKS_7 = "libavutil.so.59: cannot open shared object file: No such file or directory"
LACKS_4 = "libavutil.so.56: cannot open shared object file: No such file or directory"
MISFIT = "torchcodec/libtorchcodec_custom_ops5.so: undefined symbol: aoti_torch_call"


def no_ffmpeg(*reasons: str) -> str:
    tried = "".join(NOT_FOUND.format(version=7 - n, why=why) for n, why in enumerate(reasons))
    return (
        "RuntimeError: Could not load libtorchcodec. Likely causes:\n"
        f"1. FFmpeg is not properly installed.\n{tried}[end of libtorchcodec loading traceback].\n"
    )


@pytest.fixture(autouse=True)
def anew() -> Iterator[None]:
    decoding_faults.cache_clear()
    yield
    decoding_faults.cache_clear()


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Installed packages, and what a process that decodes says: None where it succeeds."""

    real = importlib.metadata.version

    def call(said: str | None = None, **versions: str) -> None:
        def version(name: str) -> str:
            # Libraries that a command imports ask for their own packages.
            if not name.startswith("torch"):
                return real(name)
            if name not in versions:
                raise importlib.metadata.PackageNotFoundError(name)
            return versions[name]

        def run(command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
            assert command[0] == sys.executable
            return subprocess.CompletedProcess(command, 0 if said is None else 1, "", said or "")

        monkeypatch.setattr(importlib.metadata, "version", version)
        monkeypatch.setattr(subprocess, "run", run)

    return call


@pytest.mark.parametrize(
    "versions",
    [
        {},  # nothing trains here
        {"torch": "2.8.0", "torchaudio": "2.8.0"},
        {"torch": "2.8.0", "torchaudio": "2.8.0+cu128"},
        {"torch": "2.11.0", "torchaudio": "2.11.0", "torchcodec": "0.11.1"},
    ],
)
def test_what_decodes_has_no_fault(
    environment: Callable[..., None], versions: dict[str, str]
) -> None:
    environment(None, **versions)
    assert list(decoding_faults()) == []


def test_torchaudio_2_9_needs_torchcodec(environment: Callable[..., None]) -> None:
    environment("not asked", torch="2.9.0", torchaudio="2.9.0+cpu")
    [fault] = decoding_faults()
    assert fault.what == ("torchaudio 2.9.0+cpu decodes with torchcodec, which is not installed")
    assert "pip install -c constraints-2026.txt torchcodec" in fault.cure
    assert "ffmpeg" in fault.cure
    assert not fault.warns


def test_torchcodec_needs_the_libraries_of_ffmpeg(environment: Callable[..., None]) -> None:
    said = no_ffmpeg(LACKS_7, LACKS_4)
    environment(said, torch="2.11.0", torchaudio="2.11.0", torchcodec="0.11.1")
    [fault] = decoding_faults()
    assert fault.what == "torchcodec finds no shared libraries of FFmpeg"
    assert "apt-get install ffmpeg" in fault.cure


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (no_ffmpeg(LACKS_7, MISFIT, LACKS_4), MISFIT),
        (
            "OSError: libtorchaudio.so: undefined symbol: torch_exception_get_what\n"
            "OSError: Could not load this library: libtorchaudio.so\n",
            "libtorchaudio.so: undefined symbol: torch_exception_get_what",
        ),
        ("Segmentation fault\n", "no reason given"),
        ("", "no reason given"),
    ],
)
def test_releases_that_do_not_fit_are_named(
    environment: Callable[..., None], said: str, why: str
) -> None:
    environment(said, torch="2.11.0", torchaudio="2.11.1", torchcodec="0.12.0")
    [fault] = decoding_faults()
    assert fault.what == (
        "torchaudio.load fails under torch 2.11.0, torchaudio 2.11.1, torchcodec 0.12.0: " + why
    )
    assert "constraints-2026.txt" in fault.cure


def test_torchaudio_2_8_needs_soundfile(
    environment: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    environment("not asked", torch="2.8.0", torchaudio="2.8.0")
    # What an import statement finds here is a module that does not exist.
    monkeypatch.setitem(sys.modules, "soundfile", None)
    [fault] = decoding_faults()
    assert fault.what == ("torchaudio 2.8.0 decodes with soundfile, which is missing or broken")
    assert fault.cure == "Run pip install soundfile."


def test_an_attempt_that_hangs_is_no_fault(
    environment: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    environment(torch="2.11.0", torchaudio="2.11.0", torchcodec="0.11.1")

    def run(command: list[str], **options: Any) -> None:
        raise subprocess.TimeoutExpired(command, options["timeout"])

    monkeypatch.setattr(subprocess, "run", run)
    assert list(decoding_faults()) == []


@pytest.mark.skipif(not importlib.util.find_spec("torchaudio"), reason="needs the extra train")
def test_this_environment_decodes() -> None:
    """The process is a real one; where torchaudio is 2.8 it is not asked otherwise."""
    assert decoding._attempt() is None
    assert list(decoding_faults()) == []


def test_a_launch_without_sound_is_refused(
    environment: Callable[..., None],
    convert: Callable[..., Any],
    dataset: Callable[..., Path],
    row: Callable[..., Any],
    tmp_path: Path,
) -> None:
    table = dataset([row()])
    path = tmp_path / "x.yaml"
    path.write_text("dataset: d\n", encoding="utf-8")
    environment(torch="2.9.0", torchaudio="2.9.0")
    outcome = convert("check", path, "--dataset-dir", tmp_path)
    assert outcome.status == 1
    told = f"{path}: torchaudio 2.9.0 decodes with torchcodec, which is not installed"
    assert told in outcome.err
    # Only a YAML is about to be run.
    assert convert("check", table).status == 0
    path.write_text("export_dir: merged\n", encoding="utf-8")
    assert convert("check", path).status == 0
