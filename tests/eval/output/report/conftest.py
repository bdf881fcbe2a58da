"""The report of a small run, as text and as the data that its script reads."""

import json
import re

import pytest


class Written(str):
    """The text of a report, and the data of its browser of samples."""

    @property
    def data(self):
        found = re.search(r'<script type="application/json" id="data">(.*?)</script>', self, re.S)
        return json.loads(found[1])

    def answers(self, control="none"):
        data = self.data
        return [
            answer | {"utterance": data["utterances"][answer["of"]]}
            for answer in data["answers"]
            if data["systems"][answer["system"]]["control"] == control
        ]

    def sources(self):
        return [one["audio"] for one in self.data["utterances"] if one["audio"]]


@pytest.fixture
def score(world, whyser_eval):
    """Scores the small run; a test can then add files to its folder."""

    def call(*more):
        status, _, err = whyser_eval(*world.score_arguments(*more))
        assert status == 0, err

    return call


@pytest.fixture
def report(world, whyser_eval, score):
    """Scores the run and writes the report; with `scored=False` it reports the folder as it is."""

    def call(*more, scored=True):
        if scored:
            score()
        status, _, err = whyser_eval("report", world.results, *more)
        assert status == 0, err
        return Written((world.results / "report.html").read_text(encoding="utf-8"))

    return call
