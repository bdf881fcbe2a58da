"""The emotion of the words or the voice: from a table, from answers, from transcripts."""

import csv
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from whyser.io.errors import BadInput, InputError
from whyser.labels.classes import CLASSES
from whyser.records.utterance import Utterance
from whyser_eval.reading.readers import RuleReader
from whyser_eval.scoring.emotions import emotions_of_transcripts, read_emotions


@pytest.fixture
def read(tmp_path):
    """Writes a file and reads one side of it."""

    def call(text, side="words", **how):
        path = tmp_path / "emotions"
        path.write_text(text, encoding="utf-8")
        found = read_emotions(path, side, RuleReader(), **how)
        return found and dict(found.labels)

    return call


def lines(*rows):
    return "".join(json.dumps(row) + "\n" for row in rows)


@pytest.mark.parametrize(
    "text",
    [
        "id,words,voice\nc/1,sad,Anger\nc/2,,furious\nc/3,other,neutral\n",
        "voice;note;id;words\nAnger;x;c/1;sad\nfurious;;c/2;\nneutral;;c/3;other\n",
        lines(
            {"id": "c/1", "words": "sad", "voice": "Anger"},
            {"id": "c/2", "words": None, "voice": "furious"},
            {"id": "c/3", "words": "other", "voice": "neutral"},
        ),
    ],
    ids=["commas", "semicolons", "json lines"],
)
def test_a_table_has_a_column_for_each_side(read, text):
    assert read(text) == {"c/1": "sad", "c/2": None, "c/3": "other"}
    assert read(text, "voice") == {"c/1": "angry", "c/2": "angry", "c/3": "neutral"}


def test_a_table_without_the_column_has_nothing_to_say(read):
    assert read("id,words\nc/1,sad\n", "voice") is None
    assert read(lines({"id": "c/1", "words": "sad"}), "voice") is None


def test_a_json_line_may_lack_the_column_that_others_have(read):
    assert read(lines({"id": "c/1"}, {"id": "c/2", "words": "sad"})) == {"c/1": None, "c/2": "sad"}


def answers(world, *systems, control="none"):
    return [
        world.prediction(f"c/{number}", f"I think the emotion is {label}.", model=name,
                         control=control)
        for name in systems
        for number, label in enumerate(("sad", "happy"))
    ]  # fmt: skip


def test_of_the_answers_those_to_the_transcript_say_the_words(world, read):
    """And those to the sound the voice, in the same file."""
    rows = answers(world, "tiny", control="transcript")
    rows += [row | {"control": "none", "text": "angry"} for row in rows]
    assert read(lines(*rows)) == {"c/0": "sad", "c/1": "happy"}
    assert read(lines(*rows), "voice") == {"c/0": "angry", "c/1": "angry"}


def test_a_system_without_controls_is_taken_as_it_is(world, read):
    """A text classifier, or the cues baseline, got nothing else."""
    rows = answers(world, "text")
    rows[1]["text"] = "I cannot say."
    assert read(lines(*rows)) == {"c/0": "sad", "c/1": None}
    assert read(lines(*rows), "voice", only_columns=True) is None


def test_the_most_frequent_of_several_answers_counts(world, read):
    (row, _) = answers(world, "text")
    assert read(lines(row | {"samples": ["happy", "happy"]})) == {"c/0": "happy"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no column 'id'"),
        ("name,words\nc/1,sad\n", r"emotions:1: no column 'id' among \[name, words\]"),
        (lines({"words": "sad"}), "no column 'id'"),
        ("id,words\nc/1,sad\nc/1,happy\n", r":3: duplicate id 'c/1' \(first in line 2\)"),
        ("id,words\n,sad\n", ":2: no id"),
        ("id,words\nc/1,hapyy\n", r":2: unknown emotion 'hapyy'.*Did you mean 'happy'\?.*empty"),
        (lines({"id": "c/1", "words": 3}), ":1: unknown emotion '3'"),
        ('{"id": "c/1", "wor', "not a valid JSON line"),
    ],
)
def test_a_bad_file_is_named_by_line(read, text, words):
    with pytest.raises((InputError, BadInput), match=words):
        read(text)


def test_every_bad_label_is_named_at_once(read):
    with pytest.raises(BadInput, match="2 problems") as refused:
        read("id,words\nc/1,hapyy\nc/2,sadd\n")
    assert "emotions:2: " in str(refused.value) and "emotions:3: " in str(refused.value)


def test_two_systems_are_asked_about(world, read):
    with pytest.raises(InputError, match=r"answers of 2 systems: a \(open\), b \(open\)"):
        read(lines(*answers(world, "a", "b")))


def test_a_transcript_names_one_emotion_or_none(world):
    said = {
        "I am so angry right now.": "angry",
        "What a lovely day.": None,
        "I was sad, and now I am happy.": None,
        "I'm not happy.": None,
        "Are you angry with me?": None,
        "If I were angry, you would know.": None,
        "This is infuriating!": "angry",
        "We're so happy, aren't we?": None,
        "We are so happy to see you!": "happy",
        "My brother was furious.": None,
        "I love you.": "other",
    }
    rows = [world.utterance(n, "sad", transcript=text) for n, text in enumerate(said)]
    found = emotions_of_transcripts([Utterance(**row) for row in rows])
    assert list(found.labels.values()) == list(said.values())


IDS = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=8)


@given(st.dictionaries(IDS, st.sampled_from([*CLASSES, "other", None]), min_size=1, max_size=20))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_written_is_read(tmp_path, labels):
    """Whatever the ids hold, as CSV and as JSON Lines."""
    table, rows = tmp_path / "table.csv", tmp_path / "rows.jsonl"
    with table.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["id", "words"])
        writer.writerows((id_, label or "") for id_, label in labels.items())
    rows.write_text(lines(*({"id": id_, "words": label} for id_, label in labels.items())))
    for path in (table, rows):
        assert read_emotions(path, "words", RuleReader()).labels == labels
