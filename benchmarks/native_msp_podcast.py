"""Writes the annotation of a generated MSP-Podcast, in the layout and grammar of release 1.12.

    python benchmarks/native_msp_podcast.py DIR [--turns 207136]

The script writes Labels/labels_consensus.csv, Labels/labels_detailed.csv, Partition.txt, a small
file per turn in Transcripts/, and at the end generated.json with the numbers of turns and votes.
It writes no audio, and neither labels.txt nor the JSON files, which repeat the two tables.

Each turn has 5 to 9 votes, 1.2 million in all, by 14,000 workers. There are about 4,000 distinct
free-text primary choices, some with a comma; secondary lists, which 1 % of the votes lack; unknown
speakers; names with three parts; empty transcripts; and Test3, of which only the names are
published. The consensus is the unique plurality of the votes over the eight classes and Other.
The words are drawn at random. The script imports no code of ours, so it cannot repeat our mistakes.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations, permutations
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

FULL = 207_136
"""The turns of release 1.12."""
TEST3 = 3_200
"""The turns of the split Test3, whose labels, speakers and transcripts are withheld."""

WORKERS = 14_000
VOTES, VOTE_SHARES = (5, 6, 7, 8, 9), (0.49, 0.27, 0.14, 0.06, 0.04)
TURNS_A_PODCAST = 46

CLASSES = ("Neutral", "Happy", "Angry", "Sad", "Contempt", "Surprise", "Disgust", "Fear", "Other")
CODES = np.array(list("NHASCUDFOX"))
SHARES = (0.36, 0.20, 0.11, 0.08, 0.06, 0.06, 0.04, 0.02, 0.07)
AGREEMENT = 0.35
"""The probability that a vote is the turn's own class and not a random one; it gives 19 % of X."""

SPLITS = ("Train", "Development", "Test1", "Test2")
SPLIT_SHARES = (0.55, 0.16, 0.22, 0.07)

SECONDARY = (
    *("Angry", "Sad", "Happy", "Amused", "Neutral", "Frustrated", "Depressed", "Surprise"),
    *("Concerned", "Disgust", "Disappointed", "Excited", "Confused", "Annoyed", "Fear", "Contempt"),
)
MOODS = (
    *("confused", "Frustrated", "Dissapointed", "curious", "sarcastic", "hopeful", "Calm", "bored"),
    *("proud", "Nervous", "thoughtful", "interested", "serious", "Relaxed", "anxious", "tired"),
    *("amazed", "nostalgic", "confident", "Passionate", "playful", "unsure", "joking", "grateful"),
    *("Informative", "skeptical", "shy", "impatient", "relieved", "eager", "lonely", "jealous"),
    *("determined", "embarrassed", "content", "Empathetic"),
)
WORDS = (
    *("so", "the", "thing", "about", "that", "is", "we", "never", "really", "know", "what", "and"),
    *("people", "think", "until", "they", "say", "it", "out", "loud", "then", "everybody", "talks"),
)

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Turns:
    """The labelled turns in the order of the tables; `consensus` has the columns of that table."""

    consensus: pd.DataFrame
    votes: Integers


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("directory", type=Path, metavar="DIR", help="folder to write to")
    parser.add_argument(
        "--turns", type=int, default=FULL, help="number of turns, including Test3 [%(default)s]"
    )
    arguments = parser.parse_args()
    write_msp_podcast(arguments.directory, arguments.turns)


def write_msp_podcast(directory: Path, turns: int) -> None:
    """Writes the corpus, with the same bytes for the same number of turns."""
    rng = np.random.default_rng(0)
    hidden = round(turns * TEST3 / FULL)
    names, podcasts = _names(turns - hidden)
    votes = rng.choice(VOTES, len(names), p=VOTE_SHARES)
    primaries = _primaries(votes, rng)
    scores = rng.integers(1, 8, (len(primaries), 3))  # activation, valence, dominance
    table = pd.DataFrame(
        {
            "FileName": names,
            "EmoClass": CODES[_consensus(votes, primaries)],
            **_means(votes, scores),
            **_people(podcasts, rng),
        }
    )
    labels = directory / "Labels"
    labels.mkdir(parents=True)
    table.to_csv(labels / "labels_consensus.csv", index=False, lineterminator="\n")
    details = _details(primaries, scores, _workers(votes, rng), rng)
    rated = np.repeat(np.array(names, dtype=object), votes)
    _write_details(labels / "labels_detailed.csv", zip(rated, details, strict=True))
    _write_partition(directory / "Partition.txt", names, table["Split_Set"], hidden)
    _write_transcripts(directory / "Transcripts", names, rng)
    summary = {"turns": turns, "labelled": len(names), "votes": len(primaries)}
    (directory / "generated.json").write_text(json.dumps(summary) + "\n", encoding="utf-8")


def _names(count: int) -> tuple[list[str], Integers]:
    """File names in order, one in 97 with three parts, and the podcast number of each."""
    podcasts, places = np.divmod(np.arange(count), TURNS_A_PODCAST)
    return [
        f"MSP-PODCAST_{podcast:04d}_{place:04d}{'_0001' if number % 97 == 5 else ''}.wav"
        for number, (podcast, place) in enumerate(zip(podcasts + 1, places + 1, strict=True))
    ], podcasts


def _primaries(votes: Integers, rng: np.random.Generator) -> Integers:
    """The primary class of each vote, as its index in `CLASSES`."""
    own = np.repeat(rng.choice(len(CLASSES), len(votes), p=SHARES), votes)
    drawn = rng.choice(len(CLASSES), len(own), p=SHARES)
    return np.where(rng.random(len(own)) < AGREEMENT, own, drawn)


def _consensus(votes: Integers, primaries: Integers) -> Integers:
    """The unique plurality of each turn, as an index; on a tie, the index after the last class."""
    turn = np.repeat(np.arange(len(votes)), votes)
    counts = np.bincount(
        turn * len(CLASSES) + primaries, minlength=len(votes) * len(CLASSES)
    ).reshape(len(votes), len(CLASSES))
    ties = (counts == counts.max(axis=1, keepdims=True)).sum(axis=1) > 1
    return np.where(ties, len(CLASSES), counts.argmax(axis=1))


def _means(votes: Integers, scores: Integers) -> dict[str, npt.NDArray[np.float64]]:
    starts = np.cumsum(votes) - votes
    means = np.add.reduceat(scores, starts) / votes[:, None]
    return dict(zip(("EmoAct", "EmoVal", "EmoDom"), means.round(6).T, strict=True))


def _people(podcasts: Integers, rng: np.random.Generator) -> dict[str, Sequence[str]]:
    """Speaker, gender and split; each show of three podcasts has its own host and guest."""
    shows = podcasts // 3
    speakers = 2 * shows + 1 + (rng.random(len(shows)) < 0.4)
    unknown = rng.random(len(shows)) < 0.05
    splits = rng.choice(SPLITS, shows.max() + 1, p=SPLIT_SHARES)
    return {
        "SpkrID": np.where(unknown, "Unknown", speakers.astype(str)),
        "Gender": np.where(unknown, "Unknown", np.where(speakers % 3, "Male", "Female")),
        "Split_Set": splits[shows],
    }


def _workers(votes: Integers, rng: np.random.Generator) -> Integers:
    """The worker of each vote; those of a turn are consecutive on a ring, so they are distinct."""
    first = np.repeat(rng.integers(0, WORKERS, len(votes)), votes)
    starts = np.repeat(np.cumsum(votes) - votes, votes)
    return (first + np.arange(votes.sum()) - starts) % WORKERS + 1


def _free_text() -> list[str]:
    """What annotators type for Other, the most frequent first; some texts have a comma."""
    pairs = [f"{a}{mark}{b}" for mark in (" and ", ",", "/") for a, b in permutations(MOODS, 2)]
    degrees = [f"{degree} {mood}" for degree in ("very", "a bit", "Slightly") for mood in MOODS]
    return ["Other", *(f"Other-{text}" for text in (*MOODS, *degrees, *pairs))]


def _details(
    primaries: Integers, scores: Integers, workers: Integers, rng: np.random.Generator
) -> Iterable[str]:
    """The line of labels.txt of each vote."""
    free = _free_text()
    words = [*CLASSES[:-1], *free]
    by_rank = 1 / np.arange(1, len(free) + 1)
    typed = rng.choice(len(free), len(primaries), p=by_rank / by_rank.sum())
    is_other = primaries == len(CLASSES) - 1
    chosen = np.where(is_other, len(CLASSES) - 1 + typed, primaries)
    lists = [many for size in range(4) for many in combinations(SECONDARY, size)]
    by_size = np.array([(0.38, 0.38 / 16, 0.18 / 120, 0.06 / 560)[len(many)] for many in lists])
    extra = rng.choice(len(lists), len(primaries), p=by_size)
    lacking = rng.random(len(primaries)) < 0.01

    @cache
    def choices(word: int, more: int) -> str:
        first = words[word].removeprefix("Other-")
        return f"{words[word]}; {','.join(dict.fromkeys((first, *lists[more])))}; "

    marks = [f"{score}.000000" for score in range(8)]
    for worker, word, more, lacks, (act, val, dom) in zip(
        *(column.tolist() for column in (workers, chosen, extra, lacking, scores)), strict=True
    ):
        said = f"{words[word]}; " if lacks else choices(word, more)
        yield f"WORKER{worker:08d}; {said}A:{marks[act]}; V:{marks[val]}; D:{marks[dom]};"


def _write_details(path: Path, rows: Iterable[tuple[str, str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(("FileName", "EmoDetail"))
        writer.writerows(rows)


def _write_partition(path: Path, names: list[str], splits: Iterable[str], hidden: int) -> None:
    lines = [f"{split}; {name}\n" for split, name in zip(splits, names, strict=True)]
    lines += [f"Test3; MSP-PODCAST_test3_{number:04d}.wav\n" for number in range(1, hidden + 1)]
    path.write_text("".join(lines), encoding="utf-8")


def _write_transcripts(folder: Path, names: list[str], rng: np.random.Generator) -> None:
    folder.mkdir()
    texts = [
        " ".join(rng.choice(WORDS, rng.integers(4, 30))).capitalize().encode() + b"."
        for _ in range(2_000)
    ]
    for number, (name, text) in enumerate(
        zip(names, rng.integers(0, len(texts), len(names)).tolist(), strict=True)
    ):
        # Use no buffered stream: setting one up takes longer than writing these few bytes.
        handle = os.open(f"{folder}/{name[:-4]}.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        os.write(handle, b"" if number % 499 == 7 else texts[text])
        os.close(handle)


if __name__ == "__main__":
    main()
