from __future__ import annotations

from typing import Any

import msgspec
import pytest
from pydantic import ValidationError

from whyser.records.utterance import Utterance, Vote, input_error

FIELDS: dict[str, Any] = {
    "id": "c/1",
    "corpus": "c",
    "split": "train",
    "audio": None,
    "duration": None,
    "sampling_rate": None,
    "channels": None,
    "transcript": "",
    "speaker": None,
    "gender": None,
    "label": None,
    "label_raw": "",
}


def test_what_only_pydantic_takes_is_taken_and_becomes_the_right_type() -> None:
    vote = {"rater": "r", "primary": "sad", "raw": "S", "secondary": ["fear"]}
    given = {**FIELDS, "duration": "1.5", "sampling_rate": "16000", "channels": True}
    utterance = Utterance(**given, votes=[vote])
    assert (utterance.duration, utterance.sampling_rate, utterance.channels) == (1.5, 16_000, 1)
    assert utterance.votes == (Vote(rater="r", primary="sad", raw="S", secondary=("fear",)),)
    assert (
        Utterance.model_validate_json(msgspec.json.encode({**given, "votes": [vote]})) == utterance
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"label": "happpy"}, "bad label 'happpy'"),
        ({"votes": [{"rater": "r", "primary": "sadd", "raw": "S"}]}, "bad votes.0.primary 'sadd'"),
        ({"votes": [{"rater": 1, "primary": "sad", "raw": "S"}]}, "votes.0.rater: Input should be"),
        ({"id": "c/1\n"}, "id: String should match pattern"),
        ({"id": "no corpus"}, "id: String should match pattern"),
        ({"transcript": "<audio>"}, "transcript: contains '<audio>'"),
        ({"id": "c/\ud83d"}, "id: Input should be a valid string"),
        ({"speeker": "x"}, "speeker: Extra inputs are not permitted"),
        ({"split": None}, "split: Input should be a valid string"),
    ],
)
def test_pydantic_names_what_is_wrong(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Utterance(**{**FIELDS, **changes})
    assert input_error(caught.value).what.startswith(message)


def test_a_record_cannot_be_changed() -> None:
    utterance = Utterance(**FIELDS)
    with pytest.raises(AttributeError):
        utterance.label = "sad"  # type: ignore[misc]
    assert utterance.model_copy(update={"label": "sad"}).label == "sad"
    assert utterance.label is None
