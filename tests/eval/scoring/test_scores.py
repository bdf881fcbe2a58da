"""scores.json follows its schema, the schema follows the record, and docs/scores.md shows both."""

import json
import re
from dataclasses import fields
from pathlib import Path

import jsonschema
import pytest

from whyser.io.errors import BadInput, InputError
from whyser_eval.metrics.declaration import METRICS, markdown
from whyser_eval.scoring.scores import SCHEMA, ScoreRow, read_scores, schema
from whyser_eval.scoring.subsets import AGREEMENT_BANDS

PAGE = Path(__file__).resolve().parents[3] / "docs/scores.md"


@pytest.fixture
def written(world, whyser_eval):
    """A scores.json of a system, its shuffled control and the guesses."""
    world.predictions += [
        world.prediction(one["id"], "<answer>neutral</answer>", control="shuffled")
        for one in world.predictions
    ]
    status, _, err = whyser_eval(*world.score_arguments())
    assert status == 0, err
    return world.results / "scores.json"


@pytest.fixture
def edited(written):
    """The file with one field of its second row changed; returns its path."""

    def change(**changes):
        rows = json.loads(written.read_text(encoding="utf-8"))
        rows[1] |= changes
        written.write_text(json.dumps(rows), encoding="utf-8")
        return written

    return change


# The schema


def test_the_schema_is_written_from_the_record():
    committed = json.loads(SCHEMA.read_text(encoding="utf-8"))
    assert committed == schema(), "write it again: python -m whyser_eval.scoring.scores"


def test_the_schema_is_one_and_describes_every_field():
    jsonschema.Draft202012Validator.check_schema(schema())
    described = schema()["$defs"]["ScoreRow"]["properties"]
    assert list(described) == [one.name for one in fields(ScoreRow)]
    assert all(len(one["description"]) > 10 for one in described.values())


def test_what_score_writes_is_as_the_schema_says(written):
    rows = json.loads(written.read_text(encoding="utf-8"))
    jsonschema.validate(rows, schema())
    assert {row["form"] for row in rows} == {"open", "any"}
    assert [ScoreRow(**row) for row in rows] == list(read_scores(written))


WRONG = [
    ({"control": "shufled"}, r"row 2: control: .*, not 'shufled'"),
    ({"form": "both"}, r"row 2: form: "),
    ({"metric": "F1 macro"}, r"row 2: metric: .*, not 'F1 macro'"),
    ({"subset": ""}, r"row 2: subset: "),
    ({"value": "0.5"}, r"row 2: value.*: Input should be a valid number, not '0.5'"),
    ({"n": -1}, r"row 2: n: Input should be greater than or equal to 0, not -1"),
    ({"n": 1.5}, r"row 2: n: "),
    ({"signature": "f1_majority|corpus:x"}, r"row 2: signature: "),
    ({"comment": "mine"}, r"row 2: comment: "),
]


@pytest.mark.parametrize(("changes", "words"), WRONG, ids=lambda one: str(one)[:30])
def test_the_reader_and_the_schema_refuse_alike(edited, changes, words):
    path = edited(**changes)
    with pytest.raises(BadInput, match=words):
        read_scores(path)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(json.loads(path.read_text(encoding="utf-8")), schema())


def test_a_missing_field_is_named(written):
    rows = json.loads(written.read_text(encoding="utf-8"))
    del rows[0]["metric"], rows[2]["n"]
    written.write_text(json.dumps(rows), encoding="utf-8")
    with pytest.raises(BadInput) as refused:
        read_scores(written)
    told = str(refused.value)
    assert "row 1: metric: Field required" in told and "row 3: n: Field required" in told
    assert told.endswith(f"2 problems in {written}")


@pytest.mark.parametrize("text", ["", "{", "[1, 2", '{"a": 1}', "[NaN]", "[1]", "null"])
def test_what_is_no_list_of_rows_is_refused(tmp_path, text):
    path = tmp_path / "scores.json"
    path.write_text(text)
    with pytest.raises(BadInput, match=f"{path}: .*whyser-eval score"):
        read_scores(path)


def test_no_number_is_refused(edited):
    with pytest.raises(BadInput, match="row 2: value"):
        read_scores(edited(value=float("nan")))


def test_an_empty_list_and_no_file_are_refused(tmp_path):
    (tmp_path / "scores.json").write_text("[]")
    with pytest.raises(InputError, match="holds no scores"):
        read_scores(tmp_path / "scores.json")
    with pytest.raises(InputError, match="no such file"):
        read_scores(tmp_path / "none.json")


def test_a_figure_that_stands_twice_is_refused(written):
    rows = json.loads(written.read_text(encoding="utf-8"))
    written.write_text(json.dumps([*rows, rows[0] | {"value": 0.9}]), encoding="utf-8")
    with pytest.raises(BadInput, match=rf"rows 1 and {len(rows) + 1} have the same key: "):
        read_scores(written)


def test_a_signature_is_read_by_name(written):
    signed = read_scores(written)[0].signed
    assert (signed["corpus"], signed["split"], signed["labels"]) == ("msp_podcast", "test1", "8")
    assert re.fullmatch("[0-9a-f]{8}", signed["refs"])


# The page


def table_of(heading: str) -> dict[str, str]:
    """The first table below a heading: what stands in its first column, its lines by that."""
    text = PAGE.read_text(encoding="utf-8")
    section = text[text.index(f"\n## {heading}\n") :].split("\n## ")[1]
    lines = [line for line in section.splitlines() if line.startswith("| `")]
    return {name: line for line in lines for name in re.findall(r"`([^`]+)`", line.split("|")[1])}


def test_the_page_has_the_table_that_the_metrics_declare(written):
    """`python -m whyser_eval.metrics` prints it."""
    assert markdown() in PAGE.read_text(encoding="utf-8")
    explained = {name.partition(":")[0] for name in table_of("Metrics")}
    assert {row.metric.partition(":")[0] for row in read_scores(written)} <= explained


def test_every_metric_says_what_it_is_how_it_is_computed_and_whose_it_is():
    for one in METRICS.values():
        assert one.summary and one.paragraph("Formula") and one.paragraph("Source"), one.name


def test_the_page_explains_every_subset(written):
    explained = {name.partition(":")[0] for name in table_of("Subsets")}
    assert {row.subset.partition(":")[0] for row in read_scores(written)} <= explained
    assert set(table_of("Subsets")) & set(AGREEMENT_BANDS)


def test_the_page_explains_every_control():
    described = schema()["$defs"]["ScoreRow"]["properties"]["control"]["pattern"]
    assert set(table_of("Controls")) == set(described.strip("^()$").split("|"))


def test_the_page_explains_every_field_of_a_signature(written):
    named = set(table_of("Signatures"))
    assert {name for row in read_scores(written) for name in row.signed} <= named


def test_the_page_explains_every_field_of_a_row():
    assert list(table_of("Fields")) == [one.name for one in fields(ScoreRow)]


def test_the_page_s_python_runs(written, monkeypatch, capsys):
    text = PAGE.read_text(encoding="utf-8")
    (block,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    folder = written.parents[1]
    monkeypatch.chdir(folder)
    (folder / "results" / "mine").mkdir()
    written.rename(folder / "results" / "mine" / "scores.json")
    exec(block, {})
    shown = capsys.readouterr().out
    assert "constant:" in shown and "f1_all_labels" in shown and "tiny" in shown
