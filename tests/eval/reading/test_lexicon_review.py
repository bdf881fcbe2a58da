"""Words that the lexicon lacks: collected, proposed, reviewed, frozen, and used by a score."""

import csv
import json

import pytest

from whyser.labels.lexicon import lexicon, read_lexicon
from whyser_eval.reading.lexicon_review import REVIEW_COLUMNS


def rows_of(path):
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def review(path, *rows):
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, REVIEW_COLUMNS, restval="")
        writer.writeheader()
        writer.writerows(rows)
    return path


def row(word, label="happy", accepted="yes", **changes):
    usual = {"word": word, "class": label, "use": "prose", "reason": "near", "accepted": accepted}
    return usual | changes


ANSWERS = ("zesty", "Zesty!", "hangry", "sad", "frustrated", "=HYPERLINK(zesty)")


@pytest.fixture
def predictions(world):
    texts = [f"<answer>I think the emotion is {text}</answer>" for text in ANSWERS]
    rows = [world.prediction(f"meld/{n}", text) for n, text in enumerate(texts)]
    return world.write_jsonl(world.folder / "p.jsonl", rows)


def test_unknown_words_are_collected_with_counts_and_an_example(whyser_eval, predictions, tmp_path):
    output = tmp_path / "review.csv"
    status, _, err = whyser_eval("group", predictions, "--output", output)
    assert status == 0, err
    found = rows_of(output)
    assert [(one["word"], one["count"], one["class"]) for one in found] == [
        ("zesty", "2", ""),
        ("hangry", "1", ""),
        ("hyperlink zesty", "1", ""),
    ]
    assert found[0]["example"] == "<answer>I think the emotion is zesty</answer>"
    assert {(one["use"], one["accepted"]) for one in found} == {("statement", "")}


def test_scored_samples_hold_the_same_words(whyser_eval, world, tmp_path):
    world.predictions[3]["text"] = "<answer>zesty</answer>"
    whyser_eval(*world.score_arguments())
    output = tmp_path / "review.csv"
    status, _, err = whyser_eval("group", world.results / "samples.jsonl", "--output", output)
    assert status == 0, err
    assert [one["word"] for one in rows_of(output)] == ["zesty"]


def test_a_model_proposes_and_is_not_asked_again(reading, whyser_eval, predictions, tmp_path):
    def reply(data):
        label = {"zesty": "happy", "hangry": "angry"}.get(data["word"], "nonsense")
        return json.dumps({"class": label, "reason": "=cmd|'x'"})

    reading.reply = reply
    output = tmp_path / "review.csv"
    asking = ("group", predictions, "--output", output,
              "--reader-endpoint", reading.url, "--reader-model", "judge")  # fmt: skip
    status, _, err = whyser_eval(*asking)
    assert status == 0, err
    found = {one["word"]: one for one in rows_of(output)}
    assert {word: one["class"] for word, one in found.items()} == {
        "zesty": "happy", "hangry": "angry", "hyperlink zesty": ""
    }  # fmt: skip
    # No spreadsheet takes a cell for a formula.
    assert found["zesty"]["reason"] == "'=cmd|'x'"
    assert {one["accepted"] for one in found.values()} == {""}
    asked = len(reading.asked)
    assert whyser_eval(*asking)[0] == 0
    assert len(reading.asked) == asked


def test_what_was_accepted_is_frozen_and_read(whyser_eval, world, tmp_path):
    table = tmp_path / "grouping.csv"
    reviewed = review(
        tmp_path / "review.csv", row("zesty"), row("hangry", "angry", "YES"), row("meh", "", "no")
    )
    status, _, err = whyser_eval("freeze", reviewed, "--output", table)
    assert status == 0, err
    frozen = read_lexicon(table)
    assert len(frozen.entries) == len(lexicon().entries) + 2
    assert frozen.hash != lexicon().hash and frozen.hash in err
    for one in world.predictions:
        one["text"] = "A zesty voice."
    assert whyser_eval(*world.score_arguments("--grouping", table))[0] == 0
    assert {one["prediction"] for one in world.samples()} == {"happy"}


def test_tables_grow_from_tables(whyser_eval, tmp_path):
    first, second = tmp_path / "one.csv", tmp_path / "two.csv"
    whyser_eval("freeze", review(tmp_path / "a.csv", row("zesty")), "--output", first)
    more = review(tmp_path / "b.csv", row("hangry", "angry"))
    assert whyser_eval("freeze", more, "--output", second, "--base", first)[0] == 0
    assert {"zesty", "hangry"} <= {entry.word for entry in read_lexicon(second).entries}


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([row("zesty", accepted="")], ":2: 'zesty' is not reviewed"),
        ([row("zesty", accepted="maybe")], "Write yes or no"),
        ([row("zesty", ""), row("x y", "blue")], "2 problems"),
        ([row("zesty", reason=" ")], "no reason"),
        ([row("zesty", use="")], "bad use ''"),
        ([row("zesty"), row("ZESTY")], "duplicate word 'ZESTY': first in"),
        ([row("zesty"), row("zesty", "angry", "no")], "duplicate word 'zesty': first in"),
        ([row("Furious", "sad")], "duplicate word 'Furious': the table has it as angry"),
        ([row("anger", "sad")], "names a class"),
    ],
)
def test_what_nobody_can_stand_for_is_not_frozen(whyser_eval, tmp_path, rows, expected):
    table = tmp_path / "grouping.csv"
    reviewed = review(tmp_path / "review.csv", *rows)
    status, _, err = whyser_eval("freeze", reviewed, "--output", table)
    assert status == 1
    assert expected in err and "review.csv:" in err
    assert not table.exists()


@pytest.mark.parametrize(("delimiter", "encoding"), [(";", "utf-8-sig"), ("\t", "utf-16")])
def test_what_a_spreadsheet_saves_is_read(whyser_eval, tmp_path, delimiter, encoding):
    reviewed = review(tmp_path / "review.csv", row("zesty"), row("hangry", "angry"))
    with reviewed.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.reader(stream))
    with reviewed.open("w", encoding=encoding, newline="") as stream:
        csv.writer(stream, delimiter=delimiter).writerows(rows)
    table = tmp_path / "grouping.csv"
    status, _, err = whyser_eval("freeze", reviewed, "--output", table)
    assert status == 0, err
    assert {"zesty", "hangry"} <= {entry.word for entry in read_lexicon(table).entries}


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("tr\u00e8s".encode("cp1252"), "review.csv:2: not UTF-8 text ("),
        (b'"x' + b"y" * 200_000, "review.csv:2: not valid CSV (field larger than"),
    ],
)
def test_a_review_that_is_no_csv_is_refused(whyser_eval, tmp_path, data, expected):
    reviewed = review(tmp_path / "review.csv")
    reviewed.write_bytes(reviewed.read_bytes().rstrip() + b"\n" + data)
    status, _, err = whyser_eval("freeze", reviewed, "--output", tmp_path / "grouping.csv")
    assert status == 1
    assert expected in err


def test_two_reviews_that_conflict_are_refused(whyser_eval, tmp_path):
    one = review(tmp_path / "one.csv", row("zesty"))
    two = review(tmp_path / "two.csv", row("zesty", "angry"))
    status, _, err = whyser_eval("freeze", one, two, "--output", tmp_path / "t.csv")
    assert status == 1
    assert "two.csv:2" in err and "one.csv:2" in err


def test_a_file_of_another_kind_is_refused(whyser_eval, tmp_path, world):
    strange = world.write_jsonl(tmp_path / "x.jsonl", [{"a": 1}])
    output = tmp_path / "review.csv"
    status, _, err = whyser_eval("group", strange, "--output", output)
    assert status == 1 and "x.jsonl:1" in err
    strange.write_text("")
    assert "holds no answers" in whyser_eval("group", strange, "--output", output)[2]
    strange.write_text("word,class\nx,sad\n")
    status, _, err = whyser_eval("freeze", strange, "--output", output)
    assert status == 1 and "no column" in err
