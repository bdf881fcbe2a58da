"""Measures how fast `whyser.rewards` pays completions, on one core.

    python benchmarks/rewards.py
    python benchmarks/rewards.py --completions 800 --strict

The completions are Eq. 1 with rationales of 430 characters, which `benchmarks/claims.py` writes,
and transcripts with a wrong word; there are eight for each clip, as in GRPO. Times are CPU time,
also that of reading the tables of words. The baseline only parses the blocks of each completion.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Callable, Iterator
from typing import Any

from claims import rationales
from figures import Figure, options_of, show

from whyser import rewards
from whyser.evidence.cues import FAMILIES, Cue, Cues, level_of
from whyser.labels.classes import CLASSES
from whyser.prompting.answer import parse_answer, render_answer

COMPLETIONS, MAX_SECONDS, GENERATIONS = 10_000, 20.0, 8


def main() -> None:
    arguments = _arguments()
    figures = list(measuring(arguments.completions))
    show(f"{arguments.completions:,} completions", figures, strict=arguments.strict)


def _arguments() -> argparse.Namespace:
    parser = options_of(__doc__)
    parser.add_argument(
        "--completions", type=int, default=COMPLETIONS, help="number of completions [%(default)s]"
    )
    return parser.parse_args()


def measuring(count: int) -> Iterator[Figure]:
    completions, columns = batch(count)
    seconds = _seconds(lambda: rewards.weighted_sum(completions, **columns))
    is_whole = count == COMPLETIONS
    yield Figure(
        "all five, weighted",
        f"{seconds:.1f} s",
        f"{MAX_SECONDS:.0f} s",
        seconds <= MAX_SECONDS if is_whole else None,
    )
    for reward in (rewards.majority_label, rewards.groundedness, rewards.transcript_match):
        own = _seconds(lambda reward=reward: reward(completions, **columns))  # type: ignore[misc]
        yield Figure(f"  {reward.__name__}, again", f"{own:.1f} s")
    parsed = _seconds(lambda: [parse_answer(each) for each in completions])
    yield Figure("only the blocks", f"{parsed:.2f} s")


def batch(count: int) -> tuple[list[str], dict[str, list[Any]]]:
    """Completions and their columns; the eight of a clip share its row."""
    random_ = random.Random(0)
    completions: list[str] = []
    columns: dict[str, list[Any]] = {
        name: [] for name in ("solution", "votes", "transcript", "cues", "chances")
    }
    row: dict[str, Any] = {}
    for number, (rationale, transcript) in enumerate(rationales(count)):
        if number % GENERATIONS == 0:
            row = _row(number, transcript, random_)
        words = row["transcript"].split()
        words[random_.randrange(len(words))] = f"word{number}"
        label = random_.choice(CLASSES)
        completions.append(render_answer(label, transcript=" ".join(words), rationale=rationale))
        for name, values in columns.items():
            values.append(row[name])
    return completions, columns


def _row(number: int, transcript: str, random_: random.Random) -> dict[str, Any]:
    cues = {
        name: Cue(value=1.0, deviation=one, strength=one, level=level_of(one))
        for name in FAMILIES
        for one in [random_.gauss(0, 1)]
    }
    return {
        "solution": random_.choice(CLASSES),
        "votes": json.dumps(random_.choices(CLASSES, k=5)),
        "transcript": f"{transcript} {number}",
        "cues": Cues(id=f"c/{number}", reference="speaker", **cues).model_dump_json(),
        "chances": json.dumps({"pitch high": 0.4, "pitch normal": 0.6}),
    }


def _seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


if __name__ == "__main__":
    main()
