from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from .conftest import CLIPS, rows


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_a_csv_needs_no_option(tabled: Any, clips: Path, write_csv: Any, delimiter: str) -> None:
    table = write_csv(clips / "labels.csv", rows(), delimiter)
    result = tabled(table)
    assert [one.id for one in result.utterances] == [f"mine/{name}" for name in CLIPS]
    angry = result["mine/a1"]
    assert (angry.label, angry.label_raw) == ("angry", "anger")
    assert (angry.speaker, angry.transcript, angry.audio) == ("mine/s1", "Hello.", "wav/a1.wav")
    assert angry.duration == pytest.approx(0.1)
    assert result["mine/c1"].label == "other"
    assert result.card["audio_root"] == str(clips)
    assert result.card["classes"] == ["angry", "sad", "happy"]


def test_a_json_list_and_json_lines(
    tabled: Any, clips: Path, write_lines: Any, tmp_path: Path
) -> None:
    lines = write_lines(clips / "labels.jsonl", rows())
    whole = clips / "labels.json"
    whole.write_text(json.dumps(rows()), encoding="utf-8")
    first = tabled(lines).utterances
    assert tabled(whole).utterances == first
    keyed = clips / "keyed.json"
    keyed.write_text(json.dumps({row["file_name"]: row for row in rows()}), encoding="utf-8")
    again = tabled(keyed, "--map", "id=").utterances
    assert again == first


def test_a_faulty_row_costs_itself_and_is_named(
    convert: Any, clips: Path, write_csv: Any, tmp_path: Path
) -> None:
    table = write_csv(clips / "labels.csv", rows())
    lines = table.read_text("utf-8").splitlines()
    lines[2] += ",one,too,many"
    table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    outcome = convert("table", table, tmp_path / "out", "--name", "mine")
    assert outcome.status == 0
    assert f"{table}:3: row of 7 cells, expected 4" in outcome.out + outcome.err


def test_a_column_of_the_same_name_is_refused(convert: Any, clips: Path, tmp_path: Path) -> None:
    table = clips / "labels.csv"
    table.write_text("file,label,label\nwav/a1.wav,sad,sad\n", encoding="utf-8")
    outcome = convert("table", table, tmp_path / "out")
    assert outcome.status == 1
    assert f"{table}:1: has two columns 'label'" in outcome.err


def test_a_row_of_json_that_is_no_object(convert: Any, clips: Path, tmp_path: Path) -> None:
    table = clips / "labels.json"
    table.write_text('[{"file": "wav/a1.wav", "label": "sad"}, 7]', encoding="utf-8")
    outcome = convert("table", table, tmp_path / "out")
    assert outcome.status == 1
    assert "row 2 is '7', expected an object" in outcome.err


def test_lines_under_the_name_of_json_and_rows_in_an_object(
    tabled: Any, clips: Path, write_lines: Any
) -> None:
    lines = write_lines(clips / "labels.json", rows())
    first = tabled(lines).utterances
    wrapped = clips / "wrapped.json"
    wrapped.write_text(json.dumps({"name": "mine", "data": rows()}), encoding="utf-8")
    assert tabled(wrapped).utterances == first


def columns_of(orient: str) -> Any:
    """The rows as `DataFrame.to_json` writes them: `{"file": {"0": ..., "1": ...}, ...}`."""
    names, given = list(rows()[0]), rows()
    if orient == "split":
        data = [list(row.values()) for row in given]
        return {"columns": names, "index": list(range(len(given))), "data": data}
    if orient == "list":
        return {name: [row[name] for row in given] for name in names}
    # Rows that were left out leave gaps in their numbers.
    return {name: {str(2 * n): row[name] for n, row in enumerate(given)} for name in names}


@pytest.mark.parametrize("orient", ["columns", "split", "list"])
def test_columns_of_json_are_turned_into_rows(
    tabled: Any, clips: Path, write_csv: Any, orient: str
) -> None:
    first = tabled(write_csv(clips / "t.csv", rows())).utterances
    table = clips / "columns.json"
    table.write_text(json.dumps(columns_of(orient)), encoding="utf-8")
    assert tabled(table).utterances == first


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (
            '{"columns": ["a", "b"], "data": [[1, 2], [3]]}',
            "row 2 of its 'data' is '[3]', expected",
        ),
        ('{"columns": ["a", "a"], "data": [[1, 2]]}', "has two columns 'a'"),
        ('{"columns": ["a"], "data": []}', "contains no row"),
        ('{"label": ["sad", "sad"], "file": ["a.wav"]}', "has columns of 2 and of 1 values"),
        ('{"train": [{"a": 1}], "test": [{"a": 2}]}', "no column is the label"),
    ],
)
def test_columns_of_json_that_do_not_fit(
    convert: Any, tmp_path: Path, text: str, fault: str
) -> None:
    table = tmp_path / "t.json"
    table.write_text(text, encoding="utf-8")
    outcome = convert("table", table, tmp_path / "out")
    assert outcome.status == 1
    assert fault in outcome.err


def test_a_broken_line_of_json_costs_itself(
    convert: Any, clips: Path, write_lines: Any, tmp_path: Path
) -> None:
    table = write_lines(clips / "labels.jsonl", rows())
    table.write_text(table.read_text("utf-8") + '{"file_name": \n7\n', encoding="utf-8")
    outcome = convert("table", table, tmp_path / "out", "--name", "mine")
    said = outcome.out + outcome.err
    assert outcome.status == 0
    assert f"{table}:6: not valid JSON" in said
    assert f"{table}:7: a row is '7', expected an object" in said
    assert "mine: 5 utterances" in outcome.out
