from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from whyser.io.errors import InputError
from whyser.records.utterance import Utterance, Vote, read_utterances, write_utterances

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
