"""A study and its raters without a page: a key, and files like those that the page saves."""

import json

import pytest

from whyser.labels.classes import CLASSES
from whyser_eval.explanations.study.files import GivenAnswer, RaterFile, shown_to
from whyser_eval.explanations.study.material import FORMAT, KeyEntry, StudyKey, digest, is_swapped

SYSTEM, REFERENCE = "row11", "gold"


def items(accept=32, prefer=32, checks=0):
    """Items of Test I, half of them matches, of Test II, all mismatches, and attention checks."""
    found = [item(f"a{place}", "accept", place, place % 2) for place in range(accept)]
    found += [item(f"p{place}", "prefer", place, 0) for place in range(prefer)]
    return found + [
        item(f"c{place}", "accept", place, 0, expected="reject") for place in range(checks)
    ]


def item(name, test, place, match, **more):
    gold = CLASSES[place // 2 % 8]
    systems = (SYSTEM,)
    if test == "prefer":
        systems = (SYSTEM, REFERENCE) if place % 3 else (REFERENCE, SYSTEM)
    return KeyEntry(
        item=name,
        test=test,
        id=f"msp_podcast/{name}",
        gold=gold,
        prediction=gold if match else CLASSES[(place // 2 + 1) % 8],
        condition="match" if match else "mismatch",
        systems=systems,
        **more,
    )


class Study:
    """A key, and a folder with the files of its raters."""

    system, reference, items = SYSTEM, REFERENCE, staticmethod(items)

    def __init__(self, folder):
        self.folder, self.answers, self.output = folder, folder / "answers", folder / "study"
        self.key_file = folder / "study.key.json"
        self.make(items())

    def make(self, answers):
        self.key = StudyKey(
            study="3fa9c1d2",
            system=SYSTEM,
            reference=REFERENCE,
            seed=7,
            answers=tuple(answers),
            provenance={},
        )
        self.key_file.parent.mkdir(parents=True, exist_ok=True)
        self.key_file.write_text(self.key.model_dump_json(), encoding="utf-8")

    def of(self, test):
        return [one.item for one in self.key.of(test)]

    def file(self, rater, favours, *, items=None, **more):
        """A rater's file as a dictionary.

        Args: `favours` maps an item to whether the rater accepts it, or prefers the system's own
            rationale; `items` are the answered items.
        """
        truth = {one.item: one for one in self.key.answers}
        shown = shown_to(rater, self.key)
        answers = [
            self.given(truth[name], rater, place, favours(name))
            for name, place in shown
            if items is None or name in items
        ]
        record = {
            "format": FORMAT,
            "study": self.key.study,
            "rater": rater,
            "session": f"session-{rater}",
            "consented": "2026-01-02T10:00:00Z",
            "saved": "2026-01-02T10:30:00Z",
            "complete": len(answers) == len(shown),
            "answers": answers,
        }
        return self.sealed(record | more)

    def given(self, truth, rater, place, favoured):
        if truth.test == "accept":
            swapped, choice = False, "accept" if favoured else "reject"
        else:
            swapped = is_swapped(self.key.study, rater, truth.item)
            own = ("first", "second")[truth.systems.index(SYSTEM)]
            choice = own if favoured else {"first": "second", "second": "first"}[own]
        return {
            "item": truth.item,
            "test": truth.test,
            "place": place,
            "swapped": swapped,
            "choice": choice,
            "milliseconds": 9000 + 10 * place,
            "plays": 1,
        }

    @staticmethod
    def sealed(record):
        """The file with the digest of its content, which a forger could compute too."""
        answers = [GivenAnswer.model_construct(**one) for one in record["answers"]]
        file = RaterFile.model_construct(**record | {"answers": answers, "check": ""})
        return record | {"check": digest(file._lines())}

    def write(self, record, name=None):
        path = self.answers / (name or f"{record['rater']}.json")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(record, ensure_ascii=False), encoding="utf-8")
        return path

    def rate(self, rater, favours, **more):
        return self.write(self.file(rater, favours, **more))

    def rate_first(self, rater, test, count):
        """Writes the file of a rater who favours only the first `count` items of a test."""
        chosen = self.of(test)[:count]
        return self.rate(rater, lambda name: name in chosen)

    def arguments(self, *more):
        return (
            "study", "read", self.answers,
            "--key", self.key_file,
            "--output", self.output,
            "--draws", "200",
            *more,
        )  # fmt: skip

    def found(self):
        return json.loads((self.output / "study.json").read_text(encoding="utf-8"))

    def rows(self):
        return {
            (row["subset"], row["metric"], row["interval"]): row for row in self.found()["rows"]
        }


@pytest.fixture
def study(tmp_path):
    return Study(tmp_path)
