from __future__ import annotations

import io
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import soundfile

from whyser.io import audio, decoder
from whyser.io.errors import InputError, WhyserError

#: What a decoder does when a file's name has the word: a process that stands in for the real one.
PROGRAM = """
import os, signal, sys, time
from whyser.io import decoder_process as real
perform = real.perform
def perform_or_break(request):
    name = os.path.basename(bytes.fromhex(request["path"]).decode())
    if "crash" in name:
        os.kill(os.getpid(), signal.SIGSEGV)
    if "hang" in name:
        while True:
            time.sleep(1)
    if "raise" in name:
        raise SystemError("broken")
    print("a library prints this")
    return perform(request)
real.perform = perform_or_break
real.main()
"""


@pytest.fixture
def breakable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose files break the decoder if their name says so."""
    folder = tmp_path / "modules"
    folder.mkdir()
    (folder / "breakable_decoder.py").write_text(PROGRAM, encoding="utf-8")
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setattr(decoder, "_MODULE", "breakable_decoder")
    monkeypatch.setattr(decoder, "_pool", decoder.DecoderPool())
    return tmp_path


def flac(path: Path) -> Path:
    buffer = io.BytesIO()
    soundfile.write(buffer, np.zeros(16_000, np.float32), 16_000, format="FLAC")
    path.write_bytes(buffer.getvalue())
    return path


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("crash", r"crashes the decoder \(Segmentation fault\)"),
        ("hang", r"was not decoded within 1 s"),
        ("raise", r"crashes the decoder \(status 1\)"),
    ],
)
def test_a_file_that_breaks_the_decoder_costs_itself_only(
    breakable: Path, monkeypatch: pytest.MonkeyPatch, name: str, message: str
) -> None:
    monkeypatch.setattr(decoder, "PATIENCE", 1)
    paths = [flac(breakable / f"{number}.flac") for number in range(6)]
    paths.insert(3, flac(breakable / f"{name}.flac"))

    def read(path: Path) -> audio.AudioInfo | str:
        try:
            return audio.probe(path)
        except InputError as error:
            return str(error)

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(read, paths))
    broken = found.pop(3)
    assert isinstance(broken, str)
    with pytest.raises(AssertionError, match=message):
        raise AssertionError(broken)
    assert f"{name}.flac" in broken
    assert set(found) == {audio.AudioInfo(16_000, 16_000, 1)}
    decoder._pool.close()


def test_a_decoder_that_does_not_start_is_no_fault_of_a_file(
    breakable: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoder, "_MODULE", "no_such_module")
    with pytest.raises(WhyserError, match=r"does not start.*no_such_module") as caught:
        audio.probe(flac(breakable / "a.flac"))
    assert not isinstance(caught.value, InputError)


def test_a_forked_process_has_decoders_of_its_own(tmp_path: Path) -> None:
    path = flac(tmp_path / "a.flac")
    audio.probe(path)
    child = os.fork()
    if not child:
        os._exit(0 if audio.probe(path).frames == 16_000 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert audio.probe(path).frames == 16_000


@pytest.mark.skipif(sys.platform == "darwin", reason="its file systems have UTF-8 names only")
def test_a_name_that_is_not_utf_8_is_read(tmp_path: Path) -> None:
    for name in ("caf\udce9.flac", "caf\udce9.wav", "line\nbreak.flac"):
        assert len(audio.load(flac(tmp_path / name))) == 16_000
