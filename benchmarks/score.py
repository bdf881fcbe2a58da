"""Measures the time of `whyser-eval score` (without resampling) and `--help`, with their start.

    python benchmarks/score.py
    python benchmarks/score.py --items 5000 --strict

The references are made up: one corpus with five votes per utterance. The system answers in the form
of Eq. 1; every answer has other words, so no cached reading is used. The baseline does what a
simple script would do: it reads both files with `json`, extracts the label after "emotion is", and
calls scikit-learn's `f1_score` once for the majority labels.
"""

from __future__ import annotations

import json
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path

from figures import Figure, options_of, run, show

from whyser.io.console import say
from whyser.labels.classes import CLASSES
from whyser.prompting.answer import render_answer
from whyser.records.predictions import Prediction, write_predictions
from whyser.records.utterance import Utterance, Vote, write_utterances

ITEMS = 46_000
MAX_SECONDS, MAX_HELP_SECONDS = 1.8, 0.5

COMMAND = ("-c", "from whyser_eval.cli import main; main()")

_BASELINE = """
import json, sys
from sklearn.metrics import f1_score
references = [json.loads(line) for line in open(sys.argv[1])]
answers = {row["id"]: row["text"] for row in map(json.loads, open(sys.argv[2]))}
found = [answers[row["id"]].split("emotion is ")[1].split("<")[0] for row in references]
strict = [row["label"] for row in references]
print(f1_score(strict, found, average="macro"))
"""


def main() -> None:
    parser = options_of(__doc__)
    parser.add_argument(
        "--items", type=int, default=ITEMS, help="number of utterances [%(default)s]"
    )
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = list(measuring(Path(folder), arguments.items))
    show(f"Scoring {arguments.items:,} utterances", figures, strict=arguments.strict)


def measuring(folder: Path, count: int) -> Iterator[Figure]:
    references, predictions = write_inputs(folder, count)
    score = (
        *COMMAND, "score", "--references", references, "--predictions", predictions,
        "--output", str(folder / "results"), "--draws", "0",
    )  # fmt: skip
    _, cost = run(*score)
    rows = json.loads((folder / "results" / "scores.json").read_text())
    judged = count == ITEMS
    yield Figure(
        "score without resampling, including the start",
        f"{cost.wall:.2f} s",
        f"within {MAX_SECONDS} s",
        cost.wall <= MAX_SECONDS if judged else None,
    )
    # On a busy machine, compare this with another version's in the same hour.
    yield Figure("  time of the processor", f"{cost.cpu:.2f} s")
    yield Figure("  peak memory", f"{cost.peak_gb:.2f} GB")
    yield Figure("  number of scores", f"{len(rows):,}")
    _, baseline = run("-c", _BASELINE, references, predictions)
    yield Figure("  times as long as a script for one score", f"{cost.wall / baseline.wall:.1f}")
    _, cost = run(*score[:-1], "1000")
    yield Figure("score with 1,000 draws", f"{cost.wall:.2f} s")
    # Take the best of three, because the first start writes byte code.
    _, cost = min((run(*COMMAND, "--help") for _ in range(3)), key=lambda found: found[1].wall)
    yield Figure(
        "--help",
        f"{cost.wall:.2f} s",
        f"within {MAX_HELP_SECONDS} s",
        cost.wall <= MAX_HELP_SECONDS,
    )


def write_inputs(folder: Path, count: int) -> tuple[str, str]:
    """Writes the references and a system's answers, and returns the paths of both."""
    references, predictions = folder / "utterances.jsonl", folder / "predictions.jsonl"
    say(f"writing {count:,} utterances and answers")
    utterances = list(_utterances(count))
    write_utterances(references, utterances)
    write_predictions(predictions, _answers(utterances))
    return str(references), str(predictions)


def _utterances(count: int) -> Iterator[Utterance]:
    draw = random.Random(0)
    for number in range(count):
        label = draw.choice(CLASSES)
        votes = [
            Vote(rater=f"W{rater}", primary=label if draw.random() < 0.6 else draw.choice(CLASSES),
                 raw="x")
            for rater in range(5)
        ]  # fmt: skip
        yield Utterance(
            id=f"msp_podcast/{number:06d}",
            corpus="msp_podcast",
            split="test1",
            audio=f"{number:06d}.wav",
            duration=4.0,
            sampling_rate=16_000,
            channels=1,
            transcript=f"These are the words of utterance {number}.",
            speaker=f"msp_podcast/{number % 400}",
            gender=("female", "male")[number % 2],
            label=label,
            label_raw="x",
            votes=tuple(votes),
        )


def _answers(utterances: list[Utterance]) -> Iterator[Prediction]:
    draw = random.Random(1)
    for number, utterance in enumerate(utterances):
        label = utterance.emotion if draw.random() < 0.4 else draw.choice(CLASSES)
        reason = f"The words of {number} are plain, and the voice is low with a pause or two."
        yield Prediction(
            id=utterance.id,
            form="open",
            prompt="9c01aa7e",
            model="made-up",
            text=render_answer(label, transcript=utterance.transcript, rationale=reason),
        )


if __name__ == "__main__":
    main()
