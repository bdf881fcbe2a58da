from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from whyser.io.errors import InputError
from whyser.labels.attributes import ATTRIBUTES
from whyser.records.utterance import (
    AttributeVote,
    Utterance,
    Vote,
    read_utterances,
    write_utterances,
)

FIELDS: dict[str, Any] = {
    "id": "msp_podcast/MSP-PODCAST_0001_0008",
    "corpus": "msp_podcast",
    "split": "test1",
    "audio": "Audios/MSP-PODCAST_0001_0008.wav",
    "duration": 4.12,
    "sampling_rate": 16000,
    "channels": 1,
    "transcript": "Call me.",
    "speaker": "msp_podcast/30",
    "gender": "male",
    "label": "neutral",
    "label_raw": "N",
}


def utterance(**changes: Any) -> Utterance:
    return Utterance.model_validate({**FIELDS, **changes})


def votes(*primaries: str) -> tuple[Vote, ...]:
    return tuple(
        Vote.model_validate({"rater": f"W{n}", "primary": name, "raw": name, "secondary": ["fear"]})
        for n, name in enumerate(primaries)
    )


def test_round_trip_through_a_file(tmp_path: Path) -> None:
    path = tmp_path / "utterances.jsonl"
    written = [utterance(votes=votes("sad", "other")), utterance(id="msp_podcast/é", label=None)]
    assert write_utterances(path, written) == 2
    assert list(read_utterances(path)) == written


def test_annotators_set_falls_back_to_the_released_label() -> None:
    assert utterance().annotator_labels() == {"neutral"}
    assert utterance(label="other").annotator_labels() == frozenset()
    assert utterance(votes=votes("sad", "other")).annotator_labels() == {"sad"}
    assert utterance(votes=votes("sad")).annotator_labels(secondary=True) == {"sad", "fear"}


@pytest.mark.parametrize("label", [None, "other"])
def test_only_the_eight_classes_are_scored(label: str | None) -> None:
    assert not utterance(label=label).is_scored
    with pytest.raises(ValueError, match="no majority label"):
        _ = utterance(label=label).emotion


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (utterance().model_dump_json()[:-30], "not a valid JSON line"),
        (
            utterance().model_dump_json().replace('"neutral"', '"neutrall"'),
            "Did you mean 'neutral'",
        ),
        (utterance().model_dump_json().replace("Call me.", "Call <audio> me."), "<audio>"),
        (utterance().model_dump_json().replace("Call me.", "<|im_end|>"), "<|im_end|>"),
        (utterance().model_dump_json().replace('"speaker"', '"speeker"'), "speaker"),
        ("[1, 2]", "line"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / "utterances.jsonl"
    path.write_text(utterance(id="a/1").model_dump_json() + "\n" + line + "\n", encoding="utf-8")
    with pytest.raises(InputError) as caught:
        list(read_utterances(path))
    assert str(caught.value).startswith(f"{path}:2: ")
    assert message in str(caught.value)


def test_a_repeated_id_is_named(tmp_path: Path) -> None:
    path = tmp_path / "utterances.jsonl"
    path.write_text(2 * (utterance().model_dump_json() + "\n"), encoding="utf-8")
    with pytest.raises(InputError, match=r"utterances.jsonl:2: duplicate id"):
        list(read_utterances(path))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (r'"\ud83d"', r"holds half a character (\ud83d). Write \ufffd in its place, or remove it."),
        ("9" * 5_000, "holds a number of 5,000 digits. Remove the value."),
        ("[" * 300 + "]" * 300, "nests deeper than 200 levels. Remove the value."),
    ],
)
def test_a_line_that_no_reader_takes_is_not_called_cut(
    tmp_path: Path, text: str, message: str
) -> None:
    path = tmp_path / "utterances.jsonl"
    path.write_text(utterance().model_dump_json().replace('"Call me."', text), encoding="utf-8")
    with pytest.raises(InputError) as caught:
        list(read_utterances(path))
    assert str(caught.value) == f"{path}:1: {message}"


def test_the_mean_of_an_attribute_is_over_those_who_rated_it() -> None:
    rated = (
        Vote(rater="a", primary="sad", raw="S", arousal=2, valence=1),
        Vote(rater="b", primary="sad", raw="S", arousal=5),
        Vote(rater="c", primary="sad", raw="S"),
    )
    alone = (AttributeVote(rater="d", arousal=5, dominance=7),)
    released = {"valence": 6.5, "intensity": 40.0}
    found = utterance(votes=rated, attribute_votes=alone, attributes=released).attribute_means
    # The released mean of valence gives way to that of the vote.
    assert found == {"arousal": 4, "valence": 1, "dominance": 7, "intensity": 40}
    assert utterance().attribute_means == {}


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_an_utterance_knows_whether_it_has_attributes(name: str) -> None:
    plain = Vote(rater="b", primary="sad", raw="S")
    rated = Vote.model_validate({"rater": "a", "primary": "sad", "raw": "S", name: 0})
    alone = AttributeVote.model_validate({"rater": "a", name: 0})
    for changes in ({"votes": (plain, rated)}, {"attribute_votes": (alone,)},
                    {"attributes": {name: 0}}):  # fmt: skip
        assert utterance(**changes).has_attributes
    assert not utterance(votes=(plain,)).has_attributes


def test_attributes_survive_a_file_and_a_file_without_them_is_read(tmp_path: Path) -> None:
    path = tmp_path / "utterances.jsonl"
    vote = Vote(rater="a", primary="sad", raw="S", arousal=2.5)
    alone = AttributeVote(rater="b", valence=1)
    written = utterance(votes=(vote,), attribute_votes=(alone,), attributes={"dominance": 3})
    write_utterances(path, [written])
    assert list(read_utterances(path)) == [written]
    # A vote names only what the annotator rated, because there are a million of them.
    assert b'{"rater":"a","arousal":2.5,"primary":"sad","raw":"S"}' in path.read_bytes()
    old = {**FIELDS, "votes": [{"rater": "a", "primary": "sad", "secondary": [], "raw": "S"}]}
    path.write_text(json.dumps(old) + "\n", encoding="utf-8")
    (found,) = read_utterances(path)
    assert (found.votes[0].arousal, found.attribute_votes, found.attributes) == (None, (), {})


@pytest.mark.parametrize("value", ["high", [4]])
def test_an_attribute_is_a_number(tmp_path: Path, value: object) -> None:
    path = tmp_path / "utterances.jsonl"
    path.write_text(json.dumps({**FIELDS, "attributes": {"arousal": value}}) + "\n")
    with pytest.raises(InputError, match=r"utterances.jsonl:1: attributes.arousal: "):
        list(read_utterances(path))
