"""MELD in miniature: three tables and mp4 clips of a television series.

It keeps these quirks: file names repeat across splits; tables have CRLF line ends and curly
apostrophes; some hours have one digit; a dialogue lacks an utterance number; clips have a picture
and 5.1 or stereo sound; and the test folder contains junk. The six main characters speak in every
split, as in the series; each guest speaks in one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whyser.demo import sentences
from whyser.demo.emotions import Generator, Point, draw, pick
from whyser.demo.raters import at_least, fill, listen, plurality
from whyser.demo.tables import write_csv
from whyser.demo.voices import Synthesizer, Voice, Waveform, cast
from whyser.demo.wav import resample

FOLDERS = {
    "train": "train_splits",
    "dev": "dev_splits_complete",
    "test": "output_repeated_splits_test",
}
UTTERANCES = {"train": 56, "dev": 16, "test": 28}
TURNS_PER_DIALOGUE = 4

EMOTIONS = {
    "neutral": ("neutral", 0.28),
    "happy": ("joy", 0.16),
    "surprise": ("surprise", 0.14),
    "angry": ("anger", 0.14),
    "sad": ("sadness", 0.12),
    "disgust": ("disgust", 0.08),
    "fear": ("fear", 0.08),
}
"""The table's word, and the share of the utterances."""
MAIN = {"Monica": "f", "Ross": "m", "Rachel": "f", "Joey": "m", "Phoebe": "f", "Chandler": "m"}
GUESTS = {"train": "The Interviewer", "dev": "Dr. Green", "test": "Mark"}
HEADER = (
    *("Sr No.", "Utterance", "Speaker", "Emotion", "Sentiment", "Dialogue_ID", "Utterance_ID"),
    *("Season", "Episode", "StartTime", "EndTime"),
)
SAMPLING_RATE = 48_000
FRONT_OF_5_1 = (1.0, 1.0, 1.0, 0.0, 0.5, 0.5)
"""Gains of left, right, centre, low-frequency, and the two surround channels."""


@dataclass(frozen=True)
class MeldLine:
    """One utterance as in its table; `emotion` is the plurality of the raters' votes."""

    number: int
    text: str
    speaker: str
    emotion: str
    dialogue: int
    utterance: int
    voice: Voice
    point: Point

    @property
    def stem(self) -> str:
        """The file name without suffix, unique within a split only."""
        return f"dia{self.dialogue}_utt{self.utterance}"


def write_meld(directory: Path, *, seed: int, scale: float, done: Callable[[], None]) -> None:
    """Write the corpus; the arguments are those of `whyser.demo.corpora.write_corpora`."""
    rng = np.random.default_rng([seed, 30])
    friends = dict(zip(MAIN, cast("train", 6, rng, genders="".join(MAIN.values())), strict=True))
    with Synthesizer(done) as synthesizer:
        for split, folder in FOLDERS.items():
            guest = cast(split, 1, rng, genders="m")[0]
            lines = _plan(split, scale, {**friends, GUESTS[split]: guest}, rng)
            seconds = []
            for line in lines:
                spoken = synthesizer.speak(line.text, line.voice, line.point)
                samples = resample(spoken, SAMPLING_RATE)
                path = directory / folder / f"{line.stem}.mp4"
                write_mp4(path, samples, surround=line.number % 8 != 0)
                seconds.append(len(samples) / SAMPLING_RATE)
            _write_table(directory / f"{split}_sent_emo.csv", lines, seconds, rng)
    _write_junk(directory / FOLDERS["test"])


def _plan(split: str, scale: float, voices: dict[str, Voice], rng: Generator) -> list[MeldLine]:
    # Eight utterances are two dialogues, with repeated names and both layouts.
    count = at_least(UTTERANCES[split], scale, 8)
    quotas: dict[str | None, int] = {
        emotion: max(1, round(count * share)) for emotion, (_, share) in EMOTIONS.items()
    }
    lines = []
    for index, (point, emotion) in enumerate(fill(quotas, lambda name: _play(name, rng), rng)):
        dialogue, utterance = divmod(index, TURNS_PER_DIALOGUE)
        if dialogue == 1 and utterance >= 2:
            utterance += 1
        speaker = pick(list(voices), rng)
        text = pick(sentences.MELD, rng)
        lines.append(
            MeldLine(index + 1, text, speaker, emotion, dialogue, utterance, voices[speaker], point)
        )
    return lines


def _play(emotion: str, rng: Generator) -> tuple[str | None, tuple[Point, str]]:
    point = draw(emotion, rng)
    votes = [vote.primary for vote in listen(point, tuple(EMOTIONS), rng, 3)]
    label = plurality(votes)
    return label, (point, label or "")


def _write_table(path: Path, lines: list[MeldLine], seconds: list[float], rng: Generator) -> None:
    rows = []
    clock = 0.0
    for line, length in zip(lines, seconds, strict=True):
        start = clock + float(rng.uniform(1, 4))
        clock = start + length
        word, _ = EMOTIONS[line.emotion]
        text = line.text.replace("'", "\u2019")
        digits = 1 if line.dialogue % 4 == 1 else 2
        rows.append(
            [
                *(line.number, text, line.speaker, word, _sentiment(line.emotion, rng)),
                *(line.dialogue, line.utterance, 1 + line.dialogue % 9, 1 + line.dialogue % 23),
                *(_time(start, digits=digits), _time(clock, digits=digits)),
            ]
        )
    write_csv(path, HEADER, rows, lineterminator="\r\n")


def _sentiment(emotion: str, rng: Generator) -> str:
    if emotion == "surprise":
        return pick(("positive", "negative"), rng)
    return {"neutral": "neutral", "happy": "positive"}.get(emotion, "negative")


def _time(seconds: float, *, digits: int) -> str:
    milliseconds = round(seconds * 1000)
    minutes, milliseconds = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:0{digits}d}:{minutes:02d}:{milliseconds // 1000:02d},{milliseconds % 1000:03d}"


def _write_junk(folder: Path) -> None:
    first = folder / "dia0_utt0.mp4"
    (folder / "final_videos_testdia0_utt0.mp4").write_bytes(first.read_bytes())
    (folder / "._dia0_utt0.mp4").write_bytes(b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X        ")


def write_mp4(path: Path, samples: Waveform, *, surround: bool) -> None:
    """Write mono speech at 48 kHz as a clip with a black picture and 5.1 or stereo AAC sound."""
    import av

    layout, gains = ("5.1", FRONT_OF_5_1) if surround else ("stereo", (1.0, 1.0))
    channels = np.asarray(gains, dtype=np.float32)[:, None] * samples[None, :]
    path.parent.mkdir(parents=True, exist_ok=True)
    # Without these flags the muxer writes its version into the file.
    with av.open(str(path), "w", format="mp4", options={"fflags": "+bitexact"}) as container:
        picture = container.add_stream("mpeg4", rate=10, options={"flags": "+bitexact"})
        picture.width, picture.height, picture.pix_fmt = 16, 16, "yuv420p"
        sound = container.add_stream(
            "aac",
            rate=SAMPLING_RATE,
            layout=layout,
            # The default coder takes ten times as long, for no audible difference.
            options={"flags": "+bitexact", "aac_coder": "fast"},
        )
        _mux(container, picture, _picture(len(samples) / SAMPLING_RATE))
        _mux(container, sound, _frames(channels, layout))


def _mux(container: Any, stream: Any, frames: Iterable[Any]) -> None:
    for frame in (*frames, None):
        for packet in stream.encode(frame):
            container.mux(packet)


def _picture(seconds: float) -> Iterator[Any]:
    import av

    for index in range(max(1, round(10 * seconds))):
        frame = av.VideoFrame.from_ndarray(np.zeros((24, 16), dtype=np.uint8), format="yuv420p")
        frame.pts = index
        yield frame


def _frames(channels: NDArray[np.float32], layout: str) -> Iterator[Any]:
    import av

    size = 1024
    for start in range(0, channels.shape[1], size):
        block = np.ascontiguousarray(channels[:, start : start + size])
        frame = av.AudioFrame.from_ndarray(block, format="fltp", layout=layout)
        frame.sample_rate, frame.pts = SAMPLING_RATE, start
        yield frame
