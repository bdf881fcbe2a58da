"""Measures how fast `whyser-teach cues` is on generated speech, compared with only Praat.

    python benchmarks/cues.py
    python benchmarks/cues.py --clips 1200 --strict

The demo's voices speak the clips: three to six seconds each, 16 kHz mono, as in a converted corpus.
The figure is that of the whole command, including its start. The baseline reads the same files and
computes only pitch and intensity with Praat, in as many processes. Everything runs twice, and the
better time counts. The bound applies to two cores: on a machine with more, the script uses two.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import soundfile
from figures import Figure, options_of, show

import whyser
from whyser.demo import sentences
from whyser.demo.emotions import CENTRES, draw
from whyser.demo.voices import Synthesizer, cast
from whyser.demo.wav import resample, write_wav
from whyser.evidence.pitch_track import PITCH_CEILING, PITCH_FLOOR
from whyser.evidence.speech_level import TIME_STEP
from whyser.io.console import say
from whyser.records.corpus import CorpusCard, write_card
from whyser.records.utterance import Utterance, write_utterances

MIN_CLIPS_PER_S = 60
CORES, RATE, ROUNDS = 2, 16_000, 2
SHORTEST_S = 3.0
CUES = "from whyser.teacher.cli import main; main()"


def main() -> None:
    arguments = _arguments()
    _use_two_cores()
    say(f"measures {Path(whyser.__file__).parent}")
    with tempfile.TemporaryDirectory(prefix="whyser_") as folder:
        corpus = Path(folder)
        seconds = write_corpus(corpus, arguments.clips)
        say(f"synthesised {arguments.clips:,} clips")
        figures = list(measuring(corpus, arguments.clips, seconds))
    show(f"Cues, on {CORES} cores", figures, strict=arguments.strict)


def _arguments() -> argparse.Namespace:
    parser = options_of(__doc__)
    parser.add_argument("--clips", type=int, default=600, help="number of clips [%(default)s]")
    return parser.parse_args()


def _use_two_cores() -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])


def measuring(corpus: Path, clips: int, seconds: float) -> Iterator[Figure]:
    """Clips per second of the command, without and with voice quality, and of only Praat."""
    plain, quality = (
        clips / _best(lambda option=option: _cues(corpus, clips, option))
        for option in ("--no-voice-quality", "--voice-quality")
    )
    bare = clips / _best(lambda: _bare(corpus))
    yield Figure(f"{clips:,} clips, mean length {seconds / clips:.1f} s", "")
    yield Figure(
        "pitch, intensity, rate and pauses",
        f"{plain:.0f} clips per second",
        f"at least {MIN_CLIPS_PER_S} per second",
        plain >= MIN_CLIPS_PER_S,
    )
    yield Figure("  only Praat, pitch and intensity", f"{bare:.0f} clips per second")
    yield Figure("  the command divided by Praat", f"{plain / bare:.2f}")
    yield Figure("with voice quality", f"{quality:.0f} clips per second")


def _best(work: Callable[[], None]) -> float:
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def _cues(corpus: Path, clips: int, option: str) -> None:
    """Runs the command. Exits if it did not measure all clips, since it then did less work."""
    output = corpus / "cues.jsonl"
    arguments = ["cues", str(corpus / "utterances.jsonl"), "--output", str(output), option]
    done = subprocess.run([sys.executable, "-c", CUES, *arguments], capture_output=True, text=True)
    lines = output.read_text(encoding="utf-8").splitlines() if not done.returncode else []
    # Praat finds no pitch in a few of the synthetic clips, as in some real ones.
    if len(lines) != clips or sum('"pitch":{' in line for line in lines) < 0.9 * clips:
        sys.exit(
            f"whyser-teach cues did not measure {clips:,} clips (status {done.returncode}):\n"
            f"{done.stdout}{done.stderr}"
        )


def _bare(corpus: Path) -> None:
    paths = sorted(corpus.glob("*.wav"))
    with ProcessPoolExecutor(CORES) as pool:
        list(pool.map(_pitch_and_intensity, paths, chunksize=16))


def _pitch_and_intensity(path: Path) -> None:
    import parselmouth

    samples, rate = soundfile.read(str(path))
    sound = parselmouth.Sound(samples, rate)
    sound.to_pitch_ac(time_step=TIME_STEP, pitch_floor=PITCH_FLOOR, pitch_ceiling=PITCH_CEILING)
    sound.to_intensity(minimum_pitch=PITCH_FLOOR, time_step=TIME_STEP)


def write_corpus(folder: Path, clips: int) -> float:
    """Writes a converted corpus of synthetic speech and returns its total length in seconds."""
    rng = np.random.default_rng(0)
    voices = cast("train", 12, rng)
    texts = list(sentences.MSP_PODCAST)
    total, utterances = 0.0, []
    with Synthesizer() as synthesizer:
        for number in range(clips):
            voice = voices[number % len(voices)]
            point = draw(list(CENTRES)[number % len(CENTRES)], rng)
            said, sound = [], np.zeros(0, dtype=np.float32)
            while len(sound) < SHORTEST_S * RATE:
                said.append(str(rng.choice(texts)))
                spoken = resample(synthesizer.speak(said[-1], voice, point), RATE)
                sound = np.concatenate([sound, spoken])
            write_wav(folder / f"{number:06d}.wav", sound, RATE)
            total += len(sound) / RATE
            utterances.append(_utterance(number, number % len(voices), voice.gender, said))
    write_utterances(folder / "utterances.jsonl", utterances)
    write_card(folder / "corpus.json", _card(clips))
    return total


def _utterance(number: int, speaker: int, gender: str, said: list[str]) -> Utterance:
    return Utterance(
        id=f"benchmark/{number:06d}", corpus="benchmark", split="train",
        audio=f"{number:06d}.wav", duration=None, sampling_rate=RATE, channels=1,
        transcript=" ".join(said), speaker=f"benchmark/{speaker}", gender=gender,
        label="neutral", label_raw="N",
    )  # fmt: skip


def _card(clips: int) -> CorpusCard:
    return CorpusCard(
        corpus="benchmark", title="generated", licence="none", source="none", audio_root=".",
        classes=("neutral",), utterances=clips, hours=None, read=clips, whyser="0",
    )  # fmt: skip


if __name__ == "__main__":
    main()
