"""Measures how often a spoilt recording turns a cue into its opposite, or makes it unmeasurable.

    python benchmarks/cue_reliability.py
    python benchmarks/cue_reliability.py --utterances data/ravdess/utterances.jsonl --clips 120
    python benchmarks/cue_reliability.py --utterances FILE --trackers --strict

A level is opposite if it is high where the clean clip's level is low, or the reverse. A tenth of
the clips is spoilt at a time, so the speakers are compared with their clean clips. Without
`--utterances` the demo's voices speak; give a converted corpus of real speech for figures that
count. Whisper and creak need WORLD, and mp3 needs the command ffmpeg; conditions without their
program are left out. `--trackers` compares the levels of clean clips with those by WORLD (Harvest)
and pYIN. The project needs neither: `pip install pyworld librosa`, for this script only.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from importlib import import_module
from pathlib import Path

import numpy as np
from cues import write_corpus
from figures import Figure, options_of, show
from sound_conditions import RATE, Floats, conditions

from whyser.evidence.acoustics import Acoustics, count_syllables, measure
from whyser.evidence.cues import FAMILIES, Cues, Family, relate
from whyser.io import audio
from whyser.io.console import print_table, say
from whyser.records.corpus import Corpus
from whyser.records.utterance import Utterance

MOST_OPPOSITE, LEAST_MEASURABLE = 0.02, 0.95
CLEAN, PARTS = "clean", 10


def main() -> None:
    arguments = _arguments()
    with tempfile.TemporaryDirectory(prefix="whyser_") as folder:
        file = arguments.utterances
        if file is None:
            write_corpus(Path(folder), arguments.clips)
            file = Path(folder) / "utterances.jsonl"
        clips = sample(Corpus(file), arguments.clips)
        say(f"{len(clips):,} clips of {len({one.speaker for one, _ in clips})} speakers")
        figures = list(reliability(clips))
        if arguments.trackers:
            compare_trackers(clips)
    show("Reliability of cues", figures, strict=arguments.strict)


def _arguments() -> argparse.Namespace:
    parser = options_of(__doc__)
    parser.add_argument("--utterances", type=Path, help="read this utterances.jsonl")
    parser.add_argument("--clips", type=int, default=120, help="number of clips [%(default)s]")
    parser.add_argument(
        "--trackers", action="store_true", help="compare the levels with two other pitch trackers"
    )
    return parser.parse_args()


def sample(corpus: Corpus, size: int) -> list[tuple[Utterance, Path]]:
    """As many clips of each speaker, evenly over the file."""
    of_speaker: dict[str | None, list[Utterance]] = {}
    for one in corpus.utterances():
        of_speaker.setdefault(one.speaker, []).append(one)
    each = max(1, size // len(of_speaker))
    chosen = (
        group[place]
        for group in of_speaker.values()
        for place in sorted({int(at) for at in np.linspace(0, len(group) - 1, each)})
    )
    return [(one, corpus.audio_path(one)) for one in chosen]


def reliability(clips: Sequence[tuple[Utterance, Path]]) -> Iterator[Figure]:
    """Prints the table of all conditions and yields the figures with bounds."""
    names = [CLEAN, *conditions()]
    with ProcessPoolExecutor(min(2, os.cpu_count() or 1)) as pool:
        measured = {
            name: list(pool.map(partial(_measured, name), clips, chunksize=4)) for name in names
        }
    utterances = [one for one, _ in clips]
    clean = list(relate(utterances, measured[CLEAN]))
    rows, worst = [], dict.fromkeys(names, 0.0)
    for name in names:
        spoilt = _among_clean(utterances, measured[CLEAN], measured[name])
        shares = {family: _shares(clean, spoilt, family) for family in FAMILIES}
        worst[name] = max(opposite for opposite, _ in shares.values())
        rows.append([name, *(f"{100 * a:.1f} ({100 * b:.1f})" for a, b in shares.values())])
    title = "Opposite levels, and in parentheses those not measurable, in percent"
    print_table(title, ["condition", *FAMILIES], rows)
    lost = max(np.mean([getattr(one, family) is None for one in clean]) for family in FAMILIES)
    yield Figure(
        "clean clips, measurable in the worst family",
        f"{100 * (1 - lost):.1f} %",
        f"at least {100 * LEAST_MEASURABLE:.0f} %",
        bool(1 - lost >= LEAST_MEASURABLE),
    )
    for name in names[1:]:
        met = worst[name] <= MOST_OPPOSITE
        figure = f"{100 * worst[name]:.1f} %"
        bound = f"at most {100 * MOST_OPPOSITE:.0f} %"
        yield Figure(f"{name}: opposite in the worst family", figure, bound, met)


def _measured(name: str, clip: tuple[Utterance, Path]) -> Acoustics:
    utterance, path = clip
    samples = audio.load(path)
    if name != CLEAN:
        rng = np.random.default_rng(zlib.crc32(f"{name} {utterance.id}".encode()))
        samples = conditions()[name](samples.astype(np.float64), rng).astype(np.float32)
    return measure(samples, utterance.transcript)


def _among_clean(
    utterances: Sequence[Utterance], clean: Sequence[Acoustics], spoilt: Sequence[Acoustics]
) -> list[Cues]:
    """The cues of each spoilt clip where nine of ten clips are clean."""
    found: dict[int, Cues] = {}
    for part in range(PARTS):
        mixed = [
            bad if number % PARTS == part else good
            for number, (good, bad) in enumerate(zip(clean, spoilt, strict=True))
        ]
        related = list(relate(utterances, mixed))
        found |= {number: related[number] for number in range(part, len(related), PARTS)}
    return [found[number] for number in range(len(found))]


def _shares(clean: Sequence[Cues], spoilt: Sequence[Cues], family: Family) -> tuple[float, float]:
    """Shares of opposite levels and of those not measurable, of the clips measured when clean."""
    pairs = [(getattr(a, family), getattr(b, family)) for a, b in zip(clean, spoilt, strict=True)]
    pairs = [(good, bad) for good, bad in pairs if good]
    if not pairs:
        return 0.0, 0.0
    opposite = [bool(bad) and {good.level, bad.level} == {"low", "high"} for good, bad in pairs]
    return float(np.mean(opposite)), float(np.mean([not bad for _, bad in pairs]))


def compare_trackers(clips: Sequence[tuple[Utterance, Path]]) -> None:
    """Prints how the levels of clean clips agree with those by two other trackers."""
    utterances = [one for one, _ in clips]
    with ProcessPoolExecutor(min(2, os.cpu_count() or 1)) as pool:
        found: Mapping[str, list[Cues]] = {
            name: list(relate(utterances, pool.map(partial(_by, name), clips, chunksize=2)))
            for name in ("ours", "WORLD", "pYIN")
        }
    names = ("pitch", "pitch_range", "rate", "loudness")
    rows = []
    for first, second in (("ours", "WORLD"), ("ours", "pYIN"), ("WORLD", "pYIN")):
        cells = []
        for family in names:
            pairs = [
                (a.level, b.level)
                for one, other in zip(found[first], found[second], strict=True)
                if (a := getattr(one, family)) and (b := getattr(other, family))
            ]
            opposite = np.mean([set(pair) == {"low", "high"} for pair in pairs])
            same = np.mean([a == b for a, b in pairs])
            cells.append(f"{100 * opposite:.1f} ({100 * same:.0f})")
        rows.append([f"{first} and {second}", *cells])
    title = "Clean clips: opposite levels, and in parentheses the same level, in percent"
    print_table(title, ["trackers", *names], rows)


def _by(name: str, clip: tuple[Utterance, Path]) -> Acoustics:
    """The measures of a clip by another tracker's pitch and voicing."""
    utterance, path = clip
    samples = audio.load(path)
    if name == "ours":
        return measure(samples, utterance.transcript)
    f0, step = (_world if name == "WORLD" else _pyin)(samples)
    power = np.convolve(samples.astype(np.float64) ** 2, np.ones(512) / 512, "same")
    level = 10 * np.log10(
        power[(np.arange(len(f0)) * step * RATE).astype(int) % len(power)] + 1e-12
    )
    voiced = (f0 > 0) & (level > level.max() - 25)
    if voiced.sum() * step < 0.1:
        return Acoustics()
    times, tones = np.flatnonzero(voiced) * step, 12 * np.log2(f0[voiced])
    # Unvoiced sounds are shorter than 0.2 s; longer gaps are pauses.
    gaps = np.diff(times)
    seconds = times[-1] - times[0] - gaps[gaps > 0.2].sum()
    return Acoustics(
        pitch=float(2 ** (np.median(tones) / 12)),
        pitch_range=float(np.subtract(*np.percentile(tones, [95, 5]))),
        loudness=float(10 * np.log10(np.mean(10 ** (level[voiced] / 10)))),
        rate=count_syllables(utterance.transcript) / max(seconds, step),
    )


def _world(samples: audio.Samples) -> tuple[Floats, float]:
    pyworld = import_module("pyworld")

    return pyworld.harvest(samples.astype(np.float64), RATE, f0_floor=71, f0_ceil=700)[0], 0.005


def _pyin(samples: audio.Samples) -> tuple[Floats, float]:
    import librosa

    f0, voiced, _ = librosa.pyin(
        samples, fmin=70, fmax=650, sr=RATE, frame_length=1024, hop_length=320
    )
    return np.where(voiced, f0, 0.0), 0.02


if __name__ == "__main__":
    main()
