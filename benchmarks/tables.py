"""Measures how fast `whyser-convert table` reads a table with one row for each annotator's vote.

    python benchmarks/tables.py
    python benchmarks/tables.py --votes 100000 --strict

The table is made up: five votes for each clip, of 5,000 annotators, with speaker, split and text.
The figure is that of the whole command, including its start, without sound. The baseline reads the
same table with pandas, groups it and writes as many lines of JSON, without checks.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from pathlib import Path

from figures import Figure, options_of, run, show

import whyser
from whyser.io.console import say
from whyser.labels.classes import CLASSES

VOTES, MAX_SECONDS, MAX_GB = 1_000_000, 20.0, 1.0
A_CLIP = 5
TABLE = "from whyser_converters.cli import main; main()"


def main() -> None:
    arguments = _arguments()
    say(f"measures {Path(whyser.__file__).parent}")
    with tempfile.TemporaryDirectory(prefix="whyser_") as folder:
        table = write_votes(Path(folder, "votes.csv"), arguments.votes)
        words = ("table", str(table), folder, "--name", "votes", "--no-audio")
        _, cost = run("-c", TABLE, *words)
        seconds = baseline(table, Path(folder, "baseline.jsonl"))
    is_whole = arguments.votes >= VOTES
    figures = [
        Figure("seconds", f"{cost.wall:.1f}", f"<= {MAX_SECONDS:g}",
               cost.wall <= MAX_SECONDS if is_whole else None),
        Figure("peak memory", f"{cost.peak_gb:.2f} GB", f"<= {MAX_GB:g} GB",
               cost.peak_gb <= MAX_GB if is_whole else None),
        Figure("pandas", f"{seconds:.1f} s, so {cost.wall / seconds:.1f} times as long"),
    ]  # fmt: skip
    show(f"whyser-convert table, {arguments.votes:,} votes", figures, strict=arguments.strict)


def write_votes(path: Path, votes: int) -> Path:
    draw = random.Random(0)
    with path.open("w", encoding="utf-8") as stream:
        stream.write("file,annotator,emotion,speaker,split,text\n")
        for clip in range(votes // A_CLIP):
            speaker = clip % 1000
            split = "train" if speaker < 700 else "dev" if speaker < 800 else "test"
            acted = draw.choice(CLASSES)
            for _ in range(A_CLIP):
                label = acted if draw.random() < 0.6 else draw.choice(CLASSES)
                stream.write(
                    f"wav/clip_{clip:06}.wav,w{draw.randrange(5000)},{label},s{speaker},{split},"
                    f"I told you that I would come on day {clip}\n"
                )
    return path


def baseline(table: Path, output: Path) -> float:
    import pandas as pd

    start = time.perf_counter()
    rows = pd.read_csv(table)
    grouped = rows.groupby("file", sort=False).agg(
        {"annotator": list, "emotion": list, "speaker": "first", "split": "first", "text": "first"}
    )
    with output.open("w", encoding="utf-8") as stream:
        for row in grouped.itertuples():
            stream.write(json.dumps(row) + "\n")
    return time.perf_counter() - start


def _arguments() -> argparse.Namespace:
    parser = options_of(__doc__)
    parser.add_argument("--votes", type=int, default=VOTES, help="number of votes [%(default)s]")
    return parser.parse_args()


if __name__ == "__main__":
    main()
