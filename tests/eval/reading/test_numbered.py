"""Answers to numbered options: a number that is chosen counts, any other does not."""

import json

import pytest

from whyser.chat import ChatSettings
from whyser.records.predictions import Prediction, prediction_line
from whyser_eval.reading.model_reader import ModelReader
from whyser_eval.reading.numbered import with_letters
from whyser_eval.reading.readers import RuleReader

OPTIONS = ("sad", "happy", "angry")


def answer(text, *, numbered=True, **changes):
    row = {"id": "c/1", "form": "closed", "prompt": "p", "model": "m", "options": OPTIONS}
    return Prediction(**row | {"text": text, "numbered": numbered} | changes)


def label(text, **changes):
    (found,) = RuleReader().read([answer(text, **changes)])
    return found.label


@pytest.mark.parametrize(
    "text",
    [
        "2",
        " (2) ",
        "2.",
        "**2**",
        "<answer>2</answer>",
        "<answer> 2. </answer><reason>Her pitch is 3 times as high.</reason>",
        "Answer: 2",
        "The answer is 2.",
        "The correct option is (2), because of the pitch.",
        "She speaks fast.\n2",
        "2) happy",
        "Option 2",
        "1) sad 2) happy 3) angry\nAnswer: 2",
        # A word wins, as it does over a letter.
        "3. happy",
    ],
)
def test_a_chosen_number_is_its_option(text):
    assert label(text) == "happy"


@pytest.mark.parametrize(
    "text",
    ["4", "0", "12", "2.5", "Answer: 2 of 3", "Answer: 2/3", "2 %", "She is 2 years old.", "1, 2",
     "Answer: B", "B", "1\n2\n3\nx", "1\n2", "Answer: 1\nAnswer: 2", ""],
)  # fmt: skip
def test_another_number_or_a_letter_is_none(text):
    assert label(text) is None


@pytest.mark.parametrize("text", ["2", "Answer: 2", "<answer>2</answer>"])
def test_where_the_options_have_letters_a_number_is_none(text):
    assert label(text, numbered=False) is None


def test_a_model_is_asked_with_the_letter(reading, tmp_path):
    reading.reply = lambda data: json.dumps({"emotion": "B", "second": None})
    settings = ChatSettings(reading.url, "gpt oss", backoff=0.01, attempts=2, outage=1.0)
    (found,) = ModelReader(settings, tmp_path / "ledger.jsonl").read([answer("Answer: 2")])
    assert found.label == "happy"
    assert reading.data[0]["answer"].lower() == "answer: b"


def test_only_a_numbered_prediction_says_so():
    assert json.loads(prediction_line(answer("2")))["numbered"] is True
    assert "numbered" not in prediction_line(answer("2", numbered=False))


def test_a_long_answer_takes_no_time():
    text = "answer: " * 50_000 + "(" * 50_000
    assert with_letters(text, 3) == text
