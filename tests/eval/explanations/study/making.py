"""A scored system with audio, a study of it, and the files that raters send back."""

import json
from dataclasses import dataclass

import numpy as np
import soundfile

from whyser.labels.classes import CLASSES
from whyser.prompting.answer import render_answer
from whyser_eval.explanations.study.material import read_key

REASON = 'The words "of clip {}" come in a low voice, and the pace is slow throughout.'


@dataclass
class Studio:
    """A corpus of `count` utterances, every other one answered right by `whyser_tiny`."""

    world: object
    whyser_eval: object
    count: int = 160

    def __post_init__(self):
        world = self.world
        world.utterances = [
            world.utterance(number, CLASSES[number % 8]) for number in range(self.count)
        ]
        self.answer(lambda number, label: REASON.format(number))

    @property
    def output(self):
        return self.world.folder / "study"

    @property
    def page(self):
        return (self.output / "index.html").read_text(encoding="utf-8")

    @property
    def key(self):
        return read_key(self.world.folder / "study.key.json")

    def answer(self, reason, *, label=None):
        """Every utterance answered with `reason(number, label)`."""

        def said(number, gold):
            turn = number // len(CLASSES)
            wrong = CLASSES[(CLASSES.index(gold) + 1 + turn) % len(CLASSES)]
            return gold if turn % 2 or wrong == gold else wrong

        self.world.predictions = [
            self.world.prediction(
                row["id"],
                render_answer(said(number, row["label"]), rationale=reason(number, row["label"])),
                model="whyser_tiny",
            )
            for number, row in enumerate(self.world.utterances)
        ]

    def score(self):
        status, _, err = self.whyser_eval(*self.world.score_arguments("--draws", 0))
        assert status == 0, err
        for number, row in enumerate(self.world.utterances):
            tone = 0.1 * np.sin(np.arange(4_800) * (0.1 + number / 500)).astype("float32")
            soundfile.write(self.world.folder / "sound files" / row["audio"], tone, 16_000)

    def make(self, *more, output=None):
        """Returns (exit status, standard error)."""
        status, _, err = self.whyser_eval(
            "study", "make", self.world.results, "--system", "whyser_tiny",
            "--output", output or self.output, *more,
        )  # fmt: skip
        return status, err

    def write_references(self, ids=None, **changes):
        """What a teacher writes for these ids, or for every utterance."""
        return self.world.write_jsonl(
            self.world.folder / "references.jsonl",
            [
                {
                    "id": row["id"],
                    "label": row["label"],
                    "text": f"The tone of {row['id'][-3:]} rises and the voice is tense.",
                    "teacher": "a-teacher",
                    "prompt": "9c01aa7e",
                    "kept": True,
                }
                | changes.get(row["id"], {})
                for row in self.world.utterances
                if ids is None or row["id"] in ids
            ],
        )

    def wanted(self):
        return (self.world.folder / "study.wanted.txt").read_text().split()


def material(page):
    """The data that the page's script reads."""
    start = page.index('id="data">') + len('id="data">')
    return json.loads(page[start : page.index("</script>", start)])
