"""Sound files with changed headers and bytes, through the commands that read sound.

A file is kept with the length that FFmpeg's own command decodes, or it is named.
"""

from __future__ import annotations

import csv
import io
import json
import os
import random
import shutil
import struct
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from whyser.io import audio
from whyser.io.errors import InputError
from whyser.records.corpus import CorpusCard, write_card
from whyser.records.utterance import Utterance, read_utterances, write_utterances
from whyser_converters.check.clips import judge_all
from whyser_converters.check.model import QWEN2_AUDIO
from whyser_converters.datasets.dataset_info import entry

pytestmark = pytest.mark.slow

#: Of each format; `WHYSER_FUZZ=200` searches longer.
MUTATIONS = int(os.environ.get("WHYSER_FUZZ", "40"))
SECONDS, RATE = 1.5, 16_000
#: Bytes of memory that no process may exceed.
MOST_MEMORY = 1 << 30
FORMATS = ("WAV", "FLAC", "MP3", "OGG", "MP4", "AIFF")


def wave() -> npt.NDArray[np.float32]:
    times = np.arange(round(SECONDS * RATE)) / RATE
    noise = np.random.default_rng(0).standard_normal(len(times))
    return (0.2 * np.sin(2 * np.pi * 150 * times) + 0.02 * noise).astype(np.float32)


def whole_file(form: str, folder: Path) -> bytes:
    if form != "MP4":
        buffer = io.BytesIO()
        soundfile.write(buffer, wave(), RATE, format=form)
        return buffer.getvalue()
    import av

    path = folder / "whole.mp4"
    # Its index stands at the front, as in what is streamed.
    with av.open(str(path), "w", options={"movflags": "faststart"}) as container:
        stream = container.add_stream("aac", rate=RATE, layout="mono")
        samples = wave()
        for start in range(0, len(samples), 1024):
            block = np.ascontiguousarray(samples[None, start : start + 1024])
            frame = av.AudioFrame.from_ndarray(block, "fltp", "mono")
            frame.rate, frame.pts = RATE, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path.read_bytes()


def mutated(whole: bytes, draw: random.Random) -> bytes:
    """One to four changes: in the header, anywhere, a cut, zeros, a repeat, or an odd number."""
    data = bytearray(whole)
    for _ in range(draw.randint(1, 4)):
        size = len(data)
        place = draw.randrange(min(size, 200) if draw.random() < 0.6 else size)
        kind = draw.randrange(6)
        if kind == 0:
            data[place] = draw.randrange(256)
        elif kind == 1:
            data[place] ^= 1 << draw.randrange(8)
        elif kind == 2:
            number = draw.choice([0, 1, 0x7FFFFFFF, 0xFFFFFFFF, draw.getrandbits(32)])
            data[place : place + 4] = struct.pack(draw.choice("<>") + "I", number)
        elif kind == 3 and draw.random() < 0.5:
            del data[max(50, draw.randrange(size)) :]
        elif kind == 4:
            data[place : place + 300] = bytes(len(data[place : place + 300]))
        elif kind == 5:
            data[place:place] = data[place : place + draw.randrange(1, 500)]
        data = data or bytearray(b"R")
    return bytes(data)


def seconds_by_ffmpeg(path: Path) -> float:
    """Seconds of the decoded sound."""
    command = [
        *("ffmpeg", "-nostdin", "-loglevel", "quiet", "-i", str(path), "-vn", "-ac", "1"),
        *("-ar", str(RATE), "-f", "s16le", "-fs", str(1 << 28), "-"),
    ]
    found = subprocess.run(command, stdout=subprocess.PIPE, timeout=120).stdout
    return len(found) / 2 / RATE


@dataclass(frozen=True)
class Fuzzed:
    """A corpus in MELD's layout; `lengths` in seconds are FFmpeg's."""

    corpus: Path
    lengths: dict[Path, float]


@pytest.fixture(scope="module", params=FORMATS)
def fuzzed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Fuzzed:
    corpus = tmp_path_factory.mktemp(request.param) / "meld"
    folder = corpus / "train_splits"
    folder.mkdir(parents=True)
    lacks = request.getfixturevalue("lacks")
    if not shutil.which("ffmpeg"):
        lacks("ffmpeg, whose lengths count, is not installed")
    # MELD's converter knows three suffixes, and no name is believed.
    suffix = {"MP4": "mp4", "FLAC": "flac"}.get(request.param, "wav")
    whole = whole_file(request.param, corpus.parent)
    lengths: dict[Path, float] = {}
    rows = ["Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID"]
    # Half of the files are whole, because a corpus that is mostly lost is refused.
    for number in range(2 * MUTATIONS + 1):
        # A dialogue that MELD lacks: some of its own clips are dropped by their names.
        dialogue = 5000 + number
        path = folder / f"dia{dialogue}_utt0.{suffix}"
        draw = random.Random(f"{request.param} {number}")
        path.write_bytes(mutated(whole, draw) if number < MUTATIONS else whole)
        rows.append(f"{number},It is.,Joey,joy,positive,{dialogue},0")
        lengths[path] = seconds_by_ffmpeg(path) if number <= MUTATIONS else SECONDS
    (corpus / "train_sent_emo.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    for split, place in (("dev", "dev_splits_complete"), ("test", "output_repeated_splits_test")):
        (corpus / place).mkdir()
        (corpus / f"{split}_sent_emo.csv").write_text(rows[0] + "\n", encoding="utf-8")
    return Fuzzed(corpus, lengths)


def command(name: str, *arguments: object) -> str:
    """Runs a command, which must neither crash nor use much memory, and returns what it says."""
    begun = subprocess.run(
        # Linux counts the memory of what starts a process as its own, and pytest's is large.
        [
            *("sh", "-c", '"$@"; exit $?', "sh"),
            *(sys.executable, "-c", _MEASURED, name, *map(str, arguments)),
        ],
        capture_output=True,
        text=True,
        timeout=1800,
    )
    said = begun.stdout + begun.stderr
    assert begun.returncode in (0, 1), said
    assert "Traceback" not in said, said
    return said


#: Runs a command and fails if it, or a process that it starts, exceeds the memory.
_MEASURED = f"""
import atexit, importlib.metadata as metadata, os, resource, sys
def measured():
    for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
        if resource.getrusage(who).ru_maxrss * 1024 > {MOST_MEMORY}:
            os._exit(77)
atexit.register(measured)
(script,) = metadata.entry_points(group="console_scripts", name=sys.argv[1])
sys.argv = sys.argv[1:]
sys.exit(script.load()())
"""


def wrong(found: dict[Path, float], fuzzed: Fuzzed) -> list[str]:
    """The files that have another length than FFmpeg decodes, by more than 0.1 s."""
    return [
        f"{path.name}: {seconds:.3f} s instead of {true}"
        for path, seconds in found.items()
        if abs(seconds - (true := fuzzed.lengths[path])) > 0.1
    ]


def test_convert_keeps_the_true_length_or_names_the_file(fuzzed: Fuzzed, tmp_path: Path) -> None:
    command("whyser-convert", "meld", fuzzed.corpus, tmp_path)
    result = tmp_path / "meld"
    kept = {}
    names = {path.stem: path for path in fuzzed.lengths}
    for utterance in read_utterances(result / "utterances.jsonl"):
        assert utterance.duration is not None
        kept[names[utterance.id.rpartition("/")[2]]] = utterance.duration
    assert wrong(kept, fuzzed) == []
    with (result / "problems.csv").open(encoding="utf-8", newline="") as stream:
        named = {Path(row["file"]).stem for row in csv.DictReader(stream)}
    # A clip below 0.1 s is dropped by its length.
    lost = {path for path, true in fuzzed.lengths.items() if path not in kept}
    assert {path.stem for path in lost if not 0 < fuzzed.lengths[path] < 0.2} <= named
    assert len(kept) > MUTATIONS


def test_check_knows_the_true_length_or_names_the_file(fuzzed: Fuzzed, tmp_path: Path) -> None:
    rows = [
        {
            "messages": [
                {"role": "user", "content": "<audio>What?"},
                {"role": "assistant", "content": "sad"},
            ],
            "audios": [str(path)],
        }
        for path in fuzzed.lengths
    ]
    (tmp_path / "d.json").write_text(json.dumps(rows), encoding="utf-8")
    table = tmp_path / "dataset_info.json"
    table.write_text(json.dumps({"d": entry("d.json")}), encoding="utf-8")
    assert "problem" in command("whyser-convert", "check", table)
    clips = judge_all([str(path) for path in fuzzed.lengths], QWEN2_AUDIO)
    unnamed = {Path(path): clip.seconds for path, clip in clips.items() if not clip.faults}
    assert wrong(unnamed, fuzzed) == []


def test_cues_measure_the_true_length_or_name_the_file(fuzzed: Fuzzed, tmp_path: Path) -> None:
    utterances = [
        Utterance(
            id=f"c/{path.stem}", corpus="c", split="train", speaker="s", dialogue=None,
            session=None, audio=path.name, duration=1.0, sampling_rate=RATE, channels=1,
            transcript="It is", gender=None, label="sad", label_raw="",
        )
        for path in fuzzed.lengths
    ]  # fmt: skip
    write_utterances(tmp_path / "utterances.jsonl", utterances)
    card = CorpusCard(
        corpus="c", title="c", licence="none", source="none",
        audio_root=str(fuzzed.corpus / "train_splits"), classes=("sad",),
        utterances=len(utterances), hours=0.0, read=0, whyser="0",
    )  # fmt: skip
    write_card(tmp_path / "corpus.json", card)
    output = tmp_path / "cues.jsonl"
    command("whyser-teach", "cues", tmp_path / "utterances.jsonl", "--output", output)
    assert len(output.read_text("utf-8").splitlines()) == len(utterances)
    heard = {}
    for path in fuzzed.lengths:
        with suppress(InputError):
            heard[path] = len(audio.load(path)) / RATE
    assert wrong(heard, fuzzed) == []
