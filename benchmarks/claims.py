"""Measures how fast `whyser.evidence.claims` reads what rationales claim about a voice.

    python benchmarks/claims.py
    python benchmarks/claims.py --rationales 2000 --strict

The rationales are those of the measured teacher on made-up cues, with two sentences in free words
each; every rationale repeats a part of its transcript. The hostile texts repeat one short unit: if
the cost is linear, a character of 96,000 costs as much as one of 12,000. Of a megabyte only the
beginning is read. The baseline splits the same rationales into words and does nothing else. All
times are CPU time.
"""

from __future__ import annotations

import argparse
import random
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from figures import Figure, options_of, show

import whyser.evidence.claims as reader
from whyser.evidence.claims import read_claims
from whyser.evidence.cues import FAMILIES, Cue, Cues, level_of
from whyser.io.console import say
from whyser.records.utterance import Utterance
from whyser.teacher.measured import write_rationales_for

RATIONALES, MAX_SECONDS, MAX_RATIO, MAX_HOSTILE_SECONDS = 10_000, 30.0, 1.5, 5.0
HOSTILE = ("in a low ", "high or low, ", "pitch and ", '"')
FREE = (
    "The voice, usually so strong, has sunk to a hoarse whisper, as if nothing were left to say.",
    "Neither the pitch nor the volume is unusual, and hardly a break interrupts the flow.",
    "She speaks faster than normal, but no louder, and her voice breaks on the last word.",
    "Perhaps the tempo is a little higher than average; people who are angry often speak fast.",
    "The tone is consistent with the words, and the pitch stays in a normal range throughout.",
)


def main() -> None:
    arguments = _arguments()
    say(f"measures {Path(reader.__file__).parent}")
    figures = list(measuring(arguments.rationales))
    show(f"{arguments.rationales:,} rationales", figures, strict=arguments.strict)


def _arguments() -> argparse.Namespace:
    parser = options_of(__doc__)
    parser.add_argument(
        "--rationales", type=int, default=RATIONALES, help="number of rationales [%(default)s]"
    )
    return parser.parse_args()


def measuring(count: int) -> Iterator[Figure]:
    read_claims("The voice is low.")  # reads the table of words
    texts = list(rationales(count))
    baseline = _seconds(lambda: [re.findall(r"\w+", text) for text, _ in texts])
    seconds = _seconds(lambda: [read_claims(*each) for each in texts])
    length = sum(len(text) for text, _ in texts) / len(texts)
    yield Figure("characters of a rationale, mean", f"{length:.0f}")
    bound, met = (
        (f"{MAX_SECONDS:.0f} s", seconds <= MAX_SECONDS) if count == RATIONALES else ("", None)
    )
    yield Figure("claims of all rationales", f"{seconds:.1f} s", bound, met)
    yield Figure("only their words", f"{baseline:.2f} s")
    for unit in HOSTILE:
        yield from _hostile(unit)


def _hostile(unit: str) -> Iterator[Figure]:
    """The cost of a megabyte, and of a character in a long text relative to a shorter one."""
    megabyte, long, short = (unit * (size // len(unit)) for size in (1_000_000, 96_000, 12_000))
    seconds = _seconds(lambda: read_claims(megabyte))
    is_soon = seconds <= MAX_HOSTILE_SECONDS
    yield Figure(f"a megabyte of {unit!r}", f"{seconds:.1f} s", f"{MAX_HOSTILE_SECONDS}", is_soon)
    ratio = _seconds(lambda: read_claims(long)) / (8 * _seconds(lambda: read_claims(short)))
    is_linear = ratio <= MAX_RATIO
    yield Figure("  per character, long to short", f"{ratio:.2f}", f"{MAX_RATIO}", is_linear)


def _seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def rationales(count: int) -> Iterator[tuple[str, str]]:
    """Rationales, each with the transcript of its utterance."""
    random_ = random.Random(0)
    transcript = "it is eleven o'clock, and nobody came"
    for number in range(count):
        utterance = Utterance(
            id=f"c/{number}", corpus="c", split="train", audio=None, duration=None,
            sampling_rate=None, channels=None, transcript=transcript, speaker=None, gender=None,
            label="sad", label_raw="SAD",
        )  # fmt: skip
        strengths = {name: random_.gauss(0, 0.8) for name in FAMILIES}
        cues = {
            name: Cue(value=1.0, deviation=each, strength=each, level=level_of(each))
            for name, each in strengths.items()
        }
        of = Cues(id=utterance.id, reference="speaker", **cues)
        (rationale,) = write_rationales_for([utterance], [of])
        yield " ".join([rationale.text, *random_.sample(FREE, 2)]), transcript


if __name__ == "__main__":
    main()
