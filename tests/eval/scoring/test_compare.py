"""`compare` on files, as a user calls it."""

import json
import random

import pytest

from whyser_eval.reading.readers import RuleReader

from ..conftest import prediction, utterance, write_card, write_jsonl

LABELS = ("sad", "happy", "angry")


@pytest.fixture
def files(tmp_path):
    """90 utterances; one system right in four of five, one that guesses, and its control."""
    chance = random.Random(0)
    labels = [LABELS[number % 3] for number in range(90)]
    utterances = [utterance(number, label, [label] * 3) for number, label in enumerate(labels)]
    said = {
        "good": [label if chance.random() < 0.8 else "sad" for label in labels],
        "poor": [chance.choice(LABELS) for _ in labels],
    }
    rows = [
        prediction(
            f"msp_podcast/clip_{number}", f"<answer>{name}</answer>", model=model, control=control
        )
        for model, names in said.items()
        for control in ("none", "shuffled")
        for number, name in enumerate(names)
    ]
    write_card(tmp_path, classes=LABELS)
    return [
        "--references", write_jsonl(tmp_path / "u.jsonl", utterances),
        "--predictions", write_jsonl(tmp_path / "p.jsonl", rows),
    ]  # fmt: skip


def test_a_better_system_is_starred(files, whyser_eval, tmp_path):
    output = tmp_path / "out" / "comparisons.json"
    status, out, err = whyser_eval(
        "compare", *files, "--against", "poor", "--draws", 500, "--output", output
    )
    assert status == 0, err
    rows = json.loads(output.read_text())
    assert {(row["system"], row["against"], row["form"]) for row in rows} == {
        ("good", "poor", "open")
    }
    assert {(row["subset"], row["metric"]) for row in rows} == {
        (subset, metric)
        for subset in ("all", "strict")
        for metric in ("f1_majority", "f1_all_labels")
    }
    assert all(0.2 < row["low"] <= row["value"] <= row["high"] < 0.8 for row in rows)
    assert all(row["p"] <= row["p_holm"] <= 0.05 for row in rows)
    assert "]*" in out
    assert json.loads(output.with_suffix(".provenance.json").read_text())["settings"] == {
        "against": "poor", "unit": "utterance", "draws": 500, "seed": 0,
        "classes": "angry,sad,happy", "secondary": False, "reader": RuleReader().version,
    }  # fmt: skip


def test_comparisons_never_have_the_provenance_of_another_run(
    files, whyser_eval, tmp_path, set_before
):
    output = tmp_path / "c.json"
    whyser_eval("compare", *files, "--against", "poor", "--draws", 100, "--output", output)
    assert set_before("c.json") == {"c.provenance.json"}


def test_the_other_way_round_is_the_same_with_another_sign(files, whyser_eval):
    found = {}
    for against in ("good", "poor"):
        _, out, _ = whyser_eval("compare", *files, "--against", against, "--draws", 300, "--json")
        found[against] = json.loads(out)[0]
    assert found["good"]["value"] == pytest.approx(-found["poor"]["value"])
    assert found["good"]["p"] == pytest.approx(found["poor"]["p"], abs=0.02)


@pytest.mark.parametrize("unit", ["utterance", "speaker"])
def test_a_unit_is_drawn(files, whyser_eval, unit):
    status, out, err = whyser_eval(
        "compare", *files, "--against", "poor", "--unit", unit, "--draws", 2000, "--json"
    )
    assert status == 0, err
    # With three speakers no swapping of their answers could be rare enough.
    assert (json.loads(out)[0]["p"] > 0.2) == (unit == "speaker")


def test_an_unknown_system_is_named(files, whyser_eval):
    status, _, err = whyser_eval("compare", *files, "--against", "goood")
    assert status == 1
    assert "no system 'goood'" in err and "Did you mean 'good'?" in err


def test_a_run_scored_with_choices_is_compared_with_them(world, whyser_eval):
    """Secondary votes and more classes move both systems: without them a table refuses."""
    for row in world.utterances:
        row["label"], name = ("sad", "sad") if row["label"] == "sad" else ("angry", "angry")
        row["votes"] = [
            {"rater": "W0", "primary": name, "secondary": ["happy"], "raw": name},
        ]
    texts = ["happy", "sad", "angry"]
    world.predictions = [
        world.prediction(row["id"], f"<answer>{texts[n * (k + 1) % 3]}</answer>", model=model)
        for k, model in enumerate(("one", "two"))
        for n, row in enumerate(world.utterances)
    ]
    choices = ("--secondary", "--classes", "sad,angry,happy")
    assert whyser_eval(*world.score_arguments(*choices))[0] == 0
    compared = (
        "compare",
        "--references", world.references_file,
        "--predictions", world.predictions_file,
        "--against", "one",
        "--draws", 100,
        "--output", world.results / "comparisons.json",
    )  # fmt: skip
    laid_out = ("table", world.results, "--comparisons", world.results / "comparisons.json")
    assert whyser_eval(*compared)[0] == 0
    status, _, err = whyser_eval(*laid_out)
    assert status == 1
    assert "The compared scores have changed" in err
    assert whyser_eval(*compared, *choices)[0] == 0
    status, _, err = whyser_eval(*laid_out)
    assert status == 0, err
