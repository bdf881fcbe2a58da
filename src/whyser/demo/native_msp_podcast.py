"""MSP-Podcast in miniature, in the layout of release 1.12.

It keeps these quirks: free-text `Other-...` votes; secondary lists with commas; a few votes without
a secondary list; three-part file names; unknown speakers, and missing or empty transcripts, in
Train; turns without agreement (X); and Test3, whose labels are withheld.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from whyser.demo import sentences
from whyser.demo.emotions import EIGHT, OTHER, Generator, Point, draw, pick
from whyser.demo.raters import DemoVote, at_least, fill, listen, plurality
from whyser.demo.tables import write_csv, write_text
from whyser.demo.voices import Synthesizer, Voice, cast
from whyser.demo.wav import resample, write_wav

CLASSES: dict[str | None, tuple[str, float, str]] = {
    "angry": ("A", 0.12, "Annoyed"),
    "sad": ("S", 0.12, "Depressed"),
    "happy": ("H", 0.13, "Amused"),
    "surprise": ("U", 0.11, "Excited"),
    "fear": ("F", 0.10, "Concerned"),
    "disgust": ("D", 0.10, "Frustrated"),
    "contempt": ("C", 0.10, "Disappointed"),
    "neutral": ("N", 0.22, "Confused"),
    OTHER: ("O", 0.04, "Other-hopeful,optimistic"),
    None: ("X", 0.06, ""),
}
"""Code, share, and a secondary emotion. Neutral is the most frequent, as in the corpus, but every
class is frequent enough for a tiny model to learn."""
CHOICES = tuple(label for label in CLASSES if label is not None)

TURNS = {"Train": 1200, "Development": 120, "Test1": 200, "Test2": 40}
"""Turns with one of the eight classes; those with O or X are added to them."""
TEST3_TURNS = 10
SPEAKERS = {"Train": 36, "Development": 6, "Test1": 12, "Test2": 4}
PARTS = {"Train": "train", "Development": "dev", "Test1": "test", "Test2": "test"}

FREE_TEXT = ("confused", "Frustrated", "Dissapointed", "curious", "sarcastic", "hopeful")


@dataclass(frozen=True)
class PodcastTurn:
    """One spoken turn and its raters' votes; `stem` is the file name without suffix."""

    stem: str
    split: str
    speaker: int
    voice: Voice
    point: Point
    text: str
    votes: list[DemoVote]
    label: str | None


def write_msp_podcast(
    directory: Path, *, seed: int, scale: float, done: Callable[[], None]
) -> None:
    """Write the corpus; the arguments are those of `whyser.demo.corpora.write_corpora`."""
    turns = plan(seed=seed, scale=scale)
    hidden = at_least(TEST3_TURNS, scale, 2)
    rng = np.random.default_rng([seed, 1])
    with Synthesizer(done) as synthesizer:
        _write_audio(directory / "Audios", turns, hidden, rng, synthesizer)
    _write_transcripts(directory / "Transcripts", turns)
    _write_labels(directory / "Labels", turns, rng)
    _write_lists(directory, turns, hidden)


def plan(*, seed: int, scale: float) -> list[PodcastTurn]:
    """Decide who says what and how, and let the raters vote, before anything is spoken."""
    rng = np.random.default_rng([seed, 0])
    turns: list[PodcastTurn] = []
    first_speaker = 1
    for split, count in TURNS.items():
        quotas = {label: at_least(count * share, scale) for label, (_, share, _) in CLASSES.items()}
        acted = fill(quotas, lambda emotion: _record(emotion, rng), rng)
        voices = cast(PARTS[split], SPEAKERS[split], rng)
        for index, (point, votes, label) in enumerate(acted):
            number = index % len(voices)
            speaker = first_speaker + number
            stem = f"MSP-PODCAST_{speaker:04d}_{index // len(voices) + 1:04d}"
            if index % 97 == 5:
                stem += "_0001"
            text = pick(sentences.MSP_PODCAST, rng)
            turns.append(
                PodcastTurn(stem, split, speaker, voices[number], point, text, votes, label)
            )
        first_speaker += len(voices)
    return sorted(turns, key=lambda turn: turn.stem)


def _record(
    emotion: str, rng: Generator
) -> tuple[str | None, tuple[Point, list[DemoVote], str | None]]:
    point = draw(emotion, rng)
    votes = listen(point, CHOICES, rng, int(rng.choice([5, 5, 5, 5, 6, 7])))
    label = plurality([vote.primary for vote in votes])
    return label, (point, votes, label)


def _write_audio(
    folder: Path, turns: list[PodcastTurn], hidden: int, rng: Generator, synthesizer: Synthesizer
) -> None:
    for turn in turns:
        spoken = resample(synthesizer.speak(turn.text, turn.voice, turn.point), 16_000)
        write_wav(folder / f"{turn.stem}.wav", spoken, 16_000)
    for number, voice in enumerate(cast("test", hidden, rng), 1):
        point = draw(EIGHT[number % len(EIGHT)], rng)
        text = sentences.MSP_PODCAST[number % len(sentences.MSP_PODCAST)]
        spoken = resample(synthesizer.speak(text, voice, point), 16_000)
        write_wav(folder / _test3_name(number), spoken, 16_000)


def _test3_name(number: int) -> str:
    return f"MSP-PODCAST_test3_{number:04d}.wav"


def _write_transcripts(folder: Path, turns: list[PodcastTurn]) -> None:
    training = [turn.stem for turn in turns if turn.split == "Train"]
    absent, empty = set(training[3::211]), set(training[7::223])
    for turn in turns:
        if turn.stem not in absent:
            write_text(folder / f"{turn.stem}.txt", "" if turn.stem in empty else turn.text)


def _write_labels(folder: Path, turns: list[PodcastTurn], rng: Generator) -> None:
    unknown = {turn.stem for turn in [t for t in turns if t.split == "Train"][11::157]}
    consensus = [_consensus(turn, unknown=turn.stem in unknown) for turn in turns]
    workers = [(row, list(_workers(turn, rng))) for row, turn in zip(consensus, turns, strict=True)]
    write_csv(folder / "labels_consensus.csv", consensus[0], [row.values() for row in consensus])
    details = [(row["FileName"], line) for row, votes in workers for line, _ in votes]
    write_csv(folder / "labels_detailed.csv", ["FileName", "EmoDetail"], details)
    blocks = [_block(row, [line for line, _ in votes]) for row, votes in workers]
    write_text(folder / "labels.txt", "\n".join(blocks))
    order = ("EmoClass", "EmoAct", "EmoDom", "EmoVal", "SpkrID", "Gender", "Split_Set")
    labels = {row["FileName"]: {key: row[key] for key in order} for row in consensus}
    detailed = {row["FileName"]: dict(vote for _, vote in votes) for row, votes in workers}
    for name, content in (("labels_consensus", labels), ("labels_detailed", detailed)):
        write_text(folder / f"{name}.json", json.dumps(content, indent=1) + "\n")


def _consensus(turn: PodcastTurn, *, unknown: bool) -> dict[str, object]:
    def mean(values: list[float]) -> float:
        return round(sum(map(_seven, values)) / len(values), 6)

    return {
        "FileName": f"{turn.stem}.wav",
        "EmoClass": CLASSES[turn.label][0],
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
    """Yield each worker's line of labels.txt, and its entry of the JSON file."""
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
    """Return the primary choice and the comma-separated secondary list as the interface does."""
    primary = vote.primary.capitalize()
    if vote.primary == OTHER and rng.random() < 0.7:
        primary = f"Other-{pick(FREE_TEXT, rng)}"
    chosen = [primary.removeprefix("Other-"), *(name.capitalize() for name in vote.chosen[1:])]
    if rng.random() < 0.15:
        chosen.append(CLASSES[vote.chosen[-1]][2])
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
    write_text(directory / "Partition.txt", partition)
    speakers = "".join(f"{turn.stem}.wav; {turn.speaker}\n" for turn in turns)
    write_text(directory / "Speaker_ids.txt", speakers)
    write_text(
        directory / "readme.txt",
        "Synthetic miniature in the layout of MSP-Podcast 1.12. Every voice is espeak-ng's and\n"
        "every rater is simulated; nothing here was taken from the corpus.\n",
    )
