"""The gap between the speakers' genders in a run: value, interval, p, and who is left out."""

import json

import pytest

from whyser.labels.classes import CLASSES
from whyser.prompting.answer import render_answer


@pytest.fixture
def genders(world):
    """160 utterances of 20 speakers, of whom every other is a woman; a system that hears women."""
    world.utterances = [
        world.utterance(
            number, CLASSES[number % 8], gender=("female", "male")[number // 8 % 2],
            speaker=f"msp_podcast/{number // 8}",
        )
        for number in range(160)
    ]  # fmt: skip
    world.predictions = answers(world, {"female": 0.75, "male": 0.5})
    return world


def answers(world, shares):
    """Right in a share of each gender's answers, evenly over speakers and classes."""
    rows = []
    for number, row in enumerate(world.utterances):
        place = number // 16 + number % 8
        right = place % 4 < 4 * shares[row["gender"]]
        text = render_answer(row["label"] if right else CLASSES[(number + 1) % 8])
        rows.append(world.prediction(row["id"], text))
    return rows


def score(world, whyser_eval, *more):
    status, out, err = whyser_eval(*world.score_arguments(*more))
    assert status == 0, err
    return world.scores(), out, err


def notes(err):
    return [line for line in err.splitlines() if line.startswith("note: ") and "gender_gap" in line]


def test_the_gap_is_the_difference_of_the_genders(genders, whyser_eval):
    scores, out, err = score(genders, whyser_eval)
    for system in ("tiny", "constant:angry", "prior"):
        female, male = (
            scores[system, "none", f"gender:{one}", "f1_majority"] for one in ("female", "male")
        )
        gap = scores[system, "none", "all", "gender_gap"]
        assert gap["value"] == pytest.approx(female["value"] - male["value"])
        assert gap["n"] == female["n"] + male["n"] == 160
        assert gap["low"] <= gap["value"] <= gap["high"]
    gap = scores["tiny", "none", "all", "gender_gap"]
    assert gap["value"] > 0.2 and gap["low"] > 0
    p = scores["tiny", "none", "all", "gender_gap_p"]
    assert p["value"] < 0.01
    assert (p["low"], p["high"], p["n"]) == (None, None, 160)
    # No model answered, so nothing is tested.
    assert ("prior", "none", "all", "gender_gap_p") not in scores
    assert "|avg:macro|" in gap["signature"] and gap["signature"].startswith("gender_gap|")
    assert "gap" in out and notes(err) == []


def test_without_a_gap_p_is_large(genders, whyser_eval):
    genders.predictions = answers(genders, {"female": 0.75, "male": 0.75})
    scores, _, _ = score(genders, whyser_eval)
    gap = scores["tiny", "none", "all", "gender_gap"]
    assert gap["low"] < 0 < gap["high"]
    assert scores["tiny", "none", "all", "gender_gap_p"]["value"] > 0.2


def test_the_sign_turns_with_the_genders(genders, whyser_eval):
    first, _, _ = score(genders, whyser_eval)
    for row in genders.utterances:
        row["gender"] = "male" if row["gender"] == "female" else "female"
    second, _, _ = score(genders, whyser_eval)
    key = "tiny", "none", "all", "gender_gap"
    assert second[key]["value"] == pytest.approx(-first[key]["value"])


def test_unknown_genders_are_left_out_and_counted(genders, whyser_eval):
    for row, gender in zip(genders.utterances, (None, None, "nonbinary"), strict=False):
        row["gender"] = gender
    scores, _, err = score(genders, whyser_eval)
    assert scores["tiny", "none", "all", "gender_gap"]["n"] == 157
    assert scores["tiny", "none", "all", "gender_gap_p"]["n"] == 157
    (note,) = notes(err)
    assert "gender_gap leaves out 3 utterances" in note


@pytest.mark.parametrize("others", ["female", None])
def test_with_one_gender_there_is_a_note_and_no_gap(genders, whyser_eval, others):
    for row in genders.utterances:
        row["gender"] = "female" if row["gender"] == "female" else others
    scores, _, err = score(genders, whyser_eval)
    assert not {metric for *_, metric in scores} & {"gender_gap", "gender_gap_p"}
    (note,) = notes(err)
    assert note == "note: no gender_gap: every speaker of known gender is female"


def test_where_no_gender_is_known_nothing_is_said(genders, whyser_eval):
    for row in genders.utterances:
        row["gender"] = None
    _, _, err = score(genders, whyser_eval)
    assert notes(err) == []


def test_without_draws_there_is_a_value_and_no_p(genders, whyser_eval):
    scores, _, _ = score(genders, whyser_eval, "--draws", "0")
    gap = scores["tiny", "none", "all", "gender_gap"]
    assert gap["value"] and gap["low"] is None
    assert ("tiny", "none", "all", "gender_gap_p") not in scores


def test_speakers_are_drawn_and_permuted_as_a_whole(genders, whyser_eval):
    """Half of the women are always right, and nobody else: twenty speakers, not 160 utterances."""
    for number, row in enumerate(genders.predictions):
        speaker = number // 8
        good = speaker % 4 == 0 or speaker == 1
        label = genders.utterances[number]["label"]
        row["text"] = render_answer(label if good else CLASSES[(number + 1) % 8])
    utterances, _, _ = score(genders, whyser_eval)
    speakers, _, _ = score(genders, whyser_eval, "--resample-by", "speaker", "--draws", "200")
    gap, p = (("tiny", "none", "all", one) for one in ("gender_gap", "gender_gap_p"))
    assert speakers[gap]["value"] == utterances[gap]["value"]
    widths = [one[gap]["high"] - one[gap]["low"] for one in (utterances, speakers)]
    assert widths[1] > 1.5 * widths[0]
    assert utterances[p]["value"] < 0.001 < 0.01 < speakers[p]["value"]


def test_bca_and_a_repeated_question_have_a_gap_too(genders, whyser_eval):
    genders.predictions += [
        row | {"control": "paraphrased", "variant": variant}
        for row in list(genders.predictions)
        for variant in (0, 1)
    ]
    scores, _, _ = score(genders, whyser_eval, "--interval", "bca")
    own, repeated = (scores["tiny", name, "all", "gender_gap"] for name in ("none", "paraphrased"))
    assert own["low"] < own["value"] < own["high"]
    assert repeated["low"] == repeated["high"] == pytest.approx(own["value"])
    assert ("tiny", "paraphrased", "all", "gender_gap_p") not in scores
    record = json.loads((genders.results / "provenance.json").read_text())
    assert record["n"]["all"] == 160
