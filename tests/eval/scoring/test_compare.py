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
    papers = [(row["subset"], row["metric"]) for row in rows[:4]]
    assert set(papers) == {
        (subset, metric)
        for subset in ("all", "strict")
        for metric in ("f1_majority", "f1_all_labels")
    }
    assert all(0.2 < row["low"] <= row["value"] <= row["high"] < 0.8 for row in rows[:4])
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


@pytest.mark.parametrize("unit", ["utterance", "speaker"])
def test_the_other_way_round_is_the_same_with_another_sign(files, whyser_eval, unit):
    found = {}
    for against in ("good", "poor"):
        _, out, _ = whyser_eval(
            "compare", *files, "--against", against, "--unit", unit, "--draws", 300, "--json"
        )
        found[against] = json.loads(out)
    for good, poor in zip(found["good"], found["poor"], strict=True):
        assert good["value"] == pytest.approx(-poor["value"])
        assert (good["low"], good["high"]) == pytest.approx((-poor["high"], -poor["low"]))
        for name in ("p", "p_holm", "p_bootstrap", "smallest"):
            assert good[name] == poor[name]


@pytest.fixture
def rich(world):
    """Two systems with probabilities, transcripts and claims about the voice, and measured cues."""
    chance = random.Random(1)
    world.utterances[0]["label"] = None
    for number, row in enumerate(world.utterances):
        row["transcript"] = f"these are the words of number {number}"
    world.predictions = [
        world.prediction(
            row["id"],
            f"<asr>these are words of number {number}</asr><answer>sad</answer>"
            f"<reason>The voice is {chance.choice(['high', 'low'])}.</reason>",
            model=model,
            probabilities={name: chance.random() / 3 for name in LABELS},
        )
        for model in ("one", "two")
        for number, row in enumerate(world.utterances)
    ]
    return world


def test_every_metric_that_score_prints_is_tested(rich, whyser_eval, tmp_path):
    cue = {"value": 1.0, "deviation": 0.0, "strength": 1.0, "level": "high"}
    cues = [
        {"id": row["id"], "reference": "speaker", "pitch": cue, "pitch_range": None,
         "loudness": None, "rate": None, "pauses": None}
        for row in rich.utterances
    ]  # fmt: skip
    choices = (
        "--wer", "--all-inclusive", "--cues", write_jsonl(tmp_path / "cues.jsonl", cues),
    )  # fmt: skip
    status, out, err = whyser_eval(*rich.score_arguments(*choices, "--draws", "0", "--json"))
    assert status == 0, err
    printed = {
        (row["subset"], row["metric"]): row["value"]
        for row in json.loads(out)
        if row["system"] == "one" and row["subset"] in ("all", "strict", "all_inclusive")
        # Not of a single class, and not a level of chance.
        and ":" not in row["metric"] and row["metric"] != "groundedness_shuffled"
    }  # fmt: skip
    assert {"wer", "kl", "groundedness", "ua", "hit_rate"} <= {name for _, name in printed}
    status, out, err = whyser_eval(
        "compare", "--references", rich.references_file, "--predictions", rich.predictions_file,
        "--against", "two", "--draws", "100", "--json", *choices,
    )  # fmt: skip
    assert status == 0, err
    rows = {(row["subset"], row["metric"]): row for row in json.loads(out)}
    assert rows.keys() == printed.keys()
    assert all(0 < row["p"] <= row["p_holm"] <= 1 for row in rows.values())


def test_p_after_holm_does_not_depend_on_further_metrics(rich, whyser_eval):
    rich.write()
    adjusted = []
    for more in ([], ["--wer"]):
        _, out, _ = whyser_eval(
            "compare", "--references", rich.references_file, "--predictions",
            rich.predictions_file, "--against", "two", "--draws", "100", "--json", *more,
        )  # fmt: skip
        rows = json.loads(out)
        adjusted.append({(row["subset"], row["metric"]): row["p_holm"] for row in rows})
    assert {name for _, name in adjusted[1]} - {name for _, name in adjusted[0]} == {"wer"}
    assert adjusted[0].items() <= adjusted[1].items()


def clustered(tmp_path, spread):
    """Two equally good systems for 40 speakers of 25 utterances, each right as often as both
    its speaker and chance say."""
    chance = random.Random(3)
    utterances, rows = [], []
    for speaker in range(40):
        shares = [min(1.0, max(0.0, chance.gauss(0.55, spread))) for _ in range(2)]
        for number in range(25 * speaker, 25 * speaker + 25):
            label = LABELS[number % 3]
            row = utterance(number, label, [label] * 3) | {"speaker": f"msp_podcast/{speaker}"}
            utterances.append(row)
            for model, share in zip(("one", "two"), shares, strict=True):
                said = label if chance.random() < share else LABELS[(number + 1) % 3]
                rows.append(prediction(row["id"], f"<answer>{said}</answer>", model=model))
    write_card(tmp_path, classes=LABELS)
    return [
        "--references", write_jsonl(tmp_path / "u.jsonl", utterances),
        "--predictions", write_jsonl(tmp_path / "p.jsonl", rows),
    ]  # fmt: skip


@pytest.mark.parametrize(("spread", "unit", "warns"), [
    (0.25, "utterance", True), (0.25, "speaker", False), (0.0, "utterance", False),
])  # fmt: skip
def test_speakers_whose_answers_are_alike_are_a_warning(whyser_eval, tmp_path, spread, unit, warns):
    files = clustered(tmp_path, spread)
    output = tmp_path / "c.json"
    status, _, err = whyser_eval(
        "compare", *files, "--against", "one", "--unit", unit, "--draws", "100",
        "--output", output,
    )  # fmt: skip
    assert status == 0, err
    assert ("--resample-by speaker" in err) == warns
    kept = json.loads(output.with_suffix(".provenance.json").read_text())["warnings"]
    assert [f"warning: {one}" in err for one in kept] == [True] * warns


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
