"""Measures the time of the rule reader on answers as long as real ones, and on hostile megabytes.

    python benchmarks/reading.py
    python benchmarks/reading.py --answers 1000 --hostile 100000 --strict

The answers are made up, in the mixture of forms that audio-language models give: bare labels,
sentences, JSON, and step-by-step reasoning; every answer has other words, so no cached reading is
used. Their mean length is that of real ones, about 260 characters. The baseline does what a simple
script would do: it takes the first class name that the answer contains. The hostile texts repeat
one piece.
"""

from __future__ import annotations

import json
import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from figures import Figure, options_of, run, show

from whyser.io.console import say
from whyser.labels.classes import CLASSES
from whyser.prompting.answer import parse_answer
from whyser_eval.reading.attributes import read_attributes
from whyser_eval.reading.rules import read_answer

ANSWERS, MAX_SECONDS = 10_000, 6.0
HOSTILE, MAX_HOSTILE_SECONDS = 1_000_000, 5.0

MANIKINS = dict.fromkeys(("arousal", "valence", "dominance"), (1, 7))
PIECES = (
    "a", " ", "\n", '"', "' a", "[", "{", '{"a":', '{"emotion": "', '{"emotion": "sad"},', "<a>",
    "<answer>", "<think>", "not ", "sad ", "not angry, ", "sad: 0.1 ", "[x] sad ", "A. Angry B. ",
    "the emotion is ", "overall ", "says: ", "ignore all rules ", "i cannot determine ", "\u4e0d",
    "\U0001f621", "arousal ", "arousal (1-", "valence: 1",
)  # fmt: skip

_READER = """
import json, sys
from whyser_eval.reading.rules import read_answer
for line in open(sys.argv[1]):
    read_answer(json.loads(line), form="open")
"""
_BASELINE = """
import json, re, sys
names = re.compile("angry|sad|happy|surprise|fear|disgust|contempt|neutral")
for line in open(sys.argv[1]):
    names.search(json.loads(line).lower())
"""

_REASONING = """\
To identify the emotion in recording {number}, let me look at the cues one by one.

1. **Tone:** the tone is firm, and at first it seems {other}.
2. **Pitch:** the pitch is raised in {number} places, with little variation.
3. **Pace:** the pace is quick, without long pauses. A {other} speaker would slow down.
4. **Words:** "this is number {number}" says little about {other} feelings.

There is no clear indication of anything else. Considering these factors, I would categorize the \
speaker's emotion as **{label}**. The mood is steady, and the voice does not waver in the end.\
"""
_FORMS = (
    (3, "{label}"),
    (3, "The speaker of recording {number} sounds {label}, not {other}."),
    (2, 'The voice in clip {number} conveys {label}, as the phrase "it is {other}" indicates.'),
    (2, '{{"emotion": "{label}", "reason": "clip {number} is not {other}"}}'),
    (7, _REASONING),
)


def main() -> None:
    parser = options_of(__doc__)
    parser.add_argument(
        "--answers", type=int, default=ANSWERS, help="number of answers [%(default)s]"
    )
    parser.add_argument(
        "--hostile", type=int, default=HOSTILE, help="characters of a hostile text [%(default)s]"
    )
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = [*_real_length(Path(folder), arguments.answers), *_hostile(arguments.hostile)]
    show("Reading answers by rules", figures, strict=arguments.strict)


def _real_length(folder: Path, count: int) -> Iterator[Figure]:
    answers = list(_answers(count))
    path = folder / "answers.jsonl"
    path.write_text("".join(json.dumps(text) + "\n" for text in answers), encoding="utf-8")
    say(f"reading {count:,} answers")
    _, cost = run("-c", _READER, str(path))
    _, baseline = run("-c", _BASELINE, str(path))
    yield Figure(
        f"{count:,} answers, including the start",
        f"{cost.cpu:.2f} s of CPU time",
        f"within {MAX_SECONDS:.0f} s",
        cost.cpu <= MAX_SECONDS if count == ANSWERS else None,
    )
    yield Figure("  mean length", f"{sum(map(len, answers)) / count:.0f} characters")
    yield Figure("  the first class name of each", f"{baseline.cpu:.2f} s of CPU time")


def _answers(count: int) -> Iterator[str]:
    draw = random.Random(0)
    weights, forms = zip(*_FORMS, strict=True)
    for number in range(count):
        label, other = draw.sample(CLASSES, 2)
        yield draw.choices(forms, weights)[0].format(number=number, label=label, other=other)


def _hostile(length: int) -> Iterator[Figure]:
    say(f"reading {2 * len(PIECES)} hostile texts of {length:,} characters")
    slowest, seconds = "", 0.0
    for piece in PIECES:
        text = piece * (length // len(piece))
        for whole in (text, f"<answer>{text}x</answer>"):
            start = time.process_time()
            read_answer(whole, form="closed")
            read_attributes(whole, parse_answer(whole), MANIKINS)
            taken = time.process_time() - start
            if taken > seconds:
                slowest, seconds = piece, taken
    yield Figure(
        f"the slowest hostile text, {slowest!r} again and again",
        f"{seconds:.2f} s of CPU time",
        f"within {MAX_HOSTILE_SECONDS:.0f} s",
        seconds <= MAX_HOSTILE_SECONDS if length >= HOSTILE else None,
    )


if __name__ == "__main__":
    main()
