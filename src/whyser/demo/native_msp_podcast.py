"""MSP-Podcast in miniature, in the layout of release 1.12.

Natural quirks that are kept: free-text `Other-...` votes, secondary lists with commas, a few votes
without a secondary list, three-part file names, unknown speakers and absent or empty transcripts
in Train, turns without agreement (X), and Test3, whose labels are withheld.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from whyser.demo import sentences
from whyser.demo.emotions import EIGHT, OTHER, Generator, Point, draw
from whyser.demo.raters import DemoVote, at_least, fill, listen, plurality
from whyser.demo.voices import Synthesizer, Voice, cast
from whyser.demo.wav import resample, write_wav

CLASSES = (*EIGHT, OTHER)
CODES: dict[str | None, str] = {
    "angry": "A",
    "sad": "S",
    "happy": "H",
    "surprise": "U",
    "fear": "F",
    "disgust": "D",
    "contempt": "C",
    "neutral": "N",
    OTHER: "O",
    None: "X",
}
SHARES = {
    "neutral": 0.22,
    "happy": 0.13,
    "angry": 0.12,
    "sad": 0.12,
    "surprise": 0.11,
    "fear": 0.10,
    "disgust": 0.10,
    "contempt": 0.10,
}
"""Neutral leads as in the corpus, but no class is so rare that a tiny model could not learn it."""

TURNS = {"Train": 1200, "Development": 120, "Test1": 200, "Test2": 40}
"""Turns with one of the eight classes; those without (O, X) come on top."""
TEST3_TURNS = 10
SPEAKERS = {"Train": 36, "Development": 6, "Test1": 12, "Test2": 4}
PARTS = {"Train": "train", "Development": "dev", "Test1": "test", "Test2": "test"}

FREE_TEXT = ("confused", "Frustrated", "Dissapointed", "curious", "sarcastic", "hopeful")
SECONDARY = {
    "happy": "Amused",
    "surprise": "Excited",
    "sad": "Depressed",
    "angry": "Annoyed",
    "fear": "Concerned",
    "disgust": "Frustrated",
    "contempt": "Disappointed",
    "neutral": "Confused",
    OTHER: "Other-hopeful,optimistic",
}


@dataclass(frozen=True)
class PodcastTurn:
    """One spoken turn and what its raters said; `stem` is the file name without suffix."""

    stem: str
    split: str
    speaker: int
    voice: Voice
    point: Point
    text: str
    votes: tuple[DemoVote, ...]
    label: str | None


def write_msp_podcast(
    directory: Path, *, seed: int, scale: float, done: Callable[[], None]
) -> None:
    """Write the corpus.

    Args:
        directory: Target.
        seed: Fixes every byte.
        scale: Shrinks the number of turns.
        done: Called after each clip.
    """
    turns = plan(seed=seed, scale=scale)
    rng = np.random.default_rng([seed, 1])
    _write_audio(directory, turns, at_least(TEST3_TURNS, scale, 2), rng, done)
    _write_transcripts(directory, turns)
    _write_labels(directory / "Labels", turns, rng)
    _write_lists(directory, turns, at_least(TEST3_TURNS, scale, 2))


def plan(*, seed: int, scale: float) -> list[PodcastTurn]:
    """Decide who says what and how, and let the raters vote; nothing is spoken yet."""
    rng = np.random.default_rng([seed, 0])
    turns: list[PodcastTurn] = []
    first_speaker = 1
    for split, count in TURNS.items():
        acted = fill(_quotas(count, scale), lambda emotion: _record(emotion, rng), rng)
        voices = cast(PARTS[split], SPEAKERS[split], rng)
        for index, (point, votes, label) in enumerate(acted):
            number = index % len(voices)
            speaker = first_speaker + number
            stem = f"MSP-PODCAST_{speaker:04d}_{index // len(voices) + 1:04d}"
            if index % 97 == 5:
                stem = f"MSP-PODCAST_{speaker:04d}_{index // len(voices) + 1:04d}_0001"
            text = sentences.MSP_PODCAST[int(rng.integers(len(sentences.MSP_PODCAST)))]
            turns.append(
                PodcastTurn(stem, split, speaker, voices[number], point, text, tuple(votes), label)
            )
        first_speaker += len(voices)
    return sorted(turns, key=lambda turn: turn.stem)


def _quotas(count: int, scale: float) -> dict[str | None, int]:
    quotas: dict[str | None, int] = {
        label: at_least(count * share, scale) for label, share in SHARES.items()
    }
    return {**quotas, OTHER: at_least(0.04 * count, scale), None: at_least(0.06 * count, scale)}


Recording = tuple[Point, list[DemoVote], str | None]


def _record(emotion: str, rng: Generator) -> tuple[str | None, Recording]:
    point = draw(emotion, rng)
    votes = listen(point, CLASSES, rng, int(rng.choice([5, 5, 5, 5, 6, 7])))
    label = plurality([vote.primary for vote in votes])
    return label, (point, votes, label)


def _write_audio(
    directory: Path, turns: list[PodcastTurn], hidden: int, rng: Generator, done: Callable[[], None]
) -> None:
    with Synthesizer() as synthesizer:
        for turn in turns:
            spoken = synthesizer.speak(turn.text, turn.voice, turn.point)
            write_wav(directory / "Audios" / f"{turn.stem}.wav", resample(spoken, 16_000), 16_000)
            done()
        for number, voice in enumerate(cast("test", hidden, rng), 1):
            point = draw(EIGHT[number % len(EIGHT)], rng)
            text = sentences.MSP_PODCAST[number % len(sentences.MSP_PODCAST)]
            spoken = resample(synthesizer.speak(text, voice, point), 16_000)
            write_wav(directory / "Audios" / _test3_name(number), spoken, 16_000)
            done()


def _test3_name(number: int) -> str:
    return f"MSP-PODCAST_test3_{number:04d}.wav"


def _write_transcripts(directory: Path, turns: list[PodcastTurn]) -> None:
    folder = directory / "Transcripts"
    folder.mkdir(parents=True)
    training = [turn.stem for turn in turns if turn.split == "Train"]
    absent, empty = set(training[3::211]), set(training[7::223])
    for turn in turns:
        if turn.stem not in absent:
            text = "" if turn.stem in empty else turn.text
            (folder / f"{turn.stem}.txt").write_text(text, encoding="utf-8")


def _write_labels(folder: Path, turns: list[PodcastTurn], rng: Generator) -> None:
    folder.mkdir(parents=True)
    unknown = {turn.stem for turn in [t for t in turns if t.split == "Train"][11::157]}
    consensus = [_consensus(turn, unknown=turn.stem in unknown) for turn in turns]
    workers = {turn.stem: list(_workers(turn, rng)) for turn in turns}
    _write_csv(folder / "labels_consensus.csv", consensus[0], [row.values() for row in consensus])
    details = [(f"{turn.stem}.wav", line) for turn in turns for line, _ in workers[turn.stem]]
    _write_csv(folder / "labels_detailed.csv", ["FileName", "EmoDetail"], details)
    blocks = [
        _block(row, [line for line, _ in workers[Path(str(row["FileName"])).stem]])
        for row in consensus
    ]
    (folder / "labels.txt").write_text("\n".join(blocks), encoding="utf-8")
    order = ("EmoClass", "EmoAct", "EmoDom", "EmoVal", "SpkrID", "Gender", "Split_Set")
    _write_json(
        folder / "labels_consensus.json",
        {str(row["FileName"]): {key: row[key] for key in order} for row in consensus},
    )
    _write_json(
        folder / "labels_detailed.json",
        {f"{turn.stem}.wav": dict(entry for _, entry in workers[turn.stem]) for turn in turns},
    )


def _consensus(turn: PodcastTurn, *, unknown: bool) -> dict[str, object]:
    def mean(values: list[float]) -> float:
        return round(sum(map(_seven, values)) / len(values), 6)

    return {
        "FileName": f"{turn.stem}.wav",
        "EmoClass": CODES[turn.label],
        "EmoAct": mean([vote.activation for vote in turn.votes]),
        "EmoVal": mean([vote.valence for vote in turn.votes]),
        "EmoDom": mean([vote.dominance for vote in turn.votes]),
        "SpkrID": "Unknown" if unknown else str(turn.speaker),
        "Gender": "Unknown" if unknown else turn.voice.gender.capitalize(),
        "Split_Set": turn.split,
    }


def _seven(value: float) -> int:
    """Mark one of the seven manikins."""
    return round(4 + value)


def _workers(
    turn: PodcastTurn, rng: Generator
) -> Iterator[tuple[str, tuple[str, dict[str, object]]]]:
    """Yield each worker's line of labels.txt, and the same as an entry of the JSON file."""
    numbers = sorted(int(number) for number in rng.choice(80, len(turn.votes), replace=False) + 1)
    for number, vote in zip(numbers, turn.votes, strict=True):
        worker = f"WORKER{number:08d}"
        primary, secondary = _words(vote, rng)
        marks = [_seven(v) for v in (vote.activation, vote.valence, vote.dominance)]
        scores = "; ".join(f"{k}:{v:.6f}" for k, v in zip("AVD", marks, strict=True))
        lacking = rng.random() < 0.01
        middle = "" if lacking else f"{secondary}; "
        entry: dict[str, object] = {"EmoClass_Major": primary}
        if not lacking:
            entry["EmoClass_Second"] = secondary
        entry |= {"EmoAct": marks[0], "EmoVal": marks[1], "EmoDom": marks[2]}
        yield f"{worker}; {primary}; {middle}{scores};", (worker, entry)


def _words(vote: DemoVote, rng: Generator) -> tuple[str, str]:
    """Spell the primary choice and the comma-separated secondary list as the interface does."""
    primary = vote.primary.capitalize()
    if vote.primary == OTHER and rng.random() < 0.7:
        primary = f"Other-{FREE_TEXT[int(rng.integers(len(FREE_TEXT)))]}"
    chosen = [primary.removeprefix("Other-"), *(name.capitalize() for name in vote.chosen[1:])]
    if rng.random() < 0.15:
        chosen.append(SECONDARY[vote.chosen[-1]])
    return primary, ",".join(dict.fromkeys(chosen))


def _block(row: dict[str, object], lines: list[str]) -> str:
    scores = "; ".join(
        f"{k}:{row[f'Emo{n}']:.6f}" for k, n in zip("AVD", ("Act", "Val", "Dom"), strict=True)
    )
    return "\n".join([f"{row['FileName']}; {row['EmoClass']}; {scores};", *lines, ""])


def _write_lists(directory: Path, turns: list[PodcastTurn], hidden: int) -> None:
    names = [(turn.split, f"{turn.stem}.wav") for turn in turns]
    names += [("Test3", _test3_name(number)) for number in range(1, hidden + 1)]
    partition = "".join(f"{split}; {name}\n" for split, name in names)
    (directory / "Partition.txt").write_text(partition, encoding="utf-8")
    speakers = "".join(f"{turn.stem}.wav; {turn.speaker}\n" for turn in turns)
    (directory / "Speaker_ids.txt").write_text(speakers, encoding="utf-8")
    (directory / "readme.txt").write_text(
        "Synthetic miniature in the layout of MSP-Podcast 1.12. Every voice is espeak-ng's and\n"
        "every rater is simulated; nothing here was taken from the corpus.\n",
        encoding="utf-8",
    )


def _write_csv(path: Path, header: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def _write_json(path: Path, content: dict[str, object]) -> None:
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
