"""The files of a scored run: together or not at all, and the same to the byte."""

import errno
import json
import re

import pytest

from whyser_eval.scoring import run_files


def test_json_is_what_was_written(world, run):
    out, _ = run("--json")
    assert json.loads(out) == json.loads((world.results / "scores.json").read_text())


def test_a_run_repeats_to_the_byte(world, run):
    run()
    first = [(world.results / name).read_bytes() for name in ("scores.json", "samples.jsonl")]
    world.predictions.reverse()
    run()
    again = [(world.results / name).read_bytes() for name in ("scores.json", "samples.jsonl")]
    assert first == again


def test_the_files_of_a_run_come_together(world, run, set_before):
    run()
    assert set_before("provenance.json") == {"scores.json", "samples.jsonl", "audit.json"}


@pytest.mark.parametrize("at", ["sample_lines", "scores_json", "write_json"])
def test_a_score_that_fails_while_it_writes_leaves_the_earlier_run(
    world, whyser_eval, monkeypatch, at
):
    assert whyser_eval(*world.score_arguments())[0] == 0
    before = {path.name: path.read_bytes() for path in world.results.iterdir()}

    def fail(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(run_files, at, fail)
    world.predictions = world.predictions[::-1]
    status, _, err = whyser_eval(*world.score_arguments())
    assert status == 1
    assert f"error: {world.results}/" in err and "Free disk space" in err
    assert before == {path.name: path.read_bytes() for path in world.results.iterdir()}


def test_provenance_names_inputs_by_hash(world, run):
    run()
    record = json.loads((world.results / "provenance.json").read_text())
    assert [entry["path"] for entry in record["inputs"]] == [
        str(world.references_file),
        str(world.predictions_file),
    ]
    assert all(re.fullmatch("[0-9a-f]{64}", entry["sha256"]) for entry in record["inputs"])
    assert record["command"][1] == "score"
    assert record["versions"].keys() >= {"whyser", "python", "numpy"}
